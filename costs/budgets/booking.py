"""Spent counters: what a batch of new ledger lines adds to which period of which budget, in the batch's transaction.

Named in `settings.GATEWAY_BOOKERS` and `GATEWAY_SPOOL_CLOSERS`; the ledger writer runs them.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

import orjson
import psycopg

from costs.budgets import money, sql
from costs.budgets.loading import read_index
from costs.budgets.views import Applied, BudgetIndex, BudgetView
from gateway.ledger.hooks import NewLines
from gateway.ledger.ids import EPOCH
from gateway.scopes import KEY, MODEL, TAG

Line = Mapping[str, Any]
SPOOL = "spool:"


class KeyOfLine(NamedTuple):
    """What a key says about its budget: the first key of its rotation, and whether it has one itself."""

    lineage: str
    has_budget: bool


@dataclass(slots=True)
class Addition:
    """What a batch adds to one counter."""

    cost: Decimal = Decimal(0)
    held: Decimal = Decimal(0)
    uncounted: int = 0


@dataclass(slots=True)
class Additions:
    """By (budget, subject, period); `marks`: counter → cost to take from the owner's lease there."""

    rows: dict[tuple[str, str, str, int, int], Addition] = field(default_factory=dict)
    marks: dict[int, Decimal] = field(default_factory=dict)


def book_budgets(connection: psycopg.Connection[Any], lines: NewLines) -> None:
    """Add `lines` to their counters, and take them from the leases they name.

    The lock is shared with other bookings; a budget that is being made waits for us, or we for it and then see it.
    Three queries when the lines have nothing to do with a budget, four otherwise.
    """
    connection.execute("SELECT pg_advisory_xact_lock_shared(%s)", [sql.BUDGETS_LOCK])
    owner = lines.source.removeprefix(SPOOL)
    index = read_index(connection, lines.organizations)
    keys, has_leases = _keys(connection, lines.keys, owner)
    if not index.by_id and not has_leases and not any(key.has_budget for key in keys.values()):
        return
    found = additions(filter(_matters, lines.read()), index, keys)
    if found.rows or found.marks:
        connection.execute(
            "SELECT costs_book(%s, %s::jsonb, %s::jsonb)",
            [owner, _rows(found), _json({str(at): str(cost) for at, cost in found.marks.items()})],
        )


def release_owner(connection: psycopg.Connection[Any], spool_id: str) -> None:
    """A spool is booked to its end and its owner is gone: its leases end."""
    connection.execute("SELECT costs_release(%s)", [spool_id])


def _matters(line: Line) -> bool:
    return line.get("price_status") == "unpriced" or bool(Decimal(str(line.get("cost") or 0)))


def _keys(connection: psycopg.Connection[Any], ids: Collection[str], owner: str) -> tuple[dict[str, KeyOfLine], bool]:
    """The keys of the lines, and whether the owner of the spool has leases."""
    rows = connection.execute(
        "SELECT id::text, coalesce(lineage_id, id)::text, budget_amount IS NOT NULL "
        "FROM gateway_virtualkey WHERE id = ANY(%s::uuid[]) "
        "UNION ALL SELECT '', '', EXISTS (SELECT FROM costs_budgetlease WHERE owner = %s)",
        [list(ids), owner],
    )
    keys = {row[0]: KeyOfLine(row[1], row[2]) for row in rows}
    return keys, keys.pop("").has_budget


def additions(lines: Iterable[Line], index: BudgetIndex, keys: Mapping[str, KeyOfLine]) -> Additions:
    """Pure: which counters the lines belong to."""
    found = Additions()
    for line in lines:
        is_unpriced, charge = line.get("price_status") == "unpriced", charge_of(line)
        ms = _ms(str(line["id"]))
        for budget, subject in _budgets(line, index, keys):
            start, end = budget.window_ms(ms)
            if start < budget.tracked_from:
                continue
            key = (budget.id, budget.organization, subject, start, end)
            row = found.rows.get(key)
            if row is None:
                row = found.rows[key] = Addition()
            if is_unpriced or budget.currency not in ("", line.get("currency") or "USD"):
                row.uncounted += 1
            else:
                row.cost += charge
            if is_unpriced and budget.blocks:
                row.held += charge
        if line["kind"] != "adjustment":
            for counter in line.get("leases") or ():
                found.marks[counter] = found.marks.get(counter, Decimal(0)) + charge
    return found


def charge_of(line: Line) -> Decimal:
    """What a line takes from the leases it names: its cost, or what is kept in reserve for it without a price."""
    return Decimal(str(line.get(_charged(line)) or 0))


def ticks_of_charge(line: Line) -> int:
    """`charge_of` in ticks."""
    return money.ticks_of_text(str(line.get(_charged(line)) or 0))


def _charged(line: Line) -> str:
    return "unpriced_hold" if line.get("price_status") == "unpriced" else "cost"


def _budgets(line: Line, index: BudgetIndex, keys: Mapping[str, KeyOfLine]) -> Iterable[Applied]:
    organization = str(line["organization"])
    key = keys.get(str(line.get("api_key")))
    if scopes := index.scopes(organization):
        yield from index.find(organization, subjects_of_line(line, key.lineage if key else None, scopes))
    if key is not None and key.has_budget:
        yield _own_budget(index, key.lineage, organization), ""


def _own_budget(index: BudgetIndex, lineage: str, organization: str) -> BudgetView:
    return index.of_key(lineage, organization, 0)  # the amount is not needed to count


def subjects_of_line(line: Line, lineage: str | None, scopes: Collection[str]) -> dict[str, list[str]]:
    """What a line is about, in the scopes asked for."""
    found: dict[str, list[str]] = {}
    for scope in scopes:
        if scope == TAG:
            found[scope] = [f"{name}={value}" for name, value in (line.get("tag_set") or {}).items()]
        elif scope == KEY:
            found[scope] = [lineage] if lineage else []
        else:
            value = line.get("model_served" if scope == MODEL else scope)
            found[scope] = [] if value is None else [str(value)]
    return found


def _ms(identity: str) -> int:
    return int(identity[:8] + identity[9:13], 16)


def _rows(found: Additions) -> str:
    return _json(
        [
            {
                "b": budget, "o": organization, "k": subject, "s": _at(start), "e": _at(end),
                "a": str(row.cost), "h": str(row.held), "n": row.uncounted,
            }
            for (budget, organization, subject, start, end), row in found.rows.items()
        ]
    )  # fmt: skip


def _at(ms: int) -> datetime:
    return EPOCH + timedelta(milliseconds=ms)


def _json(value: object) -> str:
    return orjson.dumps(value).decode()
