"""Shapes of the nightly comparison of ledger and rollups."""

from rest_framework import serializers

from gateway.api.openapi import examples
from gateway.api.serializers.base import Money

STATES = ("ok", "differs", "failed", "late", "never")


class NightSerializer(serializers.Serializer):
    """One comparison."""

    started_at = serializers.DateTimeField()
    finished_at = serializers.DateTimeField()
    lines = serializers.IntegerField(help_text="Ledger lines compared.")
    cost = Money(max_digits=60, decimal_places=20, help_text="Their cost; of all currencies together.")
    differences = serializers.IntegerField(help_text="Groups that differ in any cube.")
    sample = serializers.ListField(child=serializers.CharField(), help_text="The first differences, as text.")


@examples(
    response={
        "state": "ok", "error": None,
        "results": [
            {
                "started_at": "2026-11-28T03:05:00Z", "finished_at": "2026-11-28T03:05:41Z", "lines": 1204331,
                "cost": "5123.4400150000", "differences": 0, "sample": [],
            }
        ],
    }
)  # fmt: skip
class ReconciliationSerializer(serializers.Serializer):
    """How the figures stand to the ledger. `failed`: the newest comparison broke off, `error` says why; `late`: none
    for two days."""

    state = serializers.ChoiceField(choices=STATES)
    error = serializers.CharField(allow_null=True)
    results = NightSerializer(many=True, help_text="Newest first, at most 60.")
