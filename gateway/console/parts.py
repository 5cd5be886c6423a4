"""Values that the console's template components take where a word is not enough (docs/console-components.md)."""

from __future__ import annotations

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
    """An amount that cost may reach in a running period. `dimension` and `value` are what it is about, as the analytics
    query names it; both empty: the organization. `resets_at` None: it never begins anew."""

    id: str
    name: str
    dimension: str
    value: str
    amount: Decimal
    spent: Decimal
    resets_at: datetime | None
