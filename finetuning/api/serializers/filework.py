"""Files in the making: of traffic, in the background, in parts."""

from dataclasses import asdict
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.reverse import reverse

from finetuning.api.serializers.files import TuningFileSerializer
from finetuning.choices import FilePurpose
from finetuning.models import TuningFile
from finetuning.services.files.runs import FROM_TRAFFIC, OPTIMIZE, VALIDATE
from finetuning.services.files.traffic import STRATA, Chosen, Sampling
from finetuning.services.files.uploads import MAX_PART_BYTES, STATES, parts_of, state_of
from finetuning.traffic.sampling import ALLOCATIONS, PROPORTIONAL
from finetuning.traffic.traits import TRAITS
from gateway.api.openapi import examples
from gateway.api.serializers.base import Input, Scoped
from gateway.api.serializers.identity import ID
from gateway.choices import JobStatus
from gateway.models import Job, Project

RUN = {
    "id": ID, "kind": "file_work", "action": "validate", "status": "queued", "progress": 0.0,
    "created_at": "2026-11-02T09:30:00Z", "started_at": None, "finished_at": None, "error": "", "file": None,
    "result_url": None, "expires_at": None, "requested_by": ID,
}  # fmt: skip
_FROM_TRAFFIC = {
    "project": ID, "name": "support.jsonl", "consent": True, "start": "2026-11-01T00:00:00Z",
    "end": "2026-11-29T00:00:00Z", "models": ["gpt-4o"], "routes": [], "tags": {"feature": "support"},
    "score_name": "helpfulness", "score_source": "", "min_score": "0.8", "labels": [], "is_successful": True,
    "size": 500, "stratify_by": ["language", "length", "refusal"], "allocation": "proportional", "seed": 7,
    "parent": None,
}  # fmt: skip


@examples(request=_FROM_TRAFFIC)
class FromTrafficSerializer(Input):
    """Which logged requests become examples. Lists that are empty do not restrict."""

    project = Scoped(queryset=Project.objects.active())
    name = serializers.CharField(required=False, default="traffic.jsonl", max_length=255)
    consent = serializers.BooleanField(
        help_text="That those whose words these are have agreed to their use for training. Must be true."
    )
    start = serializers.DateTimeField()
    end = serializers.DateTimeField(help_text="The first moment after the window.")
    models = serializers.ListField(
        child=serializers.CharField(max_length=200), required=False, default=list, max_length=50,
        help_text="Models that answered.",
    )  # fmt: skip
    routes = serializers.ListField(
        child=serializers.CharField(max_length=200), required=False, default=list, max_length=50
    )
    tags = serializers.DictField(child=serializers.CharField(max_length=200), required=False, default=dict)
    score_name = serializers.CharField(required=False, default="", allow_blank=True, max_length=60)
    score_source = serializers.CharField(required=False, default="", allow_blank=True, max_length=60)
    min_score = serializers.DecimalField(
        max_digits=6, decimal_places=5, min_value=0, max_value=1, required=False, allow_null=True, default=None,
        help_text="Of the average of a request's scores.",
    )  # fmt: skip
    labels = serializers.ListField(
        child=serializers.CharField(max_length=120), required=False, default=list, max_length=50,
        help_text="Or one of its scores has one of these labels.",
    )  # fmt: skip
    is_successful = serializers.BooleanField(required=False, default=True, help_text="Only requests that ended well.")
    size = serializers.IntegerField(
        required=False, allow_null=True, default=None, min_value=1, max_value=100_000, help_text="Default: all."
    )
    stratify_by = serializers.ListField(
        child=serializers.ChoiceField(choices=STRATA), required=False, default=list(TRAITS), max_length=len(STRATA)
    )
    allocation = serializers.ChoiceField(choices=ALLOCATIONS, required=False, default=PROPORTIONAL)
    seed = serializers.IntegerField(required=False, default=0, min_value=0, max_value=2**31 - 1)
    parent = Scoped(  # type: ignore[assignment]  # as in `TuningFileRequestSerializer`
        queryset=TuningFile.objects.ready(), required=False, allow_null=True, default=None
    )  # fmt: skip

    def validate(self, given: dict[str, Any]) -> dict[str, Any]:
        if given["end"] <= given["start"]:
            raise serializers.ValidationError({"end": "The window must end after it begins."})
        return given

    @staticmethod
    def parts(given: dict[str, Any]) -> tuple[Chosen, Sampling]:
        """Of the checked body."""
        names = ("start", "end", "models", "routes", "tags", "score_name", "score_source", "min_score", "labels",
                 "is_successful")  # fmt: skip
        chosen = Chosen(**{name: given[name] for name in names})
        return chosen, Sampling(given["size"], given["stratify_by"], given["allocation"], given["seed"])


