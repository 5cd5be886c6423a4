"""Recommendations, what they save, and what-if, as the API shows and takes them."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone
from rest_framework import serializers
from rest_framework.reverse import reverse

from analytics.api.serializers.overview import CostIntervalSerializer, Exact
from costs.models import Recommendation
from costs.recommendations.reading import bounds_of
from costs.savings.proposals import Slice
from gateway.api.openapi import examples
from gateway.api.serializers.base import Input
from gateway.api.serializers.catalog import NoteSerializer
from gateway.api.serializers.identity import ID
from gateway.choices import JobStatus
from gateway.models import Job

_INTERVAL = {"level": 0.9, "lower": "84.1000000000", "upper": "96.2000000000"}
_SLICE = {
    "project": ID, "team": "", "api_key": "", "provider": "openai", "model": "gpt-4o", "endpoint": "", "route": "",
}  # fmt: skip
_REALIZED = {
    "amount": "12.4000000000", "interval": {"level": 0.9, "lower": "11.0000000000", "upper": "13.8000000000"},
    "lines": 5210, "until": "2026-11-20T00:00:00Z", "method": "moved",
}  # fmt: skip
_RECOMMENDATION = {
    "id": ID, "category": "cheaper_model", "title": "Move Assistant to gpt-4o-mini", "summary": "", "status": "applied",
    "scope": _SLICE, "change": {"provider": "openai", "model": "gpt-4o-mini", "settings": []},
    "evidence": [{"kind": "price", "text": "gpt-4o-mini costs 6 % of gpt-4o.",
                  "figures": [{"name": "ratio", "value": "0.06"}], "url": "/admin/requests/?model=gpt-4o"}],
    "affected": ["Assistant"],
    "saving": {"amount_per_month": "90.0000000000", "interval": _INTERVAL, "share": 0.75, "currency": "USD"},
    "replay": {"start": "2026-10-14T00:00:00Z", "end": "2026-11-13T00:00:00Z", "lines": 40000, "requests": 39000,
               "actual_cost": "120.0000000000", "replayed_cost": "20.0000000000", "saving": "100.0000000000",
               "joint_saving": "90.0000000000", "method": "Every line priced anew under the change."},
    "effort": "low", "risk": "medium",
    "quality_evidence": {"current": 0.9, "proposed": 0.88, "current_scores": 120, "proposed_scores": 45,
                         "text": "Scores differ by less than their intervals."},
    "steps": ["Apply it for a share first.", "Watch the scores."], "reason": "", "snoozed_until": None,
    "applied_at": "2026-11-14T09:00:00Z", "applied": {"how": "route", "share": 10, "routes": ["gpt-4o"]},
    "realized": _REALIZED, "seen_at": "2026-11-20T00:12:00Z", "created_at": "2026-11-13T00:12:00Z",
    "updated_at": "2026-11-20T00:12:00Z",
}  # fmt: skip
_OPEN = {**_RECOMMENDATION, "status": "open", "applied_at": None, "applied": None, "realized": None}
_TOTAL = {
    "currency": "USD", "total_saving": "90.0000000000", "interval": _INTERVAL, "spend": "500.0000000000", "share": 0.18,
    "searched_at": "2026-11-20T00:12:00Z", "start": "2026-10-21T00:00:00Z", "end": "2026-11-20T00:00:00Z",
    "quick_wins": [_OPEN], "long_term": [],
    "notes": [{"code": "joint_parts", "message": "Savings that overlap are counted once: amounts are parts of one "
               "joint replay and may be added up."}],
}  # fmt: skip
JOB = {
    "id": ID, "kind": "savings_search", "status": "queued", "progress": 0.0, "created_at": "2026-11-20T09:30:00Z",
    "started_at": None, "finished_at": None, "error": "", "result_url": None, "expires_at": None,
}  # fmt: skip


class SliceSerializer(Input):
    """Which calls: every filled field must match. Ids and names as on usage records."""

    project = serializers.UUIDField(required=False, allow_null=True, default=None)
    team = serializers.UUIDField(required=False, allow_null=True, default=None)
    api_key = serializers.UUIDField(required=False, allow_null=True, default=None)
    provider = serializers.CharField(required=False, allow_blank=True, default="", max_length=120)
    model = serializers.CharField(required=False, allow_blank=True, default="", max_length=200)
    endpoint = serializers.CharField(required=False, allow_blank=True, default="", max_length=120)
    route = serializers.CharField(required=False, allow_blank=True, default="", max_length=200)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        return {"calls": Slice(**{name: str(value) if value else "" for name, value in attrs.items()})}


class ScopeSerializer(serializers.Serializer):
    """Which calls it is about; empty: any."""

    project = serializers.CharField()
    team = serializers.CharField()
    api_key = serializers.CharField()
    provider = serializers.CharField()
    model = serializers.CharField()
    endpoint = serializers.CharField()
    route = serializers.CharField()


class SettingSerializer(serializers.Serializer):
    """A name and its value."""

    name = serializers.CharField()
    value = serializers.CharField()


class ProposedChangeSerializer(serializers.Serializer):
    """What applying it does."""

    provider = serializers.CharField(help_text="The new one; empty: as now.")
    model = serializers.CharField(help_text="The new one; empty: as now.")
    settings = SettingSerializer(many=True)


class RecommendationEvidenceSerializer(serializers.Serializer):
    """One reason."""

    kind = serializers.CharField()
    text = serializers.CharField()
    figures = SettingSerializer(many=True)
    url = serializers.CharField(help_text="Page of the console with the rows; empty for none.")


class SavingSerializer(serializers.Serializer):
    """Its part of the joint replay, on 30 days: parts of several may be added up."""

    amount_per_month = Exact()
    interval = CostIntervalSerializer()
    share = serializers.FloatField(allow_null=True, help_text="Of what these calls cost.")
    currency = serializers.CharField()


class ReplaySerializer(serializers.Serializer):
    """What was replayed, and what it came to by itself (`saving`) and beside the others (`joint_saving`)."""

    start = serializers.DateTimeField()
    end = serializers.DateTimeField()
    lines = serializers.IntegerField()
    requests = serializers.IntegerField()
    actual_cost = Exact()
    replayed_cost = Exact()
    saving = Exact()
    joint_saving = Exact()
    method = serializers.CharField()


class QualityEvidenceSerializer(serializers.Serializer):
    """Recorded scores of the present model and of the proposed one; null: none were recorded."""

    current = serializers.FloatField(allow_null=True)
    proposed = serializers.FloatField(allow_null=True)
    current_scores = serializers.IntegerField()
    proposed_scores = serializers.IntegerField()
    text = serializers.CharField()


class AppliedChangeSerializer(serializers.Serializer):
    """What was changed: a `route`'s rule, a `cache` policy, a `cap`, or by `hand`."""

    how = serializers.ChoiceField(choices=("route", "cache", "cap", "hand"))
    share = serializers.IntegerField(help_text="Percent of the calls that are moved.")
    routes = serializers.ListField(child=serializers.CharField(), help_text="Aliases of the changed routes.")


