"""Policies of the data plane."""

from rest_framework import serializers

from gateway.api.openapi import examples
from gateway.api.serializers.base import Record, Scoped
from gateway.api.serializers.identity import ID, TIMES
from gateway.models import CachePolicy, Project

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
