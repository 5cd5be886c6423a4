"""Rate limits as the API shows and takes them."""

from typing import Any

from rest_framework import serializers

from gateway.api.openapi import examples
from gateway.api.serializers.base import Record
from gateway.api.serializers.identity import ID, TIMES
from gateway.dataplane.limits.views import ALONE, CONCURRENCY, REQUESTS, SHARED, SHARES, TOKENS
from gateway.models import RateLimit

FIXED = ("scope", "scope_value")
"""What a limit keeps from its making."""
_LIMIT = {
    "name": "Search, per minute", "scope": "team", "scope_value": ID, "rpm": 600, "tpm": 200000, "concurrency": None,
    "is_enabled": True, "is_shadow": False,
}  # fmt: skip
_SHOWN = {"id": ID, "organization": ID, **_LIMIT, "team": ID, "created_by": ID, **TIMES}


@examples(response=_SHOWN, request=_LIMIT)
class RateLimitSerializer(Record):
    """How much may be asked for in a minute, or at a time. Null: not limited. Scope and value stay what they were."""

    scope_value = serializers.CharField(
        max_length=300, required=False, allow_blank=True,
        help_text="Id of the team, project, key or person; the end user; `name=value` of a tag; the model or route "
        "asked for. `*` (tags: `name=*`) gives each the limit for itself. Empty for the organization.",
    )  # fmt: skip

    class Meta:
        model = RateLimit
        fields = (
            "id", "organization", "name", "scope", "scope_value", "team", "rpm", "tpm", "concurrency", "is_enabled",
            "is_shadow", "created_by", "created_at", "updated_at",
        )  # fmt: skip
        read_only_fields = ("id", "organization", "team", "created_by")
        validators: list[object] = []

    def get_fields(self) -> dict[str, serializers.Field]:
        """A limit stays where it is."""
        fields = super().get_fields()
        if isinstance(self.instance, RateLimit):
            for name in FIXED:
                fields[name].read_only = True
        return fields


class KindUseSerializer(serializers.Serializer):
    """One kind of a limit; of a limit for each, the subject that uses most."""

    kind = serializers.ChoiceField(choices=[REQUESTS, TOKENS, CONCURRENCY])
    subject = serializers.CharField(help_text="Empty where the limit is not for each.")
    limit = serializers.IntegerField()
    used = serializers.IntegerField(help_text="In the running window, or at this moment.")
    remaining = serializers.IntegerField()
    resets_in_s = serializers.FloatField(allow_null=True, help_text="Null: no window runs.")


@examples(
    response={
        "id": ID, "mode": "shared", "processes": 4, "would_limit": 0,
        "uses": [
            {"kind": "requests", "subject": "", "limit": 600, "used": 184, "remaining": 416, "resets_in_s": 23.4},
            {"kind": "tokens", "subject": "", "limit": 200000, "used": 51200, "remaining": 148800,
             "resets_in_s": 23.4},
        ],
    },
)  # fmt: skip
class RateLimitUsageSerializer(serializers.Serializer):
    """How far a limit is used now, at most two seconds old."""

    id: Any = serializers.UUIDField()
    mode = serializers.ChoiceField(
        choices=[SHARED, SHARES, ALONE],
        help_text="shared: exact over all processes; shares: Redis is away, each process admits an equal part; "
        "process: there is no Redis, each process counts for itself.",
    )
    processes = serializers.IntegerField(help_text="Data planes that were heard of in the last five seconds.")
    would_limit = serializers.IntegerField(
        help_text="Calls that a shadow limit would have refused since the data planes started."
    )
    uses = KindUseSerializer(many=True)
