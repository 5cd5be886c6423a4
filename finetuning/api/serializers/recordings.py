"""Shapes of recordings: what a model that will be switched off answers, kept as a file."""

from rest_framework import serializers

from finetuning.models import Recording, TuningFile
from finetuning.services.recording import MOST_PROMPTS
from gateway.api.openapi import examples
from gateway.api.serializers.base import Input, Money, Scoped
from gateway.api.serializers.identity import ID, TIMES
from gateway.models import Project

RECORDING = {
    "id": ID, "project": ID, "model": "ft:gpt-4.1-mini-2025-04-14:acme:tickets:9x", "source": None, "days": 30,
    "size": 200, "seed": 0, "budget_limit": "2.0000000000", "status": "succeeded", "progress": 1.0, "prompts": 200,
    "recorded": 199, "spent": "0.4100000000", "currency": "USD", "error": "", "file": ID,
    "started_at": "2026-11-29T09:00:00Z", "finished_at": "2026-11-29T09:04:00Z", **TIMES,
}  # fmt: skip


@examples(response=RECORDING)
class RecordingSerializer(serializers.ModelSerializer):
    """Prompts replayed to a model. `recorded` of `prompts` were answered; `file` has the answers once it succeeded,
    `error` says why it ended early."""

    budget_limit = Money(allow_null=True)
    spent = Money(allow_null=True, help_text="Null: the answers are billed in several currencies.")

    class Meta:
        model = Recording
        fields = tuple(RECORDING)
        read_only_fields = fields


@examples(
    request={
        "project": ID, "model": "ft:gpt-4.1-mini-2025-04-14:acme:tickets:9x", "consent": True, "days": 30, "size": 200,
        "budget_limit": "2",
    }
)  # fmt: skip
class RecordingRequestSerializer(Input):
    """Which model, and whose prompts: of a file, else of the project's own requests to the model."""

    project = Scoped(queryset=Project.objects.active())
    model = serializers.CharField(max_length=200, help_text="As applications name it.")
    consent = serializers.BooleanField(
        help_text="That those whose words these are have agreed to their use for training. Must be true."
    )
    source = Scoped(  # type: ignore[assignment]  # a field of ours, and DRF's own attribute
        queryset=TuningFile.objects.ready(), required=False, allow_null=True, default=None,
        help_text="Chat records whose prompts are asked; without, logged requests.",
    )  # fmt: skip
    days = serializers.IntegerField(min_value=1, max_value=365, required=False, default=30)
    size = serializers.IntegerField(min_value=1, max_value=MOST_PROMPTS, required=False, default=200)
    seed = serializers.IntegerField(min_value=0, max_value=2**31 - 1, required=False, default=0)
    budget_limit = Money(
        required=False, allow_null=True, default=None, min_value=0,
        help_text="The answers cost no more than this, in the currency of their prices: it ends before.",
    )  # fmt: skip
