"""Tuned models that are watched on a share of a route."""

from typing import ClassVar

from django.db import models

from finetuning.choices import CanaryGuard, CanaryState
from finetuning.models.tuned import TunedModel
from gateway.models.base import Record


class Canary(Record):
    """One watch over a tuned model on a route, from `since` on (null: it is not there yet) until something is decided
    or it leaves the route. `looks`: how often it was looked at; `decision`, `why` and `measures`
    (`finetuning.canary.Measured` as JSON) are of the last look.
    """

    tuned = models.ForeignKey(TunedModel, on_delete=models.CASCADE, related_name="canaries")
    route = models.CharField(max_length=200)
    share = models.PositiveSmallIntegerField(help_text="Percent of the route's first choices.")
    guard = models.CharField(max_length=8, choices=CanaryGuard.choices, default=CanaryGuard.ROLLBACK)
    state = models.CharField(max_length=11, choices=CanaryState.choices, default=CanaryState.WATCHING)
    since = models.DateTimeField(null=True, blank=True)
    looks = models.PositiveIntegerField(default=0)
    looked_at = models.DateTimeField(null=True, blank=True)
    decision = models.CharField(max_length=9, blank=True)
    why = models.TextField(blank=True)
    measures = models.JSONField(default=list, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    due_at = models.DateTimeField(null=True, blank=True, help_text="When it is looked at next.")

    objects = models.Manager()

    class Meta:
        ordering: ClassVar = ["-created_at", "-id"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["tuned", "route"], name="canary_once_at_a_time", condition=models.Q(state="watching")
            )
        ]
        indexes: ClassVar = [
            # the looks that are due
            models.Index(fields=["due_at"], name="canary_due", condition=~models.Q(due_at=None))
        ]

    def __str__(self) -> str:
        return f"{self.tuned} on {self.route}"
