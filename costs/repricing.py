"""What a ledger line would cost by another book, and the adjusting entry that makes up the difference. Pure.

An original line and its earlier adjusting entries together are what was charged so far. The new entry carries the new
charges and takes back those that it replaces; charges that are the same stay as they are.
"""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from costs.pricer import BookPricer
from gateway.ledger.booking import TOKEN_COLUMNS, TRUTH, derived_id
from gateway.ledger.copyformat import JSON_BYTES

Line = Mapping[str, Any]
ZERO = Decimal(0)
FROM_FILE = "import:"
"""Rates of lines whose cost came with an imported file: not ours to price anew."""
_CONTEXT = re.compile(r"\b(speed|region)=([^:,]+)")
_FROM_CHARGES = {
    "web_search": "web_searches", "image_input": "image_input_tokens", "image_output": "image_output_tokens",
    "request": "requests",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Target:
    """Whose price list a line is priced by, the model's name there, and where the provider says that it answers."""

    price_list: str
    model: str
    region: str = ""


@dataclass(slots=True)
class Group:
    """Lines of one team and model: what they cost, and what they would."""

    team: str | None
    model: str
    currency: str
    lines: int = 0
    newly_priced: int = 0
    before: Decimal = ZERO
    after: Decimal = ZERO


@dataclass(slots=True)
class Count:
    """A re-pricing so far. `changed` lines differ; `still_unpriced` have no price now either; `other_currency` would
    change their currency and are left alone; `meanwhile` got another entry while it was applied, and are left alone
    too."""

    lines: int = 0
    changed: int = 0
    still_unpriced: int = 0
    other_currency: int = 0
    meanwhile: int = 0
    groups: dict[tuple[str | None, str, str], Group] = field(default_factory=dict)

    def add(self, line: Line, before: Decimal, after: Decimal, *, is_new: bool) -> None:
        key = (line["team"], line["model_served"] or line["model_requested"], line["currency"])
        group = self.groups.setdefault(key, Group(*key))
        group.lines += 1
        group.newly_priced += is_new
        group.before += before
        group.after += after

    def as_json(self) -> dict[str, Any]:
        """Decimals as text; groups by the size of their difference. The sums of all are None where groups are of
        several currencies."""
        groups = sorted(self.groups.values(), key=lambda one: (-abs(one.after - one.before), one.model, one.team or ""))
        before, after = (sum((getattr(one, name) for one in groups), ZERO) for name in ("before", "after"))
        sums = {"before": _text(before), "after": _text(after), "difference": _text(after - before)}
        is_mixed = len({one.currency for one in groups}) > 1
        return {
            "lines": self.lines, "changed": self.changed, "still_unpriced": self.still_unpriced,
            "other_currency": self.other_currency, "meanwhile": self.meanwhile,
            **(dict.fromkeys(sums) if is_mixed else sums),
            "groups": [
                {"team": one.team, "model": one.model, "currency": one.currency, "lines": one.lines,
                 "newly_priced": one.newly_priced, "before": _text(one.before), "after": _text(one.after),
                 "difference": _text(one.after - one.before)}
                for one in groups
            ],
        }  # fmt: skip

    @classmethod
    def of_json(cls, stored: Mapping[str, Any] | None) -> "Count":
        """What `as_json` made; an empty count of None."""
        count = cls()
        if stored:
            count.lines, count.changed = stored["lines"], stored["changed"]
            count.still_unpriced, count.other_currency = stored["still_unpriced"], stored["other_currency"]
            count.meanwhile = stored.get("meanwhile", 0)
            for one in stored["groups"]:
                key = (one["team"], one["model"], one["currency"])
                before, after = Decimal(one["before"]), Decimal(one["after"])
                count.groups[key] = Group(*key, one["lines"], one["newly_priced"], before, after)
        return count


def served(line: Line, earlier: Iterable[Line]) -> Line:
    """What was served: the line, or the truth that came later for an interrupted one, with the usage of both and its
    own charges."""
    identity = str(derived_id(UUID(line["id"]), TRUTH))
    truth = next((one for one in earlier if one["id"] == identity), None)
    if truth is None:
        return line
    own = [charge for charge in truth["charges"] if _decimal(charge["quantity"]) > 0]
    return {**truth, **{name: line[name] + truth[name] for name in TOKEN_COLUMNS}, "id": line["id"], "charges": own}


def adjustment(
    line: Line, earlier: Sequence[Line], target: Target, pricer: BookPricer, run: str, count: Count
) -> dict[str, Any] | None:
    """The adjusting entry of `line`, given its `earlier` ones and the `target` of what was `served`; None when nothing
    changes. Adds to `count`.

    Fingerprints are of calls, so the entry has none. A line that used nothing, or whose cost came from a file, is left
    out. A price that is known is never taken back because the book has lost it. The id derives from (line, run): the
    same run books a line once.
    """
    truth = served(line, earlier)
    usage = _usage(truth)
    if not usage or any(str(charge["rate_id"]).startswith(FROM_FILE) for charge in line["charges"]):
        return None
    # without a price, what some of its meters cost is in no cost
    charged = [charge for one in (line, *earlier) if one["cost"] is not None for charge in one["charges"]]
    known = [_decimal(one["cost"]) for one in (line, *earlier) if one["cost"] is not None]
    before, was_listed = sum(known, ZERO), _sum(one["list_cost"] for one in (line, *earlier))
    new = pricer.price(
        usage, price_list=target.price_list, model=target.model, at=datetime.fromisoformat(line["started_at"]),
        organization=line["organization"], context=_context(truth, target), served_by=truth["provider"] or "",
    )  # fmt: skip
    count.lines += 1
    if new["cost"] is None:
        count.still_unpriced += 1
        return None
    if new["currency"] != line["currency"] and (charged or before):
        count.other_currency += 1
        return None
    after = Decimal(new["cost"])
    charges = _difference(new["charges"], charged)
    count.add({**truth, "currency": new["currency"]}, before, after, is_new=not known)
    if known and not charges and after == before:
        return None
    count.changed += 1
    listed = None if new["list_cost"] is None else _decimal(new["list_cost"]) - was_listed
    return {
        **truth, **dict.fromkeys(TOKEN_COLUMNS, 0), **dict.fromkeys(JSON_BYTES),
        "id": str(derived_id(UUID(line["id"]), f"reprice:{run}")),
        "kind": "adjustment", "is_final": False, "corrects": line["id"], "booked_at": None, "charges": charges,
        "cost": after - before, "list_cost": listed, "currency": new["currency"], "price_status": "priced",
    }  # fmt: skip


def entry_digest(before: str, entry: Mapping[str, Any]) -> str:
    """A digest of the entries so far and this one: the same for the same entries in the same order."""
    charges = sorted(json.dumps(charge, sort_keys=True) for charge in entry["charges"])
    told = [entry["corrects"], entry["currency"], *(_plain(entry[name]) for name in ("cost", "list_cost")), *charges]
    return hashlib.sha256(json.dumps([before, *told]).encode()).hexdigest()


def _plain(amount: Decimal | None) -> str | None:
    return None if amount is None else _text(amount)


def _usage(line: Line) -> dict[str, int]:
    """The line's usage by the keys of `costs.pricing.meters`; units without a column come from its charges."""
    usage = {name: int(line[name]) for name in TOKEN_COLUMNS if line[name]}
    if usage and line["request_count"] > 1:
        usage["requests"] = line["request_count"]
    for charge in line["charges"]:
        if key := _FROM_CHARGES.get(str(charge["meter"])):
            usage[key] = int(Decimal(str(charge["quantity"])))
    return usage


def _context(line: Line, target: Target) -> dict[str, str]:
    """What the line was served with; where, by its charges, else by its provider's options of today."""
    tier = line["service_tier_served"]
    found = {"region": target.region} if target.region else {}
    found |= {"processing": "batch"} if tier == "batch" else {"service_tier": tier} if tier else {}
    for charge in line["charges"]:
        found.update(_CONTEXT.findall(str(charge["rate_id"])))
    return found


def _difference(new: Iterable[Mapping[str, Any]], charged: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """New charges and the old ones taken back; those that cancel each other are in neither."""
    left = Counter(_key(charge, 1) for charge in new)
    left.update(_key(charge, -1) for charge in charged)
    for key in list(left):
        against = (*key[:2], -key[2], key[3], -key[4], key[5])
        both = min(left[key], left.get(against, 0)) if key != against else 0
        left[key] -= both
        left[against] -= both
    names = ("meter", "rate_id", "quantity", "unit_price", "cost", "currency")
    return [
        dict(zip(names, (value if isinstance(value, str) else _text(value) for value in key), strict=True))
        for key, times in left.items()
        for _ in range(times)
    ]


def _key(charge: Mapping[str, Any], sign: int) -> tuple[Any, ...]:
    quantity, price, cost = (_decimal(charge[name]) for name in ("quantity", "unit_price", "cost"))
    return charge["meter"], charge["rate_id"], sign * quantity, price, sign * cost, charge["currency"]


def _sum(values: Iterable[Any]) -> Decimal:
    return sum((_decimal(value) for value in values if value is not None), ZERO)


def _decimal(value: Any) -> Decimal:
    return value if isinstance(value, Decimal) else Decimal(str(value))


def _text(amount: Decimal) -> str:
    return format(amount, "f")
