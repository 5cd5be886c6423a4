"""Alert rules, what happened, and what was sent, as the API shows and takes them."""

from typing import Any

from rest_framework import serializers

from analytics.alerts.machine import FIXED
from analytics.alerts.models import Alert, AlertChannel, AlertDelivery, AlertEvent, AlertRule, ChannelKind
from analytics.api.fields import Scalar
from analytics.query.values import OPERATORS
from gateway.api.openapi import examples
from gateway.api.serializers.base import Input, Record
from gateway.api.serializers.identity import ID, TIMES

CLOCK = r"^([01]\d|2[0-3]):[0-5]\d$"
MUTES = ({"weekdays", "start", "end"}, set(FIXED))


class AlertFilterSerializer(Input):
    """Only lines whose dimension compares to one of the values."""

    dimension = serializers.CharField(max_length=140)
    op = serializers.ChoiceField(choices=OPERATORS, default="eq")
    values = serializers.ListField(child=Scalar(allow_null=True), min_length=1, max_length=100)


class MuteWindowSerializer(Input):
    """When nobody is told: every week by `weekdays`, `start` and `end` (one that ends before it starts goes on after
    midnight), or once by `starts_at` and `ends_at`."""

    weekdays = serializers.ListField(
        child=serializers.IntegerField(min_value=1, max_value=7), min_length=1, max_length=7, help_text="1 Monday.",
        required=False,
    )  # fmt: skip
    start = serializers.RegexField(CLOCK, required=False, help_text="HH:MM in the rule's zone.")
    end = serializers.RegexField(CLOCK, required=False)
    starts_at = serializers.DateTimeField(required=False)
    ends_at = serializers.DateTimeField(required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if set(attrs) not in MUTES:
            raise serializers.ValidationError("Give weekdays, start and end, or starts_at and ends_at.")
        return {name: value.isoformat() if name in FIXED else value for name, value in attrs.items()}

    def to_representation(self, instance: Any) -> Any:
        return instance


class ParametersSerializer(Input):
    """Of sources other than `metric`."""

    budget = serializers.UUIDField(required=False, help_text="Source `budget`: only this one.")

    def to_internal_value(self, data: Any) -> Any:
        found: dict[str, Any] = super().to_internal_value(data)
        return {name: str(value) for name, value in found.items()}


class ChannelInputSerializer(Input):
    """Where notices go: a new one by `kind` and `target`, or one that stays by its `id`."""

    id = serializers.UUIDField(required=False)
    kind = serializers.ChoiceField(choices=ChannelKind.choices, required=False)
    target = serializers.CharField(
        max_length=2_000, required=False, help_text="Address or URL; of `owners` none: they are told by e-mail."
    )


class ChannelSerializer(serializers.ModelSerializer):
    """A channel; `shown` is its address, or its URL without the part that is a password."""

    secret = serializers.SerializerMethodField(help_text="Signing secret of a new webhook, shown this once.")

    class Meta:
        model = AlertChannel
        fields = ("id", "kind", "shown", "secret", "created_at")

    def get_secret(self, channel: AlertChannel) -> str | None:
        secrets: dict[str, str] = self.context.get("secrets", {})
        return secrets.get(str(channel.pk))


class AlertStatusSerializer(serializers.ModelSerializer):
    """Where the rule stands about one subject (empty where it watches one thing)."""

    class Meta:
        model = Alert
        fields = (
            "id", "subject", "label", "state", "since", "value", "threshold", "text", "acknowledged_at",
            "acknowledged_by",
        )  # fmt: skip


_OPTIONS = {
    "name": "Errors of the assistant", "source": "metric", "parameters": {}, "scope": "project", "scope_value": ID,
    "measure": "error_rate", "filters": [{"dimension": "provider", "op": "eq", "values": ["openai"]}],
    "window_minutes": 60, "comparison": "gt", "baseline": "static", "threshold": "0.0500000000",
    "minimum_requests": 20, "severity": "critical", "after": 2, "repeat_minutes": 120, "no_data": "keep",
    "mute_windows": [{"weekdays": [6, 7], "start": "22:00", "end": "06:00"},
                     {"starts_at": "2026-12-24T12:00:00+00:00", "ends_at": "2026-12-27T00:00:00+00:00"}],
    "timezone": "Europe/Vienna",
    "muted_until": None, "is_enabled": True,
}  # fmt: skip
_STATUS = {
    "id": ID, "subject": "", "label": "", "state": "firing", "since": "2026-11-08T09:30:00Z", "value": "0.0810000000",
    "threshold": "0.0500000000", "text": "Error rate is 8.1 %; the threshold is above 5 %.", "acknowledged_at": None,
    "acknowledged_by": None,
}  # fmt: skip
_CHANNEL = {
    "id": ID, "kind": "webhook", "shown": "https://hooks.example.com/…", "secret": None,
    "created_at": TIMES["created_at"],
}  # fmt: skip


@examples(
    response={
        "id": ID, "organization": ID, "team": ID, **_OPTIONS, "channels": [_CHANNEL], "state": "firing",
        "alerts": [_STATUS], "evaluated_for": "2026-11-08T09:41:00Z", "problem": "", "created_by": ID,
        "archived_at": None, **TIMES,
    },
    request={
        **{name: _OPTIONS[name] for name in ("name", "scope", "scope_value", "measure", "threshold", "severity")},
        "channels": [{"kind": "email", "target": "oncall@acme.example"}],
    },
)  # fmt: skip
class AlertRuleSerializer(Record):
    """When somebody wants to be told. `channels` are replaced as a whole."""

    scope_value = serializers.CharField(
        max_length=300, required=False, allow_blank=True,
        help_text="As in budgets; `*` (tags: `name=*`) watches each. Empty for the organization.",
    )  # fmt: skip
    filters = AlertFilterSerializer(many=True, required=False)
    mute_windows = MuteWindowSerializer(many=True, required=False)
    parameters = ParametersSerializer(required=False)
    timezone = serializers.CharField(max_length=64, required=False, help_text="Of the mute windows.")
    channels = ChannelInputSerializer(many=True, required=False)

    class Meta:
        model = AlertRule
        fields = (
            "id", "organization", "team", "name", "source", "parameters", "scope", "scope_value", "measure", "filters",
            "window_minutes", "comparison", "baseline", "threshold", "minimum_requests", "severity", "after",
            "repeat_minutes", "no_data", "mute_windows", "timezone", "muted_until", "is_enabled", "channels", "state",
            "alerts", "evaluated_for", "problem", "created_by", "archived_at", "created_at", "updated_at",
        )  # fmt: skip
        read_only_fields = ("id", "organization", "team", "evaluated_for", "problem", "created_by", "archived_at")
        validators: list[object] = []

    state = serializers.SerializerMethodField(help_text="The worst of `alerts`: ok, pending, firing or resolved.")
    alerts = serializers.SerializerMethodField()

    def get_fields(self) -> dict[str, serializers.Field]:
        """What it is about stays, so that its history is of one thing."""
        fields = super().get_fields()
        if isinstance(self.instance, AlertRule):
            fields["scope"].read_only = fields["scope_value"].read_only = True
        return fields

    def get_state(self, rule: AlertRule) -> str:
        states = {alert.state for alert in rule.alerts.all()}
        return next((state for state in ("firing", "pending", "resolved") if state in states), "ok")

    def get_alerts(self, rule: AlertRule) -> AlertStatusSerializer(many=True):  # type: ignore[valid-type]
        return AlertStatusSerializer(rule.alerts.all(), many=True).data

    def to_representation(self, instance: AlertRule) -> Any:
        shown = super().to_representation(instance)
        live = [channel for channel in instance.channels.all() if channel.archived_at is None]
        shown["channels"] = ChannelSerializer(live, many=True, context=self.context).data
        return shown


class AlertDeliverySerializer(serializers.ModelSerializer):
    """One notice on its way."""

    kind = serializers.CharField(source="channel.kind")
    target = serializers.CharField(source="channel.shown")
    status = serializers.CharField(help_text="queued, retrying, delivered, or failed: given up.")
    attempts = serializers.IntegerField(source="message.attempts")
    delivered_at = serializers.DateTimeField(source="message.delivered_at", allow_null=True)
    next_at = serializers.SerializerMethodField()
    last_error = serializers.CharField(source="message.last_error")
    stable_id = serializers.CharField(source="message.dedupe_key", help_text="`webhook-id`, or in the Message-ID.")

    class Meta:
        model = AlertDelivery
        fields = ("kind", "target", "status", "attempts", "delivered_at", "next_at", "last_error", "stable_id")

    def get_next_at(self, delivery: AlertDelivery) -> str | None:
        message = delivery.message
        if message.delivered_at or message.dead_at:
            return None
        return message.due_at.isoformat().replace("+00:00", "Z")


@examples(
    response={
        "id": ID, "kind": "fired", "subject": "", "label": "", "window": "2026-11-08T09:30:00Z",
        "value": "0.0810000000", "threshold": "0.0500000000", "text": _STATUS["text"], "by_user": None,
        "created_at": "2026-11-08T09:30:12Z",
        "deliveries": [{"kind": "email", "target": "oncall@acme.example", "status": "delivered", "attempts": 1,
                        "delivered_at": "2026-11-08T09:30:15Z", "next_at": None, "last_error": "",
                        "stable_id": f"alert.{ID}.{ID}"}],
    },
)  # fmt: skip
class AlertEventSerializer(serializers.ModelSerializer):
    """Something that happened, and who was told."""

    deliveries = AlertDeliverySerializer(many=True, read_only=True)

    class Meta:
        model = AlertEvent
        fields = (
            "id", "kind", "subject", "label", "window", "value", "threshold", "text", "by_user", "created_at",
            "deliveries",
        )  # fmt: skip
