"""Changes on a chart: what every app's provider knows of the period, gathered by bucket and numbered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import structlog

from analytics.console import format
from analytics.console.cards.buckets import Buckets
from analytics.console.cards.card import Row, ShownMark
from analytics.console.periods import Period
from gateway.console import Mark, providers
from gateway.models import Organization, User

log = structlog.get_logger(__name__)
MOST = 12
MOST_ITEMS = 5


def find(user: User, organization: Organization, period: Period) -> list[Mark]:
    """Changes within the period, oldest first. A provider that fails is left out: a chart without marks is a chart."""
    found: list[Mark] = []
    for provider in providers():
        try:
            found += provider.marks(user, organization, period.start, period.end)
        except Exception:
            log.exception("console_marks_failed", provider=type(provider).__name__)
    return sorted(found, key=lambda mark: mark.at)


def shown(marks: Sequence[Mark], buckets: Buckets) -> list[tuple[int, ShownMark]]:
    """(bucket, what stands there) of the newest `MOST` buckets with a change, numbered from the left."""
    by_bucket: dict[int, list[Mark]] = {}
    for mark in marks:
        bucket = buckets.index(mark.at)
        if bucket is not None:
            by_bucket.setdefault(bucket, []).append(mark)
    newest = sorted(by_bucket)[-MOST:]
    return [(bucket, _shown(number, by_bucket[bucket], buckets)) for number, bucket in enumerate(newest, 1)]


def in_rows(rows: Sequence[Row], placed: Sequence[tuple[int, ShownMark]]) -> tuple[Row, ...]:
    """The rows of the table, one per bucket, with what happened in each."""
    texts = {bucket: mark.text for bucket, mark in placed}
    return tuple(replace(row, changes=texts.get(bucket, "")) for bucket, row in enumerate(rows))


def _shown(number: int, marks: Sequence[Mark], buckets: Buckets) -> ShownMark:
    items = [
        (f"{format.local(mark.at, buckets.period.zone):%-d %b, %H:%M}", mark.text, mark.url)
        for mark in marks[:MOST_ITEMS]
    ]
    rest = len(marks) - MOST_ITEMS
    if rest > 0:
        items.append(("", f"and {rest} more", ""))
    return ShownMark(number, tuple(items))
