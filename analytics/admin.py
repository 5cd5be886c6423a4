"""Declared tags and annotations in the console's model admin; writing goes through the services."""

from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import URLField
from django.http import HttpRequest

from analytics import annotations, services
from analytics.models import Annotation, DeclaredTag
from gateway.admin.base import ADMINS, MEMBERS, ServiceAdmin
from gateway.choices import Role


@admin.register(DeclaredTag)
class DeclaredTagAdmin(ServiceAdmin):
    """Declared tags: declare and withdraw."""

    view_roles, change_roles = MEMBERS, ADMINS
    can_change = False
    can_delete = True
    list_display = ("key", "organization", "dimension", "created_by", "created_at")
    list_select_related = ("organization", "created_by")
    search_fields = ("key",)
    fields = ("organization", "key")

    def create(self, request: HttpRequest, data: dict[str, Any]) -> Any:
        person: Any = request.user
        return services.declare_tag(actor=person, organization=data["organization"], key=data["key"])

    def remove(self, request: HttpRequest, row: Any) -> None:
        person: Any = request.user
        services.withdraw_tag(tag=row, actor=person)


@admin.register(Annotation)
class AnnotationAdmin(ServiceAdmin):
    """What charts show at its time: administrators write for the organization, managers for their team."""

    view_roles, change_roles = MEMBERS, ADMINS | {Role.MANAGER}
    can_delete = True
    list_display = ("text", "kind", "at", "ended_at", "team", "created_by")
    list_filter = ("kind", "team")
    list_select_related = ("team", "created_by")
    search_fields = ("text",)
    date_hierarchy = "at"
    formfield_overrides: ClassVar = {URLField: {"assume_scheme": "https"}}
    fields = ("organization", "kind", "text", "at", "ended_at", "url", "team")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return ("organization",) if obj else ()

    def create(self, request: HttpRequest, data: dict[str, Any]) -> Any:
        return annotations.create_annotation(actor=_person(request), **data)

    def update(self, request: HttpRequest, row: Any, data: dict[str, Any]) -> Any:
        return annotations.update_annotation(annotation=row, actor=_person(request), **data)

    def remove(self, request: HttpRequest, row: Any) -> None:
        annotations.delete_annotation(annotation=row, actor=_person(request))


def _person(request: HttpRequest) -> Any:
    return request.user
