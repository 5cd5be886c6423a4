"""Providers, models, routes, allowed private upstreams."""

from typing import Any

from django import forms
from django.contrib import admin
from django.forms.models import BaseInlineFormSet
from django.http import HttpRequest

from gateway.admin.base import ADMINS, MEMBERS, ServiceAdmin
from gateway.admin.scope import ScopedInline
from gateway.models import AllowedUpstream, Model, Provider, Route, RouteTarget
from gateway.services import catalog


class ProviderForm(forms.ModelForm):
    """The credential is written here and never read back."""

    base_url = forms.CharField(max_length=500, help_text="For OpenAI-compatible: including /v1.")
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
        return catalog.create_provider(actor=_person(request), **_with_credential(data))

    def update(self, request: HttpRequest, row: Any, data: dict[str, Any]) -> Any:
        return catalog.update_provider(provider=row, actor=_person(request), **_with_credential(data))

    def remove(self, request: HttpRequest, row: Any) -> None:
        catalog.delete_provider(provider=row, actor=_person(request))


@admin.register(Model)
class ModelAdmin(CatalogAdmin):
    """Models people may ask for."""

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
        return catalog.create_model(actor=_person(request), **data)

    def update(self, request: HttpRequest, row: Any, data: dict[str, Any]) -> Any:
        return catalog.update_model(model=row, actor=_person(request), **data)

    def remove(self, request: HttpRequest, row: Any) -> None:
        catalog.delete_model(model=row, actor=_person(request))


class TargetFormSet(BaseInlineFormSet):
    """The targets as the form leaves them."""

    def targets(self) -> list[catalog.Target]:
        rows = [form.cleaned_data for form in self.forms if form.cleaned_data and not form.cleaned_data.get("DELETE")]
        return [catalog.Target(row["model"], row["priority"], row["weight"]) for row in rows if row.get("model")]


class TargetInline(ScopedInline):
    """Targets of a route, in the same form."""

    model = RouteTarget
    formset = TargetFormSet
    fields = ("model", "priority", "weight")
    extra = 1
    min_num = 1

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name == "model":
            kwargs["queryset"] = Model.objects.visible_to(request.user).select_related("provider")
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return True  # whoever sees the route

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._may(request, obj)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._may(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._may(request, obj)

    def _may(self, request: HttpRequest, route: Any) -> bool:
        parent: Any = self.admin_site._registry[Route]
        return parent.has_change_permission(request, route) if route else parent.has_add_permission(request)


@admin.register(Route)
class RouteAdmin(CatalogAdmin):
    """Aliases with their targets."""

    list_display = ("alias", "description", "organization", "is_enabled")
    list_select_related = ("organization",)
    list_filter = ("is_enabled",)
    search_fields = ("alias", "description")
    fields = ("organization", *catalog.ROUTE_FIELDS)
    inlines = (TargetInline,)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return ("organization",) if obj else ()

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """The route is written with its targets, in `save_related`."""

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        data, targets = form.cleaned_data, formsets[0].targets()
        if change:
            fields = {name: data[name] for name in form.changed_data}
            row = Route.objects.get(pk=form.instance.pk)
            made = catalog.update_route(route=row, actor=_person(request), targets=targets, **fields)
        else:
            made = catalog.create_route(actor=_person(request), targets=targets, **data)
        form.instance.__dict__.update(made.__dict__)

    def construct_change_message(self, request: HttpRequest, form: Any, formsets: Any, add: bool = False) -> Any:
        return []

    def remove(self, request: HttpRequest, row: Any) -> None:
        catalog.delete_route(route=row, actor=_person(request))


@admin.register(AllowedUpstream)
class AllowedUpstreamAdmin(ServiceAdmin):
    """Private addresses that outbound calls may reach: for superusers."""

    can_change = False
    can_delete = True
    list_display = ("host", "port", "note", "created_at")
    fields = ("host", "port", "note")

    def create(self, request: HttpRequest, data: dict[str, Any]) -> Any:
        return catalog.allow_upstream(actor=_person(request), **data)

    def remove(self, request: HttpRequest, row: Any) -> None:
        catalog.forbid_upstream(allowed=row, actor=_person(request))


def _person(request: HttpRequest) -> Any:
    return request.user


def _with_credential(data: dict[str, Any]) -> dict[str, Any]:
    """The form's field under the service's name; left empty it changes nothing."""
    secret = data.pop("new_credential", "")
    return {**data, "credential": secret} if secret else data
