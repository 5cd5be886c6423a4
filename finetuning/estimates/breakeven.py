"""From how many requests on a tuned model pays."""

from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal


@dataclass(frozen=True, slots=True)
class BreakEven:
    """`requests`: in all, until training is earned back while hosting runs at `requests_per_month`; `months` then.
    None with the reason in `note`."""

    requests: int | None
    months: Decimal | None
    saved_per_request: Decimal
    note: str


def break_even(
    *, training: Decimal, hosting_per_month: Decimal, base_per_request: Decimal, tuned_per_request: Decimal,
    requests_per_month: int,
) -> BreakEven:  # fmt: skip
    """Months m with m · (requests · saved - hosting) = training, and the requests of that time."""
    saved = base_per_request - tuned_per_request
    if saved <= 0:
        return BreakEven(None, None, saved, "A request of the tuned model costs no less than one of the base model.")
    if requests_per_month <= 0:
        return BreakEven(None, None, saved, "No traffic is known that it could serve.")
    monthly = requests_per_month * saved - hosting_per_month
    if monthly <= 0:
        least = int((hosting_per_month / saved).to_integral_value(ROUND_CEILING))
        return BreakEven(None, None, saved, f"Hosting costs more than it saves below {least:,} requests a month.")
    months = training / monthly
    requests = int((months * requests_per_month).to_integral_value(ROUND_CEILING))
    return BreakEven(requests, months, saved, "")
