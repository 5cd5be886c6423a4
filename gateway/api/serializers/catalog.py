"""Providers, models, routes, and what is asked of them."""

from typing import Any

from rest_framework import serializers

from gateway.api.openapi import examples
from gateway.api.serializers.base import Input, Record, Scoped
from gateway.api.serializers.identity import ID, TIMES
from gateway.dataplane.breaker import STATES
from gateway.models import Model, Provider
from gateway.provideroptions import OPTIONS

_TIMEOUTS = {
    "connect_timeout_ms": 5000, "first_byte_timeout_ms": 120000, "idle_timeout_ms": 60000, "total_timeout_ms": 600000,
}  # fmt: skip
_LONGEST_MS = 3_600_000


def _timeout() -> serializers.IntegerField:
    return serializers.IntegerField(min_value=1, max_value=_LONGEST_MS, required=False)


class ProviderOptionsSerializer(serializers.Serializer):
    """Options that only some kinds have; absent ones have their default."""

    api_version = serializers.CharField(required=False, max_length=40, help_text=OPTIONS["api_version"].help)
    authentication = serializers.ChoiceField(
        choices=["api-key", "entra-id"], required=False, help_text=OPTIONS["authentication"].help
    )
    region = serializers.CharField(required=False, max_length=40, help_text=OPTIONS["region"].help)
    price_region = serializers.CharField(required=False, max_length=40, help_text=OPTIONS["price_region"].help)

    def to_internal_value(self, data: Any) -> Any:
        """An option that nobody knows is refused, not ignored."""
        if isinstance(data, dict) and (unknown := sorted(set(data) - set(self.fields))):
            raise serializers.ValidationError({unknown[0]: ["There is no such option."]})
        return super().to_internal_value(data)


@examples(
    response={
        "id": ID, "organization": ID, "slug": "openai", "name": "OpenAI", "kind": "openai", "price_list": "",
        "base_url": "https://api.openai.com/v1", "options": {}, "has_credential": True, "is_enabled": True, **_TIMEOUTS,
        **TIMES,
    },
    request={
        "slug": "openai", "name": "OpenAI", "kind": "openai", "base_url": "https://api.openai.com/v1",
        "credential": "the vendor's key",
    },
)  # fmt: skip
class ProviderSerializer(Record):
    """An upstream. `organization` null: platform-wide. The credential goes in and never comes out."""

    base_url = serializers.CharField(max_length=500, help_text="For OpenAI-compatible: including /v1.")
    credential = serializers.CharField(
        write_only=True, required=False, allow_blank=True, max_length=4000, help_text="Empty removes it."
    )
    options = ProviderOptionsSerializer(required=False)
    has_credential = serializers.SerializerMethodField()
    connect_timeout_ms = _timeout()
    first_byte_timeout_ms = _timeout()
    idle_timeout_ms = _timeout()
    total_timeout_ms = _timeout()

    class Meta:
        model = Provider
        fields = (
            "id", "organization", "slug", "name", "kind", "price_list", "base_url", "options", "credential",
            "has_credential", "is_enabled", "connect_timeout_ms", "first_byte_timeout_ms", "idle_timeout_ms",
            "total_timeout_ms", "created_at", "updated_at",
        )  # fmt: skip
        read_only_fields = ("id", "organization")
        validators: list[Any] = []

    def get_has_credential(self, provider: Provider) -> bool:
        return bool(provider.credential)

    def get_fields(self) -> Any:
        """The slug is in ledger lines, so it stays what it was."""
        fields = super().get_fields()
        if self.instance is not None:
            fields["slug"].read_only = True
        return fields


class UpstreamErrorSerializer(serializers.Serializer):
    """Why a call to the upstream did not work."""

    code = serializers.CharField()
    message = serializers.CharField()


@examples(
    response={"ok": True, "http_status": 200, "elapsed_ms": 182.4, "model_count": 61, "error": None,
              "tested_at": "2026-11-02T09:30:00Z"},
)  # fmt: skip
class ProviderTestSerializer(serializers.Serializer):
    """Outcome of one real call to the upstream's list of models."""

    ok = serializers.BooleanField()
    http_status = serializers.IntegerField(allow_null=True)
    elapsed_ms = serializers.FloatField(allow_null=True)
    model_count = serializers.IntegerField(allow_null=True)
    error = UpstreamErrorSerializer(allow_null=True)
    tested_at = serializers.DateTimeField()


class LastErrorSerializer(serializers.Serializer):
    """The latest failure of the upstream."""

    at = serializers.DateTimeField(source="started_at")
    status = serializers.CharField()
    http_status = serializers.IntegerField(allow_null=True)
    error_type = serializers.CharField(allow_null=True)
    request_id = serializers.CharField()


