"""The semantic query and the usage at large over HTTP: figures by hand, narrowing, refusals, validators, statements."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from pytest_django import DjangoAssertNumQueries

from gateway.choices import Role
from gateway.models import LedgerLine, Membership
from tests.analytics.api.conftest import DAY, URL, Ask, Fits, at, book, window
from tests.factories import Acme, line
from tests.gateway.api.conftest import Caller

QUERY = f"{URL}/admin/analytics/query"
ADVANCED = f"{URL}/admin/analytics/advanced"


@pytest.fixture(autouse=True)
def acme(busy: Acme) -> Acme:
    return busy


def test_totals_series_and_groups_by_hand(ask: Ask) -> None:
    body = ask(
        "owner", "admin/analytics/query", measures=["requests", "cost", "error_rate", "latency_p50"],
        dimensions=["team"], granularity="day", order="-cost",
    )  # fmt: skip

    cost = 4 * Decimal("0.0035") + Decimal("0.0035") + Decimal("1.5")
    assert body["totals"] == {
        "requests": 9, "cost": f"{cost:.10f}", "error_rate": pytest.approx(1 / 9),
        "latency_p50": pytest.approx(400, rel=0.01),
    }  # fmt: skip
    assert [(group["measures"]["requests"], group["measures"]["cost"]) for group in body["groups"]] == [
        (3, "1.5000000000"), (6, "0.0175000000"),
    ]  # fmt: skip
    assert sum(group["share"] for group in body["groups"]) == pytest.approx(1)
    assert {item["name"] for item in body["labels"]} == {"ads", "search"}
    assert [(point["time"], point["measures"]["requests"]) for point in body["series"]] == [
        ("2026-03-10T00:00:00Z", 0), ("2026-03-10T00:00:00Z", 4), ("2026-03-11T00:00:00Z", 1),
        ("2026-03-11T00:00:00Z", 2), ("2026-03-12T00:00:00Z", 2), ("2026-03-12T00:00:00Z", 0),
    ]  # fmt: skip
    assert (body["currency"], body["stale"], [note["code"] for note in body["notes"]]) == ("USD", False, ["unpriced"])


def test_filters_and_having(ask: Ask, acme: Acme) -> None:
    def requests(*filters: dict[str, Any]) -> int:
        return ask("owner", "admin/analytics/query", measures=["requests"], filters=list(filters))["totals"]["requests"]

    kept = ask(
        "owner", "admin/analytics/query", measures=["requests"], dimensions=["model"],
        having=[{"measure": "requests", "op": "gte", "value": "2"}],
    )  # fmt: skip

    assert requests({"dimension": "model", "value": "mini"}) == 2
    assert requests({"dimension": "team", "op": "ne", "value": "search"}) == 3
    assert requests({"dimension": "user", "op": "in", "values": [None]}) == 3
    assert requests({"dimension": "http_status", "op": "gt", "value": 400}) == 1
    assert requests({"dimension": "is_stream", "value": True}) == 1
    assert requests({"dimension": "project", "value": str(acme.banner.pk)}, {"dimension": "model", "value": "x"}) == 0
    assert [(g["dimensions"]["model"], g["measures"]["requests"]) for g in kept["groups"]] == [
        ("gpt-4o", 6), ("mini", 2), ("Other", 1),
    ]  # fmt: skip
    assert kept["query"]["having"] == [{"measure": "requests", "op": "gte", "value": "2"}]


def test_days_are_cut_in_the_zone_and_named_in_utc(ask: Ask) -> None:
    body = ask(
        "owner", "admin/analytics/query", measures=["requests"], granularity="day", timezone="Asia/Kathmandu",
    )  # fmt: skip

    assert [(point["time"], point["measures"]["requests"]) for point in body["series"]] == [
        ("2026-03-09T18:15:00Z", 3), ("2026-03-10T18:15:00Z", 4), ("2026-03-11T18:15:00Z", 2),
        ("2026-03-12T18:15:00Z", 0),
    ]  # fmt: skip
    assert body["timezone"] == body["query"]["timezone"] == "Asia/Kathmandu"


@pytest.mark.parametrize(
    ("compare_to", "before"),
    [
        ("previous_period", 4),
        ({"start": at(9).isoformat(), "end": at(10).isoformat()}, 2),
        ("previous_year", 0),
    ],
)
def test_comparison(ask: Ask, compare_to: Any, before: int) -> None:
    body = ask(
        "owner", "admin/analytics/query", measures=["requests"], compare_to=compare_to,
        start=at(0, 0, 1).isoformat(), end=at(0, 0, 2).isoformat(),
    )  # fmt: skip

    assert (body["totals"]["requests"], body["previous_totals"]["requests"]) == (3, before)
    assert body["change"]["requests"] == (pytest.approx((3 - before) / before) if before else None)


@pytest.mark.parametrize("path", ["admin/analytics/query", "admin/analytics/advanced"])
@pytest.mark.parametrize(
    ("role", "expected"),
    [("owner", 9), ("analyst", 9), ("superuser", 9), ("key_read", 9), ("manager", 6), ("developer", 6)],
)
def test_everybody_sees_their_part(ask: Ask, path: str, role: str, expected: int) -> None:
    fields = {"measures": ["requests"]} if path.endswith("query") else {}

    assert ask(role, path, **fields)["totals"]["requests"] == expected


def test_a_filter_never_widens_the_view(ask: Ask, acme: Acme) -> None:
    team = {"dimension": "team", "value": str(acme.ads.pk)}

    body = ask("manager", "admin/analytics/advanced", filters=[team])

    assert (body["totals"]["requests"], body["by_team"], body["labels"]) == (0, [], [])


def test_other_organizations_do_not_exist(caller: Caller, ask: Ask, acme: Acme) -> None:
    other = ask("mallory", "admin/analytics/advanced", filters=[{"dimension": "model", "value": "gpt-4o"}])
    named = caller("mallory").post(QUERY, {**window(), "measures": ["requests"]}, headers={"X-Organization": "acme"})

    assert (other["totals"]["requests"], other["by_user"], other["series"]) == (0, [], [])
    assert (named.status_code, named.json()["code"]) == (404, "organization_not_found")


@pytest.mark.parametrize(
    ("fields", "code", "field"),
    [
        ({"measures": ["revenue"]}, "unknown_measure", "measures"),
        ({"dimensions": ["colour"]}, "unknown_dimension", "dimensions"),
        ({"filters": [{"dimension": "colour", "value": "red"}]}, "unknown_dimension", "dimensions"),
        ({"filters": [{"dimension": "http_status", "value": "x"}]}, "bad_value", "filters"),
        ({"filters": [{"dimension": "http_status", "value": "99999999999999"}]}, "bad_value", "filters"),
        ({"filters": [{"dimension": "team", "value": "nobody"}]}, "unknown_value", "filters"),
        ({"order": "-colour"}, "unknown_measure", "measures"),
        ({"timezone": "Mars/Olympus"}, "unknown_timezone", "timezone"),
        ({"granularity": "minute"}, "not_covered", None),
        ({"measures": ["latency_p50"], "dimensions": ["status"]}, "not_covered", None),
        ({"having": [{"measure": "cost", "op": "gt", "value": "1"}]}, "having_without_dimensions", "having"),
        ({"granularity": "quarter_hour", "start": "2024-01-01T00:00:00Z"}, "too_many_points", "granularity"),
    ],
)
def test_questions_without_an_answer(caller: Caller, fits: Fits, fields: Any, code: str, field: str | None) -> None:
    response = caller("owner").post(QUERY, {**window(), "measures": ["requests"], **fields})
    body = fits(response)

    assert (response.status_code, response["Content-Type"], body["code"]) == (400, "application/problem+json", code)
    assert [error["field"] for error in body["errors"]] == ([field] if field else [])


@pytest.mark.parametrize(
    ("fields", "field", "code"),
    [
        ({"measures": []}, "measures", "min_length"),
        ({"start": "yesterday"}, "start", "invalid"),
        ({"end": DAY.isoformat()}, "end", "empty_window"),
        ({"start": "0001-01-01T00:00:00Z"}, "end", "window_out_of_range"),
        ({"end": "9999-12-31T00:00:00Z"}, "end", "window_out_of_range"),
        ({"granularity": "second"}, "granularity", "invalid_choice"),
        ({"limit": 0}, "limit", "min_value"),
        ({"limit": 1_000_000}, "limit", "max_value"),
        ({"compare_to": "yesterday"}, "compare_to", "invalid"),
        ({"compare_to": {"start": "x", "end": "y"}}, "compare_to.start", "invalid"),
        ({"filters": [{"dimension": "model", "op": "like", "value": "x"}]}, "filters.0.op", "invalid_choice"),
        ({"filters": [{"dimension": "model"}]}, "filters.0.values", "required"),
        ({"filters": [{"dimension": "model", "value": "a\x00b"}]}, "filters.0.value", "unstorable"),
        ({"filters": [{"dimension": "model", "value": {"a": 1}}]}, "filters.0.value", "invalid"),
        ({"filters": [{"dimension": "http_status", "value": 1e40}]}, "filters.0.value", "too_large"),
        ({"having": [{"measure": "cost", "op": "gt", "value": "NaN"}]}, "having.0.value", "invalid"),
        ({"mesures": ["cost"]}, "mesures", "unknown_field"),
        ({"group_by": ["team"]}, "group_by", "unknown_field"),
    ],
)
def test_bad_input_is_named(caller: Caller, fields: Any, field: str, code: str) -> None:
    response = caller("owner").post(QUERY, {**window(), "measures": ["requests"], **fields})

    assert (response.status_code, response.json()["code"]) == (400, "invalid")
    assert [(error["field"], error["code"]) for error in response.json()["errors"]][:1] == [(field, code)]


def test_usage_at_large_by_hand(ask: Ask, acme: Acme) -> None:
    body = ask("owner", "admin/analytics/advanced", granularity="day", group_by=["status"])

    totals = body["totals"]
    assert (totals["requests"], totals["errors"], totals["denied"], totals["total_tokens"]) == (9, 1, 0, 8800)
    assert totals["success_rate"] == body["success_rate"] == pytest.approx(7 / 9)
    assert totals["cost_per_request"] == f"{Decimal('1.5175') / 9:.10f}"
    assert totals["cache_hit_rate"] == pytest.approx(1 / 9)
    assert totals["latency_mean"] == pytest.approx((100 + 200 + 300 + 400 + 500 + 5 + 1000 + 2000 + 3000) / 9)
    assert totals["latency_p95"] is None
    assert "percentiles_not_kept" in [note["code"] for note in body["notes"]]
    assert {g["dimensions"]["status"]: g["measures"]["requests"] for g in body["groups"]} == {
        "ok": 7, "timeout": 1, "cancelled": 1, "upstream_error": 0,
    }  # fmt: skip
    assert {g["dimensions"]["provider"]: g["measures"]["requests"] for g in body["by_provider"]} == {
        "upstream": 6, "other": 2, None: 1,
    }  # fmt: skip
    assert {g["dimensions"]["model"]: g["measures"]["cost"] for g in body["by_model"]} == {
        "gpt-4o": "0.0140000000", "mini": "1.0035000000", "large": "0.5000000000",
    }  # fmt: skip
    bob = str(acme.people["bob"].pk)
    assert [(g["dimensions"]["user"], g["measures"]["requests"]) for g in body["top_users"]] == [(bob, 6)]
    assert {(item["dimension"], item["name"]) for item in body["labels"]} >= {("user", "bob@acme.example")}
    assert {g["measures"]["requests"] for g in body["by_team"]} == {6, 3}


def test_percentiles_of_usage_at_large(ask: Ask) -> None:
    totals = ask("owner", "admin/analytics/advanced")["totals"]

    assert [totals[name] for name in ("latency_p50", "latency_p95", "ttft_p95")] == [
        pytest.approx(value, rel=0.01) for value in (400, 3000, 200)
    ]


@pytest.mark.parametrize(("path", "queries"), [(QUERY, 9), (ADVANCED, 14)])
def test_few_statements_and_never_the_ledger(
    caller: Caller, path: str, queries: int, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:  # fmt: skip
    client = caller("owner")
    fields = {"measures": ["cost"], "dimensions": ["team"]} if path == QUERY else {"group_by": ["team"]}

    with django_assert_max_num_queries(queries) as captured:
        response = client.post(path, {**window(), **fields, "granularity": "day"})

    assert response.status_code == 200
    assert [q for q in captured.captured_queries if LedgerLine._meta.db_table in q["sql"]] == []


def test_validators_and_lifetimes(caller: Caller, acme: Acme) -> None:
    client = caller("owner")
    body = {**window(), "measures": ["requests"]}

    first = client.post(QUERY, body)
    again = client.post(QUERY, body, headers={"If-None-Match": first["ETag"]})
    computed = client.post(QUERY, body, headers={"If-None-Match": first["ETag"], "Cache-Control": "no-cache"})
    book(line(acme, at=at(5)))
    changed = client.post(QUERY, body, headers={"If-None-Match": first["ETag"]})
    now = datetime.now(UTC)
    running = client.post(QUERY, {**body, **window(now - timedelta(hours=2), now)})

    assert first["ETag"].startswith('W/"')
    assert (again.status_code, again.content, again["ETag"]) == (304, b"", first["ETag"])
    assert computed.status_code == 304  # made at another time, but the same figures
    assert (changed.status_code, changed.json()["totals"]) == (200, {"requests": 10})
    assert (first["Cache-Control"], running["Cache-Control"]) == ("private, max-age=600", "private, max-age=30")
    assert "X-Organization" in first["Vary"]
    assert first.json()["generated_at"].endswith("Z")


def test_no_cache_asks_again(caller: Caller, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    client = caller("owner")
    body = {**window(), "measures": ["requests"]}
    first = client.post(QUERY, body).json()

    kept = client.post(QUERY, body).json()
    fresh = client.post(QUERY, body, headers={"Cache-Control": "no-cache"}).json()

    assert kept["generated_at"] == first["generated_at"] < fresh["generated_at"]


def test_a_lost_role_is_lost_at_once(ask: Ask, acme: Acme) -> None:
    before = ask("analyst", "admin/analytics/query", measures=["requests"])

    Membership.objects.filter(user=acme.people["carol"]).update(role=Role.DEVELOPER)
    after = ask("analyst", "admin/analytics/query", measures=["requests"])

    assert (before["totals"]["requests"], after["totals"]["requests"]) == (9, 0)
