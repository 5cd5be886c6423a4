"""SQL that reads the ledger once and says which rule each charge falls under. Strings in, strings out.

Only constants of this module and bound parameters are in the text. Every line of the window is asked by the rules in
order; what none of them takes is rule 0.
"""

from collections.abc import Sequence
from typing import Any

from costs.allocation.rules import ID_DIMENSIONS, TAG, Condition, Rule
from gateway.ledger.schema import TABLE

COLUMNS = {
    "team": "l.team", "project": "l.project", "api_key": "l.api_key", "user": 'l."user"', "end_user": "l.end_user",
    "provider": "l.provider", "model": "l.model_served", "endpoint": "l.endpoint", "kind": "l.kind",
    "origin": "l.origin",
}  # fmt: skip
FINAL = "l.is_final AND l.kind IN ('attempt', 'cache_hit')"
FIGURES = {
    "cost": "sum(l.cost)",
    "requests": f"sum(l.request_count) FILTER (WHERE {FINAL})",
    "attempts": "sum(l.request_count) FILTER (WHERE l.kind = 'attempt')",
    "errors": f"sum(l.request_count) FILTER (WHERE {FINAL} AND l.status IN ('client_error', 'upstream_error', "
    "'timeout', 'interrupted'))",
    "input_tokens": "sum(l.input_tokens)",
    "output_tokens": "sum(l.output_tokens)",
    "total_tokens": "sum(l.input_tokens) + sum(l.output_tokens)",
    "cache_read_tokens": "sum(l.cache_read_tokens)",
}
"""What a proportional rule may measure by, as the measures of the same names count."""
_READ = ", ".join(
    [
        *COLUMNS.values(), "l.tag_set", "l.currency", "l.cost", "l.price_status", "l.request_count", "l.is_final",
        "l.status", "l.input_tokens", "l.output_tokens", "l.cache_read_tokens",
    ]
)  # fmt: skip


def statement(rules: Sequence[Rule]) -> tuple[str, dict[str, Any]]:
    """SQL and its parameters but `organization`, `start`, `end`, `only` (one team, or None for all). Rows: number of
    the rule (from 1; 0: none), value of its dimension or NULL, currency, lines, lines without a price, then `FIGURES`
    of `measured(rules)` in order."""
    parameters: dict[str, Any] = {}
    whens, values = [], []
    for number, rule in enumerate(rules, 1):
        if rule.monthly_amount is not None:
            continue
        met = [_condition(condition, f"r{number}c{i}", parameters) for i, condition in enumerate(rule.conditions)]
        if rule.by:
            named = Condition(rule.by, "in", tuple(rule.centers_by_value))
            met.append(_condition(named, f"r{number}by", parameters))
            column = _column(rule.by, f"r{number}by", parameters)
            values.append(f"WHEN {number} THEN ({column})::text")
        whens.append(f"WHEN {' AND '.join(met) or 'true'} THEN {number}")
    which = f"CASE {' '.join(whens)} ELSE 0 END" if whens else "0"
    value = f"CASE rule {' '.join(values)} END" if values else "NULL::text"
    figures = ", ".join(f"coalesce({FIGURES[name]}, 0)" for name in measured(rules))
    # OFFSET 0 keeps the planner from asking the rules once more wherever their number is used
    return (
        f"SELECT l.rule, {value}, l.currency, count(*), count(*) FILTER (WHERE l.price_status = 'unpriced'), {figures} "
        f"FROM (SELECT {_READ}, {which} AS rule FROM {TABLE} l WHERE l.organization = %(organization)s "
        "AND l.started_at >= %(start)s AND l.started_at < %(end)s "
        "AND (%(only)s::uuid IS NULL OR l.team = %(only)s) OFFSET 0) l GROUP BY 1, 2, 3"
    ), parameters


def measured(rules: Sequence[Rule]) -> list[str]:
    """The figures that are read: cost, then what the proportional rules measure by."""
    return list(dict.fromkeys(["cost", *(rule.metric for rule in rules if rule.metric)]))


def _condition(condition: Condition, name: str, parameters: dict[str, Any]) -> str:
    column = _column(condition.dimension, name, parameters)
    is_id = condition.dimension in ID_DIMENSIONS
    if condition.op == "prefix":
        parts = []
        for i, value in enumerate(condition.values):
            parameters[f"{name}_{i}"] = value
            parts.append(f"starts_with({column}, %({name}_{i})s)")
        return f"coalesce({' OR '.join(parts)}, false)"
    parameters[name] = list(condition.values)
    listed = f"{column} = ANY(%({name})s::{'uuid' if is_id else 'text'}[])"
    return listed if condition.op == "in" else f"({listed}) IS NOT TRUE"


def _column(dimension: str, name: str, parameters: dict[str, Any]) -> str:
    if dimension in COLUMNS:
        return COLUMNS[dimension]
    parameters[f"{name}_tag"] = dimension.removeprefix(TAG)
    return f"(l.tag_set ->> %({name}_tag)s::text)"
