"""What a page asks the metrics layer about one organization and period, with the person's scope found out once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar

import structlog

from analytics.console.cards import marks
from analytics.console.periods import Period
from analytics.query import Query, QueryError, Result, run
from analytics.query.scope import Scope, scope_of
from gateway.console import Mark
from gateway.models import Organization, User

log = structlog.get_logger(__name__)
T = TypeVar("T")


@dataclass
class Questions:
    """What one page asks about one organization and period; whose view it is, is found out once, with one query:
    `known` when the page has asked already."""

    user: User
    organization: Organization
    period: Period
    known: Scope | None = None

    def ask(self, measures: Sequence[str], **more: Any) -> Result:
        """Raises QueryError; at most one query besides that of the scope. `start`, `end`: another window."""
        return run(self.user, self._query(measures, **more), scope=self._scope)

    @cached_property
    def changes(self) -> list[Mark]:
        """What happened in the period, for every chart of the page. As many queries as the apps' providers make."""
        return marks.find(self.user, self.organization, self.period)

    @cached_property
    def _scope(self) -> Scope:
        return self.known or scope_of(self.user, self._query(["requests"]))

    def _query(self, measures: Sequence[str], **more: Any) -> Query:
        window = {"start": self.period.start, "end": self.period.end}
        return Query(
            measures=list(measures), timezone=self.period.zone, organization=self.organization, **(window | more)
        )


def attempt(part: str, load: Callable[[], T]) -> T | None:
    """`load()`, or None when it fails: one broken part of a page must not take the page down. The error is logged."""
    try:
        return load()
    except Exception:
        log.exception("console_part_failed", part=part)
        return None


def answered(part: str, load: Callable[[], T]) -> tuple[T | None, str]:
    """What `load` returns, or nothing and why the question has no answer; empty when the reason is ours."""
    try:
        return load(), ""
    except QueryError as error:
        return None, error.message
    except Exception:
        log.exception("console_part_failed", part=part)
        return None, ""
