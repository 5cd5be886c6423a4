"""Training files as the API takes and shows them."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from finetuning.choices import FilePurpose
from finetuning.models import TuningFile
from gateway.api.openapi import examples
from gateway.api.serializers.base import Input, Record, Scoped
from gateway.api.serializers.identity import ID, TIMES
from gateway.models import Project

FILE: dict[str, Any] = {
    "id": ID, "public_id": "file-ft-0199f0d2a1b27c3d8e4f5a6b7c8d9e0f", "organization": ID, "project": ID,
    "name": "train.jsonl", "purpose": "fine-tune", "format": "chat", "has_tools": False, "origin": "upload",
    "status": "processed", "family": ID, "version": 1, "parent": None, "lineage": {}, "size_bytes": 48120,
    "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", "lines": 200,
    "tokens": [{"tokenizer": "o200k_base", "tokens": 10420, "examples": 200, "is_exact": True, "error": 0.0}],
    "score": 97.4, "inspected_at": "2026-11-02T09:31:00Z", "created_by": ID, **TIMES,
}  # fmt: skip
DETAIL: dict[str, Any] = {**FILE, "duplicates": []}
_TOKENS = {
    "total": 10420, "billable": 31260, "answers": 3110, "exact": True, "method": "o200k_base", "epochs": 3,
    "wasted": 156,
}  # fmt: skip


class TokenizerCountSerializer(serializers.Serializer):
    """Tokens of all examples, one epoch, as one tokenizer counts them."""

    tokenizer = serializers.CharField()
    tokens = serializers.IntegerField()
    examples = serializers.IntegerField()
    is_exact = serializers.BooleanField()
    error = serializers.FloatField(help_text="The largest share by which the count may be wrong.")


@examples(response=FILE)
class TuningFileSerializer(Record):
    """One version of a file. Versions of one `family` follow each other; none is ever changed."""

    tokens = serializers.SerializerMethodField(help_text="By every tokenizer that was asked for.")
    lineage = serializers.DictField(read_only=True, help_text="How this version was made.")

    class Meta:
        model = TuningFile
        fields: tuple[str, ...] = (
            "id", "public_id", "organization", "project", "name", "purpose", "format", "has_tools", "origin", "status",
            "family", "version", "parent", "lineage", "size_bytes", "sha256", "lines", "tokens", "score",
            "inspected_at", "created_by", "created_at", "updated_at",
        )  # fmt: skip
        read_only_fields: tuple[str, ...] = fields

    @extend_schema_field(TokenizerCountSerializer(many=True))
    def get_tokens(self, file: TuningFile) -> list[dict[str, Any]]:
        shown = ("tokens", "examples", "is_exact", "error")
        return [
            {"tokenizer": name, **{key: counted[key] for key in shown}} for name, counted in sorted(file.tokens.items())
        ]


@examples(response=DETAIL)
class TuningFileDetailSerializer(TuningFileSerializer):
    """A file, and which others of its project have the very same content."""

    duplicates = serializers.SerializerMethodField()

    class Meta(TuningFileSerializer.Meta):
        fields: tuple[str, ...] = (*TuningFileSerializer.Meta.fields, "duplicates")
        read_only_fields: tuple[str, ...] = fields

    @extend_schema_field(serializers.ListField(child=serializers.UUIDField()))
    def get_duplicates(self, file: TuningFile) -> list[str]:
        same = TuningFile.objects.ready().filter(project=file.project_id, sha256=file.sha256).exclude(pk=file.pk)
        return [str(pk) for pk in same.order_by("pk").values_list("pk", flat=True)[:20]]


@examples(request={"file": "(the file)", "project": ID, "purpose": "fine-tune", "parent": None})
class TuningFileRequestSerializer(Input):
    """`multipart/form-data`: a file of up to 512 MiB, and where it belongs."""

    file = serializers.FileField(allow_empty_file=True, max_length=1_000)
    project = Scoped(queryset=Project.objects.active())
    purpose = serializers.ChoiceField(choices=FilePurpose.choices, required=False, default=FilePurpose.FINE_TUNE)
    parent = Scoped(  # type: ignore[assignment]  # a serializer's own `parent` is set when it is bound
        queryset=TuningFile.objects.ready(), required=False, allow_null=True, default=None,
        help_text="The new file is the next version of this one's family.",
    )  # fmt: skip
