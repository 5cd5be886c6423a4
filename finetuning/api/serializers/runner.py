"""Shapes of runner jobs: tokens, reports, and the answers to them."""

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


class RunnerMeasuredSerializer(serializers.Serializer):
    """What was measured at a step, in OpenAI's names."""

    step = serializers.IntegerField(required=False)
    train_loss = serializers.FloatField(required=False)
    train_mean_token_accuracy = serializers.FloatField(required=False)
    valid_loss = serializers.FloatField(required=False)
    valid_mean_token_accuracy = serializers.FloatField(required=False)
    full_valid_loss = serializers.FloatField(required=False)
    full_valid_mean_token_accuracy = serializers.FloatField(required=False)


class RunnerEventSerializer(serializers.Serializer):
    """OpenAI's event object."""

    id = serializers.CharField(required=False, help_text="Makes an event that is sent again the same event.")
    created_at = serializers.IntegerField(required=False, help_text="Unix seconds.")
    level = serializers.CharField(required=False, help_text="info, warn or error.")
    message = serializers.CharField(required=False)
    data = RunnerMeasuredSerializer(required=False)  # type: ignore[assignment]  # OpenAI's name


class RunnerLogLineSerializer(serializers.Serializer):
    """A line of a trainer's own log: of Transformers' `log_history`, or of LLaMA-Factory's `trainer_log.jsonl`."""

    step = serializers.IntegerField(required=False)
    current_steps = serializers.IntegerField(required=False)
    loss = serializers.FloatField(required=False)
    eval_loss = serializers.FloatField(required=False)
    mean_token_accuracy = serializers.FloatField(required=False)
    eval_mean_token_accuracy = serializers.FloatField(required=False)
    learning_rate = serializers.FloatField(required=False)
    lr = serializers.FloatField(required=False)
    epoch = serializers.FloatField(required=False)


class RunnerCheckpointSerializer(serializers.Serializer):
    """OpenAI's checkpoint object."""

    step_number = serializers.IntegerField()
    fine_tuned_model_checkpoint = serializers.CharField(required=False)
    metrics = RunnerMeasuredSerializer(required=False)


class RunnerErrorSerializer(serializers.Serializer):
    """Why a run failed."""

    message = serializers.CharField()


class RunnerReportSerializer(serializers.Serializer):
    """What a machine tells; one of `events`, `log_history` or `checkpoints` may also be the whole body, as a list or a
    line each."""

    status = serializers.CharField(required=False, help_text="queued, running, paused, succeeded, failed, cancelled.")
    progress = serializers.FloatField(required=False, help_text="0 to 1.")
    trained_tokens = serializers.IntegerField(required=False)
    fine_tuned_model = serializers.CharField(required=False, help_text="The result's name where it is served.")
    base_url = serializers.URLField(required=False, help_text="Where it is served, OpenAI-compatible.")
    error = RunnerErrorSerializer(required=False)
    events = RunnerEventSerializer(many=True, required=False)
    log_history = RunnerLogLineSerializer(many=True, required=False)
    checkpoints = RunnerCheckpointSerializer(many=True, required=False)


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
