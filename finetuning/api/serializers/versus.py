"""A base model against a tuned one."""

from rest_framework import serializers

from finetuning.api.serializers.advice import BreakEvenSerializer
from finetuning.api.serializers.evaluations import RESULT, ResultSerializer
from gateway.api.openapi import examples
from gateway.api.serializers.base import Money
from gateway.api.serializers.identity import ID

_LIVE = {
    "model": "gpt-4.1-mini", "requests": 4100, "errors": 3, "cost": "1.2000000000", "cost_per_1k": "0.2926829268",
    "latency_p50": 610.0, "latency_p95": 1180.0, "input_tokens": 1640000, "output_tokens": 12300,
}  # fmt: skip


class LiveSerializer(serializers.Serializer):
    """Of the last 30 days. Latencies in ms."""

    model = serializers.CharField()
    requests = serializers.IntegerField()
    errors = serializers.IntegerField()  # type: ignore[assignment]
    cost = Money()
    cost_per_1k = Money(allow_null=True)
    latency_p50 = serializers.FloatField(allow_null=True)
    latency_p95 = serializers.FloatField(allow_null=True)
    input_tokens = serializers.IntegerField()
    output_tokens = serializers.IntegerField()


class RecordedSerializer(serializers.Serializer):
    """The evaluation that both took part in; `base`, `tuned`: their numbers among its contestants."""

    id = serializers.UUIDField()
    name = serializers.CharField()
    base = serializers.IntegerField()
    tuned = serializers.IntegerField()
    finished_at = serializers.DateTimeField(allow_null=True)
    result = ResultSerializer()


class UpkeepSerializer(serializers.Serializer):
    """What the tuned model costs to be kept deployed for a month of 730 hours. Null: not known, `note` says why."""

    per_month = Money(allow_null=True)
    currency = serializers.CharField()
    note = serializers.CharField(allow_blank=True)


@examples(
    response={
        "base": _LIVE, "tuned": {**_LIVE, "model": "ft:local-head:acme:tickets:1", "cost_per_1k": "0.0000000000"},
        "verdict": "better", "currency": "USD", "notes": [],
        "evaluation": {"id": ID, "name": "Tickets", "base": 0, "tuned": 1, "finished_at": "2026-11-29T09:04:00Z",
                       "result": RESULT},
        "hosting": {"per_month": "0.0000000000", "currency": "USD", "note": ""},
        "break_even": {"requests": 0, "months": "0.0000", "saved_per_request": "0.0002926829", "note": ""},
    }
)  # fmt: skip
class VersusSerializer(serializers.Serializer):
    """`verdict`: better, worse, equivalent or cannot_tell, of the tuned model by the newest evaluation of both.
    `break_even` has no answer but a note while hosting has no known price."""

    base = LiveSerializer()
    tuned = LiveSerializer()
    verdict = serializers.CharField()
    currency = serializers.CharField()
    notes = serializers.ListField(child=serializers.CharField())
    evaluation = RecordedSerializer(allow_null=True)
    hosting = UpkeepSerializer(allow_null=True, help_text="Null: the name is of no tuned model here.")
    break_even = BreakEvenSerializer(allow_null=True)
