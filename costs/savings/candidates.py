"""What detectors look at and what they hand on. Pure."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cached_property

import numpy as np

from costs.savings.commitments import Commitment
from costs.savings.lines import Lines, Profile
from costs.savings.pricing import BatchPricer, Target
from costs.savings.proposals import Change, Effort, Evidence, Quality, Risk, Slice
from costs.savings.replay import Apply, Ledger
from costs.savings.units import Flags, Ints, money, total, units_of

MONTH = timedelta(days=30)
LEAST_MONTHLY = Decimal(5)
LEAST_SHARE = Decimal("0.005")
LEAST_SLICE_SHARE = Decimal("0.03")
LEAST_REQUESTS = 50
"""A proposal saves at least this much of the currency in 30 days, this share of all spend, this share of what its
slice costs, and is about this many requests. What is smaller is noise, or not worth anybody's time."""


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """A model that the organization can call. `price_list` and `upstream` are how the book names it. `capabilities`
    empty: not declared."""

    provider: str
    name: str
    upstream: str
    price_list: str
    capabilities: frozenset[str] = frozenset()
    context_tokens: int | None = None
    max_output_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class Scores:
    """Recorded quality: mean score (0 to 1) and number of scores."""

    mean: float
    count: int


@dataclass(frozen=True, eq=False)
class View:
    """Everything a detector may look at. `scores`: by (project, provider, model), project "" for the organization.
    `response_cache`: for how many seconds answers are kept already, by project ("" for those without a policy of their
    own; 0: they are not); `names`: of projects by id."""

    ledger: Ledger
    start: datetime
    end: datetime
    models: Sequence[ModelFacts] = ()
    scores: Mapping[tuple[str, str, str], Scores] = field(default_factory=dict)
    commitments: Sequence[Commitment] = ()
    response_cache: Mapping[str, int] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)

    @property
    def lines(self) -> Lines:
        return self.ledger.lines

    @property
    def pricer(self) -> BatchPricer:
        return self.ledger.pricer

    @property
    def window(self) -> tuple[int, int]:
        """Unix milliseconds."""
        return int(self.start.timestamp() * 1000), int(self.end.timestamp() * 1000)

    @cached_property
    def spend(self) -> Decimal:
        return money(total(self.lines.cost))

    def cost_of(self, one: Commitment) -> Decimal:
        """What a commitment cost in the window, pro rata for the time that it ran."""
        ran = min(self.end, one.end or self.end) - max(self.start, one.start)
        second = timedelta(seconds=1)
        cost = one.monthly_cost * Decimal(ran / second) / Decimal(MONTH / second)
        return max(Decimal(0), cost).quantize(Decimal("1e-10"))

    @property
    def committed(self) -> Decimal:
        """What all of them cost in it."""
        return sum((self.cost_of(one) for one in self.commitments), Decimal(0))

    def least(self) -> int:
        """The smallest saving of the window worth proposing, in 1e-10."""
        window = Decimal((self.end - self.start) / timedelta(seconds=1)) / Decimal(MONTH / timedelta(seconds=1))
        amount = max(LEAST_MONTHLY * window, LEAST_SHARE * self.spend)
        return units_of(amount.quantize(Decimal("1e-10")))

    @cached_property
    def replayable(self) -> Flags:
        """Lines whose usage can be priced anew, and cost something."""
        return np.asarray(self.ledger.explained & (self.lines.cost > 0))

    def slices(self, among: Flags) -> list[tuple[Slice, Profile, Ints]]:
        """Marked lines by project × endpoint × provider × model, with one of their profiles. Slices of fewer than
        `LEAST_REQUESTS` lines, and those that cost less than what is worth proposing, are left out."""
        key = lambda one: (one.project, one.endpoint, one.provider, one.model)  # noqa: E731
        found, least = [], self.least()
        for (project, endpoint, provider, model), rows in self.lines.groups(key, among):
            if len(rows) >= LEAST_REQUESTS and total(self.lines.cost[rows]) >= least:
                part = Slice(project=project, endpoint=endpoint, provider=provider, model=model)
                found.append((part, self.lines.profiles[int(self.lines.profile[rows[0]])], rows))
        return found

    def target(self, rows: Ints) -> Target:
        """What most of these lines are priced by."""
        numbers, counts = np.unique(self.ledger.target[rows], return_counts=True)
        return self.pricer.targets[int(numbers[np.argmax(counts)])]

    def facts(self, provider: str, model: str) -> ModelFacts | None:
        """Of a model by the names on lines; None when it is not in the catalogue any more."""
        return next((one for one in self.models if (one.provider, one.name) == (provider, model)), None)

    def keeps_answers(self, project: str) -> bool:
        """Whether the response cache is on for it."""
        return self.response_cache.get(project, self.response_cache.get("", 0)) > 0

    def name(self, project: str) -> str:
        """A project's name; its id when it has none any more."""
        return self.names.get(project, project)


@dataclass(frozen=True, eq=False)
class Candidate:
    """A change that somebody could make, before it is priced. `rows`: the lines it is about, `apply` what it does to
    them. `low`, `high`: the same under the ends of what it guesses, where it guesses. `outside`: a saving (1e-10) that
    is in no line, such as a fee, out of `outside_cost`."""

    change: Change
    slice: Slice
    title: str
    rows: Ints
    apply: Apply
    effort: Effort
    risk: Risk
    evidence: tuple[Evidence, ...]
    steps: tuple[str, ...]
    quality: Quality | None = None
    low: Apply | None = None
    high: Apply | None = None
    affected: tuple[str, ...] = ()
    identity: str = ""
    outside: int = 0
    outside_cost: int = 0

    @property
    def key(self) -> str:
        """The same for the same change of the same slice, whatever its figures are."""
        parts = [*(f"{name}={value}" for name, value in self.slice.filters()), self.change.provider, self.change.model]
        text = "\x1f".join([*parts, self.identity])
        return f"{self.change.category.value}:{hashlib.sha256(text.encode()).hexdigest()[:24]}"


def share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0


def percent(value: float) -> str:
    """For people: `37 %`."""
    return f"{value * 100:.0f} %" if value >= 0.1 else f"{value * 100:.1f} %"


def affected_of(part: Slice, more: Iterable[str] = ()) -> tuple[str, ...]:
    """What a change touches, as `kind:value`, ids as the ledger has them."""
    return (*(f"{name}:{value}" for name, value in part.filters()), *more)
