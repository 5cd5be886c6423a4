"""Routes: targets, how they are ordered, and what a call would do. The configuration is typed to the leaves; what it
means is checked by `services.route_policies`, which answers at the faulty path."""

from typing import Any

from rest_framework import serializers

from gateway.api.openapi import examples
from gateway.api.serializers.base import Input, Record, Scoped
from gateway.api.serializers.catalog import NoteSerializer
from gateway.api.serializers.identity import ID, TIMES
from gateway.choices import RouteStrategy
from gateway.dataplane.breaker import STATES
from gateway.dataplane.endpoints import ENDPOINTS
from gateway.dataplane.routing import parse
from gateway.dataplane.routing.languages import LANGUAGES
from gateway.dataplane.routing.policy import IDENTITIES, MODALITIES, RETRYABLE_KINDS, STRATEGIES, WEIGHTED
from gateway.models import Model, Route, RouteTarget, VirtualKey
from gateway.services.catalog import MAX_TARGETS

_OVERRIDES = [strategy for strategy in STRATEGIES if strategy != WEIGHTED]
MAX_SAMPLE_BYTES = 1_000_000


def _texts(choices: Any = None, **kwargs: Any) -> serializers.ListField:
    child = serializers.ChoiceField(choices=list(choices)) if choices else serializers.CharField(max_length=200)
    return serializers.ListField(child=child, required=False, max_length=parse.MAX_LISTED, **kwargs)


class TargetSerializer(Record):
    """One target: lower `priority` first, within a priority by `weight`; weight 0 comes last."""

    model = Scoped(queryset=Model.objects.select_related("provider"), platform=True)
    model_name = serializers.CharField(source="model.name", read_only=True)
    provider_slug = serializers.CharField(source="model.provider.slug", read_only=True)
    priority = serializers.IntegerField(min_value=0, max_value=1000, default=0)
    weight = serializers.IntegerField(min_value=0, max_value=1_000_000, default=1)

    class Meta:
        model = RouteTarget
        fields = ("model", "model_name", "provider_slug", "priority", "weight")


# ---- the configuration ---------------------------------------------------------------------------------------------
class WeightsSerializer(Input):
    """How much each property counts, 0 to 1; for the strategy `weighted`."""

    cost = serializers.FloatField(min_value=0, max_value=1, required=False)
    latency = serializers.FloatField(min_value=0, max_value=1, required=False)
    load = serializers.FloatField(min_value=0, max_value=1, required=False)
    quality = serializers.FloatField(min_value=0, max_value=1, required=False)


class RetrySerializer(Input):
    """Pauses between repeated tries: drawn from 0 to the base doubled each time, at most the cap."""

    base_ms = serializers.IntegerField(min_value=0, max_value=parse.LONGEST_PAUSE_MS, required=False)
    cap_ms = serializers.IntegerField(min_value=0, max_value=parse.LONGEST_PAUSE_MS, required=False)
    on = _texts(RETRYABLE_KINDS, help_text="Failures that are repeated at the same target; left out: all of these.")


class SelectorSerializer(Input):
    """Targets by provider, by model, or both."""

    provider = serializers.CharField(max_length=200, required=False, help_text="Slug.")
    model = serializers.CharField(max_length=200, required=False, help_text="Public name.")


class TagConditionSerializer(Input):
    """The call carries this tag, with one of the values; without values: carries it at all."""

    key = serializers.CharField(max_length=200)
    values = _texts()


class WhenSerializer(Input):
    """Every condition given must hold; within one, any value will do."""

    min_prompt_tokens = serializers.IntegerField(min_value=0, required=False, allow_null=True)
    max_prompt_tokens = serializers.IntegerField(min_value=0, required=False, allow_null=True)
    tools = serializers.BooleanField(required=False, allow_null=True, default=None)
    streaming = serializers.BooleanField(required=False, allow_null=True, default=None)
    modalities = _texts(MODALITIES)
    languages = _texts(LANGUAGES, help_text="ISO 639-1, of the last text the user wrote.")
    endpoints = _texts(ENDPOINTS)
    tags = TagConditionSerializer(many=True, required=False)
    users = _texts(help_text="Ids.")
    teams = _texts(help_text="Ids.")
    projects = _texts(help_text="Ids.")
    api_keys = _texts(help_text="Ids.")
    end_users = _texts()


