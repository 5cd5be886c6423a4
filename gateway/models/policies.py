"""Policies of the data plane that an organization sets for itself or for one project."""

from typing import ClassVar

from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models

from gateway import querysets
from gateway.choices import GuardrailAction, GuardrailDirection, GuardrailKind
from gateway.models.base import Record
from gateway.models.identity import Organization, Project

MAX_TTL_S = 30 * 86_400
MAX_ENTRY_BYTES = 16 * 1024 * 1024


class CachePolicy(Record):
    """Whether and how answers are served from the response cache. A project's own policy wins over the organization's.

    `generation` is part of every entry's key: raising it makes all entries unreachable, and they are deleted.
    """

    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="cache_policies")
    project = models.ForeignKey(
        Project, on_delete=models.CASCADE, related_name="cache_policies", null=True, blank=True,
        help_text="Empty: every project without a policy of its own.",
    )  # fmt: skip
    is_enabled = models.BooleanField(default=True)
    ttl_s = models.PositiveIntegerField(
        default=3600,
        validators=[MinValueValidator(1), MaxValueValidator(MAX_TTL_S)],
        help_text="Seconds for which an answer may be served again.",
    )
    is_shared = models.BooleanField(
        default=False, help_text="Projects of the organization share answers; else each project has its own."
    )
    max_entry_bytes = models.PositiveIntegerField(
        default=1024 * 1024,
        validators=[MinValueValidator(1024), MaxValueValidator(MAX_ENTRY_BYTES)],
        help_text="Longer answers are not kept.",
    )
    is_semantic = models.BooleanField(
        default=False, help_text="Also serve the answer to a question that means the same, by its embedding."
    )
    embedding_model = models.CharField(
        max_length=200, blank=True, help_text="Public name of the embedding model that compares questions."
    )
    similarity_threshold = models.DecimalField(
        max_digits=5,
        decimal_places=4,
        default="0.9700",
        validators=[MinValueValidator(0), MaxValueValidator(1)],
        help_text="Least cosine similarity of two questions that share an answer.",
    )
    generation = models.PositiveIntegerField(default=1, editable=False)

    objects = querysets.MemberQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["organization", "project"]
        verbose_name_plural = "cache policies"
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["organization", "project"], name="cache_policy_unique", nulls_distinct=False
            ),
            models.CheckConstraint(
                condition=models.Q(is_semantic=False) | ~models.Q(embedding_model=""),
                name="cache_policy_semantic_has_model",
                violation_error_message="A semantic cache needs an embedding model.",
            ),
        ]

    def __str__(self) -> str:
        return f"Cache of {self.project or self.organization}"


class Guardrail(Record):
    """A check on what goes to a provider or comes back. Of two in force, the lower `position` runs first.

    `config` depends on the kind (`gateway.guardrails.rails.CONFIG_KEYS`); `secret` signs a webhook's requests and is
    encrypted at rest.
    """

    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="guardrails")
    project = models.ForeignKey(
        Project, on_delete=models.CASCADE, related_name="guardrails", null=True, blank=True,
        help_text="Empty: every project of the organization.",
    )  # fmt: skip
    name = models.CharField(
        max_length=80, validators=[RegexValidator(r"^[\x21-\x7e][\x20-\x7e]*$", "Use plain ASCII.")]
    )
    kind = models.CharField(max_length=20, choices=GuardrailKind.choices)
    direction = models.CharField(max_length=6, choices=GuardrailDirection.choices, default=GuardrailDirection.INPUT)
    action = models.CharField(max_length=6, choices=GuardrailAction.choices, default=GuardrailAction.FLAG)
    config = models.JSONField(default=dict, blank=True)
    position = models.PositiveSmallIntegerField(default=100)
    is_enabled = models.BooleanField(default=True)
    secret = models.BinaryField(null=True, blank=True, editable=False)

    objects = querysets.MemberQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["position", "created_at"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["organization", "name"], name="guardrail_name_unique"),
        ]

    def __str__(self) -> str:
        return self.name
