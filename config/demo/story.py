"""When what happens in the demo company. Days are counted back from the last day (0), so the story is the same
whatever part of the 90 days is loaded. Pure."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

DAYS = 90
GROWTH_PER_DAY = 0.0075
"""Continuous growth: volume on day d before the last is exp(-0.0075 d), about half at the start of the 90 days."""

PRICE_CHANGE = 38
"""From this day on gpt-5.4 costs 16 % less by contract."""
RETRY_STORM = (30, 29, 28)
"""Evenings on which fleet-telemetry's client gives up after 2 s and tries five times."""
OUTAGE = 23
"""13:05–15:50 UTC: OpenAI answers 503 to 85 % of the attempts."""
PILOT = 21
"""ci-evals gets a key with a budget."""
MODEL_SWITCH = 17
"""The target of route support-chat is silently served by a smaller model."""
CACHE_LOSS = 11
"""dev-copilot puts the time at the top of its prompt; nothing is cached any more."""
RUNAWAY = 5
"""An agent loops from 22:10 UTC until its key is revoked at 05:20 the next morning."""

OUTAGE_MINUTES = (13 * 60 + 5, 15 * 60 + 50)
OUTAGE_SHARE = 0.85
STORM_MINUTES = (19 * 60, 22 * 60)
RUNAWAY_START_MINUTE = 22 * 60 + 10
RUNAWAY_END_MINUTE = 5 * 60 + 20
RUNAWAY_REQUESTS = 4_200
PILOT_BUDGET = Decimal("8.00")
SWITCHED_TO = "gpt-4o-mini"
CONTRACT_PRICES = {"input": Decimal("2.10"), "cache_read": Decimal("0.21"), "output": Decimal("12.60")}
"""USD per 1,000,000 tokens of gpt-5.4 from the price change on; the list says 2.50, 0.25 and 15.00."""


@dataclass(frozen=True, slots=True)
class Calendar:
    """The days of one run. `until` is an aware instant in UTC: nothing starts at or after it."""

    until: datetime

    @property
    def last(self) -> date:
        """Day 0: the day that holds the last instant before `until`."""
        return (self.until - timedelta(microseconds=1)).astimezone(UTC).date()

    def day(self, before: int) -> date:
        return self.last - timedelta(days=before)

    def midnight(self, before: int) -> datetime:
        """00:00 UTC of the day `before` days before the last."""
        return datetime.combine(self.day(before), time.min, UTC)

    def index(self, day: date) -> int:
        """How many days before the last `day` is."""
        return (self.last - day).days

    @property
    def revoked_at(self) -> datetime:
        """When the runaway key is revoked."""
        return self.midnight(RUNAWAY - 1) + timedelta(minutes=RUNAWAY_END_MINUTE)
