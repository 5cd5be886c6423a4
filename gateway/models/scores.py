"""What people and evaluators think of answers: quality scores of requests."""

from typing import ClassVar

from django.db import models

from gateway import querysets
from gateway.ledger.ids import uuid7


class QualityScore(models.Model):
    """One opinion of one source about one request. What the request was (line, model, provider) is copied from its
    final ledger line, so that rollups and routing need no look-up by request id. Ids are plain, as in the ledger.
    Callers choose request ids and may use one twice: the line, not the id, says which request is meant."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    organization = models.UUIDField()
    team = models.UUIDField(null=True)
    project = models.UUIDField()
    user = models.UUIDField(null=True, help_text="Owner of the key that made the request.")
    request_id = models.CharField(max_length=128)
    name = models.CharField(max_length=60, help_text="What is judged: helpfulness, correctness, …")
    source = models.CharField(max_length=60, help_text="Who judges: user, a grader, an application.")
    score = models.DecimalField(max_digits=6, decimal_places=5, null=True, help_text="0 (worst) to 1 (best).")
    label = models.CharField(max_length=120, null=True)  # noqa: DJ001  (NULL: scored by a number alone)
    line = models.UUIDField(help_text="The request's final ledger line.")
    line_started_at = models.DateTimeField()
    provider = models.CharField(max_length=60, null=True)  # noqa: DJ001  (as in the ledger)
    model = models.CharField(max_length=200, null=True)  # noqa: DJ001  (as in the ledger)
    by_user = models.UUIDField(null=True, help_text="Person who recorded it last, in the API.")
    by_key = models.UUIDField(null=True, help_text="Key with which it was recorded last.")
    created_at = models.DateTimeField(db_default=models.functions.Now())
    updated_at = models.DateTimeField(db_default=models.functions.Now())

    objects = querysets.QualityScoreQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["created_at", "id"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["organization", "line", "name", "source"], name="score_unique"),
            models.CheckConstraint(condition=models.Q(score__isnull=True) | models.Q(score__range=(0, 1)),
                                   name="score_between_0_and_1"),
            models.CheckConstraint(condition=models.Q(score__isnull=False) | models.Q(label__isnull=False),
                                   name="score_says_something"),
        ]  # fmt: skip
        indexes: ClassVar = [
            # the scores of a request, for those who read them
            models.Index(fields=["organization", "request_id"], name="score_by_request"),
            # the newest scores of a model, for routing
            models.Index(
                fields=["organization", "provider", "model", "-line_started_at", "line"],
                name="score_by_model",
                condition=models.Q(score__isnull=False, provider__isnull=False, model__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} of {self.request_id} by {self.source}"
