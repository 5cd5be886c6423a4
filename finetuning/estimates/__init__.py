"""What a job would cost and how long it takes, before it starts. Pure; every price has a date and a source."""

from finetuning.estimates.breakeven import BreakEven, break_even
from finetuning.estimates.duration import Duration, Phase, duration
from finetuning.estimates.formulas import Dataset, Method, billable_tokens, default_epochs
from finetuning.estimates.inference import BASE_RULES, TUNED_RATES, BaseRule, TunedRate, base_rule_of, tuned_rate_of
from finetuning.estimates.price import Estimate, estimate
from finetuning.estimates.rates import RATES, SUNSETS, Confidence, Rate, Sunset, rate_of, sunset_of

__all__ = [
    "BASE_RULES",
    "RATES",
    "SUNSETS",
    "TUNED_RATES",
    "BaseRule",
    "BreakEven",
    "Confidence",
    "Dataset",
    "Duration",
    "Estimate",
    "Method",
    "Phase",
    "Rate",
    "Sunset",
    "TunedRate",
    "base_rule_of",
    "billable_tokens",
    "break_even",
    "default_epochs",
    "duration",
    "estimate",
    "rate_of",
    "sunset_of",
    "tuned_rate_of",
]
