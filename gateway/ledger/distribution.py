"""How the schema lies on a Citus cluster: what is distributed by `ledger_shard`, what is everywhere, what stays on the
coordinator, and whether the catalogue allows it. Pure: made of `Catalogue`, which `gateway.ledger.catalogue` reads.

Rules: Citus documentation, "Creating and Modifying Distributed Objects (DDL)" (unique constraints hold the distribution
column; foreign keys go between colocated tables with it, or to reference tables) and "SQL Support and Workarounds".
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from gateway.ledger.ids import SHARDS

COLUMN = "ledger_shard"


class Placement(StrEnum):
    """`distributed`: by the column; `reference`: a copy on each node; `local`: on the coordinator."""

    DISTRIBUTED = "distributed"
    REFERENCE = "reference"
    LOCAL = "local"


@dataclass(frozen=True, slots=True)
class ForeignKey:
    name: str
    columns: tuple[str, ...]
    target: str
    target_columns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """`unique`: name of each primary key, unique constraint or index → its columns ("" for an expression). `serial`:
    columns with a sequence or identity → their type. `is_partition`: follows its parent."""

    name: str
    columns: tuple[str, ...]
    unique: dict[str, tuple[str, ...]] = field(default_factory=dict)
    foreign_keys: tuple[ForeignKey, ...] = ()
    triggers: tuple[str, ...] = ()
    serial: dict[str, str] = field(default_factory=dict)
    is_partition: bool = False
    partition_levels: int = 0
    bytes: int = 0


@dataclass(frozen=True, slots=True)
class Step:
    """One table: where it goes, why, and the statements that put it there (none for what stays)."""

    table: str
    placement: Placement
    reason: str
    statements: tuple[str, ...] = ()
    bytes: int = 0


@dataclass(frozen=True, slots=True)
class Violation:
    """What Citus would refuse, or would not do as one server does. `is_handled`: the plan's statements see to it."""

    table: str
    what: str
    reason: str
    is_handled: bool = False


def plan(tables: Iterable[Table]) -> list[Step]:
    """Reference tables first, then the distributed ones by name, the rest after them: in this order they are made."""
    known = {table.name: table for table in tables if not table.is_partition}
    spread = sorted(name for name, table in known.items() if COLUMN in table.columns)
    everywhere = _referenced(spread, known)
    steps = [
        Step(name, Placement.REFERENCE, f"{', '.join(who)} points at it", (f"SELECT create_reference_table('{name}')",),
             known[name].bytes)
        for name, who in everywhere.items()
    ]  # fmt: skip
    for place, name in enumerate(spread):
        beside = "none" if place == 0 else spread[0]
        steps.append(_distributed(known[name], beside))
    rest = sorted(set(known) - set(spread) - set(everywhere))
    return steps + [
        Step(name, Placement.LOCAL, _why_local(known[name], spread), (), known[name].bytes) for name in rest
    ]


def _distributed(table: Table, beside: str) -> Step:
    statements = [f"SET citus.shard_count = {SHARDS}"]
    if table.triggers:
        statements.append("SET citus.enable_unsafe_triggers = on")
    statements.append(f"SELECT create_distributed_table('{table.name}', '{COLUMN}', colocate_with => '{beside}')")
    return Step(table.name, Placement.DISTRIBUTED, f"it has {COLUMN}", tuple(statements), table.bytes)


def _referenced(spread: Sequence[str], known: dict[str, Table]) -> dict[str, list[str]]:
    """Tables that distributed ones point at, and so on, with who does; what is pointed at comes first."""
    found: dict[str, list[str]] = {}
    waiting = list(spread)
    while waiting:
        name = waiting.pop()
        for key in known[name].foreign_keys:
            if key.target in spread or key.target == name:
                continue
            if key.target not in found:
                waiting.append(key.target)
            found.setdefault(key.target, []).append(name)
    return dict(reversed(found.items()))


def _why_local(table: Table, spread: Sequence[str]) -> str:
    if table.name.startswith("analytics_"):
        return "figures: one row for thousands of lines, written by refreshes on the coordinator"
    return f"no {COLUMN}; configuration and bookkeeping of one writer at a time"


def settings(steps: Iterable[Step]) -> list[str]:
    """Statements of the plan in their order, each once where it only sets something."""
    made: list[str] = []
    for step in steps:
        made += [statement for statement in step.statements if statement not in made]
    return made


# ---- does the catalogue allow it -----------------------------------------------------------------------------------
def violations(tables: Iterable[Table], steps: Iterable[Step]) -> list[Violation]:
    """Everything in the catalogue that does not go with the plan."""
    known = {table.name: table for table in tables}
    places = {step.table: step.placement for step in steps}
    found: list[Violation] = []
    for name, place in places.items():
        table = known[name]
        if place == Placement.DISTRIBUTED:
            found += [*_unique(table), *_rest(table)]
        found += _foreign_keys(table, places)
    return found


def _unique(table: Table) -> Iterable[Violation]:
    for name, columns in table.unique.items():
        if COLUMN not in columns:
            yield Violation(table.name, name, f"unique over {', '.join(columns)} without {COLUMN}")


def _rest(table: Table) -> Iterable[Violation]:
    for name in table.triggers:
        reason = "triggers need citus.enable_unsafe_triggers; this one looks at its own row at most"
        yield Violation(table.name, name, reason, is_handled=True)
    for column, kind in table.serial.items():
        if kind != "bigint":
            yield Violation(table.name, column, f"a sequence of {kind}: nodes need bigint for ranges of their own")
    if table.partition_levels > 1:
        yield Violation(table.name, "partitions", "partitions of partitions cannot be distributed")


def _foreign_keys(table: Table, places: dict[str, Placement]) -> Iterable[Violation]:
    mine = places[table.name]
    for key in table.foreign_keys:
        theirs = places.get(key.target, Placement.LOCAL)
        if mine == theirs == Placement.DISTRIBUTED:
            pairs = zip(key.columns, key.target_columns, strict=True)
            if (COLUMN, COLUMN) not in pairs:
                yield Violation(table.name, key.name, f"between distributed tables without {COLUMN}")
        elif mine == Placement.DISTRIBUTED and theirs == Placement.LOCAL:
            yield Violation(table.name, key.name, f"from a distributed table to {key.target}, which is local")
        elif theirs == Placement.DISTRIBUTED:
            yield Violation(table.name, key.name, f"from a {mine} table to {key.target}, which is distributed")
        elif mine == Placement.REFERENCE and theirs == Placement.LOCAL:
            yield Violation(table.name, key.name, f"from a reference table to {key.target}, which is local")
