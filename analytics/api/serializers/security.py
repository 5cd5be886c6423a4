"""The answer about security."""

from rest_framework import serializers

from analytics.api.serializers.questions import ASKED, PeriodSerializer
from analytics.api.serializers.results import RESULT, AnalyticsResultSerializer
from gateway.api.openapi import examples
from gateway.api.serializers.identity import ID


@examples(request={name: ASKED[name] for name in ("start", "end")})
class SecurityQuerySerializer(PeriodSerializer):
    """The window; habits of keys are those of the 30 days before it."""


class ScorePartSerializer(serializers.Serializer):
    """`penalty` = min(`cap`, `value` × `weight`)."""

    name = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]  # a name that DRF's Field has too
    value = serializers.FloatField()
    weight = serializers.FloatField()
    cap = serializers.FloatField()
    penalty = serializers.FloatField()


class GuardrailHitsSerializer(serializers.Serializer):
    """What one guardrail did."""

    guardrail = serializers.UUIDField(allow_null=True)
    name = serializers.CharField(allow_null=True)
    action = serializers.CharField()
    count = serializers.IntegerField()


class KeyFindingSerializer(serializers.Serializer):
    """One thing about one key."""

    key = serializers.UUIDField()
    name = serializers.CharField()
    finding = serializers.CharField(help_text="unused, old, over_permitted, unusual_ip, unusual_hour or unusual_model.")
    since = serializers.DateTimeField()
    text = serializers.CharField()


class IncidentSerializer(serializers.Serializer):
    """A burst of refusals, or unusual use. Open until a day went by without more of it."""

    id = serializers.UUIDField()
    kind = serializers.CharField(help_text="failed_auth, denied, guardrail, or the finding about a key.")
    key = serializers.UUIDField(allow_null=True, help_text="Key that it is about, if it is one.")
    title = serializers.CharField()
    severity = serializers.CharField(help_text="high, medium or low.")
    status = serializers.CharField(help_text="open or resolved.")
    detected_at = serializers.DateTimeField()
    last_at = serializers.DateTimeField(help_text="Hour of the last of it.")
    resolved_at = serializers.DateTimeField(allow_null=True)
    count = serializers.IntegerField()


class SecurityDaySerializer(serializers.Serializer):
    """Refusals of one day, UTC."""

    time = serializers.DateTimeField()
    failed_auth = serializers.IntegerField()
    blocked = serializers.IntegerField()
    guardrail_hits = serializers.IntegerField()


@examples(
    response={
        **RESULT, "groups": [], "score": 87.5,
        "parts": [{"name": "unused_keys", "label": "Keys that are not used, per cent", "value": 50.0, "weight": 0.15,
                   "cap": 15.0, "penalty": 7.5}],
        "failed_auth": 42, "blocked": 3, "guardrail_hits": 7,
        "guardrails": [{"guardrail": ID, "name": "cards", "action": "block", "count": 7}],
        "key_findings": [{"key": ID, "name": "ci", "finding": "unused", "since": "2026-10-01T00:00:00Z",
                          "text": "It was not used for 61 days."}],
        "incidents": [{"id": ID, "kind": "failed_auth", "key": ID, "title": "Failed sign-ins with the key ci",
                       "severity": "medium", "status": "open", "detected_at": "2026-11-07T09:00:00Z",
                       "last_at": "2026-11-07T10:00:00Z", "resolved_at": None, "count": 42}],
        "trend": [{"time": "2026-11-07T00:00:00Z", "failed_auth": 42, "blocked": 3, "guardrail_hits": 7}],
        "recommendations": ["Revoke keys that nobody uses."],
    },
)  # fmt: skip
class SecurityReportSerializer(AnalyticsResultSerializer):
    """Security: `score` is 100 less the penalties of `parts`."""

    score = serializers.FloatField(allow_null=True)
    parts = ScorePartSerializer(many=True)
    failed_auth = serializers.IntegerField(help_text="Attempts with the prefix of a live key that were refused.")
    blocked = serializers.IntegerField(help_text="Calls of authenticated callers refused before any upstream try.")
    guardrail_hits = serializers.IntegerField()
    guardrails = GuardrailHitsSerializer(many=True)
    key_findings = KeyFindingSerializer(many=True)
    incidents = IncidentSerializer(many=True)
    trend = SecurityDaySerializer(many=True)
    recommendations = serializers.ListField(child=serializers.CharField())
