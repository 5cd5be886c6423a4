"""Imports of usage that was recorded elsewhere: the upload, its progress, and what became of it."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.reverse import reverse

from gateway.api.openapi import examples
from gateway.api.serializers.base import Input, Money, Scoped
from gateway.api.serializers.catalog import NoteSerializer
from gateway.api.serializers.identity import ID
from gateway.choices import JobStatus
from gateway.imports.fields import parse_mapping
from gateway.imports.formats import FORMATS
from gateway.models import ImportRun, Project

PRICES = ("file", "book")
_OWN = frozenset({"project", "prices"})
_IMPORT = {
    "id": ID, "kind": "usage_import", "status": "succeeded", "progress": 1.0, "created_at": "2026-11-02T09:30:00Z",
    "started_at": "2026-11-02T09:30:02Z", "finished_at": "2026-11-02T09:30:09Z", "error": "",
    "result_url": f"http://localhost:8000/api/v1/usage-imports/{ID}/report", "expires_at": None,
    "file_name": "spendlogs.csv", "format": "litellm", "project": ID, "mapping": [], "source_name": "",
    "sha256": "5a1f…",
    "prices": "file", "size_bytes": 48120, "lines": 412, "lines_done": 412, "imported": 409, "duplicates": 0,
    "rejected": 2, "skipped": 0, "quarantined": 0, "requested_by": ID,
}  # fmt: skip
QUEUED = {**_IMPORT, "status": "queued", "progress": 0.0, "started_at": None, "finished_at": None, "lines_done": 0,
          "imported": 0, "rejected": 0}  # fmt: skip
REJECTED_CSV = "line,reason,record\r\n41,prompt_tokens: '-4' is negative,\"chatcmpl-9,acompletion,…\"\r\n"
_TOTALS = {
    "requests": 409, "input_tokens": 512300, "output_tokens": 40120, "cost": "1.8841230000", "unpriced": 3,
    "first_at": "2026-10-30T22:00:01.120000Z", "last_at": "2026-11-02T09:12:44.070000Z",
}  # fmt: skip


class MappingSerializer(serializers.Serializer):
    """Where a field of the record comes from."""

    field = serializers.CharField()
    column = serializers.CharField(help_text="A column of the file, or a value for the whole of it.")


@examples(
    request={
        "file": "(the file)", "format": "csv", "project": ID, "source_name": "", "prices": "file",
        "mapping": ["input_tokens=tokens_in", "model==gpt-4o"],
    }
)  # fmt: skip
class ImportRequestSerializer(Input):
    """`multipart/form-data`: the file and how to read it."""

    file = serializers.FileField(allow_empty_file=True, max_length=300)
    format = serializers.ChoiceField(choices=sorted(FORMATS))
    project = Scoped(queryset=Project.objects.active(), required=False, help_text="Default: the project `default`.")
    mapping = serializers.ListField(
        child=serializers.CharField(max_length=300), required=False, max_length=60,
        help_text="`FIELD=COLUMN`, `FIELD==VALUE`; repeat the part for several.",
    )  # fmt: skip
    source_name = serializers.CharField(
        required=False, allow_blank=True, max_length=200, help_text="Lasting name of a file that grows."
    )
    prices = serializers.ChoiceField(
        choices=PRICES, required=False, default="file",
        help_text="`file`: keep the costs that the file states; `book`: price everything by the price book.",
    )  # fmt: skip

    def validate_mapping(self, pairs: list[str]) -> dict[str, str]:
        try:
            return parse_mapping(pairs)
        except ValueError as error:
            raise serializers.ValidationError(str(error)) from error


@examples(response=_IMPORT)
class ImportSerializer(serializers.ModelSerializer):
    """A job: one file on its way into the ledger."""

    kind = serializers.SerializerMethodField(help_text="Always `usage_import`.")
    status = serializers.ChoiceField(choices=JobStatus.choices)
    progress = serializers.FloatField(min_value=0, max_value=1)
    result_url = serializers.SerializerMethodField()
    expires_at = serializers.DateTimeField(source="none", default=None, read_only=True, allow_null=True)
    mapping = serializers.SerializerMethodField()
    source_name = serializers.SerializerMethodField(help_text="Lasting name of a file that grows; empty without one.")
    sha256 = serializers.SerializerMethodField(help_text="Of the content; empty until a named file is imported.")
    prices = serializers.SerializerMethodField()
    project = serializers.UUIDField(allow_null=True)
    requested_by = serializers.UUIDField(source="requested_by_id", allow_null=True)
    lines = serializers.IntegerField(source="total_lines", allow_null=True, help_text="Lines of the file.")
    lines_done = serializers.IntegerField(source="line")

    class Meta:
        model = ImportRun
        fields = (
            "id", "kind", "status", "progress", "created_at", "started_at", "finished_at", "error", "result_url",
            "expires_at", "file_name", "format", "project", "mapping", "source_name", "sha256", "prices",
            "size_bytes", "lines", "lines_done", "imported", "duplicates", "rejected", "skipped", "quarantined",
            "requested_by",
        )  # fmt: skip

    def get_kind(self, run: ImportRun) -> str:
        return "usage_import"

    def get_result_url(self, run: ImportRun) -> str:
        return reverse("api:usage-import-report", args=[run.pk], request=self.context.get("request"))

    def get_source_name(self, run: ImportRun) -> str:
        return run.source.removeprefix("name:") if run.source.startswith("name:") else ""

    def get_sha256(self, run: ImportRun) -> str:
        return run.source.removeprefix("sha256:") if run.source.startswith("sha256:") else run.digest

    @extend_schema_field(MappingSerializer(many=True))
    def get_mapping(self, run: ImportRun) -> list[dict[str, str]]:
        return [{"field": name, "column": str(run.mapping[name])} for name in sorted(set(run.mapping) - _OWN)]

    @extend_schema_field(serializers.ChoiceField(choices=PRICES))
    def get_prices(self, run: ImportRun) -> str:
        return str(run.mapping.get("prices", "file"))


class ImportTotalsSerializer(serializers.Serializer):
    """Sums over the lines that the import added."""

    requests = serializers.IntegerField()
    input_tokens = serializers.IntegerField()
    output_tokens = serializers.IntegerField()
    cost = Money(help_text="Sum of the known costs, in the currency of each line.")
    unpriced = serializers.IntegerField(help_text="Lines whose price is unknown; `cost` leaves them out.")
    first_at = serializers.DateTimeField(allow_null=True)
    last_at = serializers.DateTimeField(allow_null=True)


class ReasonSerializer(serializers.Serializer):
    """How often records were rejected for a reason."""

    reason = serializers.CharField()
    count = serializers.IntegerField()
    first_line = serializers.IntegerField()


class RejectedSerializer(serializers.Serializer):
    """A record that could not be read."""

    line = serializers.IntegerField(help_text="1-based line of the file.")
    reason = serializers.CharField()
    record = serializers.CharField(source="raw", help_text="The record as it came, up to 64 KiB.")


@examples(
    response={
        "usage_import": _IMPORT, "totals": _TOTALS,
        "reasons": [{"reason": "prompt_tokens: … is negative", "count": 2, "first_line": 41}],
        "rejected": [{"line": 41, "reason": "prompt_tokens: '-4' is negative", "record": "chatcmpl-9,acompletion,…"}],
        "rejected_url": f"http://localhost:8000/api/v1/usage-imports/{ID}/rejected",
        "notes": [{"code": "unpriced", "message": "3 lines have no known price."}],
    }
)  # fmt: skip
class ImportReportSerializer(serializers.Serializer):
    """What became of the file; the first 200 rejected records are here, all of them at `rejected_url`."""

    usage_import = ImportSerializer(source="run")
    totals = ImportTotalsSerializer(source="run")
    reasons = ReasonSerializer(many=True)
    rejected = RejectedSerializer(source="rejections", many=True)
    rejected_url = serializers.SerializerMethodField()
    notes = serializers.SerializerMethodField()

    def get_rejected_url(self, report: Any) -> str:
        return reverse("api:usage-import-rejected", args=[report.run.pk], request=self.context.get("request"))

    @extend_schema_field(NoteSerializer(many=True))
    def get_notes(self, report: Any) -> list[dict[str, str]]:
        run, notes = report.run, []
        if run.unpriced:
            notes.append({"code": "unpriced", "message": f"{run.unpriced:,} lines have no known price."})
        if run.quarantined:
            message = f"The database refused {run.quarantined:,} lines; they are kept in quarantine."
            notes.append({"code": "quarantined", "message": message})
        if run.duplicates:
            notes.append({"code": "duplicates", "message": f"{run.duplicates:,} records were in the ledger already."})
        return notes
