"""Organizations, teams, projects, people."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.forms import AdminPasswordChangeForm
from django.contrib.auth.models import Group
from django.db.models import QuerySet
from django.http import HttpRequest

from gateway.admin.base import ADMINS, MEMBERS, NOBODY, ServiceAdmin
from gateway.api.organization import access_of_organization
from gateway.models import Invitation, Membership, Organization, Project, Team, User
from gateway.services import accounts, identity, people, secondfactor

if admin.site.is_registered(Group):
    admin.site.unregister(Group)  # roles are memberships


@admin.register(Organization)
class OrganizationAdmin(ServiceAdmin):
    """Tenants; administrators change their own, superusers make them."""

    is_confirmed = True
    view_roles, change_roles = MEMBERS, ADMINS
    list_display = ("name", "slug", "currency", "reporting_timezone", "is_demo", "archived_at")
    search_fields = ("name", "slug")
    fields = ("slug", "name", "currency", "reporting_timezone", "fails_closed", "requires_second_factor")
    actions = ("archive",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self._has_role(request, NOBODY)

    def create(self, request: HttpRequest, data: dict[str, Any]) -> Any:
        return identity.create_organization(actor=_person(request), **data)

    def update(self, request: HttpRequest, row: Any, data: dict[str, Any]) -> Any:
        return identity.update_organization(organization=row, actor=_person(request), **data)

    def has_operate_permission(self, request: HttpRequest) -> bool:
        return self._has_role(request, NOBODY)

    @admin.action(description="Archive the selected organizations", permissions=["operate"])
    def archive(self, request: HttpRequest, queryset: QuerySet[Organization]) -> None:
        actor = _person(request)
        self.apply(
            request, queryset, lambda row: identity.archive_organization(organization=row, actor=actor), "archived"
        )


@admin.register(Team)
class TeamAdmin(ServiceAdmin):
    """Teams."""

    view_roles, change_roles = MEMBERS, ADMINS
    list_display = ("name", "slug", "organization", "archived_at")
    list_select_related = ("organization",)
    search_fields = ("name", "slug")
    fields = ("organization", "slug", "name")
    actions = ("archive",)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return ("organization",) if obj else ()

    def create(self, request: HttpRequest, data: dict[str, Any]) -> Any:
        return identity.create_team(actor=_person(request), **data)

    def update(self, request: HttpRequest, row: Any, data: dict[str, Any]) -> Any:
        return identity.update_team(team=row, actor=_person(request), **data)

    @admin.action(description="Archive the selected teams", permissions=["alter"])
    def archive(self, request: HttpRequest, queryset: QuerySet[Team]) -> None:
        actor = _person(request)
        self.apply(request, queryset, lambda row: identity.archive_team(team=row, actor=actor), "archived")


@admin.register(Project)
class ProjectAdmin(ServiceAdmin):
    """Projects."""

    view_roles, change_roles = MEMBERS, ADMINS
    list_display = ("name", "slug", "team", "organization", "archived_at")
    list_select_related = ("organization", "team")
    search_fields = ("name", "slug")
    fields = ("organization", "team", "slug", "name")
    actions = ("archive",)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return ("organization",) if obj else ()

    def create(self, request: HttpRequest, data: dict[str, Any]) -> Any:
        return identity.create_project(actor=_person(request), **data)

    def update(self, request: HttpRequest, row: Any, data: dict[str, Any]) -> Any:
        return identity.update_project(project=row, actor=_person(request), **data)

    @admin.action(description="Archive the selected projects", permissions=["alter"])
    def archive(self, request: HttpRequest, queryset: QuerySet[Project]) -> None:
        actor = _person(request)
        self.apply(request, queryset, lambda row: identity.archive_project(project=row, actor=actor), "archived")


@admin.register(Membership)
class MembershipAdmin(ServiceAdmin):
    """Roles. New people are invited; superusers may add existing accounts at once."""

    is_confirmed = True
    view_roles, change_roles = MEMBERS, ADMINS
    change_list_template = "admin/gateway/membership/change_list.html"
    list_display = ("user", "email", "role", "team", "organization", "archived_at")
    list_select_related = ("organization", "team", "user")
    list_filter = ("role",)
    search_fields = ("user__username", "user__email", "user__first_name", "user__last_name")
    fields = ("organization", "user", "role", "team")
    autocomplete_fields = ("user",)
    actions = ("end", "reset_second_factor")

    @admin.display(description="E-mail", ordering="user__email")
    def email(self, membership: Membership) -> str:
        return membership.user.email

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        may_invite = self._has_role(request, InvitationAdmin.change_roles)
        return super().changelist_view(request, {**(extra_context or {}), "may_invite": may_invite})

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self._has_role(request, NOBODY)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return ("organization", "user") if obj else ()

    def create(self, request: HttpRequest, data: dict[str, Any]) -> Any:
        return people.add_member(actor=_person(request), may_grant_owner=True, **data)

    def update(self, request: HttpRequest, row: Any, data: dict[str, Any]) -> Any:
        return people.change_role(
            membership=row, actor=_person(request), role=data.get("role", row.role), team=data.get("team", row.team),
            may_grant_owner=_may_grant_owner(request, row),
        )  # fmt: skip

    @admin.action(description="End the selected memberships", permissions=["alter"])
    def end(self, request: HttpRequest, queryset: QuerySet[Membership]) -> None:
        actor = _person(request)

        def verb(row: Membership) -> None:
            people.remove_member(membership=row, actor=actor, may_grant_owner=_may_grant_owner(request, row))

        self.apply(request, queryset, verb, "ended")

    @admin.action(description="Reset the second factor of the selected people (owners)", permissions=["alter"])
    def reset_second_factor(self, request: HttpRequest, queryset: QuerySet[Membership]) -> None:
        actor = _person(request)

        def verb(row: Membership) -> None:
            secondfactor.reset_member(
                membership=row, actor=actor, is_owner=_may_grant_owner(request, row), is_superuser=actor.is_superuser
            )

        self.apply(request, queryset, verb, "reset")


@admin.register(Invitation)
class InvitationAdmin(ServiceAdmin):
    """Invitations by mail; deleting withdraws."""

    is_confirmed = True
    view_roles, change_roles = ADMINS, ADMINS
    can_change = False
    can_delete = True
    list_display = ("email", "role", "team", "organization", "expires_at", "accepted_at")
    list_select_related = ("organization", "team")
    search_fields = ("email",)
    fields = ("organization", "email", "role", "team")

    def create(self, request: HttpRequest, data: dict[str, Any]) -> Any:
        may = access_of_organization(_person(request), data["organization"]).may_grant_owner
        return people.invite(actor=_person(request), may_grant_owner=may, **data)

    def remove(self, request: HttpRequest, row: Any) -> None:
        people.withdraw_invitation(invitation=row, actor=_person(request))


class NewUserForm(forms.ModelForm):
    """A new account; without a password the person gets one by mail."""

    password = forms.CharField(
        required=False, strip=False, widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text="Leave empty and send a reset mail instead.",
    )  # fmt: skip

    class Meta:
        model = User
        fields = ("username", "email", "first_name", "last_name", "is_staff", "is_superuser")


@admin.register(User)
class UserAdmin(ServiceAdmin):
    """Accounts: for superusers. Archiving ends sessions, tokens and keys; erasing forgets the person."""

    is_confirmed = True
    list_display = ("username", "email", "first_name", "last_name", "is_active", "is_superuser", "last_login")
    list_filter = ("is_active", "is_superuser")
    search_fields = ("username", "email", "first_name", "last_name")
    ordering = ("username",)
    fields = (
        "username", "email", "first_name", "last_name", "theme", "shortcuts_enabled", "is_staff", "is_superuser",
        "is_active", "last_login", "date_joined",
    )  # fmt: skip
    readonly_fields = ("is_active", "last_login", "date_joined")
    actions = ("send_reset", "archive", "restore", "erase")
    change_password_form = AdminPasswordChangeForm

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        return super().get_form(request, obj, change, **kwargs) if obj else NewUserForm

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return (
            self.fields
            if obj
            else ("username", "email", "first_name", "last_name", "password", "is_staff", "is_superuser")
        )

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.readonly_fields if obj else ()

    def create(self, request: HttpRequest, data: dict[str, Any]) -> Any:
        return accounts.create_user(actor=_person(request), **data)

    def update(self, request: HttpRequest, row: Any, data: dict[str, Any]) -> Any:
        return accounts.update_user(user=row, actor=_person(request), **data)

    @admin.action(description="Mail a link to set a password", permissions=["alter"])
    def send_reset(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        self.apply(request, queryset, lambda row: people.send_password_link(user=row), "mailed")

    @admin.action(description="Archive: end sessions, tokens and keys", permissions=["alter"])
    def archive(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        if queryset.filter(pk=_person(request).pk).exists():
            messages.error(request, "You cannot archive yourself.")
            return
        actor = _person(request)
        self.apply(request, queryset, lambda row: people.archive_user(user=row, actor=actor), "archived")

    @admin.action(description="Restore: may sign in again", permissions=["alter"])
    def restore(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        actor = _person(request)
        self.apply(request, queryset, lambda row: accounts.restore_user(user=row, actor=actor), "restored")

    @admin.action(description="Erase: forget the archived person for ever", permissions=["alter"])
    def erase(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        if queryset.filter(is_active=True).exists():
            messages.error(request, "Only archived people can be erased; archive them first.")
            return
        actor = _person(request)
        self.apply(request, queryset, lambda row: people.erase_user(user=row, actor=actor), "erased")


def _person(request: HttpRequest) -> Any:
    """Who the audit trail names."""
    return request.user


def _may_grant_owner(request: HttpRequest, row: Membership) -> bool:
    return access_of_organization(request.user, row.organization).may_grant_owner
