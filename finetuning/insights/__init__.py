"""What a training run's numbers say, and what to do about it. Pure."""

from finetuning.insights.curves import Point, ResultFileError, read_result_file
from finetuning.insights.diagnosis import Diagnosis, Floor, Insight, Kind, Run, diagnose
from finetuning.insights.tokens import true_accuracy

__all__ = [
    "Diagnosis",
    "Floor",
    "Insight",
    "Kind",
    "Point",
    "ResultFileError",
    "Run",
    "diagnose",
    "read_result_file",
    "true_accuracy",
]