class RealizedSerializer(serializers.Serializer):
    """The last measurement, since it was applied."""

    amount = Exact()
    interval = CostIntervalSerializer(allow_null=True)
    lines = serializers.IntegerField(help_text="Calls that it was measured on.")
    until = serializers.DateTimeField()
    method = serializers.CharField()


@examples(response=_RECOMMENDATION)
class RecommendationSerializer(serializers.ModelSerializer):
    """A way to spend less, with its evidence and replayed saving, and what became of it."""

    status = serializers.CharField(
        source="state", help_text="open, applied, verified (measured), dismissed, snoozed or expired."
    )
    scope = serializers.SerializerMethodField()
    change = serializers.SerializerMethodField()
    evidence = serializers.SerializerMethodField()
    affected = serializers.ListField(child=serializers.CharField())
    saving = serializers.SerializerMethodField()
    replay = serializers.SerializerMethodField()
    quality_evidence = QualityEvidenceSerializer(source="quality", allow_null=True)
    steps = serializers.ListField(child=serializers.CharField())
    applied = serializers.SerializerMethodField()
    realized = serializers.SerializerMethodField()

    class Meta:
        model = Recommendation
        fields = (
            "id", "category", "title", "summary", "status", "scope", "change", "evidence", "affected", "saving",
            "replay", "effort", "risk", "quality_evidence", "steps", "reason", "snoozed_until", "applied_at", "applied",
            "realized", "seen_at", "created_at", "updated_at",
        )  # fmt: skip
        read_only_fields = fields

    def get_scope(self, row: Recommendation) -> ScopeSerializer:
        return {name: row.slice.get(name, "") for name in Slice.__slots__}  # type: ignore[return-value]

    def get_change(self, row: Recommendation) -> ProposedChangeSerializer:
        return {**row.change, "settings": _pairs(row.change.get("settings", {}))}  # type: ignore[return-value]

    def get_evidence(self, row: Recommendation) -> RecommendationEvidenceSerializer(many=True):  # type: ignore[valid-type]
        return [{**one, "figures": _pairs(one.get("figures", {}))} for one in row.evidence]

    def get_saving(self, row: Recommendation) -> SavingSerializer:
        shown = {
            "amount_per_month": row.monthly_saving, "interval": bounds_of(row), "currency": row.currency,
            "share": float(row.joint_saving / row.actual_cost) if row.actual_cost else None,
        }  # fmt: skip
        return SavingSerializer(shown).data  # type: ignore[return-value]

    def get_replay(self, row: Recommendation) -> ReplaySerializer:
        return ReplaySerializer({**vars(row), "method": "Every line priced anew under the change."}).data  # type: ignore[return-value]

    def get_applied(self, row: Recommendation) -> AppliedChangeSerializer(allow_null=True):  # type: ignore[valid-type]
        done = row.applied
        if done is None:
            return None
        return {
            "how": done["how"], "share": done.get("share", 100),
            "routes": [one["alias"] for one in done.get("routes", [])],
        }  # fmt: skip

    def get_realized(self, row: Recommendation) -> RealizedSerializer(allow_null=True):  # type: ignore[valid-type]
        kept = row.realized
        return None if kept is None else RealizedSerializer({**kept, "until": _time(kept["until"]),
                                                             "interval": _interval(kept)}).data  # fmt: skip


