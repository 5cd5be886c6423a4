"""Policies of the data plane."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from gateway.admin.base import ADMINS, MEMBERS, ServiceAdmin
from gateway.models import BodyPolicy, CachePolicy, Guardrail
from gateway.services import bodies, cache, guardrails


class CachePolicyForm(forms.ModelForm):
    """Everything but what the services decide."""

    class Meta:
        model = CachePolicy
        fields = ("organization", "project", *cache.POLICY_FIELDS)


@admin.register(CachePolicy)
class CachePolicyAdmin(ServiceAdmin):
    """Response cache."""

    view_roles, change_roles = MEMBERS, ADMINS
    can_delete = True
    form = CachePolicyForm
    list_display = ("__str__", "organization", "project", "is_enabled", "ttl_s", "is_shared", "is_semantic")
    list_select_related = ("organization", "project")
    list_filter = ("is_enabled", "is_semantic")
    fields = ("organization", "project", *cache.POLICY_FIELDS)
    actions = ("erase",)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return ("organization", "project") if obj else ()

    def create(self, request: HttpRequest, data: dict[str, Any]) -> Any:
        return cache.create_cache_policy(actor=_person(request), **data)

    def update(self, request: HttpRequest, row: Any, data: dict[str, Any]) -> Any:
        return cache.update_cache_policy(policy=row, actor=_person(request), **data)

    def remove(self, request: HttpRequest, row: Any) -> None:
        cache.delete_cache_policy(policy=row, actor=_person(request))

    @admin.action(description="Erase what is kept", permissions=["alter"])
    def erase(self, request: HttpRequest, rows: QuerySet[CachePolicy]) -> None:
        self.apply(request, rows, lambda row: cache.erase_cache(policy=row, actor=_person(request)), "erased")


@admin.register(BodyPolicy)
class BodyPolicyAdmin(ServiceAdmin):
    """Logging of requests and answers."""

    view_roles, change_roles = MEMBERS, ADMINS
    can_delete = True
    list_display = ("__str__", "organization", "project", "is_enabled", "retention_days", "max_body_bytes")
    list_select_related = ("organization", "project")
    list_filter = ("is_enabled",)
    fields = ("organization", "project", *bodies.POLICY_FIELDS)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return ("organization", "project") if obj else ()

    def create(self, request: HttpRequest, data: dict[str, Any]) -> Any:
        return bodies.create_body_policy(actor=_person(request), **data)

    def update(self, request: HttpRequest, row: Any, data: dict[str, Any]) -> Any:
        return bodies.update_body_policy(policy=row, actor=_person(request), **data)

    def remove(self, request: HttpRequest, row: Any) -> None:
        bodies.delete_body_policy(policy=row, actor=_person(request))


class GuardrailForm(forms.ModelForm):
    """The webhook's secret is written here and never read back."""

    new_secret = forms.CharField(
        required=False, widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text="Signs a webhook's requests. Encrypted at rest and never shown. Leave empty to keep the stored one.",
    )  # fmt: skip

    class Meta:
        model = Guardrail
        fields = ("organization", "project", *guardrails.GUARDRAIL_FIELDS)


@admin.register(Guardrail)
class GuardrailAdmin(ServiceAdmin):
    """Guardrails."""

    is_confirmed = True
    view_roles, change_roles = MEMBERS, ADMINS
    can_delete = True
    form = GuardrailForm
    list_display = ("name", "organization", "project", "kind", "direction", "action", "position", "is_enabled")
    list_select_related = ("organization", "project")
    list_filter = ("kind", "action", "is_enabled")
    search_fields = ("name",)
    fields = ("organization", "project", *guardrails.GUARDRAIL_FIELDS, "new_secret")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return ("organization", "project") if obj else ()

    def create(self, request: HttpRequest, data: dict[str, Any]) -> Any:
        return guardrails.create_guardrail(actor=_person(request), **_with_secret(data))

    def update(self, request: HttpRequest, row: Any, data: dict[str, Any]) -> Any:
        return guardrails.update_guardrail(guardrail=row, actor=_person(request), **_with_secret(data))

    def remove(self, request: HttpRequest, row: Any) -> None:
        guardrails.delete_guardrail(guardrail=row, actor=_person(request))


def _with_secret(data: dict[str, Any]) -> dict[str, Any]:
    secret = data.pop("new_secret", "")
    return {**data, "secret": secret} if secret else data


def _person(request: HttpRequest) -> Any:
    return request.user
