"""Evaluations: the same held-out items sent to several models through the gateway, scored, set side by side."""

from finetuning.services.evaluations.making import cancel_evaluation, create_evaluation
from finetuning.services.evaluations.running import KIND, run, run_waiting

__all__ = ["KIND", "cancel_evaluation", "create_evaluation", "run", "run_waiting"]
