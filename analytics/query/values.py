"""Filters: values checked and made of the column's type, slugs resolved, conditions as SQL with parameters."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from analytics.metrics import DIMENSIONS
from analytics.query.scope import Scope
from analytics.query.shapes import Filter, QueryError
from analytics.rollups.ledger import quote
from gateway.models import Organization, Project, Team, User, VirtualKey

TAG, END_USER = "tag.", "end_user"
OPERATORS = ("eq", "in", "ne", "not_in", "contains", "gt", "lt")
_CASTS = {"uuid": "uuid[]", "text": "text[]", "integer": "integer[]", "boolean": "boolean[]"}
LARGEST_INTEGER = 2**31 - 1
_TRUE, _FALSE = ("true", "1", "yes"), ("false", "0", "no")


@dataclass(frozen=True, slots=True)
class Condition:
    """SQL over a cube's columns; `%(…)s` names are unique within a query."""

    sql: str
    parameters: dict[str, Any]


def is_subject(dimension: str) -> bool:
    """Whether it is kept by `cubes.SUBJECT` alone: end users and tags."""
    return dimension == END_USER or dimension.startswith(TAG)


def column_of(dimension: str) -> str:
    """Its column or expression among the rows of a question; there is one subject at most, and its key is never SQL."""
    known = DIMENSIONS.get(dimension)
    if known is not None and known.expression is not None:
        return f"({known.expression})"
    return quote("value" if is_subject(dimension) else dimension)


def kind_of(dimension: str) -> str:
    """Kind of value; tags are text."""
    return DIMENSIONS[dimension].kind if dimension in DIMENSIONS else "text"


def conditions(filters: Sequence[Filter], scope: Scope) -> tuple[Condition, ...]:
    """Raises QueryError `unknown_operator`, `bad_value`, `unknown_value`."""
    return tuple(_condition(item, f"filter{i}", scope) for i, item in enumerate(filters))


def _condition(item: Filter, name: str, scope: Scope) -> Condition:
    if item.op not in OPERATORS:
        raise QueryError("unknown_operator", f"No operator {item.op!r}; there are {', '.join(OPERATORS)}.")
    kind = kind_of(item.dimension)
    column = column_of(item.dimension)
    if item.op in ("contains", "gt", "lt"):
        return _comparison(item, column, kind, name)
    known = _typed(item, kind, scope)
    equal = f"{column} = ANY(%({name})s::{_CASTS[kind]})"
    if any(value is None for value in item.values):
        equal = f"({equal} OR {column} IS NULL)"
    # IS TRUE: a row without the value is "not one of" them, not unknown
    negation = "NOT " if item.op in ("ne", "not_in") else ""
    return Condition(f"({negation}({equal}) IS TRUE)", {name: known})


def _comparison(item: Filter, column: str, kind: str, name: str) -> Condition:
    if len(item.values) != 1:
        raise QueryError("bad_value", f"{item.op} takes one value.")
    if item.op == "contains":
        if kind != "text":
            raise QueryError("bad_value", f"contains works on text, {item.dimension} is {kind}.")
        return Condition(f"position(lower(%({name})s) in lower({column})) > 0", {name: str(item.values[0])})
    if kind != "integer":
        raise QueryError("bad_value", f"{item.op} works on numbers, {item.dimension} is {kind}.")
    sign = ">" if item.op == "gt" else "<"
    return Condition(f"{column} {sign} %({name})s", {name: _integer(item.dimension, item.values[0])})


def _typed(item: Filter, kind: str, scope: Scope) -> list[Any]:
    given = [value for value in item.values if value is not None]
    if kind == "uuid":
        return _ids(item.dimension, given, scope)
    if kind == "integer":
        return [_integer(item.dimension, value) for value in given]
    if kind == "boolean":
        return [_boolean(item.dimension, value) for value in given]
    return [str(value) for value in given]


def _integer(dimension: str, value: object) -> int:
    try:
        number = int(str(value))
    except ValueError:
        raise QueryError("bad_value", f"{dimension} takes whole numbers, not {value!r}.") from None
    if abs(number) > LARGEST_INTEGER:
        raise QueryError("bad_value", f"{number} is out of the range of {dimension}.")
    return number


def _boolean(dimension: str, value: object) -> bool:
    text = str(value).lower()
    if text not in (*_TRUE, *_FALSE):
        raise QueryError("bad_value", f"{dimension} takes true or false, not {value!r}.")
    return text in _TRUE


def _ids(dimension: str, values: Sequence[object], scope: Scope) -> list[UUID]:
    """UUIDs as they are; names (slug, key prefix, user name) by one look-up within the organizations."""
    found: list[UUID] = []
    named: list[str] = []
    for value in values:
        try:
            found.append(value if isinstance(value, UUID) else UUID(str(getattr(value, "pk", value))))
        except ValueError:
            named.append(str(value))
    if named:
        rows = dict(_named(dimension, named, scope))
        missing = [name for name in named if name not in rows.values()]
        if missing:
            raise QueryError("unknown_value", f"No {dimension} {', '.join(map(repr, missing))} here.")
        found += rows.keys()
    return found


def _named(dimension: str, names: list[str], scope: Scope) -> QuerySet[Any, Any]:
    organizations = list(scope.organizations)
    if dimension == "organization":
        return Organization.objects.filter(slug__in=names, pk__in=organizations).values_list("pk", "slug")
    if dimension == "user":
        people = User.objects.filter(username__in=names, memberships__organization__in=organizations)
        return people.distinct().values_list("pk", "username")
    if dimension == "api_key":
        keys = VirtualKey.objects.filter(prefix__in=names, organization__in=organizations)
        return keys.values_list("pk", "prefix")
    rows = Team.objects.all() if dimension == "team" else Project.objects.all()
    return rows.filter(slug__in=names, organization__in=organizations).values_list("pk", "slug")
