"""Values that the console's template components take where a word is not enough (docs/console-components.md)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Tab:
    """One tab that is a link: the state of a page is its URL. `count` is shown beside the label unless empty."""

    label: str
    url: str
    is_current: bool = False
    count: str = ""


@dataclass(frozen=True, slots=True)
class Pair:
    """One entry of a key/value list. `is_code`: an identifier or a command, shown in the fixed-width font; `copy` is
    what its copy button copies (no button when empty)."""

    name: str
    value: str
    is_code: bool = False
    copy: str = ""


@dataclass(frozen=True, slots=True)
class Sample:
    """The same thing in one language, for a code block with tabs; `language` is the tab's label."""

    language: str
    code: str


@dataclass(frozen=True, slots=True)
class Mark:
    """A change that charts show as a thin line at its time; `url` leads to it (no link when empty)."""

    at: datetime
    text: str
    url: str = ""


@dataclass(frozen=True, slots=True)
class SpendingLimit:
    """An amount that cost may reach in a running period. `dimension` and `values` are what it is about, as the
    analytics query names it; both empty: the organization. `team`: the team that all of it lies in, empty where there
    is none. `resets_at` None: it never begins anew. `later`: the periods after it that begin within a year, with what
    cost may reach in each."""

    id: str
    name: str
    dimension: str
    values: tuple[str, ...]
    team: str
    amount: Decimal
    spent: Decimal
    resets_at: datetime | None
    later: tuple[tuple[datetime, datetime, Decimal], ...] = ()


@dataclass(frozen=True, slots=True)
class Use:
    """What a model of a provider (slug) was used for: the mean request by usage key, and what all of it cost."""

    provider: str
    model: str
    usage: Mapping[str, Decimal]
    cost: float


@dataclass(frozen=True, slots=True)
class PriceStep:
    """From `at` on a use of that provider and model costs `factor` times what it costs at the origin."""

    provider: str
    model: str
    at: datetime
    factor: float
