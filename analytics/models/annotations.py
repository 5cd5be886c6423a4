"""What people write on charts."""

from typing import ClassVar

from django.core.validators import URLValidator
from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from analytics import querysets
from analytics.choices import AnnotationKind
from gateway.models import Organization, Team, User
from gateway.models.base import Record


class Annotation(Record):
    """Something that happened to the organization, or to one of its teams, which charts show at its time."""

    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="annotations")
    team = models.ForeignKey(
        Team, on_delete=models.CASCADE, null=True, blank=True, related_name="+",
        help_text="Whose members alone see it; empty: everybody of the organization.",
    )  # fmt: skip
    kind = models.CharField(max_length=12, choices=AnnotationKind.choices, default=AnnotationKind.DEPLOY)
    text = models.CharField(max_length=200, help_text="What happened, in a few words.")
    at = models.DateTimeField(default=timezone.now, help_text="When it happened, or began.")
    ended_at = models.DateTimeField(null=True, blank=True, help_text="When it was over; empty: at once, or not yet.")
    url = models.URLField(
        max_length=500, blank=True, validators=[URLValidator(schemes=["http", "https"])],
        help_text="Page that says more: a release, a post-mortem.",
    )  # fmt: skip
    created_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")

    objects = querysets.AnnotationQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["-at", "-id"]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(ended_at=None) | Q(ended_at__gt=F("at")), name="annotation_ends_after_it_began"
            )
        ]
        indexes: ClassVar = [
            # the marks of a chart: an organization's window
            models.Index(fields=["organization", "at"], name="annotation_window")
        ]

    def __str__(self) -> str:
        return f"{AnnotationKind(self.kind).label}: {self.text}"
