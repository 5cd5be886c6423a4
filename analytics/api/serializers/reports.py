"""Reports, their runs and mails, as the API takes and shows them."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.reverse import reverse

from analytics.api.serializers.questions import GRANULARITIES, FilterSerializer
from analytics.reports.catalog import TEMPLATES
from analytics.reports.models import Period, RecipientKind, Report, ReportDelivery, ReportRun, Trigger
from analytics.reports.render.documents import FORMATS
from analytics.reports.sections import CHARTS
from gateway.api.openapi import examples
from gateway.api.serializers.base import Input, Record, Scoped
from gateway.api.serializers.identity import ID, TIMES
from gateway.choices import JobStatus
from gateway.models import Team

_SECTION = {
    "kind": "metrics", "title": "Projects", "measures": ["cost", "requests"], "dimensions": ["project"],
    "filters": [], "granularity": None, "chart": "ranking", "limit": 10, "compare": True, "order": "-cost",
    "own_team": True,
}  # fmt: skip
_WANTED = {
    "name": "Search, weekly", "description": "For the Monday meeting.", "sections": [_SECTION],
    "period": "previous_week", "cron": "0 7 * * 1", "timezone": "Europe/Vienna", "formats": ["pdf", "xlsx"],
    "team": ID, "is_enabled": True, "shares_outside": False, "recipients": [{"kind": "team", "value": ID}],
}  # fmt: skip
_SHOWN = {
    "id": ID, "organization": ID, "owner": ID, "template": "weekly_team", **_WANTED,
    "next_at": "2026-11-09T06:00:00Z", **TIMES,
}  # fmt: skip
DELIVERY = {
    "id": ID, "address": "dave@acme.example", "attempt": 1, "state": "sent", "reason": "",
    "sent_at": "2026-11-02T06:00:12Z", "tries": 2, "error": "",
}  # fmt: skip
RUN = {
    "id": ID, "kind": "report", "report": ID, "trigger": "schedule", "status": "succeeded", "progress": 1.0,
    "created_at": "2026-11-02T06:00:00Z", "started_at": "2026-11-02T06:00:03Z",
    "finished_at": "2026-11-02T06:00:06Z", "error": "",
    "result_url": f"http://localhost:8000/api/v1/reports/runs/{ID}/download", "expires_at": None,
    "due_at": "2026-11-02T06:00:00Z", "start": "2026-10-25T23:00:00Z", "end": "2026-11-01T23:00:00Z", "sends": True,
    "deliveries": [DELIVERY],
}  # fmt: skip
QUEUED_RUN = {
    **RUN, "trigger": "manual", "status": "queued", "progress": 0.0, "started_at": None, "finished_at": None,
    "result_url": None, "deliveries": [],
}  # fmt: skip


class SectionSerializer(Input):
    """One section. `metrics`: any measures by any dimensions; other kinds take a title and `own_team` alone."""

    kind = serializers.CharField(max_length=40, help_text="metrics, provider_health, security, budgets, …")
    title = serializers.CharField(max_length=120, required=False, allow_blank=True, default="")
    measures = serializers.ListField(child=serializers.CharField(max_length=140), required=False, max_length=12)
    dimensions = serializers.ListField(child=serializers.CharField(max_length=140), required=False, max_length=3)
    filters = FilterSerializer(many=True, required=False, max_length=20)  # type: ignore[call-arg]
    granularity = serializers.ChoiceField(choices=GRANULARITIES, required=False, allow_null=True)
    chart = serializers.ChoiceField(choices=CHARTS, required=False)
    limit = serializers.IntegerField(min_value=1, max_value=100, required=False)
    compare = serializers.BooleanField(required=False, help_text="With the period before.")
    order = serializers.CharField(max_length=140, required=False, allow_null=True)
    own_team = serializers.BooleanField(
        required=False,
        help_text="Only about the report's team, else the reader's; a reader of no team gets all that they see.",
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs["kind"] == "metrics" and not attrs.get("measures"):
            raise serializers.ValidationError({"measures": "Name at least one measure."}, code="required")
        return attrs


class RecipientSerializer(Input):
    """Who gets it: `team` with a team's id, `role` with a role, `address` with an e-mail address."""

    kind = serializers.ChoiceField(choices=RecipientKind.choices)
    value = serializers.CharField(max_length=254)


