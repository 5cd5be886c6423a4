"""Whatever is booked, in whatever order and however often: rollups equal the ledger to the last digit."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analytics import cache
from analytics.query import Query, run
from analytics.rollups import subjects
from analytics.rollups.marks import process_marks
from analytics.rollups.refresh import refresh
from analytics.rollups.zones import follow_zones
from analytics.services import declare_tag
from analytics.verify import compare_rollups
from gateway.ledger.booking import book
from gateway.ledger.partitions import ensure_partitions
from gateway.models import Organization
from tests.analytics.drafts import drafted, drafts
from tests.factories import Acme

STARTS = [datetime(2026, month, day, tzinfo=UTC) for month, day in ((2, 27), (3, 7), (3, 28), (10, 24), (10, 31))]
"""Before the end of a month, and before clocks change: Havana's in March and November, Berlin's in March, October."""


class Killed(BaseException):
    """A worker's end in the middle of its transaction."""


class Process:
    """The rollup worker; killed after `statements` statements of a run, whose transaction is lost with it."""

    def __init__(self, statements: int | None) -> None:
        self.left = statements

    def run(self) -> None:
        try:
            with transaction.atomic(), connection.execute_wrapper(self._count):
                process_marks(force=True)
        except Killed:
            pass

    def _count(self, execute: Any, statement: str, parameters: Any, many: bool, context: Any) -> Any:
        if self.left is not None:
            self.left -= 1
            if self.left < 0:
                raise Killed
        return execute(statement, parameters, many, context)


@pytest.mark.slow
@pytest.mark.django_db(transaction=False)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    start=st.sampled_from(STARTS),
    batches=st.lists(
        st.tuples(st.lists(drafts(), max_size=12), st.none() | st.integers(0, 60)), min_size=1, max_size=4
    ),
    zones=st.lists(st.sampled_from(["UTC", "Asia/Kathmandu", "America/Havana", "Europe/Berlin"]), max_size=2),
    tag=st.booleans(),
    limit=st.sampled_from([1, 10_000]),
    whole=st.booleans(),
)
def test_rollups_equal_the_ledger(
    company: Acme,
    start: datetime,
    batches: list[tuple[list[dict[str, Any]], int | None]],
    zones: list[str],
    tag: bool,
    limit: int,
    whole: bool,
) -> None:
    """Late lines, duplicates, workers that are killed, time zones that change meanwhile, tags declared in between."""
    connection.ensure_connection()
    with transaction.atomic(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(subjects, "MAX_VALUES", limit)
        ensure_partitions(connection.connection, [start, start + timedelta(days=5)])
        for number, (batch, killed_after) in enumerate(batches):
            lines = [drafted(company, start, draft) for draft in batch]
            book(connection.connection, lines)
            book(connection.connection, lines[:3])
            Process(killed_after).run()
            if number < len(zones):
                Organization.objects.filter(pk=company.organization.pk).update(reporting_timezone=zones[number])
                follow_zones()
            if tag and number == 0:
                declare_tag(organization=company.organization, actor=None, key="feature")
        if whole:
            refresh(company.organization.pk, start, start + timedelta(days=5))

        assert compare_rollups() == []
        _check_answers(company, start)
        transaction.set_rollback(True)


def _check_answers(company: Acme, start: datetime) -> None:
    """Questions over all of it, in any zone, add up to the ledger."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT coalesce(sum(cost), 0) FROM gateway_ledgerline")
        (cost,) = cursor.fetchone()
    cache.clear()
    for zone in ("UTC", "Asia/Kathmandu", "America/Havana", "Europe/Berlin"):
        for dimensions in ((), ("end_user",), ("model",)):
            query = Query(
                measures=["cost", "attempts"], start=start, end=start + timedelta(days=5), timezone=zone,
                granularity="day", dimensions=dimensions, organization=company.organization, limit=2,
            )  # fmt: skip
            result = run(company.people["alice"], query)
            assert result.totals["cost"] == cost
            assert sum((point.measures["cost"] or 0 for point in result.series), Decimal(0)) == cost  # type: ignore[misc]