def _pairs(values: Mapping[str, Any]) -> list[dict[str, str]]:
    return [{"name": name, "value": str(value)} for name, value in values.items()]


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _interval(kept: Mapping[str, Any]) -> dict[str, Any] | None:
    if kept.get("lower") is None:
        return None
    return {"level": kept["level"], "lower": kept["lower"], "upper": kept["upper"]}


@examples(response=_TOTAL)
class OptimizationSerializer(serializers.Serializer):
    """All open recommendations together, money a month. `quick_wins`: one click or one setting."""

    currency = serializers.CharField()
    total_saving = Exact(source="saving")
    interval = CostIntervalSerializer(allow_null=True)
    spend = Exact(help_text="Of the searched lines and of commitments, on 30 days.")
    share = serializers.FloatField(allow_null=True, help_text="total_saving ÷ spend.")
    searched_at = serializers.DateTimeField(allow_null=True, help_text="Null: no search has run yet.")
    start = serializers.DateTimeField(allow_null=True)
    end = serializers.DateTimeField(allow_null=True)
    quick_wins = RecommendationSerializer(many=True)
    long_term = RecommendationSerializer(many=True)
    notes = NoteSerializer(many=True)


class DaysSerializer(serializers.Serializer):
    """Whose calls of the last days say what part of a saving is the person's."""

    days = serializers.IntegerField(min_value=1, max_value=400, default=30)


@examples(request={"share": 10})
class ApplySerializer(Input):
    """For how much of the calls."""

    share = serializers.IntegerField(
        min_value=1, max_value=100, default=100,
        help_text="Percent of the calls that go to the new model or provider: a canary below 100.",
    )  # fmt: skip


@examples(request={"reason": "The answers are not good enough."})
class DismissSerializer(Input):
    """Why it is not wanted."""

    reason = serializers.CharField(max_length=2_000)


@examples(request={"days": 30, "reason": "After the launch."})
class SnoozeSerializer(Input):
    """For how long."""

    days = serializers.IntegerField(min_value=1, max_value=90)
    reason = serializers.CharField(max_length=2_000, required=False, allow_blank=True, default="")


class RealizedDaySerializer(serializers.Serializer):
    """A day in UTC."""

    start = serializers.DateTimeField()
    lines = serializers.IntegerField()
    actual = Exact()
    counterfactual = Exact()
    saving = Exact()


@examples(
    response={
        "method": "moved", "method_text": "The calls that were moved, priced at the former model.",
        "start": "2026-11-14T09:00:00Z", "end": "2026-11-20T09:30:00Z", "currency": "USD", "lines": 5210, "unpriced": 0,
        "amount": "12.4000000000", "interval": _REALIZED["interval"],
        "days": [{"start": "2026-11-14T00:00:00Z", "lines": 410, "actual": "0.0861000000",
                  "counterfactual": "1.4350000000", "saving": "1.3489000000"}],
        "notes": [],
    }
)  # fmt: skip
class RealizedAnswerSerializer(serializers.Serializer):
    """What an applied recommendation has saved, from the calls since then. `amount` null: it cannot be measured."""

    method = serializers.CharField(allow_null=True)
    method_text = serializers.CharField()
    start = serializers.DateTimeField(allow_null=True)
    end = serializers.DateTimeField(allow_null=True)
    currency = serializers.CharField()
    lines = serializers.IntegerField()
    unpriced = serializers.IntegerField(help_text="Lines without a price on one of the two sides; in no sum.")
    amount = Exact(allow_null=True)
    interval = CostIntervalSerializer(allow_null=True)
    days = RealizedDaySerializer(many=True)
    notes = NoteSerializer(many=True)


