"""Keys. The secret is on one page, once, and in no list, form or log."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.html import format_html

from gateway.admin.base import MEMBERS, ServiceAdmin
from gateway.api import keypolicy
from gateway.api.organization import access_of_organization
from gateway.api.permissions import KEY_MAKERS
from gateway.choices import Role, Scope
from gateway.models import User, VirtualKey
from gateway.services import keys
from gateway.services.errors import ServiceError

LIST = "gateway_virtualkey_changelist"


class KeyForm(forms.ModelForm):
    """Lists as check boxes and lines instead of comma-separated text."""

    scopes = forms.MultipleChoiceField(
        choices=Scope.choices, widget=forms.CheckboxSelectMultiple, initial=[Scope.INFERENCE.value]
    )

    class Meta:
        model = VirtualKey
        fields = (
            "project", "user", "name", "scopes", "allowed_models", "rpm_limit", "tpm_limit", "budget_amount",
            "expires_at",
        )  # fmt: skip


class RotationForm(forms.Form):
    """How long the old key goes on working beside its successor."""

    overlap_s = forms.TypedChoiceField(
        label="The old key",
        coerce=int,
        choices=[
            (0, "stops at once"), (3600, "works for another hour"), (86_400, "works for another day"),
            (604_800, "works for another 7 days"),
        ],
        widget=forms.RadioSelect,
        initial=3600,
    )  # fmt: skip


class StateFilter(admin.SimpleListFilter):
    """As the column says it."""

    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("active", "Active"), ("expired", "Expired"), ("revoked", "Revoked")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        expired, revoked = Q(revoked_at=None, expires_at__lte=timezone.now()), Q(revoked_at__isnull=False)
        states = {"active": ~expired & ~revoked, "expired": expired, "revoked": revoked}
        return queryset.filter(states.get(self.value() or "", Q()))


@admin.register(VirtualKey)
class KeyAdmin(ServiceAdmin):
    """Virtual and management keys: developers their own, managers their team's, administrators all."""

    is_confirmed = True
    form = KeyForm
    view_roles, change_roles = MEMBERS, KEY_MAKERS
    list_display = ("name", "prefix", "project", "user", "scopes", "created_at", "expires_at", "state")
    list_select_related = ("project", "user")
    list_filter = (StateFilter,)
    search_fields = ("name", "prefix")
    fields = KeyForm.Meta.fields
    actions = ("rotate", "revoke")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows: Any = super().get_queryset(request)
        is_list = request.resolver_match is not None and request.resolver_match.url_name == LIST
        return rows.listed(timezone.now()) if is_list else rows

    @admin.display(description="State")
    def state(self, key: VirtualKey) -> str:
        state, tone = (
            ("active", "ok") if key.is_active else ("revoked", "bad") if key.revoked_at else ("expired", "warn")
        )
        return format_html('<span class="badge badge-{}">{}</span>', tone, state)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return (*self.fields, "prefix", "created_at", "revoked_at", "rotated_from") if obj else self.fields

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return ("project", "user", "prefix", "created_at", "revoked_at", "rotated_from") if obj else ()

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name == "user" and not request.user.is_superuser:
            mates = User.objects.filter(memberships__organization__in=self._roles(request), is_active=True)
            kwargs["queryset"] = (
                mates.distinct() if self._is_admin(request) else User.objects.filter(pk=_person(request).pk)
            )
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def create(self, request: HttpRequest, data: dict[str, Any]) -> Any:
        project, owner = data.pop("project"), data.pop("user")
        access = access_of_organization(request.user, project.organization)
        keypolicy.check_scopes(access, data["scopes"])
        caller = _person(request)
        user = keypolicy.owner_of_new(
            access, project, caller, is_stated=owner is not None or access.is_admin, owner=owner
        )
        issued = keys.create_key(organization=project.organization, project=project, actor=caller, user=user, **data)
        request.gateway_issued = issued  # type: ignore[attr-defined]
        return issued.key

    def update(self, request: HttpRequest, row: Any, data: dict[str, Any]) -> Any:
        self._check(request, row, data.get("scopes", ()))
        return keys.update_limits(key=row, actor=_person(request), **data)

    def response_add(self, request: HttpRequest, obj: Any, post_url_continue: str | None = None) -> HttpResponse:
        return self._secret_page(request, request.gateway_issued)  # type: ignore[attr-defined]

    @admin.action(description="Rotate the selected key…", permissions=["alter"])
    def rotate(self, request: HttpRequest, queryset: QuerySet[VirtualKey]) -> HttpResponse | None:
        selected = list(queryset[:2])
        if len(selected) != 1:
            messages.error(request, "Select one key: its new secret is shown once.")
            return None
        try:
            self._check(request, selected[0])
            form = RotationForm(request.POST if "confirmed" in request.POST else None)
            if not form.is_valid():
                return self._confirmation(request, selected[0], form)
            overlap_s = form.cleaned_data["overlap_s"]
            issued = keys.rotate_key(key=selected[0], actor=_person(request), overlap_s=overlap_s)
            return self._secret_page(request, issued)
        except ServiceError as error:
            messages.error(request, error.message)
            return None

    @admin.action(description="Revoke the selected keys for ever", permissions=["alter"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[VirtualKey]) -> None:
        def verb(key: VirtualKey) -> None:
            self._check(request, key)
            keys.revoke_key(key=key, actor=_person(request))

        self.apply(request, queryset, verb, "revoked")

    def _confirmation(self, request: HttpRequest, key: VirtualKey, form: RotationForm) -> HttpResponse:
        context = {**self.admin_site.each_context(request), "title": "Rotate a key", "key": key, "form": form,
                   "opts": self.opts, "checkbox": ACTION_CHECKBOX_NAME}  # fmt: skip
        return TemplateResponse(request, "admin/gateway/virtualkey/rotate.html", context)

    def _secret_page(self, request: HttpRequest, issued: keys.IssuedKey) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request), "title": "Keep this key now", "key": issued.key,
            "secret": issued.secret, "opts": self.opts,
        }  # fmt: skip
        response = TemplateResponse(request, "admin/gateway/virtualkey/secret.html", context)
        response["Cache-Control"] = "no-store"
        return response

    def _check(self, request: HttpRequest, key: VirtualKey, scopes: Any = ()) -> None:
        keypolicy.check_scopes(access_of_organization(request.user, key.organization), [*key.scopes, *scopes])

    def _is_admin(self, request: HttpRequest) -> bool:
        return any(role in (Role.OWNER, Role.ADMIN, Role.MANAGER) for role in self._roles(request).values())


def _person(request: HttpRequest) -> Any:
    return request.user
