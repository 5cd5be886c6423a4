"""The audit trail as a list: who did what to which thing, by name where it has one."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

from django.apps import apps
from django.contrib import admin
from django.contrib.admin import ListFilter, ShowFacets
from django.core.exceptions import ValidationError
from django.db.models import Model, OuterRef, QuerySet, Subquery
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html

from gateway.admin.base import ADMINS, RoleAdmin, pretty
from gateway.admin.scope import EVERY, OrganizationFilter
from gateway.models import AuditEvent, User, VirtualKey
from gateway.services import audit

PLATFORM = "platform"
OPERATOR = "operator"
NAMES = ("name", "alias", "username", "slug")
"""Columns that name a row, the best first; in events as in tables."""


class TrailFilter(OrganizationFilter):
    """The chosen organization; for the platform's operators its own trail, or all of them."""

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        if getattr(request.user, "is_superuser", False):
            return [(PLATFORM, "The platform"), ("all", "All, and the platform")]
        return super().lookups(request, model_admin)


class ActorFilter(admin.SimpleListFilter):
    """People, keys, and what no person did. Two queries."""

    title = "actor"
    parameter_name = "actor"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        rows = model_admin.get_queryset(request).order_by()
        people = rows.exclude(actor=None).values_list("actor", "actor__username").distinct()
        keys = rows.exclude(actor_key_id=None).values_list("actor_key_id", "actor_key_name").distinct()
        return [
            *sorted(((str(pk), name) for pk, name in people), key=lambda one: one[1].lower()),
            *sorted(((f"key-{pk}", f"key {name or pk}") for pk, name in keys), key=lambda one: one[1].lower()),
            (OPERATOR, OPERATOR),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        value = self.value()
        if value is None or value not in {pk for pk, _ in self.lookup_choices}:
            return queryset
        if value == OPERATOR:
            return queryset.filter(actor=None, actor_key_id=None)
        if value.startswith("key-"):
            return queryset.filter(actor_key_id=value.removeprefix("key-"))
        return queryset.filter(actor=value)


class DaysFilter(ListFilter):
    """From one day to another, both included, in UTC. What is no day is left out."""

    title = "days"
    template = "admin/gateway/days_filter.html"

    def __init__(self, request: HttpRequest, params: dict[str, Any], model: type[Model], model_admin: Any) -> None:
        super().__init__(request, params, model, model_admin)
        self.first = _day(params.pop("from", [""])[-1])
        self.last = _day(params.pop("to", [""])[-1])

    def has_output(self) -> bool:
        return True

    def expected_parameters(self) -> list[str | None]:
        return ["from", "to"]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.first:
            queryset = queryset.filter(at__gte=datetime.combine(self.first, datetime.min.time(), UTC))
        if self.last:
            after = self.last + timedelta(days=1)
            queryset = queryset.filter(at__lt=datetime.combine(after, datetime.min.time(), UTC))
        return queryset

    def choices(self, changelist: Any) -> Iterator[dict[str, Any]]:
        """One: what the form needs."""
        kept = {name: value for name, value in changelist.params.items() if name not in ("from", "to", "p")}
        parts = [self.first.isoformat() if self.first else "", self.last.isoformat() if self.last else ""]
        shown = " – ".join(parts).strip() if any(parts) else "All"
        yield {"first": parts[0], "last": parts[1], "kept": kept, "selected": True, "display": shown}


def _day(text: str) -> date | None:
    try:
        found = date.fromisoformat(text)
    except ValueError:
        return None
    return found if 1970 <= found.year <= 9000 else None


@admin.register(AuditEvent)
class AuditEventAdmin(RoleAdmin):
    """The trail of the organization, newest first."""

    show_facets = ShowFacets.ALLOW  # counting is asked for: there may be many
    view_roles = ADMINS
    list_display = ("at", "who", "verb", "what", "organization", "sequence")
    list_select_related = ("organization", "actor")
    list_filter = (ActorFilter, "verb", "object_type", DaysFilter)
    search_fields = ("verb", "object_id", "request_id")
    fields = (
        "at", "organization", "who", "verb", "what", "object_type", "object_id", "shown_before", "shown_after",
        "request_id", "sequence", "shown_hash",
    )  # fmt: skip
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """With an organization chosen its trail alone; `organizations=platform` is the platform's."""
        names = VirtualKey.objects.filter(pk=OuterRef("actor_key_id")).values("name")[:1]
        rows = super().get_queryset(request).annotate(actor_key_name=Subquery(names))
        match = request.resolver_match
        if match is None or not (match.url_name or "").endswith("_changelist") or request.GET.get(EVERY) == "all":
            return rows
        if request.GET.get(EVERY) == PLATFORM:
            return rows.filter(organization=None)
        return rows.exclude(organization=None) if self.organization(request) else rows

    def get_list_filter(self, request: HttpRequest) -> Any:
        return [TrailFilter if one is OrganizationFilter else one for one in super().get_list_filter(request)]

    def get_list_display(self, request: HttpRequest) -> Any:
        columns = super().get_list_display(request)
        return columns if request.GET.get(EVERY) == "all" else [each for each in columns if each != "organization"]

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """With the names of the objects on the page: one query for each type of them."""
        found = super().get_changelist_instance(request)
        self._name_objects(request, found.result_list)
        return found

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        found = super().get_object(request, object_id, from_field)
        if found is not None:
            self._name_objects(request, [found])
        return found

    def _name_objects(self, request: HttpRequest, events: Iterable[Any]) -> None:
        """Names that the person may see; of what is gone, the one in the event."""
        by_type: dict[str, list[Any]] = defaultdict(list)
        for event in events:
            by_type[event.object_type].append(event)
        for kind, group in by_type.items():
            model = _model_of(kind)
            names = _names(request, model, {event.object_id for event in group}) if model else {}
            page = self._page_of(request, model) if names and model else ""
            for event in group:
                event.object_name = names.get(event.object_id) or _own_name(event)
                event.object_page = reverse(page, args=[event.object_id]) if page and event.object_id in names else ""

    def _page_of(self, request: HttpRequest, model: type[Model]) -> str:
        """The page of a row, if the person may open such."""
        found = self.admin_site._registry.get(model)
        if found is None or not found.has_view_permission(request):
            return ""
        return f"admin:{model._meta.app_label}_{model._meta.model_name}_change"

    @admin.display(description="Actor")
    def who(self, event: Any) -> str:
        if event.actor:
            return str(event.actor)
        return f"key {event.actor_key_name or event.actor_key_id}" if event.actor_key_id else OPERATOR

    @admin.display(description="Object")
    def what(self, event: Any) -> str:
        kind = event.object_type.replace("_", " ")
        name = event.object_name or event.object_id
        if not event.object_page:
            return format_html('{} <span title="{}">{}</span>', kind, event.object_id, name)
        return format_html('{} <a href="{}" title="{}">{}</a>', kind, event.object_page, event.object_id, name)

    @admin.display(description="Before")
    def shown_before(self, event: AuditEvent) -> str:
        return pretty(audit.reveal([event])[0][0])

    @admin.display(description="After")
    def shown_after(self, event: AuditEvent) -> str:
        return pretty(audit.reveal([event])[0][1])

    @admin.display(description="Hash")
    def shown_hash(self, event: AuditEvent) -> str:
        return bytes(event.hash).hex() if event.hash else "not sealed yet"


def _model_of(kind: str) -> Any:
    """The model whose name events carry; None for one that is no more."""
    return next((model for model in apps.get_models() if model._meta.model_name == kind), None)


def _names(request: HttpRequest, model: Any, ids: set[str]) -> dict[str, str]:
    """Name by id of the rows that the person sees; none for tables without a column that names. At most one query."""
    columns = {field.name for field in model._meta.concrete_fields}
    column = next((name for name in NAMES if name in columns), "")
    rows = model._default_manager.all()
    if model is not User:  # whoever sees an event about a person's account may know who it is
        rows = rows.visible_to(request.user) if hasattr(rows, "visible_to") else rows.none()
    known = [pk for text in ids if (pk := _pk(model, text)) is not None]
    found = rows.filter(pk__in=known).values_list("pk", column) if column else ()
    return {str(pk): str(name) for pk, name in found if name}


def _pk(model: Any, text: str) -> Any:
    try:
        return model._meta.pk.to_python(text)
    except ValidationError:
        return None


def _own_name(event: AuditEvent) -> str:
    """A name in plain text; those of people are encrypted and so none."""
    for values in (event.after, event.before):
        for name in NAMES:
            if isinstance(values, dict) and isinstance(values.get(name), str) and values[name]:
                return str(values[name])
    return ""