class VariantSerializer(Input):
    """One arm of an experiment."""

    name = serializers.CharField(max_length=200)
    weight = serializers.FloatField(min_value=0, max_value=1_000_000)
    use = SelectorSerializer(many=True)


class RuleSerializer(Input):
    """The first rule that applies decides: its targets come first; with `only` there are no others."""

    name = serializers.CharField(max_length=200)
    when = WhenSerializer(required=False)
    use = SelectorSerializer(many=True, required=False)
    only = serializers.BooleanField(required=False)
    split = VariantSerializer(many=True, required=False)
    by = serializers.ChoiceField(choices=IDENTITIES, required=False, help_text="Whose arm stays the same.")


class RouteConfigSerializer(Input):
    """Rules, weights and the rest."""

    weights = WeightsSerializer(required=False)
    overrides = _texts(
        _OVERRIDES, allow_null=True, help_text="What `X-Gateway-Route` may ask for; null or left out: anything."
    )
    sticky = serializers.ChoiceField(
        choices=IDENTITIES, required=False, allow_null=True, help_text="Who meets the same target of several equals."
    )
    retry = RetrySerializer(required=False)
    rules = RuleSerializer(many=True, required=False)

    def to_internal_value(self, data: Any) -> Any:
        return _plain(super().to_internal_value(data))

    def to_representation(self, instance: Any) -> Any:
        """As it is stored: what was left out stays out."""
        return instance


def _plain(value: Any) -> Any:
    """Plain JSON, without conditions that say nothing."""
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items() if item is not None}
    return [_plain(item) for item in value] if isinstance(value, list) else value


# ---- the route -----------------------------------------------------------------------------------------------------
_TARGET = {"model": ID, "priority": 0, "weight": 3}
_CONFIG = {
    "overrides": ["latency-optimized"],
    "retry": {"base_ms": 250, "cap_ms": 4000},
    "rules": [
        {"name": "pictures", "when": {"modalities": ["image"]}, "use": [{"model": "gpt-4o"}], "only": True},
        {
            "name": "trial", "by": "end_user",
            "split": [
                {"name": "present", "weight": 95, "use": [{"model": "gpt-4o-mini"}]},
                {"name": "next", "weight": 5, "use": [{"model": "gpt-4.1-mini"}]},
            ],
        },
    ],
}  # fmt: skip
_POLICY = {
    "strategy": "cost-optimized", "config": _CONFIG, "retries": 2, "deadline_ms": 20000, "hedge_after_ms": None,
    "output_cap": 4096, "drop_unsupported": False,
}  # fmt: skip


@examples(
    response={
        "id": ID, "organization": ID, "alias": "fast", "description": "Cheapest model that can do it.",
        "is_enabled": True, **_POLICY,
        "targets": [{**_TARGET, "model_name": "gpt-4o-mini", "provider_slug": "openai"}],
        **TIMES,
    },
    request={
        "alias": "fast", "description": "Cheapest model that can do it.", "strategy": "cost-optimized",
        "config": _CONFIG, "retries": 2, "deadline_ms": 20000, "targets": [_TARGET],
    },
)  # fmt: skip
class RouteSerializer(Record):
    """An alias for targets. Writing `targets` replaces all of them, writing `config` all of it."""

    targets = TargetSerializer(many=True, allow_empty=False, max_length=MAX_TARGETS)  # type: ignore[call-arg]
    config = RouteConfigSerializer(required=False)

    class Meta:
        model = Route
        fields = (
            "id", "organization", "alias", "description", "is_enabled", "strategy", "config", "retries", "deadline_ms",
            "hedge_after_ms", "output_cap", "drop_unsupported", "targets", "created_at", "updated_at",
        )  # fmt: skip
        read_only_fields = ("id", "organization")
        validators: list[Any] = []


# ---- simulation ------------------------------------------------------------------------------------------------------
class TagSerializer(Input):
    """A tag as `X-Gateway-Tags` carries it."""

    key = serializers.CharField(max_length=120)
    value = serializers.CharField(max_length=120, allow_blank=True)


