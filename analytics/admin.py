"""Declared tags in the console's model admin; writing goes through the services."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from analytics import services
from analytics.models import DeclaredTag
from gateway.admin.base import ADMINS, MEMBERS, ServiceAdmin


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
