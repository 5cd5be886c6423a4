"""Organizations, teams, projects, memberships, invitations, one's own account."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from gateway.api.openapi import examples
from gateway.api.serializers.base import Input, Record, Scoped
from gateway.choices import Role
from gateway.models import Invitation, Membership, Organization, Project, Team, User

ID = "01930f2e-7c1a-7b3e-9d41-2f6a8c0b5e17"
TIMES = {"created_at": "2026-11-02T09:30:00Z", "updated_at": "2026-11-02T09:30:00Z"}


@examples(
    response={
        "id": ID, "slug": "acme", "name": "Acme", "currency": "USD", "reporting_timezone": "Europe/Vienna",
        "fails_closed": False, "requires_second_factor": False, "is_demo": False, "archived_at": None, **TIMES,
    },
    request={"slug": "acme", "name": "Acme", "currency": "USD", "reporting_timezone": "Europe/Vienna"},
)  # fmt: skip
class OrganizationSerializer(Record):
    """A tenant."""

    class Meta:
        model = Organization
        fields = (
            "id", "slug", "name", "currency", "reporting_timezone", "fails_closed", "requires_second_factor",
            "is_demo", "archived_at",
            "created_at", "updated_at",
        )  # fmt: skip
        read_only_fields = ("id", "is_demo", "archived_at")
        extra_kwargs: dict[str, Any] = {"slug": {"validators": []}}


@examples(
    response={"id": ID, "organization": ID, "slug": "search", "name": "Search", "archived_at": None, **TIMES},
    request={"slug": "search", "name": "Search"},
)
class TeamSerializer(Record):
    """A group inside an organization."""

    class Meta:
        model = Team
        fields = ("id", "organization", "slug", "name", "archived_at", "created_at", "updated_at")
        read_only_fields = ("id", "organization", "archived_at")
        validators: list[Any] = []


@examples(
    response={
        "id": ID, "organization": ID, "team": ID, "slug": "assistant", "name": "Assistant", "archived_at": None,
        **TIMES,
    },
    request={"slug": "assistant", "name": "Assistant", "team": ID},
)  # fmt: skip
class ProjectSerializer(Record):
    """An application or workload."""

    team = Scoped(queryset=Team.objects.active(), allow_null=True, required=False)

    class Meta:
        model = Project
        fields = ("id", "organization", "team", "slug", "name", "archived_at", "created_at", "updated_at")
        read_only_fields = ("id", "organization", "archived_at")
        validators: list[Any] = []


class PersonSerializer(serializers.ModelSerializer):
    """A person as colleagues see them."""

    class Meta:
        model = User
        fields = ("id", "username", "email", "first_name", "last_name", "is_active")
        read_only_fields = fields


_PERSON = {
    "id": ID, "username": "bob@acme.example", "email": "bob@acme.example", "first_name": "Bob", "last_name": "Brandt",
    "is_active": True,
}  # fmt: skip


@examples(
    response={
        "id": ID, "organization": ID, "user": _PERSON, "role": "developer", "team": ID, "archived_at": None, **TIMES,
    },
    request={"role": "manager", "team": ID},
)  # fmt: skip
class MembershipSerializer(Record):
    """A person's role in an organization."""

    user = PersonSerializer(read_only=True)
    team = Scoped(queryset=Team.objects.active(), allow_null=True, required=False)

    class Meta:
        model = Membership
        fields = ("id", "organization", "user", "role", "team", "archived_at", "created_at", "updated_at")
        read_only_fields = ("id", "organization", "archived_at")
        validators: list[Any] = []


@examples(request={"email": "bob@acme.example", "role": "developer", "team": ID})
class NewMembershipSerializer(Input):
    """A person known to the organization or to the caller, by address; others are invited."""

    email = serializers.EmailField()
    role = serializers.ChoiceField(choices=Role.choices)
    team = Scoped(queryset=Team.objects.active(), allow_null=True, required=False, default=None)


@examples(
    response={
        "id": ID, "organization": ID, "email": "eve@acme.example", "role": "analyst", "team": None, "invited_by": ID,
        "expires_at": "2026-11-09T09:30:00Z", "accepted_at": None, **TIMES,
    },
    request={"email": "eve@acme.example", "role": "analyst"},
)  # fmt: skip
class InvitationSerializer(Record):
    """An invitation by e-mail; its token is in the mail alone."""

    team = Scoped(queryset=Team.objects.active(), allow_null=True, required=False, default=None)

    class Meta:
        model = Invitation
        fields = (
            "id", "organization", "email", "role", "team", "invited_by", "expires_at", "accepted_at",
            "created_at", "updated_at",
        )  # fmt: skip
        read_only_fields = ("id", "organization", "invited_by", "expires_at", "accepted_at")


