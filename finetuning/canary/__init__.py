"""A tuned model on a share of a route against what else answers there, looked at as often as one likes. Pure."""

from finetuning.canary.deciding import LEVEL, Arm, Decision, Look, Measured, decide
from finetuning.canary.sequence import Interval, bounds

__all__ = ["LEVEL", "Arm", "Decision", "Interval", "Look", "Measured", "bounds", "decide"]
