"""How people get in: sessions, second factors, identities at a single sign-on, what a directory provisions."""

from typing import ClassVar

from django.contrib.sessions.backends.base import SessionBase
from django.contrib.sessions.base_session import AbstractBaseSession
from django.db import models
from django.db.models.functions import Lower

from gateway.choices import Role
from gateway.models.base import Record
from gateway.models.identity import Organization, Team, User


class Session(AbstractBaseSession):
    """A browser's session, with whose it is, so that it can be listed and ended."""

    user_id = models.UUIDField(null=True, db_index=True, help_text="None before anybody has signed in.")
    seen_at = models.DateTimeField(null=True, help_text="Last use, to a minute; None without a limit of being idle.")

    class Meta(AbstractBaseSession.Meta):
        db_table = "gateway_session"

    @classmethod
    def get_session_store_class(cls) -> type[SessionBase]:
        from gateway.signin.engine import SessionStore  # the engine needs this model

        return SessionStore


class SecondFactor(Record):
    """The authenticator of a person (RFC 6238). It counts once `confirmed_at` is set. `secret`: ciphertext of the
    base-32 text. `last_step`: the newest time step that was used; neither it nor an older one is accepted again."""

    user = models.OneToOneField(User, on_delete=models.CASCADE, related_name="second_factor")
    secret = models.BinaryField()
    confirmed_at = models.DateTimeField(null=True, blank=True)
    last_step = models.BigIntegerField(default=0)
    failures = models.PositiveSmallIntegerField(default=0, help_text="In a row.")
    locked_until = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"second factor of {self.user_id}"


class RecoveryCode(models.Model):
    """One of ten codes that stand in for the authenticator, each once; a digest alone is stored."""

    second_factor = models.ForeignKey(SecondFactor, on_delete=models.CASCADE, related_name="recovery_codes")
    digest = models.BinaryField(max_length=32)
    used_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["second_factor", "digest"], name="recovery_code_unique")
        ]

    def __str__(self) -> str:
        return f"recovery code of {self.second_factor_id}"


class ExternalIdentity(Record):
    """Who a person is at an OpenID provider. The pair of issuer and subject is the identity, never the address."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="external_identities")
    issuer = models.CharField(max_length=500)
    subject = models.CharField(max_length=255)
    last_used_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["issuer", "subject"], name="external_identity_unique")]

    def __str__(self) -> str:
        return f"{self.subject} at {self.issuer}"


class ProvisionedPerson(Record):
    """What an organization's directory says of a person (SCIM). `is_managed`: the directory made the account.
    `removed_at`: it deleted the person, who is then out of its sight."""

    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="+")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="provisioned")
    external_id = models.CharField(max_length=255, blank=True)
    is_managed = models.BooleanField(default=False)
    removed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["organization", "user"], name="provisioned_person_unique"),
            models.UniqueConstraint(
                fields=["organization", "external_id"], name="provisioned_external_id_unique",
                condition=~models.Q(external_id=""),
            ),
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"{self.user_id} in {self.organization_id}"


class ProvisionedGroup(Record):
    """A group of the directory: it stands for a team or for a role, never for both."""

    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="+")
    name = models.CharField(max_length=120)
    external_id = models.CharField(max_length=255, blank=True)
    team = models.ForeignKey(Team, on_delete=models.CASCADE, null=True, blank=True, related_name="+")
    role = models.CharField(max_length=10, choices=Role.choices, blank=True)
    members = models.ManyToManyField(User, related_name="+")

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint("organization", Lower("name"), name="provisioned_group_name_unique"),
            models.CheckConstraint(
                condition=models.Q(team__isnull=False) ^ ~models.Q(role=""), name="provisioned_group_is_one_thing"
            ),
        ]  # fmt: skip

    def __str__(self) -> str:
        return self.name
