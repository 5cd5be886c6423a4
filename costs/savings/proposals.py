"""What a search for savings answers. Pure: plain frozen values, so that detectors, storage and pages agree."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

ZERO = Decimal(0)


class Category(StrEnum):
    """One detector each; the file of the same name in `costs/savings/detectors` finds it."""

    CHEAPER_MODEL = "cheaper_model"
    CHEAPER_PROVIDER = "cheaper_provider"
    PROMPT_CACHING = "prompt_caching"
    DUPLICATE_CACHING = "duplicate_caching"
    BATCH = "batch"
    OUTPUT_LENGTH = "output_length"
    REASONING_EFFORT = "reasoning_effort"
    TIER_BOUNDARY = "tier_boundary"
    RETRY_WASTE = "retry_waste"
    FAILED_CALLS = "failed_calls"
    IDLE_KEYS = "idle_keys"
    UNUSED_COMMITMENT = "unused_commitment"
    OVERSIZED_COMMITMENT = "oversized_commitment"


class Effort(StrEnum):
    """`low`: one click or one setting here; `medium`: a setting and a test; `high`: the application changes."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


class Risk(StrEnum):
    """`none`: answers stay byte for byte; `low`: the same model; `medium`, `high`: another model answers."""

    NONE = "none"
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


@dataclass(frozen=True, slots=True)
class Slice:
    """The calls that a proposal is about: every filled field must match a line. Ids as the ledger has them, as text.

    `endpoint`, `provider` (its slug) and `model` (served) are as on the line; `route` the route's name.
    """

    project: str = ""
    team: str = ""
    api_key: str = ""
    provider: str = ""
    model: str = ""
    endpoint: str = ""
    route: str = ""

    def filters(self) -> tuple[tuple[str, str], ...]:
        """`(dimension, value)` of what is filled, in the order of the fields."""
        names = ("project", "team", "api_key", "provider", "model", "endpoint", "route")
        return tuple((name, getattr(self, name)) for name in names if getattr(self, name))


@dataclass(frozen=True, slots=True)
class Change:
    """What applying it would do, and what a replay prices.

    `provider`, `model`: the new target where it moves. `settings`: what else the category needs, such as `ttl_s` of a
    response cache, `max_tokens`, `reasoning_effort`, `service_tier`, `key_ids`; decimal strings or plain text.
    """

    category: Category
    provider: str = ""
    model: str = ""
    settings: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Interval:
    """`lower` ≤ saving ≤ `upper` at `level`, money of the replayed window."""

    level: Decimal
    lower: Decimal
    upper: Decimal


@dataclass(frozen=True, slots=True)
class Evidence:
    """One reason. `figures`: name → number as text; `text` says them in words. `url`: a console page with the rows."""

    kind: str
    text: str
    figures: Mapping[str, str] = field(default_factory=dict)
    url: str = ""


@dataclass(frozen=True, slots=True)
class Quality:
    """Recorded scores of the model that answers today and of the one proposed, on this slice where there are any, else
    on the organization. None: no score was recorded; `text` says what that means for the risk."""

    current: float | None
    proposed: float | None
    current_scores: int
    proposed_scores: int
    text: str


@dataclass(frozen=True, slots=True)
class Proposal:
    """One saving. `key` is the same for the same finding in every scan, so a dismissed one stays dismissed.

    Money is of the replayed window: `actual_cost` of the slice's lines, `replayed_cost` of the same lines under the
    change alone, `saving` their difference, `joint_saving` the part that is left to it in the joint replay of all
    proposals (Σ joint_saving = `Findings.joint_saving`, to the last digit). `monthly_saving`: joint, on 30 days.
    """

    key: str
    category: Category
    title: str
    slice: Slice
    change: Change
    lines: int
    requests: int
    actual_cost: Decimal
    replayed_cost: Decimal
    saving: Decimal
    interval: Interval
    joint_saving: Decimal
    monthly_saving: Decimal
    effort: Effort
    risk: Risk
    evidence: tuple[Evidence, ...]
    steps: tuple[str, ...]
    affected: tuple[str, ...]
    quality: Quality | None = None


@dataclass(frozen=True, slots=True)
class Findings:
    """What a search over `[start, end)` found, largest joint saving first. `spend`: the cost of every line replayed;
    `committed`: what commitments cost beside it; `notes`: `(code, message)` of what could not be judged, such as lines
    without a price or in other currencies."""

    start: datetime
    end: datetime
    currency: str
    spend: Decimal
    lines: int
    proposals: tuple[Proposal, ...] = ()
    joint_saving: Decimal = ZERO
    joint_interval: Interval | None = None
    notes: tuple[tuple[str, str], ...] = ()
    committed: Decimal = ZERO

    @property
    def charged(self) -> Decimal:
        """Lines and commitments: what the joint saving is a share of."""
        return self.spend + self.committed
