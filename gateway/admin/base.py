"""What every admin page shares: rows through `visible_to`, writes through services, rights by role."""

import json
from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.contrib.admin import ShowFacets
from django.contrib.admin.widgets import AdminSplitDateTime
from django.db.models import Field, ForeignKey, Model, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.html import format_html

from gateway.admin.scope import ScopedAdmin
from gateway.choices import Role
from gateway.models import Organization
from gateway.querysets import memberships_of
from gateway.services.errors import ServiceError
from gateway.signin import confirmation

ADMINS = frozenset({Role.OWNER, Role.ADMIN})
MEMBERS = frozenset(Role)
NOBODY: frozenset[Role] = frozenset()  # superusers alone


class RoleAdmin(ScopedAdmin):
    """Read-only until a subclass says more. `view_roles` and `change_roles` are roles in an organization of the
    person; a superuser has every right. Django's own permission tables play no part. `is_confirmed`: who changes rows
    must lately have confirmed that it is them."""

    view_roles: frozenset[Role] = NOBODY
    change_roles: frozenset[Role] = NOBODY
    can_add = False
    can_change = False
    can_delete = False
    is_confirmed = False
    list_per_page = 50
    show_full_result_count = False
    show_facets = ShowFacets.ALWAYS

    def formfield_for_dbfield(self, db_field: Field, request: HttpRequest, **kwargs: Any) -> Any:
        """Date and time of a split field have a name each, for those who do not see the label above them."""
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if field is not None and isinstance(field.widget, AdminSplitDateTime):
            for widget, part in zip(field.widget.widgets, ("date", "time"), strict=True):
                widget.attrs["aria-label"] = f"{field.label}, {part}"
        return field

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows: Any = super().get_queryset(request)
        return rows.visible_to(request.user) if hasattr(rows, "visible_to") else rows

    def _has_role(self, request: HttpRequest, roles: frozenset[Role], row: Any = None) -> bool:
        user: Any = request.user
        if user.is_superuser:
            return True
        if not roles:
            return False
        held = self._roles(request)
        if row is None:
            return any(role in roles for role in held.values())
        return held.get(organization_id(row)) in roles

    @staticmethod
    def _roles(request: HttpRequest) -> dict[Any, str]:
        """Role by organization of the person; one query a request."""
        if not hasattr(request, "gateway_roles"):
            rows = memberships_of(request.user).values_list("organization_id", "role")
            request.gateway_roles = dict(rows)  # type: ignore[attr-defined]
        return request.gateway_roles  # type: ignore[attr-defined]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        if self.is_confirmed and confirmation.is_needed(request, confirmation.WRITES):
            return confirmation.ask(request)
        return super().changelist_view(request, extra_context)

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Asked before the form is filled in, so that nothing typed is lost."""
        is_writer = self.has_add_permission(request) or self.has_change_permission(request)
        if self.is_confirmed and is_writer and confirmation.is_needed(request, confirmation.ALWAYS):
            return confirmation.ask(request)
        return super().changeform_view(request, *args, **kwargs)

    def delete_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if self.is_confirmed and confirmation.is_needed(request, confirmation.WRITES):
            return confirmation.ask(request)
        return super().delete_view(request, *args, **kwargs)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self._has_role(request, self.view_roles)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._has_role(request, self.view_roles)  # which rows, `get_queryset` says

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self.can_add and self._has_role(request, self.change_roles)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.can_change and self._has_role(request, self.change_roles, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.can_delete and self._has_role(request, self.change_roles, obj)

    def has_alter_permission(self, request: HttpRequest) -> bool:
        """For actions (`permissions=["alter"]`); each row is checked again by `apply`."""
        return self._has_role(request, self.change_roles)

    def formfield_for_foreignkey(self, db_field: ForeignKey, request: HttpRequest, **kwargs: Any) -> Any:
        """Whose role it is to make rows picks among the organizations where that holds."""
        if db_field.remote_field.model is Organization and not request.user.is_superuser:
            held = [pk for pk, role in self._roles(request).items() if role in self.change_roles]
            kwargs["queryset"] = Organization.objects.visible_to(request.user).filter(pk__in=held)
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def apply(self, request: HttpRequest, rows: QuerySet[Any], verb: Callable[[Any], Any], done: str) -> None:
        """Run a service on every selected row, and say how it went. `done`: "revoked"."""
        count = 0
        for row in rows:
            if not self._has_role(request, self.change_roles, row):
                messages.error(request, f"{row}: your role does not allow this.")
                continue
            try:
                verb(row)
                count += 1
            except ServiceError as error:
                messages.error(request, f"{row}: {error.message}")
        if count:
            messages.success(request, f"{count} {done}.")


class ServiceAdmin(RoleAdmin):
    """Forms whose saving is a service call. The audit trail is the log, so Django's own log stays empty."""

    can_add = True
    can_change = True

    def create(self, request: HttpRequest, data: dict[str, Any]) -> Model:
        """Make the row; `data` is the whole form."""
        raise NotImplementedError

    def update(self, request: HttpRequest, row: Any, data: dict[str, Any]) -> Model:
        """Change the row; `data` is what the form changed."""
        raise NotImplementedError

    def remove(self, request: HttpRequest, row: Any) -> None:
        """Delete the row."""
        raise NotImplementedError

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        data = form.cleaned_data
        if change:
            changed = {name: data[name] for name in form.changed_data if name in data}
            made = self.update(request, self.model._default_manager.get(pk=obj.pk), changed)
        else:
            made = self.create(request, data)
        obj.__dict__.update(made.__dict__)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """Nothing: the service wrote what belongs to the row."""

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        self.remove(request, obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        self.apply(request, queryset, lambda row: self.remove(request, row), "deleted")

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        return self._explained(request, lambda: super(ServiceAdmin, self).changeform_view(request, *args, **kwargs))

    def delete_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        return self._explained(request, lambda: super(ServiceAdmin, self).delete_view(request, *args, **kwargs))

    def _explained(self, request: HttpRequest, view: Callable[[], HttpResponse]) -> HttpResponse:
        """A service's refusal as a message on the same page. The page's transaction is rolled back by then."""
        try:
            return view()
        except ServiceError as error:
            where = f"{error.field}: " if error.field else ""
            messages.error(request, f"{where}{error.message}")
            return HttpResponseRedirect(request.get_full_path())

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        return None

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        return None

    def log_deletions(self, request: HttpRequest, queryset: Any) -> Any:
        return None


def organization_id(row: Any) -> Any:
    """The organization a row belongs to (itself, for one)."""
    return row.pk if row._meta.model_name == "organization" else getattr(row, "organization_id", None)


def pretty(values: dict[str, Any] | None) -> str:
    """JSON for people."""
    if not values:
        return "—"
    return format_html('<pre class="json">{}</pre>', json.dumps(values, indent=2, ensure_ascii=False))
