"""Whom to forget, as every app is told it, and the one way in which the ledger may be changed. No model of an app.

`settings.GATEWAY_ERASERS` lists functions `(Subjects) -> Found`, in the order in which they run: one of them renames
the ledger's lines, by which those before it find what belongs to whom. Each is its own transaction or several, and safe
to run again.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection, models

PSEUDONYM = "erased-"


@dataclass(frozen=True, slots=True)
class Subjects:
    """End users of one organization by name, each with the pseudonym that takes its place.

    `since` None: everything there is. Else it was erased before, and the calls of `[since, before)` are looked for that
    came late to the ledger; the name may be in use again for calls that began later."""

    organization: UUID
    pseudonyms: Mapping[str, str]
    before: datetime
    since: datetime | None = None

    @property
    def names(self) -> list[str]:
        return list(self.pseudonyms)


@dataclass(slots=True)
class Found:
    """Rows that were changed or deleted, by what they are, and what people have to decide on, a sentence each."""

    counts: dict[str, int] = field(default_factory=dict)
    review: list[str] = field(default_factory=list)

    def __iadd__(self, other: "Found") -> "Found":
        for name, count in other.counts.items():
            self.counts[name] = self.counts.get(name, 0) + count
        self.review += [sentence for sentence in other.review if sentence not in self.review]
        return self


Eraser = Callable[[Subjects], Found]


def allow_ledger_changes(organization: UUID) -> None:
    """Until the transaction ends, personal columns of this organization's lines may be changed; the ledger's trigger
    refuses everything else still."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('gateway.forgetting', %s, true)", [str(organization)])


def rename_in(rows: models.QuerySet[Any], column: str, subjects: Subjects) -> int:
    """Put pseudonyms for names in a text column of these rows; returns how many were changed. One query each name."""
    return sum(
        rows.filter(**{column: name}).update(**{column: pseudonym}) for name, pseudonym in subjects.pseudonyms.items()
    )


def rename_in_json(rows: models.QuerySet[Any], column: str, subjects: Subjects) -> int:
    """The same where a JSON column has the name as a string of its own, at any depth; returns how many rows."""
    changed = 0
    for row in _mentioning(rows, column, subjects):
        before = getattr(row, column)
        after = replaced(before, subjects.pseudonyms)
        if after != before:
            changed += rows.filter(pk=row.pk).update(**{column: after})
    return changed


def replaced(value: Any, pseudonyms: Mapping[str, str]) -> Any:
    """A JSON value with every string that is a name replaced; keys of objects stay."""
    match value:
        case str():
            return pseudonyms.get(value, value)
        case list():
            return [replaced(item, pseudonyms) for item in value]
        case dict():
            return {key: replaced(item, pseudonyms) for key, item in value.items()}
    return value


def _mentioning(rows: models.QuerySet[Any], column: str, subjects: Subjects) -> Iterator[Any]:
    """Rows whose JSON text has one of the names in quotes; a superset, which the caller looks through."""
    quoted = [json.dumps(name, ensure_ascii=False) for name in subjects.names]
    text = models.functions.Cast(column, models.TextField())
    wanted = models.Q(*[("_text__contains", name) for name in quoted], _connector=models.Q.OR)
    yield from rows.annotate(_text=text).filter(wanted).only("pk", column)