class NoteSerializer(serializers.Serializer):
    """Why a field is null or how a figure is to be read."""

    code = serializers.CharField()
    message = serializers.CharField()


class CircuitSerializer(serializers.Serializer):
    """Circuit breaker of one upstream model: the worst state that a data plane reported in the last 15 seconds."""

    model = serializers.CharField(help_text="Upstream name.")
    state = serializers.ChoiceField(choices=STATES)
    retry_in_s = serializers.FloatField(help_text="Until the next call may go there; 0 when it may now.")
    opened = serializers.IntegerField(help_text="How often it opened since the data planes started.")


@examples(
    response={
        "provider": ID, "state": "up", "attempts_1h": 812, "availability_1h": 0.9988, "availability_24h": 0.9971,
        "availability_30d": 0.9982, "latency_p95": 2140.0,
        "last_error": {"at": "2026-11-02T08:59:12Z", "status": "timeout", "http_status": None,
                       "error_type": "first_byte_timeout", "request_id": "req_3f1c2d9a"},
        "circuits": [{"model": "gpt-4o-2024-11-20", "state": "closed", "retry_in_s": 0.0, "opened": 1}],
        "as_of": "2026-11-02T09:30:00Z", "notes": [],
    },
)  # fmt: skip
class ProviderHealthSerializer(serializers.Serializer):
    """Health of an upstream as the organization's own traffic saw it. Availability is 1 − failures ÷ attempts;
    failures are upstream errors and time-outs. Null without attempts in the window. `circuits` are the breakers of the
    organization's models, as data planes last reported them; a model that was not called lately has none."""

    provider = serializers.UUIDField()
    state = serializers.ChoiceField(choices=["up", "degraded", "down", "unknown"])
    attempts_1h = serializers.IntegerField()
    availability_1h = serializers.FloatField(allow_null=True)
    availability_24h = serializers.FloatField(allow_null=True)
    availability_30d = serializers.FloatField(allow_null=True)
    latency_p95 = serializers.FloatField(allow_null=True, help_text="Milliseconds, last hour, exact.")
    last_error = LastErrorSerializer(allow_null=True)
    circuits = CircuitSerializer(many=True)
    as_of = serializers.DateTimeField()
    notes = NoteSerializer(many=True)


@examples(
    response={
        "id": ID, "organization": ID, "provider": ID, "provider_slug": "openai", "name": "gpt-4o",
        "upstream_name": "gpt-4o-2024-11-20", "capabilities": ["chat", "tools", "vision"], "context_tokens": 128000,
        "max_output_tokens": 16384, "is_enabled": True, **TIMES,
    },
    request={
        "provider": ID, "name": "gpt-4o", "upstream_name": "gpt-4o-2024-11-20", "capabilities": ["chat", "tools"],
        "context_tokens": 128000,
    },
)  # fmt: skip
class ModelSerializer(Record):
    """A model people may ask for."""

    provider = Scoped(queryset=Provider.objects.all(), platform=True)
    provider_slug = serializers.CharField(source="provider.slug", read_only=True)
    upstream_name = serializers.CharField(max_length=200, required=False, help_text="Left out: the public name.")
    capabilities = serializers.ListField(child=serializers.CharField(max_length=30), required=False, max_length=30)

    class Meta:
        model = Model
        fields = (
            "id", "organization", "provider", "provider_slug", "name", "upstream_name", "capabilities",
            "context_tokens", "max_output_tokens", "is_enabled", "created_at", "updated_at",
        )  # fmt: skip
        read_only_fields = ("id", "organization")
        validators: list[Any] = []

    def get_fields(self) -> Any:
        """A model stays with its provider."""
        fields = super().get_fields()
        if self.instance is not None:
            fields["provider"].read_only = True
        return fields


@examples(request={"provider": ID, "add": ["gpt-4o-mini"]})
class DiscoverSerializer(Input):
    """Which provider to ask, and which of its models to add under their own names."""

    provider = Scoped(queryset=Provider.objects.all(), platform=True)
    add = serializers.ListField(
        child=serializers.CharField(max_length=200), required=False, default=list, max_length=500
    )


class DiscoveredSerializer(serializers.Serializer):
    """One model of the upstream; `model` is its id in the catalog, null when it is not in it."""

    upstream_name = serializers.CharField()
    model = serializers.UUIDField(allow_null=True)
    was_added = serializers.BooleanField()


@examples(
    response={"provider": ID, "models": [{"upstream_name": "gpt-4o-mini", "model": ID, "was_added": True},
                                         {"upstream_name": "whisper-1", "model": None, "was_added": False}]},
)  # fmt: skip
class DiscoveryResultSerializer(serializers.Serializer):
    """What the upstream offers, by name."""

    provider = serializers.UUIDField()
    models = DiscoveredSerializer(many=True)
