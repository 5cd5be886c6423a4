"""Nine common scenarios of fine-tuning: what they need, what they are judged by, ten lines to look at. Pure."""

from finetuning.scenarios.catalogue import SCENARIOS, Candidate, Scenario, scenario_of
from finetuning.scenarios.samples import sample_of

__all__ = ["SCENARIOS", "Candidate", "Scenario", "sample_of", "scenario_of"]
