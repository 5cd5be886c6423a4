"""Closed vocabularies of costs."""

from django.db.models import TextChoices


class BudgetPeriod(TextChoices):
    """How often a budget begins anew."""

    DAY = "day", "Day"
    WEEK = "week", "Week (from Monday)"
    MONTH = "month", "Month"
    QUARTER = "quarter", "Quarter"
    YEAR = "year", "Year"
    FISCAL = "fiscal", "Custom fiscal period"
    TOTAL = "total", "Once, in all"


class Enforcement(TextChoices):
    """What happens when a budget is used up."""

    HARD = "hard", "Hard: calls are refused"
    SOFT = "soft", "Soft: nothing is refused"


class UnpricedRule(TextChoices):
    """What happens to a call under a hard budget when no price of its model is known."""

    ALLOW = "allow", "Serve it; its cost counts once a price is known"
    HOLD = "hold", "Serve it; keep its dearest possible cost in reserve"
    BLOCK = "block", "Refuse it"


class PriceSource(TextChoices):
    """Public lists that prices are imported from."""

    GENAI_PRICES = "genai-prices", "genai-prices"
    LITELLM = "litellm", "LiteLLM"


class SnapshotState(TextChoices):
    """What became of a price file."""

    ACCEPTED = "accepted", "Accepted"
    REJECTED = "rejected", "Rejected: the prices before it stay"


class ReviewState(TextChoices):
    """What is decided about a model whose price the lists state differently."""

    OPEN = "open", "Open"
    KEPT = "kept", "The first list stands"
    TAKEN = "taken", "The second list stands first"
    SETTLED = "settled", "The lists agree again"


class RepricingState(TextChoices):
    """How far the re-pricing of a period is."""

    COUNTING = "counting", "The difference is being counted"
    READY = "ready", "Counted; waits to be applied"
    APPLYING = "applying", "Adjusting entries are being booked"
    APPLIED = "applied", "Applied"
    FAILED = "failed", "Failed"


class CommitmentKind(TextChoices):
    """What is paid for whether it is used or not."""

    PROVISIONED_THROUGHPUT = "provisioned_throughput", "Provisioned throughput"
    FIXED_MONTHLY = "fixed_monthly", "Fixed monthly amount"


class CommitmentUnitTime(TextChoices):
    """What a unit's amount is for."""

    HOUR = "hour", "Hour"
    MONTH = "month", "Month"
