"""Exports as the API takes and shows them."""

from collections.abc import Mapping
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.reverse import reverse

from analytics.exports.datasets import DATASETS
from analytics.exports.formats import FORMATS
from gateway.api.filters import UsageFilter
from gateway.api.openapi import examples
from gateway.api.serializers.base import Input
from gateway.api.serializers.identity import ID
from gateway.choices import JobStatus
from gateway.models import Job

_TIME = {"type": "string", "format": "date-time"}
_RECORDS = {
    "type": "object",
    "title": "UsageRecordsQuestion",
    "description": "Of the dataset `usage_records`: a window, and filters as the list of usage records takes them.",
    "properties": {
        name: _TIME if name in ("start", "end") else {"type": "string"}
        for name in UsageFilter.base_filters
        if name not in ("before", "after")
    },
    "required": ["start", "end"],
    "additionalProperties": False,
}
_FOCUS = {
    "type": "object",
    "title": "FocusQuestion",
    "description": "Of the dataset `focus`: a window. One row for each hour, key, model, meter and price.",
    "properties": {"start": _TIME, "end": _TIME},
    "required": ["start", "end"],
    "additionalProperties": False,
}
_METRICS = {"$ref": "#/components/schemas/SemanticQueryRequest"}
QUESTION = {
    "start": "2026-11-01T00:00:00Z", "end": "2026-11-08T00:00:00Z", "measures": ["cost", "requests"],
    "dimensions": ["team"], "granularity": "day",
}  # fmt: skip
_SHOWN = {
    "id": ID, "kind": "export", "status": "succeeded", "progress": 1.0, "created_at": "2026-11-08T09:30:00Z",
    "started_at": "2026-11-08T09:30:01Z", "finished_at": "2026-11-08T09:30:04Z", "error": "",
    "result_url": f"http://localhost:8000/api/v1/analytics/exports/{ID}/download",
    "expires_at": "2026-11-15T09:30:04Z", "dataset": "metrics", "format": "csv", "rows": 14, "size_bytes": 1207,
    "name": "metrics-20261108-093000.csv", "requested_by": ID,
}  # fmt: skip
QUEUED = {
    **_SHOWN, "status": "queued", "progress": 0.0, "started_at": None, "finished_at": None, "result_url": None,
    "expires_at": None, "rows": None, "size_bytes": None, "name": None,
}  # fmt: skip


@extend_schema_field({"anyOf": [_METRICS, _RECORDS, _FOCUS]})
class QuestionField(serializers.Field):
    """The dataset's question; the dataset checks it."""

    default_error_messages = {"invalid": "An object is wanted."}

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        if not isinstance(data, Mapping):
            self.fail("invalid")
        return dict(data)

    def to_representation(self, value: Any) -> Any:
        return value


@examples(request={"dataset": "metrics", "format": "csv", "query": QUESTION})
class ExportRequestSerializer(Input):
    """What is wanted."""

    dataset = serializers.ChoiceField(choices=sorted(set(DATASETS) - {"answer"}), default="metrics")
    format = serializers.ChoiceField(choices=sorted(FORMATS), help_text="parquet needs an optional package.")
    query = QuestionField()


@examples(response=_SHOWN)
class ExportSerializer(serializers.ModelSerializer):
    """A job: one file on its way."""

    kind = serializers.SerializerMethodField(help_text="Always `export`.")
    status = serializers.ChoiceField(choices=JobStatus.choices)
    progress = serializers.FloatField(min_value=0, max_value=1)
    result_url = serializers.SerializerMethodField(help_text="Where the file is; null until it is done.")
    dataset = serializers.SerializerMethodField()
    format = serializers.SerializerMethodField()
    rows = serializers.SerializerMethodField()
    size_bytes = serializers.SerializerMethodField()
    name = serializers.SerializerMethodField()
    requested_by = serializers.UUIDField(source="requested_by_id", allow_null=True)

    class Meta:
        model = Job
        fields = (
            "id", "kind", "status", "progress", "created_at", "started_at", "finished_at", "error", "result_url",
            "expires_at", "dataset", "format", "rows", "size_bytes", "name", "requested_by",
        )  # fmt: skip

    def get_kind(self, job: Job) -> str:
        return "export"

    @extend_schema_field({"type": ["string", "null"], "format": "uri"})
    def get_result_url(self, job: Job) -> str | None:
        if job.status != JobStatus.SUCCEEDED:
            return None
        return reverse("analytics-api:export-download", args=[job.pk], request=self.context.get("request"))

    def get_dataset(self, job: Job) -> str:
        return str(job.parameters.get("dataset", ""))

    def get_format(self, job: Job) -> str:
        return str(job.parameters.get("format", ""))

    def get_rows(self, job: Job) -> int | None:
        return (job.result or {}).get("rows")

    def get_size_bytes(self, job: Job) -> int | None:
        return (job.result or {}).get("size_bytes")

    def get_name(self, job: Job) -> str | None:
        return (job.result or {}).get("name")
