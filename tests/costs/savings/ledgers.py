"""Small ledgers in memory, priced one by one by the public list, for detectors and replays without a database."""

from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import numpy as np

from costs.pricing import PriceBook, default_book, price_with
from costs.savings.candidates import Candidate, View
from costs.savings.detectors import DETECTORS
from costs.savings.lines import TOKENS, Builder, Lines, Profile
from costs.savings.prefixes import PrefixReplay
from costs.savings.pricing import BatchPricer, Target
from costs.savings.replay import Ledger
from costs.savings.units import units_of

START = datetime(2026, 11, 2, tzinfo=UTC)
PROFILE_FIELDS = frozenset(one.name for one in fields(Profile))


@dataclass(frozen=True)
class Call:
    """A call at `minute` of the window. `usage` by the keys of `costs.pricing.meters`; `cost` None: by the list."""

    minute: float = 0
    usage: dict[str, int] = field(default_factory=lambda: {"input_tokens": 1000, "output_tokens": 100})
    profile: Profile = field(default_factory=lambda: Profile("app", "", "key", "openai", "gpt-4o", "gpt-4o", "chat"))
    cost: Decimal | None = None
    asked: int = 0
    request: int = 0
    max_tokens: int = 0
    duration_ms: int = 1000
    prefix: tuple[int, ...] = ()

    def but(self, **changes: Any) -> "Call":
        """With other fields, of the profile too; `input`, `output` and the like are usage."""
        known = {name: value for name, value in changes.items() if name in {one.name for one in fields(Call)}}
        profile = {name: value for name, value in changes.items() if name in PROFILE_FIELDS}
        usage = {f"{name}_tokens": value for name, value in changes.items() if f"{name}_tokens" in TOKENS}
        assert len(known) + len(profile) + len(usage) == len(changes)
        known.setdefault("usage", {**self.usage, **usage})
        return replace(self, profile=replace(self.profile, **profile), **known)


def view(calls: Sequence[Call], *, days: float = 10, book: PriceBook | None = None, **more: Any) -> View:
    """Of the calls in order of time; profile's providers are price lists."""
    book, end = book or default_book(), START + timedelta(days=days)
    lines = _lines(sorted(calls, key=lambda call: call.minute), book)
    pricer = BatchPricer(book, START, end, "acme")
    targets = {number: Target(one.provider, one.model, _context(one)) for number, one in enumerate(lines.profiles)}
    return View(Ledger.of(lines, pricer, targets), START, end, **more)


def found(name: str, seen: View) -> list[Candidate]:
    return list(DETECTORS[name](seen))


def _context(profile: Profile) -> tuple[tuple[str, str], ...]:
    return (("processing", "batch"),) if profile.tier == "batch" else ()


def _lines(calls: Sequence[Call], book: PriceBook) -> Lines:
    builder, prefixes = Builder(), PrefixReplay()
    for number, call in enumerate(calls):
        at = int((START + timedelta(minutes=call.minute)).timestamp() * 1000)
        raw = b"".join(one.to_bytes(8, "big") for one in call.prefix)
        blocks, seen, ended = prefixes.take(0, raw, at)
        builder.add(
            profile=[builder.number(call.profile)], at=[at], duration=[call.duration_ms],
            request=[call.request or number + 1_000_000], asked=[call.asked], max_tokens=[call.max_tokens],
            tokens=np.asarray([[call.usage.get(name, 0)] for name in TOKENS]), cost=[_cost(call, book)],
            blocks=[blocks], seen=[seen], ended=[ended],
        )  # fmt: skip
    return builder.lines()


def _cost(call: Call, book: PriceBook) -> int:
    if call.cost is not None:
        return units_of(call.cost)
    at = START + timedelta(minutes=call.minute)
    card = book.resolve(call.profile.provider, call.profile.model, at, dict(_context(call.profile)), "acme")
    assert card is not None
    total = price_with(card, call.usage).total
    assert total is not None
    return units_of(total)
