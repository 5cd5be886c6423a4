"""Routes with their targets."""

from typing import Any

from django import forms
from django.contrib import admin
from django.forms.models import BaseInlineFormSet
from django.http import HttpRequest

from gateway.admin.catalog import CatalogAdmin, person
from gateway.admin.scope import ScopedInline
from gateway.forms import ConfigField
from gateway.models import Model, Route, RouteTarget
from gateway.services import catalog
from gateway.services.errors import Invalid
from gateway.services.route_policies import policy_of_route


class RouteForm(forms.ModelForm):
    """A faulty configuration is told beside its field, with what was typed still there."""

    config = ConfigField(
        css="vLargeTextField mono",
        help_text="JSON: rules, weights, overrides, sticky, retry. The user guide's page Routing has examples of each.",
    )

    class Meta:
        model = Route
        fields = ("organization", *catalog.ROUTE_FIELDS)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "config" in self.fields:
            self.initial["config"] = self.initial.get("config") or {}

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or {}
        if not self.errors and "config" in data:
            route = Route(**{name: data[name] for name in catalog.ROUTE_FIELDS if name in data})
            try:
                policy_of_route(route)
            except Invalid as error:
                place = error.field.partition(".")[0]
                self.add_error(place if place in self.fields else None, f"{error.field}: {error.message}")
        return data


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

    form = RouteForm
    list_display = ("alias", "strategy", "description", "organization", "is_enabled")
    list_select_related = ("organization",)
    list_filter = ("strategy", "is_enabled")
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
            made = catalog.update_route(route=row, actor=person(request), targets=targets, **fields)
        else:
            made = catalog.create_route(actor=person(request), targets=targets, **data)
        form.instance.__dict__.update(made.__dict__)

    def construct_change_message(self, request: HttpRequest, form: Any, formsets: Any, add: bool = False) -> Any:
        return []

    def remove(self, request: HttpRequest, row: Any) -> None:
        catalog.delete_route(route=row, actor=person(request))
