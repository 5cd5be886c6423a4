"""Organizations, teams, projects, memberships, invitations."""

from typing import Any

from django.db.models import Exists, OuterRef
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import ScopedRateThrottle

from gateway.api.authentication import KeyPrincipal
from gateway.api.organization import access_of_organization
from gateway.api.permissions import ADMINS, ANYONE, MEMBERS, OWNERS, SIGNED_IN, SUPERUSER
from gateway.api.serializers import identity as shapes
from gateway.api.views.base import ReadableResource, archive_action
from gateway.models import Invitation, Membership, Organization, Project, Team, User
from gateway.services import identity, people, secondfactor
from gateway.services.errors import Forbidden, Invalid


class OrganizationViewSet(ReadableResource):
    """Tenants. The header `X-Organization` plays no part here: the path names the organization."""

    queryset = Organization.objects.active()
    serializer_class = shapes.OrganizationSerializer
    is_organization_scoped = False
    confirmed_actions = frozenset({"partial_update", "archive"})
    roles = {
        "list": SIGNED_IN,
        "retrieve": SIGNED_IN,
        "create": SUPERUSER,
        "partial_update": SIGNED_IN,
        "archive": SIGNED_IN,
    }
    filterset_fields = ("slug", "is_demo")
    search_fields = ("slug", "name")
    ordering_fields = ("name", "slug", "created_at")

    def _checked(self, roles: frozenset[str]) -> Organization:
        """The organization of the path, if the caller's role in it is one of `roles`."""
        organization = self.get_object()
        access = access_of_organization(self.request.user, organization)
        if not access.is_superuser and access.role not in roles:
            raise Forbidden("role_required", "Your role does not allow this.")
        return organization

    def create(self, request: Request) -> Response:
        """Add a tenant (platform superusers)."""
        fields = self.validated(self.serializer_class)
        return self.answer(identity.create_organization(actor=self.actor, **fields), 201)

    def partial_update(self, request: Request, pk: str) -> Response:
        """Change name, slug, currency or time zone (administrators)."""
        organization = self._checked(ADMINS)
        fields = self.validated(self.serializer_class, organization)
        return self.answer(identity.update_organization(organization=organization, actor=self.actor, **fields))

    @archive_action("Close the tenant (owners): its keys stop at once, its ledger stays.")
    def archive(self, request: Request, pk: str) -> Response:
        organization = self._checked(OWNERS)
        return self.answer(identity.archive_organization(organization=organization, actor=self.actor))


class TeamViewSet(ReadableResource):
    """Teams of the organization."""

    queryset = Team.objects.active()
    serializer_class = shapes.TeamSerializer
    roles = {"list": MEMBERS, "retrieve": MEMBERS, "create": ADMINS, "partial_update": ADMINS, "archive": ADMINS}
    filterset_fields = ("slug",)
    search_fields = ("slug", "name")
    ordering_fields = ("name", "slug", "created_at")

    def create(self, request: Request) -> Response:
        """Add a team."""
        organization = self.organization
        fields = self.validated(self.serializer_class)
        return self.answer(identity.create_team(organization=organization, actor=self.actor, **fields), 201)

    def partial_update(self, request: Request, pk: str) -> Response:
        """Rename a team."""
        team = self.get_object()
        fields = self.validated(self.serializer_class, team)
        return self.answer(identity.update_team(team=team, actor=self.actor, **fields))

    @archive_action("Close a team that has neither projects nor members any more.")
    def archive(self, request: Request, pk: str) -> Response:
        return self.answer(identity.archive_team(team=self.get_object(), actor=self.actor))


class ProjectViewSet(ReadableResource):
    """Projects of the organization."""

    queryset = Project.objects.active()
    serializer_class = shapes.ProjectSerializer
    roles = {"list": MEMBERS, "retrieve": MEMBERS, "create": ADMINS, "partial_update": ADMINS, "archive": ADMINS}
    filterset_fields = ("slug", "team")
    search_fields = ("slug", "name")
    ordering_fields = ("name", "slug", "created_at")

    def create(self, request: Request) -> Response:
        """Add a project."""
        organization = self.organization
        fields = self.validated(self.serializer_class)
        return self.answer(identity.create_project(organization=organization, actor=self.actor, **fields), 201)

    def partial_update(self, request: Request, pk: str) -> Response:
        """Change a project; lines booked before keep the team they were booked on."""
        project = self.get_object()
        fields = self.validated(self.serializer_class, project)
        return self.answer(identity.update_project(project=project, actor=self.actor, **fields))

    @archive_action("Close a project: its keys stop at once, its ledger stays.")
    def archive(self, request: Request, pk: str) -> Response:
        return self.answer(identity.archive_project(project=self.get_object(), actor=self.actor))


