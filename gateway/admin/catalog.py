"""Providers, models, allowed private upstreams."""

from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.http import HttpRequest

from gateway.admin.base import ADMINS, MEMBERS, ServiceAdmin
from gateway.models import AllowedUpstream, Model, Provider
from gateway.services import catalog


class ProviderForm(forms.ModelForm):
    """The credential is written here and never read back."""

    base_url = forms.CharField(label="Base URL", max_length=500, help_text="For OpenAI-compatible: including /v1.")
    new_credential = forms.CharField(
        required=False, strip=True, widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text="Encrypted at rest and never shown. Leave empty to keep the stored one.",
    )  # fmt: skip

    class Meta:
        model = Provider
        fields = ("organization", "slug", *catalog.PROVIDER_FIELDS)


class CatalogAdmin(ServiceAdmin):
    """An organization's own rows are its administrators'; platform-wide ones are the superusers'."""

    view_roles, change_roles = MEMBERS, ADMINS
    can_delete = True

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        """Only superusers may leave the organization empty, which makes a platform-wide row."""
        form: Any = super().get_form(request, obj, change, **kwargs)
        if "organization" in form.base_fields and not request.user.is_superuser:
            form.base_fields["organization"].required = True
        return form


@admin.register(Provider)
class ProviderAdmin(CatalogAdmin):
    """Upstreams."""

    is_confirmed = True
    form = ProviderForm
    list_display = ("name", "slug", "kind", "base_url", "organization", "has_credential", "is_enabled")
    list_select_related = ("organization",)
    list_filter = ("kind", "is_enabled")
    search_fields = ("name", "slug")
    fields = ("organization", "slug", *catalog.PROVIDER_FIELDS, "new_credential")

    @admin.display(description="Credential", boolean=True)
    def has_credential(self, provider: Provider) -> bool:
        return bool(provider.credential)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return ("organization", "slug") if obj else ()

    def create(self, request: HttpRequest, data: dict[str, Any]) -> Any:
        return catalog.create_provider(actor=person(request), **_with_credential(data))

    def update(self, request: HttpRequest, row: Any, data: dict[str, Any]) -> Any:
        return catalog.update_provider(provider=row, actor=person(request), **_with_credential(data))

    def remove(self, request: HttpRequest, row: Any) -> None:
        catalog.delete_provider(provider=row, actor=person(request))


class ModelForm(forms.ModelForm):
    """What a capability is for is said beside the field."""

    class Meta:
        model = Model
        fields = ("organization", "provider", *catalog.MODEL_FIELDS)
        help_texts: ClassVar = {
            "capabilities": "Separated by commas, such as chat, tools, vision, audio, embeddings. A call with tools, "
            "pictures or sound is then sent first to models that name tools, vision or audio. Empty: anything is tried."
        }


@admin.register(Model)
class ModelAdmin(CatalogAdmin):
    """Models people may ask for."""

    form = ModelForm
    list_display = ("name", "provider", "upstream_name", "capabilities", "context", "organization", "is_enabled")
    list_select_related = ("organization", "provider")
    list_filter = ("is_enabled",)
    search_fields = ("name", "upstream_name")
    fields = ("organization", "provider", *catalog.MODEL_FIELDS)

    @admin.display(description="Context tokens", ordering="context_tokens")
    def context(self, model: Model) -> str | None:
        return None if model.context_tokens is None else f"{model.context_tokens:,}"

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return ("organization", "provider") if obj else ()

    def create(self, request: HttpRequest, data: dict[str, Any]) -> Any:
        return catalog.create_model(actor=person(request), **data)

    def update(self, request: HttpRequest, row: Any, data: dict[str, Any]) -> Any:
        return catalog.update_model(model=row, actor=person(request), **data)

    def remove(self, request: HttpRequest, row: Any) -> None:
        catalog.delete_model(model=row, actor=person(request))


@admin.register(AllowedUpstream)
class AllowedUpstreamAdmin(ServiceAdmin):
    """Private addresses that outbound calls may reach: for superusers."""

    is_confirmed = True
    can_change = False
    can_delete = True
    list_display = ("host", "port", "note", "created_at")
    fields = ("host", "port", "note")

    def create(self, request: HttpRequest, data: dict[str, Any]) -> Any:
        return catalog.allow_upstream(actor=person(request), **data)

    def remove(self, request: HttpRequest, row: Any) -> None:
        catalog.forbid_upstream(allowed=row, actor=person(request))


def person(request: HttpRequest) -> Any:
    return request.user


def _with_credential(data: dict[str, Any]) -> dict[str, Any]:
    """The form's field under the service's name; left empty it changes nothing."""
    secret = data.pop("new_credential", "")
    return {**data, "credential": secret} if secret else data
