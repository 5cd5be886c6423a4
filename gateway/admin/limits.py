"""Rate limits: administrators write all of an organization's, managers what is about their team."""

from collections.abc import Iterator
from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest

from gateway.admin.base import ADMINS, MEMBERS, ServiceAdmin
from gateway.api.organization import Access, access_of_organization
from gateway.api.ownership import check_change, check_new
from gateway.choices import LimitScope, Role
from gateway.console.names import name_of
from gateway.models import Organization, Project, RateLimit, Team, User, VirtualKey
from gateway.querysets import memberships_of
from gateway.services import rate_limits
from gateway.services.errors import Forbidden
from gateway.services.scopes import checked_scope

FIXED = ("organization", "scope", "scope_value")
WHAT = "rate limits"


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


class TeamLimitForm(forms.ModelForm):
    """A manager's: about the team, or one of its projects and keys, chosen by name."""

    person: User
    of = forms.ChoiceField(label="About")
    field_order = ("name", "organization", "of")

    class Meta:
        model = RateLimit
        fields = ("organization", *rate_limits.LIMIT_FIELDS)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        chooser: Any = self.fields["of"]
        chooser.choices = list(_manageable(self.person))

    def clean(self) -> dict[str, Any]:
        found: dict[str, Any] = super().clean() or self.cleaned_data
        scope, _, value = found.pop("of", "").partition(":")
        return found | {"scope": scope, "scope_value": value}


def _manageable(person: User) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """Choices for the teams that a person manages, grouped by scope. Three queries."""
    led = memberships_of(person, Role.MANAGER).values("team_id")
    teams = Team.objects.visible_to(person).filter(pk__in=led).order_by("name")
    projects = Project.objects.visible_to(person).filter(team_id__in=led, archived_at=None).order_by("name")
    keys = VirtualKey.objects.visible_to(person).filter(project__team_id__in=led, revoked_at=None).order_by("name")
    yield "Team", [(f"{LimitScope.TEAM}:{team.pk}", team.name) for team in teams]
    yield "Project", [(f"{LimitScope.PROJECT}:{project.pk}", project.name) for project in projects]
    yield "Key", [(f"{LimitScope.KEY}:{key.pk}", f"{key.name} ({key.prefix}…)") for key in keys]


@admin.register(RateLimit)
class RateLimitAdmin(ServiceAdmin):
    """Rate limits."""

    view_roles, change_roles = MEMBERS, ADMINS | {Role.MANAGER}
    can_delete = True
    form = RateLimitForm
    list_display = ("name", "organization", "scope", "rpm", "tpm", "concurrency", "is_enabled", "is_shadow")
    list_select_related = ("organization",)
    list_filter = ("scope", "is_enabled", "is_shadow")
    search_fields = ("name", "scope_value")
    fields = ("name", *FIXED, *rate_limits.LIMIT_FIELDS[1:])

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        """A manager chooses among what is the team's."""
        if obj is None and not self._is_administrator(request):
            kwargs["form"] = type("OwnTeamLimitForm", (TeamLimitForm,), {"person": request.user})
        return super().get_form(request, obj, change, **kwargs)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        if obj is None and not self._is_administrator(request):
            return ("name", "organization", "of", *rate_limits.LIMIT_FIELDS[1:])
        return tuple("about" if name == "scope_value" and obj else name for name in self.fields)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return (*FIXED, "about") if obj else ()

    @admin.display(description="About")
    def about(self, limit: RateLimit) -> str:
        """What the scope's value names."""
        return name_of(limit.scope, limit.scope_value, limit.organization)

    def create(self, request: HttpRequest, data: dict[str, Any]) -> Any:
        organization, scope = data["organization"], data["scope"]
        team = checked_scope(organization, scope, data["scope_value"].strip())[1]
        check_new(self._access(request, organization), scope, team, WHAT)
        return rate_limits.create_rate_limit(actor=_person(request), **data)

    def update(self, request: HttpRequest, row: Any, data: dict[str, Any]) -> Any:
        check_change(self._access(request, row.organization), row.team_id, WHAT)
        changes: Any = data
        return rate_limits.update_rate_limit(limit=row, actor=_person(request), **changes)

    def remove(self, request: HttpRequest, row: Any) -> None:
        check_change(self._access(request, row.organization), row.team_id, WHAT)
        rate_limits.delete_rate_limit(limit=row, actor=_person(request))

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_change_permission(request, obj) and (obj is None or self._is_theirs(request, obj))

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_delete_permission(request, obj) and (obj is None or self._is_theirs(request, obj))

    def _is_theirs(self, request: HttpRequest, limit: RateLimit) -> bool:
        try:
            check_change(self._access(request, limit.organization), limit.team_id, WHAT)
        except Forbidden:
            return False
        return True

    def _is_administrator(self, request: HttpRequest) -> bool:
        return self._has_role(request, ADMINS)

    @staticmethod
    def _access(request: HttpRequest, organization: Organization) -> Access:
        """The person's place in the organization, asked for once a request."""
        if not hasattr(request, "gateway_places"):
            request.gateway_places = {}  # type: ignore[attr-defined]
        places: dict[Any, Access] = request.gateway_places  # type: ignore[attr-defined]
        if organization.pk not in places:
            places[organization.pk] = access_of_organization(_person(request), organization)
        return places[organization.pk]


def _person(request: HttpRequest) -> Any:
    return request.user
