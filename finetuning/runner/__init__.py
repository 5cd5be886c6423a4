"""Tuning on the user's own machine: a ready folder for a framework, and what its runs report. Pure."""

from finetuning.runner.frameworks import FRAMEWORKS, files_of
from finetuning.runner.plans import Plan, PlanError, plan_of
from finetuning.runner.progress import NotProgress, Progress, read

__all__ = ["FRAMEWORKS", "NotProgress", "Plan", "PlanError", "Progress", "files_of", "plan_of", "read"]
