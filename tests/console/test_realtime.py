"""The real-time page: what it shows, who sees what, 304 while nothing happens."""

import re
from datetime import UTC, datetime, timedelta
from random import Random

import pytest
import time_machine
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from analytics.rollups.marks import drain_marks
from gateway.models import Heartbeat
from tests.console.company import Company, line, load
from tests.console.conftest import SignIn

PAGE, LIVE = "/admin/realtime/", "/admin/realtime/now/"
KPI = re.compile(r'class="kpi-label">([^<]+)</span><span class="kpi-value"[^>]*>([^<]+)<')


def tiles(client: Client) -> dict[str, str]:
    response = client.get(PAGE)
    assert response.status_code == 200
    return dict(KPI.findall(response.content.decode()))


def calls(company: Company, *names: str, **changes: object) -> None:
    at, rng = datetime.now(UTC) - timedelta(seconds=20), Random(1)
    load(company, [line(company, at, rng, request_id=name, duration_ms=900.0, **changes) for name in names])
    drain_marks()


def test_the_last_minutes_are_shown(company: Company, sign_in: SignIn) -> None:
    calls(company, "a", "b", "c", project_slug="search", input_tokens=50, output_tokens=10)
    calls(company, "d", project_slug="search", status="timeout", http_status=504)

    shown = tiles(sign_in("alice"))

    assert list(shown) == [
        "Active requests", "Requests a minute", "Tokens a minute", "Error rate", "Latency p50", "Latency p95",
        "Latency p99", "First token p95",
    ]  # fmt: skip
    assert shown["Error rate"] == "25.0\u202f%"
    assert shown["Latency p50"].endswith("ms")
    page = sign_in("alice").get(PAGE).content.decode()
    assert set(re.findall(r'class="row-link" href="/admin/requests/(\w)/"', page)) == {"a", "b", "c", "d"}
    assert "OpenAI" in page


@pytest.mark.slow
def test_requests_are_narrowed_by_role(company: Company, sign_in: SignIn) -> None:
    calls(company, "a", project_slug="search")

    seen = {name: "/admin/requests/a/" in sign_in(name).get(PAGE).content.decode() for name in ("carol", "dave", "bob")}

    assert seen == {"carol": True, "dave": False, "bob": False}
    assert "You are not a member" in sign_in("mallory").get(PAGE).content.decode()
    assert sign_in("mallory").get(LIVE).status_code == 404


@pytest.mark.slow
def test_the_picker_narrows_figures_rows_and_running_calls(company: Company, sign_in: SignIn) -> None:
    calls(company, "a", "b", project_slug="search")
    calls(company, "c", project_slug="review", model_served="claude-haiku-4-5", status="timeout", http_status=504)
    alice, search = sign_in("alice"), company.projects["search"]

    def seen(query: str) -> tuple[set[str], dict[str, str], str]:
        page = alice.get(f"{PAGE}?{query}").content.decode()
        rows = set(re.findall(r'class="row-link" href="/admin/requests/(\w)/"', page))
        return rows, dict(KPI.findall(page)), page

    everything, by_project = seen(""), seen(f"project={search.pk}")
    by_slug, by_model, by_both = seen("project=search"), seen("model=claude-haiku-4-5"), seen("project=search&model=x")

    assert everything[0] == {"a", "b", "c"}
    assert (by_project[0], by_slug[0], by_model[0], by_both[0]) == ({"a", "b"}, {"a", "b"}, {"c"}, set())
    assert (everything[1]["Error rate"], by_model[1]["Error rate"]) == ("33.3\u202f%", "100\u202f%")
    assert by_project[1]["Error rate"] == "0\u202f%"
    assert "by minute they are kept for whole organizations alone" in by_project[2]
    assert by_model[1]["Active requests"] == "—"
    assert "Running calls are known by key" in by_model[2]
    assert f"live=1&amp;project={search.pk}" in by_project[2]
    live = alice.get(f"{LIVE}?model=claude-haiku-4-5").content.decode()
    assert "/admin/requests/c/" in live
    assert "/admin/requests/a/" not in live
    assert "No figures under these filters." in seen("tag.env=prod")[2]
    assert alice.get(f"{LIVE}?tag.env=prod").status_code == 204


def test_nothing_new_is_a_304(company: Company, sign_in: SignIn) -> None:
    calls(company, "a", project_slug="search")
    Heartbeat.objects.all().delete()  # nothing moves but the clock
    client = sign_in("alice")
    with time_machine.travel(datetime.now(UTC), tick=False):
        first = client.get(LIVE)
        again = client.get(LIVE, headers={"If-None-Match": first["ETag"]})
    calls(company, "b", project_slug="search")
    news = client.get(LIVE, headers={"If-None-Match": first["ETag"]})

    assert first.status_code == 200
    assert (again.status_code, again.content) == (304, b"")
    assert news.status_code == 200
    assert "/admin/requests/b/" in news.content.decode()


def test_no_traffic_and_query_count(
    company: Company, sign_in: SignIn, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    client = sign_in("alice")
    with django_assert_max_num_queries(22):
        page = client.get(PAGE).content.decode()
    with django_assert_max_num_queries(16):
        client.get(LIVE)

    assert "No request in the last quarter of an hour." in page