class MembershipViewSet(ReadableResource):
    """People of the organization and their roles. Owners are made and unmade by owners."""

    queryset = Membership.objects.active().select_related("user", "organization", "team")
    serializer_class = shapes.MembershipSerializer
    confirmed_actions = frozenset({"create", "partial_update", "archive", "reset_second_factor"})
    roles = {
        "list": MEMBERS, "retrieve": MEMBERS, "create": ADMINS, "partial_update": ADMINS, "archive": ADMINS,
        "reset_second_factor": OWNERS,
    }  # fmt: skip
    filterset_fields = ("role", "team", "user")
    search_fields = ("user__username", "user__email", "user__first_name", "user__last_name")
    ordering_fields = ("role", "created_at", "user__username")

    @extend_schema(request=shapes.NewMembershipSerializer, responses={201: shapes.MembershipSerializer})
    def create(self, request: Request) -> Response:
        """Give a role to a person the caller knows from one of their organizations; others are invited."""
        organization = self.organization
        fields = self.validated(shapes.NewMembershipSerializer)
        person = self._known_person(fields["email"])
        membership = people.add_member(
            organization=organization, actor=self.actor, user=person, role=fields["role"], team=fields["team"],
            may_grant_owner=self.access.may_grant_owner,
        )  # fmt: skip
        return self.answer(membership, 201)

    def partial_update(self, request: Request, pk: str) -> Response:
        """Change role or team."""
        membership = self.get_object()
        fields = self.validated(self.serializer_class, membership)
        changed = people.change_role(
            membership=membership, actor=self.actor, role=fields.get("role", membership.role),
            team=fields.get("team", membership.team), may_grant_owner=self.access.may_grant_owner,
        )  # fmt: skip
        return self.answer(changed)

    @archive_action("End a membership; the person's keys in the organization are revoked.")
    def archive(self, request: Request, pk: str) -> Response:
        membership = self.get_object()
        may_grant = self.access.may_grant_owner
        return self.answer(people.remove_member(membership=membership, actor=self.actor, may_grant_owner=may_grant))

    @extend_schema(request=None, description="End the second factor of a member who lost it (owners).")
    @action(detail=True, methods=["post"], url_path="reset-second-factor")
    def reset_second_factor(self, request: Request, pk: str) -> Response:
        membership = self.get_object()
        access = self.access
        secondfactor.reset_member(
            membership=membership, actor=self.actor, is_owner=access.may_grant_owner, is_superuser=access.is_superuser
        )
        return self.answer(membership)

    def _known_person(self, email: str) -> User:
        """Whether an account exists is told only about people the caller can see somewhere: past and present members
        of the caller's organizations."""
        person = people.person_by_email(email)
        seen = Membership.objects.filter(user=OuterRef("pk"))
        if not self.request.user.is_superuser:
            organizations = Organization.objects.visible_to(self.request.user)
            seen = seen.filter(organization__in=organizations)
            if person and not User.objects.filter(Exists(seen), pk=person.pk).exists():
                person = None
        if person is None:
            raise Invalid("person_unknown", "Nobody you know has this address; send an invitation.", field="email")
        return person


class InvitationViewSet(ReadableResource):
    """Invitations by e-mail."""

    queryset = Invitation.objects.all()
    throttle_scope = "sign_in"  # of `accept` alone
    serializer_class = shapes.InvitationSerializer
    confirmed_actions = frozenset({"create", "destroy"})
    roles = {"list": ADMINS, "retrieve": ADMINS, "create": ADMINS, "destroy": ADMINS, "accept": ANYONE}
    extra_problems = {"accept": (401, 403, 404)}
    filterset_fields = {"role": ["exact"], "accepted_at": ["isnull"]}
    search_fields = ("email",)
    ordering_fields = ("created_at", "expires_at", "email")
    ordering = ("-created_at",)

    def create(self, request: Request) -> Response:
        """Invite an address; the mail leaves within seconds."""
        organization = self.organization
        fields = self.validated(self.serializer_class)
        invitation = people.invite(
            organization=organization, actor=self.actor, may_grant_owner=self.access.may_grant_owner, **fields
        )
        return self.answer(invitation, 201)

    def destroy(self, request: Request, pk: str) -> Response:
        """Withdraw an open invitation."""
        people.withdraw_invitation(invitation=self.get_object(), actor=self.actor)
        return Response(status=204)

    @extend_schema(request=shapes.AcceptInvitationSerializer, responses={201: shapes.MembershipSerializer})
    @action(detail=False, methods=["post"], throttle_classes=[ScopedRateThrottle])
    def accept(self, request: Request) -> Response:
        """Join with the mailed token: as the person signed in, or as a new one with a password."""
        fields = self.validated(shapes.AcceptInvitationSerializer)
        user: Any = request.user
        if isinstance(user, KeyPrincipal):
            raise Forbidden("person_required", "This is for people, not for keys.")
        membership = people.accept_invitation(user=user if user.is_authenticated else None, **fields)
        return self.answer(membership, 201, shapes.MembershipSerializer)
