"""Policies of the data plane."""

from typing import Any

from rest_framework import serializers

from gateway.api.openapi import examples
from gateway.api.serializers.base import Input, Record, Scoped
from gateway.api.serializers.identity import ID, TIMES
from gateway.models import BodyPolicy, CachePolicy, Guardrail, Project

_POLICY = {
    "project": None, "is_enabled": True, "ttl_s": 3600, "is_shared": False, "max_entry_bytes": 1048576,
    "is_semantic": False, "embedding_model": "", "similarity_threshold": "0.9700",
}  # fmt: skip


@examples(response={"id": ID, "organization": ID, **_POLICY, "generation": 1, **TIMES}, request=_POLICY)
class CachePolicySerializer(Record):
    """How answers are cached. `project` null: every project without a policy of its own. `generation` counts how often
    what was kept was erased."""

    project = Scoped(queryset=Project.objects.all(), allow_null=True, required=False)
    similarity_threshold = serializers.DecimalField(
        max_digits=5, decimal_places=4, min_value=0, max_value=1, required=False,
        help_text="Least cosine similarity of two questions that share an answer.",
    )  # fmt: skip

    class Meta:
        model = CachePolicy
        fields = (
            "id", "organization", "project", "is_enabled", "ttl_s", "is_shared", "max_entry_bytes", "is_semantic",
            "embedding_model", "similarity_threshold", "generation", "created_at", "updated_at",
        )  # fmt: skip
        read_only_fields = ("id", "organization", "generation")
        validators: list[object] = []

    def get_fields(self) -> dict[str, serializers.Field]:
        """A policy stays where it is."""
        fields = super().get_fields()
        if self.instance is not None:
            fields["project"].read_only = True
        return fields


_RAIL = {
    "project": None, "name": "card numbers", "kind": "pii", "direction": "both", "action": "redact",
    "config": {"entities": ["credit_card", "iban"]}, "position": 100, "is_enabled": True,
}  # fmt: skip


class GuardrailConfigSerializer(Input):
    """Settings of a guardrail; which ones apply depends on its kind."""

    entities = serializers.ListField(
        child=serializers.CharField(max_length=40), required=False, help_text="pii, secrets: what to look for; all."
    )
    terms = serializers.ListField(
        child=serializers.CharField(max_length=200), required=False, help_text="deny_list: words and phrases."
    )
    max_chars = serializers.IntegerField(required=False, min_value=1, help_text="max_size: of one text.")
    schema = serializers.CharField(required=False, help_text="json_schema: the schema as JSON text, draft 2020-12.")
    threshold = serializers.FloatField(
        required=False, min_value=0.5, max_value=3, help_text="prompt_injection: how much the signs must weigh."
    )
    url = serializers.CharField(required=False, max_length=500, help_text="webhook: where texts are judged.")
    timeout_ms = serializers.IntegerField(required=False, min_value=10, max_value=10_000, help_text="webhook.")
    fails_open = serializers.BooleanField(required=False, help_text="webhook: its silence lets calls pass.")

    def to_representation(self, instance: Any) -> dict[str, Any]:
        """Only what is set."""
        return {str(name): instance[name] for name in self.fields if name in instance}


@examples(
    response={"id": ID, "organization": ID, **_RAIL, "has_secret": False, **TIMES},
    request={**_RAIL, "secret": ""},
)
class GuardrailSerializer(Record):
    """A check on what goes to a provider or comes back. The webhook's secret goes in and never comes out."""

    project = Scoped(queryset=Project.objects.all(), allow_null=True, required=False)
    config = GuardrailConfigSerializer(required=False)
    secret = serializers.CharField(
        write_only=True, required=False, allow_blank=True, max_length=200,
        help_text="webhook: signs its requests. Empty removes it.",
    )  # fmt: skip
    has_secret = serializers.SerializerMethodField()

    class Meta:
        model = Guardrail
        fields = (
            "id", "organization", "project", "name", "kind", "direction", "action", "config", "position", "is_enabled",
            "secret", "has_secret", "created_at", "updated_at",
        )  # fmt: skip
        read_only_fields = ("id", "organization")
        validators: list[object] = []

    def get_has_secret(self, guardrail: Guardrail) -> bool:
        return bool(guardrail.secret)

    def get_fields(self) -> dict[str, serializers.Field]:
        """A guardrail stays where it is."""
        fields = super().get_fields()
        if self.instance is not None:
            fields["project"].read_only = True
        return fields


@examples(request={"text": "My card is 4111 1111 1111 1111."})
class TrialRequestSerializer(Input):
    """A text to try a guardrail on; it is not stored."""

    text = serializers.CharField(max_length=100_000, trim_whitespace=False)


class FoundSerializer(serializers.Serializer):
    """`text[start:end]` is `what`; both 0: the text as a whole."""

    what = serializers.CharField()
    start = serializers.IntegerField()
    end = serializers.IntegerField()


@examples(
    response={"findings": [{"what": "credit_card", "start": 11, "end": 30}], "would_block": False,
              "text": "My card is [REDACTED:credit_card].", "score": None},
)  # fmt: skip
class TrialSerializer(serializers.Serializer):
    """What the guardrail makes of the text; `score` only of prompt injection."""

    findings = FoundSerializer(many=True)
    would_block = serializers.BooleanField()
    text = serializers.CharField()
    score = serializers.FloatField(allow_null=True)


_BODY_POLICY = {
    "project": None, "is_enabled": True, "retention_days": 30, "max_body_bytes": 65536, "allows_training": False,
}  # fmt: skip


@examples(response={"id": ID, "organization": ID, **_BODY_POLICY, **TIMES}, request=_BODY_POLICY)
class BodyPolicySerializer(Record):
    """Whether requests and answers are kept. `project` null: every project without a policy of its own."""

    project = Scoped(queryset=Project.objects.all(), allow_null=True, required=False)

    class Meta:
        model = BodyPolicy
        fields = (
            "id", "organization", "project", "is_enabled", "retention_days", "max_body_bytes", "allows_training",
            "created_at", "updated_at",
        )  # fmt: skip
        read_only_fields = ("id", "organization")
        validators: list[object] = []

    def get_fields(self) -> dict[str, serializers.Field]:
        """A policy stays where it is."""
        fields = super().get_fields()
        if self.instance is not None:
            fields["project"].read_only = True
        return fields


@examples(
    response={
        "request_id": "req_3f1c2d9a", "logged_at": "2026-11-02T09:30:00Z", "expires_at": "2026-12-02T09:30:00Z",
        "endpoint": "/v1/chat/completions", "is_truncated": False,
        "request": '{"model":"gpt-4o","messages":[{"role":"user","content":"write to [REDACTED:email]"}]}',
        "response": '{"choices":[{"index":0,"message":{"role":"assistant","content":"Done."}}]}',
    },
)  # fmt: skip
class BodiesSerializer(serializers.Serializer):
    """What one call sent and got, without personal data and secrets; null when its key is gone."""

    request_id = serializers.CharField()
    logged_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField()
    endpoint = serializers.CharField()
    request = serializers.CharField(allow_null=True)
    response = serializers.CharField(allow_null=True)
    is_truncated = serializers.BooleanField()
