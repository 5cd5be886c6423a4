"""Tables of fine-tuning: files, jobs with what they tell, tuned models, evaluations."""

from finetuning.models.canaries import Canary
from finetuning.models.evaluations import Evaluation, EvaluationItem
from finetuning.models.files import FilePart, TuningFile
from finetuning.models.golden import RecordedPrompt, Recording
from finetuning.models.hosting import HostedTime, Hosting
from finetuning.models.jobs import Checkpoint, JobEvent, JobPoint, TuningJob
from finetuning.models.running import HeadRun, RunnerLink
from finetuning.models.tuned import TunedModel

__all__ = [
    "Canary",
    "Checkpoint",
    "Evaluation",
    "EvaluationItem",
    "FilePart",
    "HeadRun",
    "HostedTime",
    "Hosting",
    "JobEvent",
    "JobPoint",
    "RecordedPrompt",
    "Recording",
    "RunnerLink",
    "TunedModel",
    "TuningFile",
    "TuningJob",
]
