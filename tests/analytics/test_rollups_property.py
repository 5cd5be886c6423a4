"""Whatever is booked, in whatever order and however often: rollups equal the ledger to the last digit."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analytics.rollups.marks import process_marks
from analytics.rollups.refresh import refresh
from analytics.verify import compare_rollups
from gateway.ledger.booking import book
from gateway.ledger.ids import ms_of, uuid7
from gateway.ledger.partitions import ensure_partitions
from tests.factories import Acme, line

START = datetime(2026, 2, 27, tzinfo=UTC)
MONEY = st.decimals(Decimal("-1"), Decimal("1000"), places=10)
MS = st.none() | st.floats(0, 1e7) | st.sampled_from([0.0, 0.0001, float("inf"), float("nan")])
TOKENS = st.integers(0, 10**9)


@st.composite
def drafts(draw: st.DrawFn) -> dict[str, Any]:
    """Columns of a line that differ from the factory's, its offset in seconds and its random bits."""
    kind = draw(st.sampled_from(["attempt", "attempt", "attempt", "cache_hit", "denied", "adjustment", "training"]))
    cost = draw(st.none() | MONEY)
    return {
        "offset": draw(st.integers(0, 4 * 86_400)),
        "bits": draw(st.integers(0, 3)),
        "kind": kind,
        "corrects": uuid7(1) if kind == "adjustment" else None,
        "is_final": draw(st.booleans()),
        "cost": cost,
        "price_status": "unpriced" if cost is None else "priced",
        "list_cost": draw(st.none() | MONEY),
        "charges": draw(
            st.sampled_from(
                [
                    [],
                    [
                        {
                            "meter": "output",
                            "rate_id": None,
                            "quantity": "3",
                            "unit_price": "0.0000001",
                            "cost": str(cost or 0),
                        },
                        {"meter": "web_search", "quantity": "1", "unit_price": None, "cost": None, "currency": "EUR"},
                    ],
                ]
            )
        ),
        "team": draw(st.none() | st.just(uuid7(2))),
        "user": draw(st.none() | st.just(uuid7(3))),
        "api_key": draw(st.none() | st.just(uuid7(4))),
        "provider": draw(st.none() | st.sampled_from(["", "a"])),
        "model_served": draw(st.none() | st.sampled_from(["", "m", "ä\\N'%s"])),
        "error_type": draw(st.none() | st.just("x")),
        "http_status": draw(st.none() | st.just(200)),
        "status": draw(st.sampled_from(["ok", "timeout", "cancelled", "client_error", "denied"])),
        "usage_source": draw(st.sampled_from(["reported", "estimated"])),
        "duration_ms": draw(MS),
        "ttft_ms": draw(MS),
        "output_ms": draw(MS),
        "input_tokens": draw(TOKENS),
        "output_tokens": draw(TOKENS),
        "reasoning_tokens": draw(TOKENS),
        "cache_read_tokens": draw(TOKENS),
        "sdk": draw(st.none() | st.just("openai")),
    }


def _line(company: Acme, draft: dict[str, Any]) -> dict[str, Any]:
    columns = {name: value for name, value in draft.items() if name not in ("offset", "bits")}
    at = START + timedelta(seconds=draft["offset"])
    return {**line(company, at=at), **columns, "id": uuid7(ms_of(at), draft["bits"])}


@pytest.mark.django_db(transaction=False)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(batches=st.lists(st.lists(drafts(), max_size=12), min_size=1, max_size=4), whole=st.booleans())
def test_rollups_equal_the_ledger(company: Acme, batches: list[list[dict[str, Any]]], whole: bool) -> None:
    connection.ensure_connection()
    with transaction.atomic():
        ensure_partitions(connection.connection, [START, START + timedelta(days=5)])
        for batch in batches:
            lines = [_line(company, draft) for draft in batch]
            book(connection.connection, lines)
            book(connection.connection, lines[:3])
            process_marks(force=True)
        if whole:
            refresh(company.organization.pk, START, START + timedelta(days=5))

        assert compare_rollups() == []
        transaction.set_rollback(True)