@examples(response=RUN)
class FileRunSerializer(serializers.ModelSerializer):
    """A job: work on a file that takes longer than an answer may."""

    kind = serializers.SerializerMethodField(help_text="Always `file_work`.")
    action = serializers.SerializerMethodField()
    status = serializers.ChoiceField(choices=JobStatus.choices)
    progress = serializers.FloatField(min_value=0, max_value=1)
    file = serializers.SerializerMethodField(help_text="What came of it; null until it is done.")
    result_url = serializers.SerializerMethodField()
    requested_by = serializers.UUIDField(source="requested_by_id", allow_null=True)

    class Meta:
        model = Job
        fields = (
            "id", "kind", "action", "status", "progress", "created_at", "started_at", "finished_at", "error", "file",
            "result_url", "expires_at", "requested_by",
        )  # fmt: skip

    def get_kind(self, job: Job) -> str:
        return "file_work"

    @extend_schema_field(serializers.ChoiceField(choices=(VALIDATE, OPTIMIZE, FROM_TRAFFIC)))
    def get_action(self, job: Job) -> str:
        return str(job.parameters["action"])

    @extend_schema_field(serializers.UUIDField(allow_null=True))
    def get_file(self, job: Job) -> str | None:
        return (job.result or {}).get("file")

    @extend_schema_field({"type": ["string", "null"], "format": "uri"})
    def get_result_url(self, job: Job) -> str | None:
        file = self.get_file(job)
        if file is None:
            return None
        name = "file-detail" if job.parameters["action"] == FROM_TRAFFIC else "file-report"
        return reverse(f"finetuning-api:{name}", args=[file], request=self.context.get("request"))


# ---- uploads in parts------------------------------------------------------------------------------------------------
_UPLOAD = {
    "id": ID, "project": ID, "name": "train.jsonl", "purpose": "fine-tune", "status": "pending",
    "expected_bytes": 104857600, "expires_at": "2026-11-03T09:30:00Z", "part_bytes": MAX_PART_BYTES,
    "parts": [{"number": 1, "size_bytes": 67108864}], "file": None, "created_at": "2026-11-02T09:30:00Z",
}  # fmt: skip


@examples(response={"number": 1, "size_bytes": 67108864})
class UploadPartSerializer(serializers.Serializer):
    """What has arrived whole."""

    number = serializers.IntegerField()
    size_bytes = serializers.IntegerField()


@examples(response=_UPLOAD)
class TuningUploadSerializer(serializers.ModelSerializer):
    """A file whose content comes in parts; each may be sent again, in any order, until it expires."""

    status = serializers.SerializerMethodField()
    part_bytes = serializers.SerializerMethodField(help_text="The most that a part may have.")
    parts = serializers.SerializerMethodField(help_text="Those that have arrived, while it is pending.")
    file = serializers.SerializerMethodField(help_text="The file, once it is complete.")

    class Meta:
        model = TuningFile
        fields = (
            "id", "project", "name", "purpose", "status", "expected_bytes", "expires_at", "part_bytes", "parts", "file",
            "created_at",
        )  # fmt: skip

    @extend_schema_field(serializers.ChoiceField(choices=STATES))
    def get_status(self, upload: TuningFile) -> str:
        return state_of(upload)

    @extend_schema_field(UploadPartSerializer(many=True))
    def get_parts(self, upload: TuningFile) -> list[dict[str, int]]:
        return [asdict(part) for part in parts_of(upload)] if state_of(upload) == "pending" else []

    def get_part_bytes(self, upload: TuningFile) -> int:
        return MAX_PART_BYTES

    @extend_schema_field(TuningFileSerializer(allow_null=True))
    def get_file(self, upload: TuningFile) -> dict[str, Any] | None:
        return TuningFileSerializer(upload, context=self.context).data if state_of(upload) == "completed" else None


@examples(
    request={"project": ID, "name": "train.jsonl", "purpose": "fine-tune", "size_bytes": 104857600, "parent": None}
)
class TuningUploadRequestSerializer(Input):
    """Begin an upload in parts. It waits a day for its next part."""

    project = Scoped(queryset=Project.objects.active())
    name = serializers.CharField(max_length=255)
    purpose = serializers.ChoiceField(choices=FilePurpose.choices, required=False, default=FilePurpose.FINE_TUNE)
    size_bytes = serializers.IntegerField(min_value=1)
    parent = Scoped(  # type: ignore[assignment]  # as in `TuningFileRequestSerializer`
        queryset=TuningFile.objects.ready(), required=False, allow_null=True, default=None
    )  # fmt: skip


@examples(request={"data": "(the bytes)"})
class UploadPartRequestSerializer(Input):
    """`multipart/form-data`: the bytes of one part."""

    data = serializers.FileField(  # type: ignore[assignment]  # what OpenAI calls it too
        allow_empty_file=True, max_length=1_000
    )  # fmt: skip


@examples(request={"sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"})
class UploadCompletionSerializer(Input):
    """With a checksum, the parts have to add up to it."""

    sha256 = serializers.RegexField(r"^([0-9a-fA-F]{64})?$", required=False, default="", allow_blank=True)