@examples(
    request={
        "endpoint": "/v1/chat/completions", "body": '{"messages": [{"role": "user", "content": "Hello"}]}',
        "tags": [{"key": "tier", "value": "gold"}], "end_user": "customer-17", "strategy": "cost-optimized",
    },
)  # fmt: skip
class SimulateSerializer(Input):
    """A call to try. Everything may be left out."""

    endpoint = serializers.ChoiceField(choices=list(ENDPOINTS), required=False, default="/v1/chat/completions")
    body = serializers.CharField(
        required=False, allow_blank=True, default="", max_length=MAX_SAMPLE_BYTES,
        help_text="The request's JSON object as text; `model` is filled in. Empty: a short greeting.",
    )  # fmt: skip
    tags = TagSerializer(many=True, required=False, default=list)
    end_user = serializers.CharField(required=False, allow_blank=True, default="", max_length=200)
    api_key = Scoped(
        queryset=VirtualKey.objects.select_related("project"), required=False, allow_null=True, default=None,
        help_text="Whose project, team and user the rules see.",
    )  # fmt: skip
    strategy = serializers.ChoiceField(
        choices=RouteStrategy.choices, required=False, allow_null=True, default=None, help_text="`X-Gateway-Route`."
    )


class SimulatedTargetSerializer(serializers.Serializer):
    """One target in the order of trying. `probability` of being tried first; 0 when only a fallback or unusable."""

    position = serializers.IntegerField(allow_null=True, help_text="Group of equals, from 1; null: not tried.")
    model = serializers.UUIDField()
    model_name = serializers.CharField()
    provider_slug = serializers.CharField()
    priority = serializers.IntegerField()
    weight = serializers.IntegerField()
    is_usable = serializers.BooleanField()
    probability = serializers.FloatField()
    reason = serializers.CharField()
    score = serializers.FloatField(allow_null=True, help_text="0 to 1, within the targets of the same tier.")
    expected_cost = serializers.CharField(allow_null=True)
    currency = serializers.CharField(allow_null=True)
    latency_ms = serializers.FloatField(allow_null=True)
    in_flight = serializers.IntegerField(allow_null=True)
    quality = serializers.FloatField(allow_null=True)
    circuit = serializers.ChoiceField(choices=STATES)


class SeenCallSerializer(serializers.Serializer):
    """What the rules saw of the call."""

    prompt_tokens = serializers.IntegerField(help_text="Estimated at four bytes a token.")
    has_tools = serializers.BooleanField()
    modalities = serializers.ListField(child=serializers.CharField())
    language = serializers.CharField(allow_null=True)
    end_user = serializers.CharField(allow_null=True)


def _simulated(position: int, name: str, provider: str, cost: str, score: float, chance: float, why: str) -> Any:
    return {
        "position": position, "model": ID, "model_name": name, "provider_slug": provider, "priority": 0, "weight": 1,
        "is_usable": True, "probability": chance, "reason": why, "score": score, "expected_cost": cost,
        "currency": "USD", "latency_ms": None, "in_flight": None, "quality": None, "circuit": "closed",
    }  # fmt: skip


@examples(
    response={
        "route": ID, "alias": "fast", "is_usable": True, "reason": "2 of 2 targets can be tried.",
        "strategy": "cost-optimized", "rule": None, "variant": None,
        "call": {"prompt_tokens": 21, "has_tools": False, "modalities": ["text"], "language": "en", "end_user": None},
        "targets": [
            _simulated(1, "gpt-4o-mini", "openai", "0.00018", 1.0, 1.0, "Tried first."),
            _simulated(2, "mistral-large", "mistral", "0.0018", 0.1, 0.0, "Tried when every target before it failed."),
        ],
        "notes": [],
    },
)  # fmt: skip
class SimulationSerializer(serializers.Serializer):
    """Where the call would go now, by the code that decides in the data plane and the figures it last reported."""

    route = serializers.UUIDField()
    alias = serializers.CharField()
    is_usable = serializers.BooleanField()
    reason = serializers.CharField()
    strategy = serializers.CharField()
    rule = serializers.CharField(allow_null=True)
    variant = serializers.CharField(allow_null=True)
    call = SeenCallSerializer()
    targets = SimulatedTargetSerializer(many=True)
    notes = NoteSerializer(many=True)