@examples(
    request={
        "token": "Zk3v0r1T2sXwQyB4c5D6e7F8g9H0iJ1kL2mN3oP4qR5", "password": "correct horse battery staple",
        "first_name": "Eve", "last_name": "Evans",
    }
)  # fmt: skip
class AcceptInvitationSerializer(Input):
    """Signed in: only the token. New here: a password too."""

    token = serializers.CharField(max_length=200)
    password = serializers.CharField(
        max_length=200, required=False, default="", allow_blank=True, trim_whitespace=False
    )
    first_name = serializers.CharField(max_length=150, required=False, default="", allow_blank=True)
    last_name = serializers.CharField(max_length=150, required=False, default="", allow_blank=True)


# ---- one's own account -------------------------------------------------------------------------------------------


class OrganizationNameSerializer(serializers.ModelSerializer):
    """An organization in a list of one's own."""

    class Meta:
        model = Organization
        fields = ("id", "slug", "name")
        read_only_fields = fields


class OwnMembershipSerializer(serializers.ModelSerializer):
    """One's own role in one organization."""

    organization = OrganizationNameSerializer(read_only=True)

    class Meta:
        model = Membership
        fields = ("id", "organization", "role", "team")
        read_only_fields = fields


@examples(
    response={
        "id": ID, "username": "bob@acme.example", "email": "bob@acme.example", "first_name": "Bob",
        "last_name": "Brandt", "theme": "auto", "shortcuts_enabled": True, "is_superuser": False,
        "memberships": [
            {"id": ID, "organization": {"id": ID, "slug": "acme", "name": "Acme"}, "role": "developer", "team": ID}
        ],
    },
    request={"first_name": "Bob", "theme": "dark"},
)  # fmt: skip
class MeSerializer(Record):
    """The person who asks."""

    memberships = serializers.SerializerMethodField()

    class Meta:
        model = User
        fields = (
            "id", "username", "email", "first_name", "last_name", "theme", "shortcuts_enabled", "is_superuser",
            "memberships",
        )  # fmt: skip
        read_only_fields = ("id", "username", "email", "is_superuser")

    @extend_schema_field(OwnMembershipSerializer(many=True))
    def get_memberships(self, user: User) -> Any:
        rows = user.memberships.filter(archived_at=None, organization__archived_at=None)
        rows = rows.select_related("organization").order_by("organization__name")
        return OwnMembershipSerializer(rows, many=True).data


@examples(request={"current_password": "the old one", "new_password": "correct horse battery staple"})
class ChangePasswordSerializer(Input):
    """Ends every session and token of the person."""

    current_password = serializers.CharField(max_length=200, trim_whitespace=False)
    new_password = serializers.CharField(max_length=200, trim_whitespace=False)


@examples(request={"email": "bob@acme.example"})
class PasswordResetSerializer(Input):
    """Whose password is forgotten."""

    email = serializers.EmailField()


@examples(
    request={"uid": "MDE5MzBmMmU", "token": "cx1a2b-0f9e8d7c6b5a", "new_password": "correct horse battery staple"}
)
class PasswordResetConfirmSerializer(Input):
    """`uid` and `token` are the two parts of the mailed link."""

    uid = serializers.CharField(max_length=100)
    token = serializers.CharField(max_length=100)
    new_password = serializers.CharField(max_length=200, trim_whitespace=False)


# ---- tokens --------------------------------------------------------------------------------------------------------


@examples(request={"username": "bob@acme.example", "password": "correct horse battery staple", "code": "492039"})
class CredentialsSerializer(Input):
    """User name (the e-mail address by convention) and password; with a second factor its code, or a recovery code."""

    username = serializers.CharField(max_length=150)
    password = serializers.CharField(max_length=200, trim_whitespace=False)
    code = serializers.CharField(max_length=40, required=False, default="", allow_blank=True)


_JWT = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJ0b2tlbl90eXBlIjoiYWNjZXNzIn0.c2lnbmF0dXJl"


@examples(response={"access": _JWT, "refresh": _JWT})
class TokenPairSerializer(serializers.Serializer):
    """`access` goes into `Authorization: Bearer …` for 15 minutes; `refresh` buys the next pair, once."""

    access = serializers.CharField(read_only=True)
    refresh = serializers.CharField(read_only=True)


@examples(request={"refresh": _JWT})
class RefreshSerializer(Input):
    """A refresh token."""

    refresh = serializers.CharField(max_length=2000)
