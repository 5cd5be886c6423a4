"""Several questions by one person about one organization: whose view it is, is found out once."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from analytics.labels import FIELDS, labels
from analytics.query import Group, Note, Query, QueryError, Result, run
from analytics.query.scope import Scope, scope_of
from gateway.models import Organization

NOT_KEPT = Note(
    "percentiles_not_kept",
    "Percentiles are null: they are not kept by these dimensions and filters together, or not for the part that you "
    "see.",
)


@dataclass
class Questions:
    """`ask` as often as needed; `notes` collects what the answers say. `is_fresh`: past the cache of results.

    One statement for the scope, one for each question that is not cached.
    """

    user: Any
    organization: Organization
    is_fresh: bool = False
    notes: list[Note] = field(default_factory=list)

    @cached_property
    def scope(self) -> Scope:
        """Raises QueryError `unknown_organization`."""
        now = datetime.now(UTC)
        return scope_of(self.user, Query(measures=(), start=now, end=now, organization=self.organization))

    def apart(self, *, is_fresh: bool = False) -> Questions:
        """The same view with notes of its own."""
        other = copy(self)
        other.notes = []
        other.is_fresh = is_fresh or self.is_fresh
        return other

    def ask(self, query: Query, optional: Sequence[str] = ()) -> Result:
        """The answer; raises QueryError. Measures of `optional` are left null, with a note, when no cube keeps them."""
        query = replace(query, organization=self.organization)
        try:
            return self._noted(self._run(replace(query, measures=(*query.measures, *optional))))
        except QueryError as error:
            if error.code != "not_covered" or not optional:
                raise
        result = self._run(query)
        missing = [name for name in optional if name not in query.measures]
        return self._noted(replace(without(result, missing), notes=[*result.notes, NOT_KEPT]))

    def note(self, *notes: Note) -> None:
        """Each is said once."""
        self.notes += [note for note in dict.fromkeys(notes) if note not in self.notes]

    def _run(self, query: Query) -> Result:
        return run(self.user, query, scope=self.scope, is_fresh=self.is_fresh)

    def _noted(self, result: Result) -> Result:
        self.note(*result.notes)
        return result


def without(result: Result, missing: Collection[str]) -> Result:
    """The result with nulls for measures that are not known."""
    return replace(
        result,
        totals=_nulled(result.totals, missing),
        previous_totals=_nulled(result.previous_totals, missing),
        change=_nulled(result.change, missing) if result.change else {},
        series=[replace(point, measures=_nulled(point.measures, missing)) for point in result.series],
        groups=groups_without(result.groups, missing),
    )


def groups_without(groups: Sequence[Group], missing: Collection[str]) -> list[Group]:
    """Groups with nulls for measures that are not known; a share of one stays, it has no unit."""
    return [
        replace(group, measures=_nulled(group.measures, missing), previous=_nulled(group.previous, missing))
        for group in groups
    ]


def _nulled(values: Mapping[str, Any] | None, missing: Collection[str]) -> Any:
    return None if values is None else {**values, **dict.fromkeys(missing)}


@dataclass(frozen=True, slots=True)
class Label:
    """The name that people know for an id."""

    dimension: str
    value: str
    name: str


def labels_of(*groups: Iterable[Group]) -> list[Label]:
    """Names of the ids that stand in the groups; one query for each dimension of ids among them."""
    found: dict[str, set[str]] = {}
    for part in groups:
        for group in part:
            for name, value in group.dimensions.items():
                if name in FIELDS and value is not None and not group.is_other:
                    found.setdefault(name, set()).add(str(value))
    return [
        Label(dimension, value, name)
        for dimension, values in sorted(found.items())
        for value, name in sorted(labels(dimension, values).items())
    ]


def common(questions: Questions, result: Result, *others: Sequence[Group]) -> dict[str, Any]:
    """Fields of the common answer, with the notes of everything asked so far and the names of all ids."""
    shown = {item.name: getattr(result, item.name) for item in fields(Result)}
    return {**shown, "notes": list(questions.notes), "labels": labels_of(result.groups, *others)}
