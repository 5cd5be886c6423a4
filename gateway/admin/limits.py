"""Rate limits."""

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest

from gateway.admin.base import ADMINS, MEMBERS, ServiceAdmin
from gateway.console.names import name_of
from gateway.models import RateLimit
from gateway.services import rate_limits

FIXED = ("organization", "scope", "scope_value")


class RateLimitForm(forms.ModelForm):
    """What is about which scope is checked by the service."""

    class Meta:
        model = RateLimit
        fields = (*FIXED, *rate_limits.LIMIT_FIELDS)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "scope_value" in self.fields:
            self.fields["scope_value"].required = False
            self.fields["scope_value"].help_text = (
                "Id of the team, project, key or person; the end user; name=value of a tag; the model or route asked "
                "for. * (tags: name=*) gives each the limit for itself. Empty for the organization."
            )


@admin.register(RateLimit)
class RateLimitAdmin(ServiceAdmin):
    """Rate limits."""

    view_roles, change_roles = MEMBERS, ADMINS
    can_delete = True
    form = RateLimitForm
    list_display = ("name", "organization", "scope", "rpm", "tpm", "concurrency", "is_enabled", "is_shadow")
    list_select_related = ("organization",)
    list_filter = ("scope", "is_enabled", "is_shadow")
    search_fields = ("name", "scope_value")
    fields = ("name", *FIXED, *rate_limits.LIMIT_FIELDS[1:])

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return tuple("about" if name == "scope_value" and obj else name for name in self.fields)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return (*FIXED, "about") if obj else ()

    @admin.display(description="About")
    def about(self, limit: RateLimit) -> str:
        """What the scope's value names."""
        return name_of(limit.scope, limit.scope_value, limit.organization)

    def create(self, request: HttpRequest, data: dict[str, Any]) -> Any:
        return rate_limits.create_rate_limit(actor=_person(request), **data)

    def update(self, request: HttpRequest, row: Any, data: dict[str, Any]) -> Any:
        changes: Any = data
        return rate_limits.update_rate_limit(limit=row, actor=_person(request), **changes)

    def remove(self, request: HttpRequest, row: Any) -> None:
        rate_limits.delete_rate_limit(limit=row, actor=_person(request))


def _person(request: HttpRequest) -> Any:
    return request.user
