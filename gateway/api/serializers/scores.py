"""Quality scores of a request."""

from typing import Any

from rest_framework import serializers

from gateway.api.openapi import examples
from gateway.api.serializers.base import Input
from gateway.api.serializers.identity import ID
from gateway.api.serializers.ledger import REQUEST_ID
from gateway.models import QualityScore
from gateway.scores import MAX_LABEL, MAX_NAME


@examples(
    response={
        "id": ID, "request_id": REQUEST_ID, "name": "helpfulness", "source": "user", "score": 0.8, "label": None,
        "provider": "openai", "model": "gpt-4o-mini", "by_user": None, "by_key": ID,
        "created_at": "2026-11-02T09:31:00Z", "updated_at": "2026-11-02T09:31:00Z",
    }
)  # fmt: skip
class ScoreSerializer(serializers.ModelSerializer):
    """One opinion of one source about the request."""

    score = serializers.FloatField(allow_null=True, help_text="0 (worst) to 1 (best).")

    class Meta:
        model = QualityScore
        fields = (
            "id", "request_id", "name", "source", "score", "label", "provider", "model", "by_user", "by_key",
            "created_at", "updated_at",
        )  # fmt: skip


@examples(request={"name": "helpfulness", "source": "review", "score": 0.8})
class ScoreRequestSerializer(Input):
    """A score, a label, or both; the same source and name again replaces what it said before."""

    name = serializers.CharField(max_length=MAX_NAME)
    source = serializers.CharField(max_length=MAX_NAME)  # type: ignore[assignment]  # the contract's name
    score = serializers.DecimalField(
        max_digits=6, decimal_places=5, min_value=0, max_value=1, required=False, coerce_to_string=False
    )
    label = serializers.CharField(max_length=MAX_LABEL, required=False)  # type: ignore[assignment]  # the same

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if "score" not in attrs and "label" not in attrs:
            raise serializers.ValidationError({"score": "Give a score from 0 to 1, or a label."})
        return attrs
