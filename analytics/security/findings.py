"""What is odd about a key: its age, its permissions, and use that does not fit what it did before. Pure.

Use is compared with the 30 days before the window. A key with less than `FEWEST_BEFORE` requests or `FEWEST_DAYS` days
of history has no habits yet, so nothing it does is unusual.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

Kind = Literal["unused", "old", "over_permitted", "unusual_ip", "unusual_hour", "unusual_model"]
UNUSED_AFTER = timedelta(days=30)
OLD_AFTER = timedelta(days=180)
FEWEST_BEFORE, FEWEST_DAYS = 50, 7
FEWEST_NOW = 5
"""Requests from a new address, of a new model, or in a new hour, below which nothing is said."""
RARE_HOUR = 0.002
MANY_MODELS = 3


@dataclass(frozen=True, slots=True)
class KeyFacts:
    """One live key. Counts are requests by hour of the day (UTC), model or address (a hash), before and in the window;
    `first_*`: when a value was first seen in the window."""

    id: str
    name: str
    created_at: datetime
    last_used_at: datetime | None
    allows_all_models: bool
    is_management: bool
    never_expires: bool
    days_before: int = 0
    hours_before: Mapping[int, int] = field(default_factory=dict)
    hours_now: Mapping[int, int] = field(default_factory=dict)
    models_before: Mapping[str, int] = field(default_factory=dict)
    models_now: Mapping[str, int] = field(default_factory=dict)
    addresses_before: Mapping[str, int] = field(default_factory=dict)
    addresses_now: Mapping[str, int] = field(default_factory=dict)
    first_seen: Mapping[str, datetime] = field(default_factory=dict)
    """`hour:3`, `model:gpt-4o`, `address:ab12` → time."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing about one key. `since`: when it began to hold; `text`: with the figures."""

    key: str
    name: str
    finding: Kind
    since: datetime
    text: str
    what: str = ""


def findings_of(keys: Iterable[KeyFacts], start: datetime, end: datetime) -> list[Finding]:
    """All findings at `end` of the window, by key."""
    return [finding for key in keys for finding in (*_age(key, end), *_permissions(key), *_habits(key, start))]


def _age(key: KeyFacts, now: datetime) -> Sequence[Finding]:
    found = []
    used = key.last_used_at or key.created_at
    if now - used >= UNUSED_AFTER:
        days = (now - used).days
        words = f"not used for {days} days" if key.last_used_at else f"never used in the {days} days since it was made"
        found.append(Finding(key.id, key.name, "unused", used + UNUSED_AFTER, f"It was {words}."))
    if now - key.created_at >= OLD_AFTER:
        text = f"It was made {(now - key.created_at).days} days ago and not rotated since."
        found.append(Finding(key.id, key.name, "old", key.created_at + OLD_AFTER, text))
    return found


def _permissions(key: KeyFacts) -> Sequence[Finding]:
    if key.is_management and key.never_expires:
        text = "It may manage the organization and never expires."
        return [Finding(key.id, key.name, "over_permitted", key.created_at, text)]
    used = set(key.models_before) | set(key.models_now)
    count = sum(key.models_before.values()) + sum(key.models_now.values())
    if key.allows_all_models and count >= FEWEST_BEFORE and len(used) <= MANY_MODELS:
        names = ", ".join(sorted(used))
        text = f"It may use every model and used only {names} in {count:,} requests."
        return [Finding(key.id, key.name, "over_permitted", key.created_at, text)]
    return []


def _habits(key: KeyFacts, start: datetime) -> Sequence[Finding]:
    before = sum(key.hours_before.values())
    if before < FEWEST_BEFORE or key.days_before < FEWEST_DAYS:
        return []
    found = []
    for address, count in key.addresses_now.items():
        if count >= FEWEST_NOW and key.addresses_before and address not in key.addresses_before:
            text = f"{count:,} requests came from an address it had not used in the 30 days before."
            found.append(_unusual(key, "unusual_ip", f"address:{address}", address[:12], start, text))
    for model, count in key.models_now.items():
        if count >= FEWEST_NOW and model not in key.models_before:
            text = f"{count:,} requests were for {model}, which it had not used in the 30 days before."
            found.append(_unusual(key, "unusual_model", f"model:{model}", model, start, text))
    for hour, count in key.hours_now.items():
        share = key.hours_before.get(hour, 0) / before
        if count >= FEWEST_NOW and share < RARE_HOUR:
            text = f"{count:,} requests came between {hour:02}:00 and {(hour + 1) % 24:02}:00 UTC, when it is silent."
            found.append(_unusual(key, "unusual_hour", f"hour:{hour}", f"{hour:02}:00 UTC", start, text))
    return found


def _unusual(key: KeyFacts, kind: Kind, seen: str, what: str, start: datetime, text: str) -> Finding:
    return Finding(key.id, key.name, kind, key.first_seen.get(seen, start), text, what)
