"""Shapes of runner jobs: tokens, and answers to reports."""

from rest_framework import serializers

from gateway.api.openapi import examples

JOB = "0192f0c4-8a1e-7c3d-9b52-3f6d2a7c9e10"


@examples(
    response={"token": "gwrun-4nD2…", "job": JOB, "url": f"https://gateway.example/api/v1/fine-tuning/jobs/{JOB}"}
)
class RunnerTokenSerializer(serializers.Serializer):
    """A fresh token; the one before it works no more."""

    token = serializers.CharField(help_text="Shown once.")
    job = serializers.UUIDField()
    url = serializers.URLField(help_text="What a machine reports under: `{url}/events`.")


@examples(response={"accepted": 2, "status": "running", "cancel_requested": False})
class RunnerReportedSerializer(serializers.Serializer):
    """What became of a report."""

    accepted = serializers.IntegerField(help_text="Events and checkpoints in it, those that were known too.")
    status = serializers.CharField(help_text="How the run stands now.")
    cancel_requested = serializers.BooleanField(help_text="Whether the machine should stop.")


EVENTS = {
    "status": "running",
    "progress": 0.25,
    "events": [
        {
            "object": "fine_tuning.job.event", "id": "ftevent-1", "created_at": 1794909600, "level": "info",
            "type": "metrics", "message": "Step 10/40: training loss=0.81",
            "data": {"step": 10, "train_loss": 0.81, "full_valid_loss": 0.9},
        }
    ],
    "checkpoints": [{"step_number": 10, "fine_tuned_model_checkpoint": "output/checkpoint-10", "metrics": {}}],
}  # fmt: skip
LOG_LINES = '{"current_steps": 10, "total_steps": 40, "loss": 0.81, "lr": 0.0002, "epoch": 0.25}\n'
DONE = {"status": "succeeded", "fine_tuned_model": "support-lora", "base_url": "https://gpu.example/v1"}
