"""Providers, models and routes. A row without an organization is platform-wide; an organization's own row wins."""

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models

from gateway import querysets
from gateway.choices import ProviderKind, RouteStrategy
from gateway.models.base import Record
from gateway.models.identity import Organization


class Provider(Record):
    """An upstream. The credential is encrypted at rest (MultiFernet) and never leaves through the API."""

    organization = models.ForeignKey(
        Organization, on_delete=models.PROTECT, related_name="providers", null=True, blank=True
    )
    slug = models.SlugField(max_length=60)
    name = models.CharField(max_length=120)
    kind = models.CharField(max_length=20, choices=ProviderKind.choices, default=ProviderKind.OPENAI)
    price_list = models.CharField(
        max_length=40, blank=True, help_text="Vendor whose price list applies; empty: the one of the kind."
    )
    base_url = models.URLField(max_length=500, help_text="For OpenAI-compatible: including /v1.")
    credential = models.BinaryField(null=True, blank=True, editable=False)
    options = models.JSONField(
        default=dict,
        db_default={},
        blank=True,
        help_text="Of this kind alone: api_version and authentication (Azure), region (Bedrock).",
    )
    is_enabled = models.BooleanField(default=True)
    connect_timeout_ms = models.PositiveIntegerField(default=5_000)
    first_byte_timeout_ms = models.PositiveIntegerField(default=120_000)
    idle_timeout_ms = models.PositiveIntegerField(default=60_000)
    total_timeout_ms = models.PositiveIntegerField(default=600_000)

    objects = querysets.CatalogQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["slug"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["organization", "slug"], name="provider_slug_unique", nulls_distinct=False)
        ]

    def __str__(self) -> str:
        return self.name


class Model(Record):
    """A model people may ask for: public name → provider's own name."""

    organization = models.ForeignKey(
        Organization, on_delete=models.PROTECT, related_name="llm_models", null=True, blank=True
    )
    provider = models.ForeignKey(Provider, on_delete=models.PROTECT, related_name="models")
    name = models.CharField(max_length=200, help_text="Public name, as applications send it.")
    upstream_name = models.CharField(max_length=200, help_text="Name that the provider knows.")
    capabilities = ArrayField(models.CharField(max_length=30), default=list, blank=True)
    context_tokens = models.PositiveIntegerField(null=True, blank=True)
    max_output_tokens = models.PositiveIntegerField(null=True, blank=True)
    is_enabled = models.BooleanField(default=True)

    objects = querysets.CatalogQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["name"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["organization", "provider", "name"], name="model_name_unique", nulls_distinct=False
            )
        ]

    def __str__(self) -> str:
        return self.name


class Route(Record):
    """An alias → ordered, weighted targets."""

    organization = models.ForeignKey(
        Organization, on_delete=models.PROTECT, related_name="routes", null=True, blank=True
    )
    alias = models.CharField(max_length=200)
    description = models.CharField(max_length=300, blank=True)
    is_enabled = models.BooleanField(default=True)
    drop_unsupported = models.BooleanField(
        default=False,
        db_default=False,
        help_text="Leave out what a target cannot express and name it in X-Gateway-Dropped; else answer 400.",
    )
    strategy = models.CharField(
        max_length=20,
        choices=RouteStrategy.choices,
        default=RouteStrategy.PRIORITY,
        db_default=RouteStrategy.PRIORITY,
        help_text="How targets of the same priority are ordered.",
    )
    config = models.JSONField(
        default=dict, blank=True, db_default={}, help_text="Rules, weights, overrides, sticky choices, retry pauses."
    )
    retries = models.PositiveSmallIntegerField(
        default=0,
        db_default=0,
        validators=[MaxValueValidator(10)],
        help_text="How often targets are tried again once each was tried.",
    )
    deadline_ms = models.PositiveIntegerField(
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text="Time for all attempts; of a stream until its first byte. Empty: only the providers' time-outs.",
    )
    hedge_after_ms = models.PositiveIntegerField(
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text="Ask a second target when the first has not begun to answer by then. Both may be billed. Empty: off.",
    )
    output_cap = models.PositiveIntegerField(
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text="Most output tokens of a call; sent to the provider when the caller asks for more, or says nothing.",
    )

    objects = querysets.CatalogQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["alias"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["organization", "alias"], name="route_alias_unique", nulls_distinct=False)
        ]

    def __str__(self) -> str:
        return self.alias


class RouteTarget(Record):
    """One target of a route: lower `priority` first; within a priority by `weight`."""

    route = models.ForeignKey(Route, on_delete=models.CASCADE, related_name="targets")
    model = models.ForeignKey(Model, on_delete=models.PROTECT, related_name="route_targets")
    priority = models.PositiveSmallIntegerField(default=0)
    weight = models.PositiveIntegerField(default=1)

    class Meta:
        ordering: ClassVar = ["priority", "-weight", "id"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["route", "model"], name="route_target_unique")]

    def __str__(self) -> str:
        return f"{self.route} → {self.model}"


class AllowedUpstream(Record):
    """A private address that outbound calls may reach (self-hosted models); everything else private is refused."""

    host = models.CharField(max_length=255)
    port = models.PositiveIntegerField()
    note = models.CharField(max_length=200, blank=True)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["host", "port"], name="allowed_upstream_unique")]

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


class ConfigVersion(models.Model):
    """One locked counter row: bumped last in every transaction that changes configuration (rule 18)."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    version = models.BigIntegerField(default=0)

    def __str__(self) -> str:
        return str(self.version)


class ConfigChange(models.Model):
    """What changed at a version; data planes apply these deltas. Written by database triggers alone."""

    version = models.BigIntegerField(primary_key=True)
    entity = models.CharField(max_length=40)
    entity_id = models.CharField(max_length=60)
    changed_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return f"{self.version}: {self.entity} {self.entity_id}"