@examples(response=_SHOWN, request=_WANTED)
class ReportSerializer(Record):
    """A report: sections about a period, when it is made, who gets it. Each reader gets what they could see in the
    console; addresses of no member get nothing, unless `shares_outside`: then what the report's owner sees."""

    sections = SectionSerializer(many=True)
    period = serializers.ChoiceField(choices=Period.choices, required=False)
    formats = serializers.ListField(child=serializers.ChoiceField(choices=FORMATS), required=False, max_length=3)
    team = Scoped(queryset=Team.objects.active(), required=False, allow_null=True)
    recipients = RecipientSerializer(many=True, required=False)

    class Meta:
        model = Report
        fields = (
            "id", "organization", "owner", "template", "name", "description", "sections", "period", "cron", "timezone",
            "formats", "team", "is_enabled", "shares_outside", "recipients", "next_at", "created_at", "updated_at",
        )  # fmt: skip
        read_only_fields = ("id", "organization", "owner", "template", "next_at")
        extra_kwargs: dict[str, Any] = {"timezone": {"help_text": "IANA zone. Default: the organization's."}}


class FromTemplateSerializer(Input):
    """A ready-made report for a team, or for the whole organization."""

    template = serializers.ChoiceField(choices=list(TEMPLATES))
    team = Scoped(queryset=Team.objects.active(), required=False, allow_null=True, default=None)


@examples(
    response={
        "slug": "weekly_team", "name": "Weekly team report", "description": "What the team used last week.",
        "sections": [_SECTION], "period": "previous_week", "cron": "0 7 * * 1", "formats": ["pdf", "xlsx"],
    }
)  # fmt: skip
class TemplateSerializer(serializers.Serializer):
    """A ready-made report: what to send as a new report, with recipients."""

    slug = serializers.CharField()
    name = serializers.CharField()
    description = serializers.CharField()
    sections = SectionSerializer(many=True)
    period = serializers.ChoiceField(choices=Period.choices)
    cron = serializers.CharField()
    formats = serializers.ListField(child=serializers.CharField())


@examples(request={"sends": False})
class RunRequestSerializer(Input):
    """How to run it."""

    sends = serializers.BooleanField(default=False, help_text="To its recipients too; managers of the report alone.")


@examples(response=DELIVERY)
class DeliverySerializer(serializers.ModelSerializer):
    """One mail. state: queued (tried until it arrives), sent, failed (given up), skipped (`reason` says why)."""

    state = serializers.ChoiceField(choices=["queued", "sent", "failed", "skipped"], read_only=True)
    sent_at = serializers.SerializerMethodField()
    tries = serializers.SerializerMethodField()
    error = serializers.SerializerMethodField()

    class Meta:
        model = ReportDelivery
        fields = ("id", "address", "attempt", "state", "reason", "sent_at", "tries", "error")

    @extend_schema_field({"type": ["string", "null"], "format": "date-time"})
    def get_sent_at(self, delivery: ReportDelivery) -> Any:
        return delivery.message.delivered_at if delivery.message else None

    def get_tries(self, delivery: ReportDelivery) -> int:
        return delivery.message.attempts if delivery.message else 0

    def get_error(self, delivery: ReportDelivery) -> str:
        return delivery.message.last_error if delivery.message else ""


@examples(response=RUN)
class RunSerializer(serializers.ModelSerializer):
    """A job: one report about one period."""

    kind = serializers.SerializerMethodField(help_text="Always `report`.")
    status = serializers.ChoiceField(choices=JobStatus.choices, source="job.status")
    progress = serializers.FloatField(source="job.progress", min_value=0, max_value=1)
    started_at = serializers.DateTimeField(source="job.started_at", allow_null=True)
    finished_at = serializers.DateTimeField(source="job.finished_at", allow_null=True)
    error = serializers.CharField(source="job.error")
    expires_at = serializers.DateTimeField(source="job.expires_at", allow_null=True)
    result_url = serializers.SerializerMethodField(help_text="Where its files are; null until it is done.")
    trigger = serializers.ChoiceField(choices=Trigger.choices)
    deliveries = DeliverySerializer(many=True)

    class Meta:
        model = ReportRun
        fields = (
            "id", "kind", "report", "trigger", "status", "progress", "created_at", "started_at", "finished_at", "error",
            "result_url", "expires_at", "due_at", "start", "end", "sends", "deliveries",
        )  # fmt: skip

    def get_kind(self, run: ReportRun) -> str:
        return "report"

    @extend_schema_field({"type": ["string", "null"], "format": "uri"})
    def get_result_url(self, run: ReportRun) -> str | None:
        if run.job.status != JobStatus.SUCCEEDED:
            return None
        return reverse("analytics-api:report-run-download", args=[run.pk], request=self.context.get("request"))
