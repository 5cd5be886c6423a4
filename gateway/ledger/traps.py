"""SQL over distributed tables that Citus refuses, answers otherwise, or answers by bringing all rows to one node. Pure.

Citus documentation, "SQL Support and Workarounds" (limitations of cross-node queries) and "Query Processing"
(subqueries and CTEs that cannot be pushed down). What is looked at is text, with literals taken out: it can suspect too
much, so statements that are known and settled are listed where the check is used.
"""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from gateway.ledger.distribution import COLUMN

REFUSED, PULLED = "refused", "pulled"


@dataclass(frozen=True, slots=True)
class Trap:
    """`kind`: `refused` by Citus, or `pulled`, which works but brings the rows to the coordinator first."""

    code: str
    kind: str
    why: str


TRAPS = {
    trap.code: trap
    for trap in (
        Trap("for_update", REFUSED, "row locks work in queries of one shard"),
        Trap("modifying_cte", REFUSED, "a CTE that writes to a distributed table, with more around it"),
        Trap("update_or_delete", REFUSED, "the ledger is append-only; triggers would run on every node"),
        Trap("tableoid", REFUSED, "on a node it is the shard's, not the partition's"),
        Trap("ctid", REFUSED, "places of rows differ between nodes"),
        Trap("tablesample", REFUSED, "works in queries of one shard"),
        Trap("grouping_sets", REFUSED, "work in queries of one shard"),
        Trap("recursive_cte", REFUSED, "works in queries of one shard"),
        Trap("merge", REFUSED, "from local tables into distributed ones it is not supported"),
        Trap("detach_concurrently", REFUSED, "partitions of distributed tables are detached without CONCURRENTLY"),
        Trap("volatile_insert", REFUSED, "a volatile function in INSERT … ON CONFLICT of a distributed table"),
        Trap("correlated", REFUSED, f"a correlated subquery over distributed tables without {COLUMN}"),
        Trap("self_join", REFUSED, f"distributed tables joined without {COLUMN}"),
        Trap("distinct", PULLED, f"DISTINCT aggregates over another column than {COLUMN}"),
        Trap("materialized", PULLED, "a materialized CTE over a distributed table is an intermediate result"),
        Trap("window", PULLED, f"window functions without {COLUMN} in PARTITION BY"),
    )
}
_TEXT = re.compile(r"'(?:[^']|'')*'|--[^\n]*|/\*.*?\*/", re.DOTALL)
_VOLATILE = r"\b(?:clock_timestamp|random|gen_random_uuid|timeofday|nextval)\s*\("


def traps(statement: str, distributed: Collection[str]) -> list[str]:
    """Codes of what is suspicious, sorted; none for a statement that names no distributed table."""
    text = " ".join(_TEXT.sub("''", statement).replace('"', "").split())
    tables = "|".join(sorted(map(re.escape, distributed)))
    if not tables or not re.search(rf"\b(?:{tables})\b", text):
        return []
    one = rf"(?:{tables})(?:_\d{{4}}_\d\d)?\b"
    own = re.search(rf"\b{COLUMN}\s*=", text) is not None
    uses = len(re.findall(rf"\b(?:FROM|JOIN)\s+{one}", text, re.IGNORECASE))
    found = {
        "for_update": _has(r"\bFOR (?:UPDATE|SHARE|NO KEY UPDATE|KEY SHARE)\b", text) and not own,
        "modifying_cte": _has(rf"\bAS (?:MATERIALIZED )?\(\s*(?:INSERT INTO|UPDATE|DELETE FROM) {one}", text),
        "update_or_delete": _has(rf"\b(?:UPDATE|DELETE FROM) {one}", text),
        "tableoid": _has(r"\btableoid\b", text),
        "ctid": _has(r"\bctid\b", text),
        "tablesample": _has(r"\bTABLESAMPLE\b", text),
        "grouping_sets": _has(r"\b(?:GROUPING SETS|GROUP BY (?:ROLLUP|CUBE))\b", text),
        "recursive_cte": _has(r"\bWITH RECURSIVE\b", text),
        "merge": _has(rf"\bMERGE INTO {one}", text),
        "detach_concurrently": _has(r"\bDETACH PARTITION \S+ (?:CONCURRENTLY|FINALIZE)", text),
        "volatile_insert": _has(rf"\bINSERT INTO {one}.*{_VOLATILE}.*ON CONFLICT", text),
        "correlated": _has(rf"\bEXISTS ?\( ?SELECT\b[^()]* FROM {one}", text) and not _joins_on_column(text),
        "self_join": uses > 1 and _has(rf"\bJOIN {one}", text) and not _joins_on_column(text),
        "distinct": _has(rf"\b\w+\(DISTINCT (?!{COLUMN}\b)", text),
        "materialized": any(_has(rf"\b{one}", body) for body in _bodies(text)),
        "window": _has(rf"\bOVER ?\((?![^)]*PARTITION BY[^)]*\b{COLUMN}\b)", text),
    }
    return sorted(code for code, is_there in found.items() if is_there)


def _bodies(text: str) -> Iterator[str]:
    """Of the materialized CTEs: what stands between their parentheses."""
    for begun in re.finditer(r"\bAS MATERIALIZED ?\(", text, re.IGNORECASE):
        depth = 1
        for place in range(begun.end(), len(text)):
            depth += {"(": 1, ")": -1}.get(text[place], 0)
            if depth == 0:
                yield text[begun.end() : place]
                break


def _joins_on_column(text: str) -> bool:
    return re.search(rf"\b\w+\.{COLUMN}\s*=\s*\w+\.{COLUMN}\b", text) is not None


def _has(pattern: str, text: str) -> bool:
    return re.search(pattern, text, re.IGNORECASE) is not None
