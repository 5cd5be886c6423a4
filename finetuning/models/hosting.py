"""Where tuned models are deployed, and the times for which that is billed."""

from typing import ClassVar

from django.db import models

from finetuning.choices import HostingState
from finetuning.models.tuned import TunedModel
from gateway.models.base import Record


class Hosting(Record):
    """The deployment of a tuned model at its vendor, by a name that we choose and that stays.

    `is_wanted`: whether somebody wants it there; the background makes it so. `kind`: the vendor's word for how it is
    deployed; `asked_at`: when the vendor was first asked to make it; `waits`: alias → share of the routes on which it
    is put once it answers.
    """

    tuned = models.OneToOneField(TunedModel, on_delete=models.CASCADE, related_name="hosting")
    name = models.CharField(max_length=64)
    kind = models.CharField(max_length=60, blank=True)
    called = models.CharField(max_length=200, blank=True, help_text="The name that calls use; empty: its own.")
    per_hour = models.DecimalField(max_digits=20, decimal_places=10, null=True, blank=True, help_text="US dollars.")
    priced_by = models.CharField(max_length=200, blank=True)
    is_wanted = models.BooleanField(default=True)
    state = models.CharField(max_length=10, choices=HostingState.choices, default=HostingState.ASKED)
    waits = models.JSONField(default=dict, blank=True)
    error = models.TextField(blank=True)
    has_failed = models.BooleanField(default=False, help_text="It is, or will be, gone though somebody wanted it.")
    asked_at = models.DateTimeField(null=True, blank=True)
    due_at = models.DateTimeField(null=True, blank=True, help_text="When the vendor is asked next.")
    claimed_until = models.DateTimeField(null=True, blank=True, help_text="Somebody talks to the vendor until then.")
    failures = models.PositiveIntegerField(default=0)

    objects = models.Manager()

    class Meta:
        ordering: ClassVar = ["-created_at", "-id"]
        indexes: ClassVar = [models.Index(fields=["due_at"], name="hosting_due", condition=~models.Q(due_at=None))]

    def __str__(self) -> str:
        return f"{self.name} ({self.state})"


class HostedTime(Record):
    """`[since, until)` in which a tuned model was deployed; `until` null: it still is. `is_free`: the vendor takes
    nothing for a deployment of this kind; `per_hour` null: by the dated price of its backend."""

    tuned = models.ForeignKey(TunedModel, on_delete=models.CASCADE, related_name="hosted_times")
    since = models.DateTimeField()
    until = models.DateTimeField(null=True, blank=True)
    is_free = models.BooleanField(default=False)
    per_hour = models.DecimalField(max_digits=20, decimal_places=10, null=True, blank=True, help_text="US dollars.")
    priced_by = models.CharField(max_length=200, blank=True)
    booked_until = models.DateField(null=True, blank=True, help_text="Days before it are in the ledger.")

    objects = models.Manager()

    class Meta:
        ordering: ClassVar = ["-since", "-id"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["tuned"], name="hosted_once_at_a_time", condition=models.Q(until=None)
            ),
            models.UniqueConstraint(fields=["tuned", "since"], name="hosted_time_unique"),
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"{self.tuned} since {self.since:%Y-%m-%d %H:%M}"
