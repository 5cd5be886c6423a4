"""The Performance page: percentiles over time, errors by type, models side by side, health of providers."""

import csv
import io
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any
from unittest.mock import patch

import pytest
from django.core.cache import cache
from django.db import DatabaseError
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from analytics.console import questions
from analytics.console.performance import board
from gateway.models import Heartbeat, Provider
from tests.console.company import UNCHARGED, Company, line, load
from tests.console.conftest import SignIn
from tests.console.test_usage import figure, text_of

PAGE = "/admin/performance/"
DAY = datetime(2026, 3, 10, 12, tzinfo=UTC)
MARCH = "range=custom&from=2026-03-09&to=2026-03-10&grain=day"
BROKEN: dict[str, Any] = {**UNCHARGED, "status": "upstream_error", "http_status": 503, "error_type": "server_error"}


def measured(company: Company) -> None:
    """A hundred answers of 10, 20 … 1,000 ms on the 10th, twice as slow on the 8th; two failures of 50 ms."""
    rng, lines = Random(1), []
    for i in range(1, 101):
        at, times = DAY + timedelta(seconds=i), {"ttft_ms": i * 5.0, "output_ms": i * 5.0}
        lines.append(line(company, at, rng, model_served="gpt-4o", duration_ms=i * 10.0, **times))
        slow = DAY - timedelta(days=2) + timedelta(seconds=i)
        lines.append(line(company, slow, rng, model_served="gpt-4o", duration_ms=i * 20.0, **times))
    for i in range(2):
        failed = {**BROKEN, "duration_ms": 50.0, "ttft_ms": None, "output_ms": None}
        lines.append(line(company, DAY + timedelta(minutes=5 + i), rng, model_served="claude-haiku-4-5", **failed))
    load(company, lines)


def rows_of(sign_in: SignIn, query: str) -> list[list[str]]:
    response = sign_in("alice").get(f"{PAGE}data.csv?{query}")
    assert response.status_code == 200
    return list(csv.reader(io.StringIO(response.content.decode())))


def test_percentiles_equal_the_ledger_within_one_percent(company: Company, sign_in: SignIn) -> None:
    measured(company)

    found = rows_of(sign_in, f"{MARCH}&card=latency")

    assert found[0] == ["Day (UTC)", "Latency p50, ms", "Latency p95, ms", "Latency p99, ms"]
    assert [row[0] for row in found[1:]] == ["2026-03-09T00:00:00+00:00", "2026-03-10T00:00:00+00:00", "Whole period"]
    assert found[1][1:] == ["", "", ""]
    for measured_ms, exact in zip(found[2][1:], (490, 950, 990), strict=True):
        assert abs(float(measured_ms) / exact - 1) <= 0.01
    assert found[2][1:] == found[3][1:]


def test_page_says_what_changed_and_when_it_was_slowest(company: Company, sign_in: SignIn) -> None:
    measured(company)

    page = text_of(sign_in("alice"), MARCH, PAGE)

    assert "Half of the answers were complete within 4" in page
    assert "Latency p95 is 49\u202f% faster than the 2 days before; the slowest day was Tuesday, 10 March with" in page
    assert "2 errors in total" in page
    assert "server_error is the largest with 100\u202f% of it" in page
    assert "By p95 latency claude-haiku-4-5 is the fastest with" in page
    ribbon = figure(page, "latency")
    assert [trace["name"] for trace in ribbon["data"]] == ["Latency p50", "Latency p95", "Latency p99", "Before"]
    assert [trace.get("fill") for trace in ribbon["data"]] == [None, "tonexty", "tonexty", None]
    assert ribbon["data"][3]["y"][0] is None
    assert abs(ribbon["data"][3]["y"][1] / 1.9 - 1) <= 0.01  # the 8th, where the 10th stands


def test_health_board_shows_circuits_first(company: Company, sign_in: SignIn) -> None:
    now, rng = timezone.now(), Random(2)
    load(company, [line(company, now - timedelta(minutes=20), rng, model_served=name)
                   for name in ("gpt-4o", "claude-haiku-4-5", "gemini-2.5-flash")])  # fmt: skip
    openai = Provider.objects.get(slug="openai")
    deployments = {f"{openai.pk}:gpt-4o": {"state": "open", "retry_in_s": 12.4, "opened": 3}}
    Heartbeat.objects.update_or_create(
        name="dataplane:test", defaults={"at": now, "info": {"deployments": deployments}}
    )

    page = text_of(sign_in("alice"), "range=24h", PAGE)

    assert "Circuit open" in page
    assert "open, next try in 12 s" in page
    assert 'title="opened 3 times"' in page
    assert page.count("not called lately") == 2
    assert page.count('badge badge-ok">Up') == 2


def test_state_of_a_provider() -> None:
    assert board._state({"availability": 0.951}, []) == ("Up", "ok")
    assert board._state({"availability": 0.94}, []) == ("Degraded", "warn")
    assert board._state({"availability": 0.49}, []) == ("Down", "bad")
    assert board._state({}, []) == ("No traffic in the last hour", "")
    half = board.Reported("p", "m", state=board.HALF_OPEN)
    assert board._state({"availability": 1.0}, [half]) == ("Probing", "warn")


def test_filters_that_percentiles_do_not_know_leave_the_rest(busy: Company, sign_in: SignIn) -> None:
    page = text_of(sign_in("alice"), "range=30d&status=upstream_error", PAGE)

    assert "Percentiles are not kept by" in page
    assert 'data-chart="errors"' in page
    assert 'data-chart="latency"' not in page


@pytest.mark.slow
def test_people_see_their_part(busy: Company, sign_in: SignIn) -> None:
    everything = text_of(sign_in("carol"), "range=30d", PAGE)
    own = text_of(sign_in("bob"), "range=30d", PAGE)

    def counted(page: str) -> int:
        return int(page.split("Counted: ")[1].split(" requests")[0].replace(",", ""))

    assert 0 < counted(own) < counted(everything)
    assert "You are not a member of an organization yet" in text_of(sign_in("mallory"), "organization=acme", PAGE)
    assert sign_in("mallory").get(f"{PAGE}data.csv?card=latency&organization=acme").status_code == 404


def test_empty_and_failing_states(company: Company, sign_in: SignIn) -> None:
    assert "No requests in the last 7 days" in text_of(sign_in("alice"), "", PAGE)
    with patch.object(questions, "run", side_effect=DatabaseError("rollups are gone")):
        page = text_of(sign_in("alice"), "", PAGE)
    assert "The percentiles could not be read" in page
    assert "Provider health could not be read" in page
    assert "rollups are gone" not in page


def test_query_count(busy: Company, sign_in: SignIn, django_assert_max_num_queries: DjangoAssertNumQueries) -> None:
    for name in ("alice", "bob"):
        client = sign_in(name)
        cache.clear()
        with django_assert_max_num_queries(20):
            text_of(client, "range=90d", PAGE)
