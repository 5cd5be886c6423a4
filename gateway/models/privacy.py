"""What is forgotten: erasures of end users, and how long an organization keeps what.

The name of an erased end user is kept, encrypted, until every line that was on its way has been looked at; then the
keyed hash and the pseudonym are all that is left of it.
"""

from typing import ClassVar

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models

from gateway import querysets
from gateway.choices import JobStatus
from gateway.models.base import Record
from gateway.models.identity import Organization, User

MAX_DAYS = 36_500
"""A hundred years: whoever keeps names for longer leaves the field empty."""


class EndUserErasure(Record):
    """The name of an end user, taken out of all that was recorded when it was done, and of calls that began before
    `lines_before` and come late.

    `found`: how many rows of which kind were changed or deleted; `review`: what people have to decide on.
    """

    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="end_user_erasures")
    name = models.BinaryField(null=True, help_text="Encrypted; emptied once late lines can no longer come.")
    name_hash = models.BinaryField(help_text="Keyed, to recognise the name when somebody asks whether it was erased.")
    pseudonym = models.CharField(max_length=40, unique=True, help_text="What stands in its place.")
    lines_before = models.DateTimeField(help_text="Calls that began before this are covered.")
    status = models.CharField(max_length=10, choices=JobStatus.choices, default=JobStatus.QUEUED)
    found = models.JSONField(default=dict)
    review = models.JSONField(default=list)
    error = models.CharField(max_length=300, blank=True)
    is_automatic = models.BooleanField(default=False, db_default=False, help_text="By the retention of names.")
    requested_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    database_done_at = models.DateTimeField(null=True, help_text="From then on only archives had to be looked at.")
    archives_waiting = models.PositiveIntegerField(
        default=0, db_default=0, help_text="Archived months that may hold the name still."
    )
    finished_at = models.DateTimeField(null=True)

    objects = querysets.MemberQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["-created_at", "-id"]
        indexes: ClassVar = [
            # what is looked at again for late lines
            models.Index(fields=["finished_at"], name="erasure_open_name", condition=models.Q(name__isnull=False)),
            # whether a name was erased
            models.Index(fields=["organization", "name_hash"], name="erasure_by_name"),
        ]

    def __str__(self) -> str:
        return self.pseudonym


class RetentionPolicy(Record):
    """How many days an organization keeps what; empty: as the installation does, or for ever."""

    organization = models.OneToOneField(Organization, on_delete=models.CASCADE, related_name="retention_policy")
    end_user_days = models.PositiveIntegerField(
        null=True, blank=True, validators=[MinValueValidator(1), MaxValueValidator(MAX_DAYS)],
        help_text="End users who were not seen for so long are erased.",
    )  # fmt: skip
    export_days = models.PositiveIntegerField(
        null=True, blank=True, validators=[MinValueValidator(1), MaxValueValidator(MAX_DAYS)],
        help_text="Days that files of exports are kept, at most what the installation allows.",
    )  # fmt: skip

    objects = querysets.MemberQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "retention policies"

    def __str__(self) -> str:
        return f"Retention of {self.organization}"