@examples(response=JOB)
class SearchJobSerializer(serializers.ModelSerializer):
    """A search that was asked for."""

    kind = serializers.SerializerMethodField(help_text="Always `savings_search`.")
    status = serializers.ChoiceField(choices=JobStatus.choices)
    progress = serializers.FloatField(min_value=0, max_value=1)
    result_url = serializers.SerializerMethodField(help_text="The summary; null until it is done.")

    class Meta:
        model = Job
        fields = (
            "id", "kind", "status", "progress", "created_at", "started_at", "finished_at", "error", "result_url",
            "expires_at",
        )  # fmt: skip
        read_only_fields = fields

    def get_kind(self, job: Job) -> str:
        return "savings_search"

    def get_result_url(self, job: Job) -> str | None:
        if job.status != JobStatus.SUCCEEDED:
            return None
        return reverse("costs-api:recommendation-summary", request=self.context.get("request"))


_SUM = {
    "key": "2026-11-13T00:00:00+00:00", "name": "2026-11-13T00:00:00+00:00", "lines": 1300, "actual": "4.0000000000",
    "hypothetical": "0.2400000000", "difference": "-3.7600000000",
}  # fmt: skip
_KNOWN = {
    "requests": 39000, "latency_p50": 812.0, "latency_p95": 2104.0, "error_rate": 0.004, "quality_score": 0.9,
    "scores": 120,
}  # fmt: skip


@examples(
    request={"calls": {"project": ID, "model": "gpt-4o"}, "model": "gpt-4o-mini", "start": "2026-10-21T00:00:00Z",
             "end": "2026-11-20T00:00:00Z"}
)  # fmt: skip
class WhatIfQuerySerializer(Input):
    """Which calls, and on what. By default those of the last 30 days."""

    calls = SliceSerializer(required=False)
    provider = serializers.CharField(required=False, allow_blank=True, default="", max_length=120)
    model = serializers.CharField(required=False, allow_blank=True, default="", max_length=200)
    start = serializers.DateTimeField(required=False)
    end = serializers.DateTimeField(required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        end = attrs.setdefault("end", timezone.now())
        start = attrs.setdefault("start", end - timedelta(days=30))
        if start >= end:
            raise serializers.ValidationError({"end": "The window must end after it begins."})
        attrs["calls"] = attrs.get("calls", {}).get("calls", Slice())
        return attrs


class WhatIfSumSerializer(serializers.Serializer):
    """Calls with a day (its start), a project (its id) or a model in common."""

    key = serializers.CharField()
    name = serializers.CharField()
    lines = serializers.IntegerField()
    actual = Exact()
    hypothetical = Exact()
    difference = Exact(help_text="Negative: it would have been cheaper.")


class KnownSerializer(serializers.Serializer):
    """What the organization's own calls say; null where nothing is recorded."""

    requests = serializers.IntegerField()
    latency_p50 = serializers.FloatField(allow_null=True)
    latency_p95 = serializers.FloatField(allow_null=True)
    error_rate = serializers.FloatField(allow_null=True)
    quality_score = serializers.FloatField(allow_null=True)
    scores = serializers.IntegerField()


@examples(
    response={
        "start": "2026-10-21T00:00:00Z", "end": "2026-11-20T00:00:00Z", "currency": "USD", "provider": "",
        "model": "gpt-4o-mini", "lines": 39000, "requests": 39000, "actual": "120.0000000000",
        "hypothetical": "7.2000000000", "difference": "-112.8000000000", "share": -0.94, "unpriced": 0,
        "not_priceable": 0, "not_priceable_cost": "0.0000000000", "by_day": [_SUM],
        "by_project": [{**_SUM, "key": ID, "name": "Assistant"}],
        "by_model": [{**_SUM, "key": "gpt-4o", "name": "gpt-4o"}], "current": _KNOWN,
        "proposed": {**_KNOWN, "requests": 0, "latency_p50": None, "latency_p95": None, "error_rate": None,
                     "quality_score": None, "scores": 0},
        "notes": [{"code": "same_tokens", "message": "Tokens are those of the calls as made; another model counts them "
                   "and writes differently."}],
    }
)  # fmt: skip
class WhatIfSerializer(serializers.Serializer):
    """The same calls, priced anew. `unpriced` lines have no cost, `not_priceable` no price at the target: in no sum."""

    start = serializers.DateTimeField()
    end = serializers.DateTimeField()
    currency = serializers.CharField()
    provider = serializers.CharField()
    model = serializers.CharField()
    lines = serializers.IntegerField()
    requests = serializers.IntegerField()
    actual = Exact()
    hypothetical = Exact()
    difference = Exact()
    share = serializers.FloatField(allow_null=True, help_text="difference ÷ actual.")
    unpriced = serializers.IntegerField()
    not_priceable = serializers.IntegerField()
    not_priceable_cost = Exact()
    by_day = WhatIfSumSerializer(many=True)
    by_project = WhatIfSumSerializer(many=True)
    by_model = WhatIfSumSerializer(many=True)
    current = KnownSerializer()
    proposed = KnownSerializer()
    notes = NoteSerializer(many=True)
