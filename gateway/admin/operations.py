"""What the operators watch: jobs, the outbox, the quarantine. Read-only but for a few actions."""

from typing import Any

from django.contrib import admin
from django.contrib.admin import ShowFacets
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html

from gateway.admin.base import ADMINS, RoleAdmin, pretty
from gateway.models import (
    Heartbeat,
    ImportRun,
    Job,
    OutboxMessage,
    QuarantinedLine,
    SecurityEvent,
    SpoolCursor,
)
from gateway.services import accounts, outbox


@admin.register(Job)
class JobAdmin(RoleAdmin):
    """Background work."""

    show_facets = ShowFacets.ALLOW  # counting is asked for: there may be many
    view_roles = ADMINS
    list_display = ("kind", "period", "organization", "status", "done", "created_at", "finished_at")
    list_select_related = ("organization",)
    list_filter = ("status", "kind")
    search_fields = ("kind", "period")
    fields = (
        "kind", "period", "organization", "requested_by", "status", "done", "shown_parameters", "shown_result", "error",
        "created_at", "started_at", "finished_at",
    )  # fmt: skip
    readonly_fields = fields

    @admin.display(description="Done", ordering="progress")
    def done(self, job: Job) -> str:
        return f"{job.progress:.0%}"

    @admin.display(description="Parameters")
    def shown_parameters(self, job: Job) -> str:
        return pretty(job.parameters)

    @admin.display(description="Result")
    def shown_result(self, job: Job) -> str:
        return pretty(job.result)


@admin.register(OutboxMessage)
class OutboxMessageAdmin(RoleAdmin):
    """Mail and other effects on their way; payloads are encrypted and not shown."""

    list_display = ("topic", "dedupe_key", "attempts", "due_at", "delivered_at", "dead_at")
    list_filter = ("topic", ("dead_at", admin.EmptyFieldListFilter), ("delivered_at", admin.EmptyFieldListFilter))
    fields = ("topic", "dedupe_key", "attempts", "due_at", "delivered_at", "dead_at", "last_error", "created_at")
    readonly_fields = fields
    actions = ("retry",)

    @admin.action(description="Try the selected messages again now", permissions=["alter"])
    def retry(self, request: HttpRequest, queryset: QuerySet[OutboxMessage]) -> None:
        self.apply(request, queryset, lambda row: outbox.retry(message=row), "offered again")


@admin.register(QuarantinedLine)
class QuarantinedLineAdmin(RoleAdmin):
    """Ledger lines the database refused; an open one is an alarm."""

    list_display = ("created_at", "source", "position", "reason", "resolved_at")
    list_filter = (("resolved_at", admin.EmptyFieldListFilter),)
    fields = ("created_at", "source", "position", "reason", "shown_payload", "resolved_at")
    readonly_fields = fields
    actions = ("resolve",)

    @admin.display(description="Payload")
    def shown_payload(self, line: QuarantinedLine) -> str:
        return format_html('<pre class="json">{}</pre>', bytes(line.payload).decode("utf-8", "backslashreplace"))

    @admin.action(description="Mark as resolved", permissions=["alter"])
    def resolve(self, request: HttpRequest, queryset: QuerySet[QuarantinedLine]) -> None:
        actor: Any = request.user
        self.apply(request, queryset, lambda row: accounts.resolve_quarantined(line=row, actor=actor), "resolved")


@admin.register(Heartbeat)
class HeartbeatAdmin(RoleAdmin):
    """Last signs of life."""

    list_display = ("name", "at")


@admin.register(SpoolCursor)
class SpoolCursorAdmin(RoleAdmin):
    """How far each spool is booked."""

    list_display = ("spool_id", "segment", "offset", "lines", "booked_at", "owner_seen_at", "closed_at")


@admin.register(SecurityEvent)
class SecurityEventAdmin(RoleAdmin):
    """Refused authentications."""

    show_facets = ShowFacets.ALLOW  # counting is asked for: there may be many
    list_display = ("at", "kind", "organization", "prefix", "count")
    list_filter = ("kind",)
    fields = ("at", "kind", "organization", "api_key", "prefix", "count")


@admin.register(ImportRun)
class ImportRunAdmin(RoleAdmin):
    """Imports and how far they got."""

    list_display = ("file_name", "format", "status", "line", "imported", "duplicates", "rejected", "created_at")
