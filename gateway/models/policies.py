"""Policies of the data plane that an organization sets for itself or for one project."""

from typing import ClassVar

from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models

from gateway import querysets
from gateway.choices import GuardrailAction, GuardrailDirection, GuardrailKind, LimitScope
from gateway.models.base import Record
from gateway.models.identity import Organization, Project, Team, User

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


class RateLimit(Record):
    """How much of something may be asked for in a minute or at a time. How it holds: decision record 0011.

    Scope and value stay what they were made with. `scope_value`: id of the team, project, person or first key of a
    rotation, the end user, `name=value` of a tag, the model or route asked for; `*` (tags: `name=*`) gives each of them
    the limit for itself.
    """

    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="rate_limits")
    name = models.CharField(max_length=120)
    scope = models.CharField(max_length=12, choices=LimitScope.choices)
    scope_value = models.CharField(max_length=300, db_collation="C")
    team = models.ForeignKey(
        Team, on_delete=models.CASCADE, related_name="rate_limits", null=True, blank=True, editable=False,
        help_text="Team whose managers see and change it.",
    )  # fmt: skip
    rpm = models.PositiveIntegerField("requests per minute", null=True, blank=True)
    tpm = models.PositiveIntegerField("tokens per minute", null=True, blank=True)
    concurrency = models.PositiveIntegerField("concurrent requests", null=True, blank=True)
    is_enabled = models.BooleanField(default=True)
    is_shadow = models.BooleanField(default=False, help_text="Refuse nothing, count what would have been refused.")
    created_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")

    objects = querysets.ScopedQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["name", "id"]
        constraints: ClassVar = [
            models.CheckConstraint(
                name="rate_limit_says_something",
                condition=models.Q(rpm__isnull=False)
                | models.Q(tpm__isnull=False)
                | models.Q(concurrency__isnull=False),
                violation_error_message="State requests per minute, tokens per minute or concurrent requests.",
            ),
        ]
        indexes: ClassVar = [
            # the list of an organization
            models.Index(fields=["organization", "name"], name="rate_limit_by_organization"),
        ]

    def __str__(self) -> str:
        return self.name
