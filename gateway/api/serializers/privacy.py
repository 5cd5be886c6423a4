"""Erasures of end users, and how long an organization keeps what."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from gateway.api.openapi import examples
from gateway.api.serializers.base import Input, Record
from gateway.api.serializers.identity import ID, TIMES
from gateway.models import EndUserErasure, RetentionPolicy

MAX_NAME = 2_000
_RETENTION = {"end_user_days": 730, "export_days": 3}


class ErasedCountSerializer(serializers.Serializer):
    """Rows of one kind that were changed or deleted."""

    what = serializers.CharField(help_text="ledger_lines, bodies, budget_counters, …")
    rows = serializers.IntegerField()


@examples(
    response={
        "id": ID, "organization": ID, "pseudonym": "erased-1f2e3d4c5b6a7988", "status": "succeeded",
        "lines_before": "2026-11-02T09:30:02Z", "found": [{"what": "ledger_lines", "rows": 214}],
        "review": ["The training file support.jsonl v1 may hold requests of theirs."], "error": "",
        "is_automatic": False, "requested_by": ID, "finished_at": "2026-11-02T09:30:04Z", **TIMES,
    },
)  # fmt: skip
class ErasureSerializer(Record):
    """One erasure. The name is not told again: `pseudonym` is what stands in its place."""

    found = serializers.SerializerMethodField()
    review = serializers.ListField(child=serializers.CharField(), help_text="What people have to decide on.")

    class Meta:
        model = EndUserErasure
        fields = (
            "id", "organization", "pseudonym", "status", "lines_before", "found", "review", "error", "is_automatic",
            "requested_by", "finished_at", "created_at", "updated_at",
        )  # fmt: skip
        read_only_fields = fields

    @extend_schema_field(ErasedCountSerializer(many=True))
    def get_found(self, erasure: EndUserErasure) -> list[dict[str, Any]]:
        found = erasure.found | {"archives_waiting": erasure.archives_waiting}
        return [{"what": name, "rows": rows} for name, rows in sorted(found.items()) if rows]


@examples(request={"end_user": "customer-17"})
class ErasureRequestSerializer(Input):
    """Whom to forget."""

    end_user = serializers.CharField(
        max_length=MAX_NAME,
        trim_whitespace=False,
        help_text="As calls name them: X-Gateway-End-User, or the body's user.",
    )


@examples(
    response={
        "lines": 214, "first_at": "2026-10-02T09:30:00Z", "last_at": "2026-11-02T09:30:00Z", "erasures": 0,
    },
)  # fmt: skip
class TraceSerializer(serializers.Serializer):
    """What the ledger has of an end user, and how often the name was erased so far."""

    lines = serializers.IntegerField()
    first_at = serializers.DateTimeField(allow_null=True)
    last_at = serializers.DateTimeField(allow_null=True)
    erasures = serializers.IntegerField()


@examples(response=_RETENTION, request=_RETENTION)
class RetentionSerializer(Record):
    """Days; null: as the installation does, or for ever."""

    class Meta:
        model = RetentionPolicy
        fields = ("end_user_days", "export_days")
