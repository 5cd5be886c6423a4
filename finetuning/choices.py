"""Closed vocabularies of fine-tuning."""

from django.db.models import TextChoices

from finetuning.estimates import Method

METHODS = [(method.value, method.value) for method in Method]
"""Of jobs, as Django and the API take choices."""


class FileFormat(TextChoices):
    """What one line of a training file is."""

    CHAT = "chat", "Chat"
    PREFERENCE = "preference", "Preference pairs"
    REINFORCEMENT = "reinforcement", "Reinforcement"
    UNKNOWN = "unknown", "Not known yet"


class FilePurpose(TextChoices):
    """As OpenAI's files endpoint names them."""

    FINE_TUNE = "fine-tune", "Training or held-out data"
    RESULTS = "fine-tune-results", "What a job measured"


class FileOrigin(TextChoices):
    """How a version of a file came to be."""

    UPLOAD = "upload", "Uploaded"
    MENDED = "mended", "Mended by optimize-data"
    TRAFFIC = "traffic", "Built from logged requests"
    GOLDEN = "golden", "Recorded answers of a model that will be switched off"
    JOB = "job", "Written by a job"


class FileStatus(TextChoices):
    """`uploading`: parts are still to come; only a file that is `processed` can be used."""

    UPLOADING = "uploading", "Uploading"
    PROCESSED = "processed", "Ready"
    ERROR = "error", "Refused"


class Backend(TextChoices):
    """Who trains. The first five over HTTP, the last three here or on the user's own machines."""

    OPENAI = "openai", "OpenAI"
    AZURE = "azure", "Azure OpenAI"
    TOGETHER = "together", "Together"
    FIREWORKS = "fireworks", "Fireworks"
    VERTEX = "vertex", "Vertex AI"
    RUNNER = "runner", "Own runner (TRL, Axolotl, LLaMA-Factory, Unsloth)"
    LOCAL_HEAD = "local-head", "Local head"
    DICL = "dicl", "Example bank (DICL)"


class TuningStatus(TextChoices):
    """OpenAI's words, and `paused`. What a provider says beyond these is kept in `provider_status`."""

    VALIDATING = "validating_files", "Validating files"
    QUEUED = "queued", "Queued"
    RUNNING = "running", "Running"
    PAUSED = "paused", "Paused"
    SUCCEEDED = "succeeded", "Succeeded"
    FAILED = "failed", "Failed"
    CANCELLED = "cancelled", "Cancelled"


OVER = (TuningStatus.SUCCEEDED, TuningStatus.FAILED, TuningStatus.CANCELLED)


class EvaluationStatus(TextChoices):
    QUEUED = "queued", "Queued"
    RUNNING = "running", "Running"
    SUCCEEDED = "succeeded", "Succeeded"
    FAILED = "failed", "Failed"
    CANCELLED = "cancelled", "Cancelled"


class HostingState(TextChoices):
    """Of a deployment at a vendor."""

    ASKED = "asked", "Asked for"
    CREATING = "creating", "Being made"
    SERVING = "serving", "Serving"
    DELETING = "deleting", "Being deleted"
    ENDED = "ended", "Ended"
    FAILED = "failed", "Failed"


class CanaryGuard(TextChoices):
    """What the gateway may do by itself with a tuned model on a share of a route."""

    ROLLBACK = "rollback", "Take it off when it is worse"
    PROMOTE = "promote", "Take it off when it is worse, give it all calls when it is not"
    OFF = "off", "Nothing: I watch it myself"


class CanaryState(TextChoices):
    """`ended`: nobody watches it any more, and nothing was decided."""

    WATCHING = "watching", "Watched"
    ROLLED_BACK = "rolled_back", "Rolled back"
    PROMOTED = "promoted", "Promoted"
    ENDED = "ended", "Watched no more"
