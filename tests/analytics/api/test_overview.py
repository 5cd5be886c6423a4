"""Tokens, dashboard, provider health, costs, performance: figures by hand from the lines of `busy`."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from analytics.answers.errortypes import MEANINGS
from costs.models import ExchangeRate
from gateway.models import Heartbeat, LedgerLine
from tests.analytics.api.conftest import DAY, URL, Ask, Fits, at, book, window
from tests.docs import sources
from tests.factories import Acme, line
from tests.gateway.api.conftest import Caller

NOBODY = "0192f0c4-0000-7000-8000-000000000000"
NOON = datetime(2026, 3, 12, 12, 7, tzinfo=UTC)


@pytest.fixture(autouse=True)
def acme(busy: Acme) -> Acme:
    return busy


@pytest.fixture
def noon(monkeypatch: pytest.MonkeyPatch) -> datetime:
    """The endpoints' clock stands at noon of the third day."""
    monkeypatch.setattr(timezone, "now", lambda: NOON)
    return NOON


def shares(groups: list[dict[str, Any]], dimension: str, measure: str) -> dict[Any, Any]:
    return {group["dimensions"][dimension]: group["measures"][measure] for group in groups}


# ---- tokens --------------------------------------------------------------------------------------------------------


def test_tokens_by_class_by_day(ask: Ask, acme: Acme) -> None:
    cached = {"input_tokens": 700, "cache_read_tokens": 400, "cache_write_5m_tokens": 30, "cache_write_1h_tokens": 20}
    book(line(acme, at=at(7), output_tokens=50, reasoning_tokens=15, **cached))

    body = ask("owner", "admin/token-usage", "get", **window())

    assert body["totals"] == {
        "total_tokens": 8800 + 750, "input_tokens": 8000 + 700, "cache_read_tokens": 400, "cache_write_tokens": 50,
        "output_tokens": 800 + 50, "reasoning_tokens": 15, "requests": 10, "cost": "1.5210000000",
    }  # fmt: skip
    assert [(point["time"], point["measures"]["total_tokens"]) for point in body["series"]] == [
        ("2026-03-10T00:00:00Z", 4400 + 750), ("2026-03-11T00:00:00Z", 2200), ("2026-03-12T00:00:00Z", 2200),
    ]  # fmt: skip
    assert shares(body["by_model"], "model", "requests") == {"gpt-4o": 7, "mini": 2, "large": 1}
    assert shares(body["by_user"], "user", "requests") == {str(acme.people["bob"].pk): 7, None: 3}


def test_tokens_of_a_person_and_of_a_model(ask: Ask, acme: Acme) -> None:
    bob, model = acme.people["bob"].pk, acme.model.pk

    person = ask("manager", f"admin/token-usage/user/{bob}", "get", **window())
    catalogued = ask("owner", f"admin/token-usage/model/{model}", "get", **window())
    named = ask("owner", "admin/token-usage/model/mini", "get", **window())
    slashed = ask("owner", "admin/token-usage/model/meta/llama", "get", **window())

    assert (person["subject"], person["totals"]["requests"]) == ({"id": str(bob), "name": "bob@acme.example"}, 6)
    assert catalogued["subject"] == {"id": str(model), "name": "gpt-4o"}
    assert catalogued["totals"]["requests"] == 5  # the cache hit was served by no provider
    assert (named["subject"]["id"], named["totals"]["requests"]) == (None, 2)
    assert (slashed["subject"]["name"], slashed["totals"]["requests"]) == ("meta/llama", 0)


@pytest.mark.parametrize("path", ["admin/token-usage/user", "analytics/users"])
def test_people_out_of_sight_do_not_exist(caller: Caller, acme: Acme, path: str) -> None:
    def status(role: str, person: Any) -> int:
        return caller(role).get(f"{URL}/{path}/{person}").status_code

    mallory, carol = acme.people["mallory"].pk, acme.people["carol"].pk
    assert [status("owner", person) for person in (mallory, NOBODY, "-" * 36)] == [404, 404, 404]
    assert [status(role, carol) for role in ("analyst", "manager", "developer", "mallory")] == [200, 404, 404, 404]


def test_the_default_window_is_the_last_30_days(ask: Ask, noon: datetime, acme: Acme) -> None:
    book(line(acme, at=noon - timedelta(days=29)), line(acme, at=noon - timedelta(days=31)))

    body = ask("owner", "admin/token-usage", "get")

    assert (body["query"]["start"], body["query"]["end"]) == ("2026-02-10T12:15:00Z", "2026-03-12T12:15:00Z")
    assert body["totals"]["requests"] == 10


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"start": "x"}, "start"),
        ({"start": at(1).isoformat(), "end": at(0).isoformat()}, "end"),
        ({"granularity": "century"}, "granularity"),
        ({"colour": "red"}, "colour"),
        ({"timezone": "Mars/Olympus"}, "timezone"),
    ],
)
def test_bad_parameters_are_named(caller: Caller, fits: Fits, fields: dict[str, str], field: str) -> None:
    response = caller("owner").get(f"{URL}/admin/token-usage", fields)

    assert (response.status_code, fits(response)["errors"][0]["field"]) == (400, field)


# ---- dashboard -----------------------------------------------------------------------------------------------------


def test_the_dashboard_by_hand(ask: Ask, noon: datetime, acme: Acme) -> None:
    body = ask("owner", "admin/dashboard", "get")

    assert body["today"] == {
        "start": "2026-03-12T00:00:00Z", "end": "2026-03-12T12:15:00Z", "requests": 2, "total_tokens": 2200,
        "cost": "0.5000000000", "errors": 0, "error_rate": 0.0, "denied": 0, "active_keys": 1,
    }  # fmt: skip
    assert {name: body["yesterday"][name] for name in ("start", "requests", "cost", "active_keys")} == {
        "start": "2026-03-11T00:00:00Z", "requests": 3, "cost": "1.0035000000", "active_keys": 2,
    }  # fmt: skip
    month = body["month_to_date"]
    assert (month["start"], month["requests"], month["errors"]) == ("2026-03-01T00:00:00Z", 9, 1)
    assert shares(body["top_models"], "model", "cost") == {
        "mini": "1.0035000000", "large": "0.5000000000", "gpt-4o": "0.0140000000",
    }  # fmt: skip
    assert {item["name"] for item in body["labels"]} == {"ads", "search"}
    assert body["open_alerts"] == []


def test_days_of_the_dashboard_begin_in_the_reporting_zone(ask: Ask, noon: datetime, acme: Acme) -> None:
    acme.organization.reporting_timezone = "Asia/Kathmandu"
    acme.organization.save()

    own = ask("owner", "admin/dashboard", "get")
    asked = ask("owner", "admin/dashboard", "get", timezone="America/New_York")

    assert (own["today"]["start"], own["yesterday"]["start"]) == ("2026-03-11T18:15:00Z", "2026-03-10T18:15:00Z")
    assert (own["yesterday"]["requests"], own["month_to_date"]["start"]) == (4, "2026-02-28T18:15:00Z")
    assert asked["today"]["start"] == "2026-03-12T04:00:00Z"  # summer time began on the 8th


# ---- provider health -----------------------------------------------------------------------------------------------


def test_provider_health_by_hand(ask: Ask, noon: datetime, acme: Acme) -> None:
    failed = {"status": "upstream_error", "http_status": 502, "error_type": "upstream_502"}
    book(
        *(line(acme, at=noon - timedelta(minutes=40), duration_ms=100.0) for _ in range(8)),
        line(acme, at=noon - timedelta(minutes=40), duration_ms=4000.0),
        line(acme, at=noon - timedelta(minutes=41), is_final=False, **failed),
        line(acme, at=noon - timedelta(hours=3), **failed),
        line(acme, at=noon - timedelta(days=20), status="timeout", error_type="idle_timeout"),
    )

    body = ask("owner", "admin/provider-health", "get")

    shared, upstream = body["providers"]
    assert (shared["provider"], shared["state"], shared["availability_30d"], shared["p95"]) == (
        "shared", "unknown", None, None,
    )  # fmt: skip
    assert (upstream["provider"], upstream["state"], upstream["attempts_1h"]) == ("upstream", "degraded", 10)
    assert upstream["availability_1h"] == pytest.approx(0.9)
    # the third day's attempts: two of banner at 02:00 and 04:00 beside these
    assert upstream["availability_24h"] == pytest.approx(1 - 3 / 13)
    assert upstream["availability_30d"] == pytest.approx(1 - 5 / 18)
    assert upstream["p95"] == pytest.approx(4000, rel=0.01)
    assert upstream["last_error"] == {
        "at": "2026-03-12T11:15:00Z", "status": "upstream_error", "http_status": 502, "error_type": "upstream_502",
        "count": 1,
    }  # fmt: skip
    assert [note["code"] for note in body["notes"]] == ["no_traffic"]


def test_an_open_circuit_says_most(ask: Ask, acme: Acme) -> None:
    key = f"{acme.provider.pk}:{acme.model.upstream_name}"
    info = {"deployments": {key: {"state": "open", "retry_in_s": 4.0, "opened": 2, "in_flight": 0}}}
    Heartbeat.objects.create(name="dataplane:x", at=timezone.now(), info=info)

    (upstream,) = [row for row in ask("analyst", "admin/provider-health", "get")["providers"] if row["circuits"]]

    assert (upstream["provider"], upstream["state"]) == ("upstream", "circuit_open")
    assert upstream["circuits"] == [
        {"model": acme.model.upstream_name, "state": "open", "retry_in_s": 4.0, "opened": 2}
    ]


def test_health_is_of_the_traffic_one_sees(ask: Ask, acme: Acme) -> None:
    now = timezone.now()
    book(line(acme, at=now - timedelta(minutes=1)), line(acme, at=now - timedelta(minutes=1), project=acme.banner))

    def attempts(role: str) -> list[int]:
        return [row["attempts_1h"] for row in ask(role, "admin/provider-health", "get")["providers"]]

    developer = ask("developer", "admin/provider-health", "get")
    assert [attempts(role) for role in ("owner", "manager", "developer", "mallory")] == [[0, 2], [0, 1], [0, 1], [0]]
    assert {row["p95"] for row in developer["providers"]} == {None}
    assert "percentiles_not_kept" in [note["code"] for note in developer["notes"]]


# ---- costs ---------------------------------------------------------------------------------------------------------


def test_costs_by_hand(ask: Ask, acme: Acme) -> None:
    body = ask(
        "owner", "admin/analytics/cost", start=at(0, 0, 1).isoformat(), end=at(0, 0, 3).isoformat(),
        include_forecast=True, currency="usd",
    )  # fmt: skip

    assert body["totals"]["cost"] == "1.5035000000"
    assert body["previous_totals"]["cost"] == "0.0140000000"
    assert body["totals"]["cost_per_request"] == f"{Decimal('1.5035') / 5:.10f}"
    assert body["totals"]["unpriced_requests"] == 1
    assert [(point["time"], point["measures"]["cost"]) for point in body["series"]] == [
        ("2026-03-11T00:00:00Z", "1.0035000000"), ("2026-03-12T00:00:00Z", "0.5000000000"),
    ]  # fmt: skip
    assert shares(body["by_provider"], "provider", "cost") == {
        "upstream": "1.0035000000", "other": "0.5000000000", None: "0.0000000000",
    }  # fmt: skip
    assert shares(body["by_api_key"], "api_key", "requests") == {
        str(acme.keys["ads"].pk): 3, str(acme.keys["bob"].pk): 2,
    }  # fmt: skip
    assert body["trends"][0] == {
        "measure": "cost", "value": "1.5035000000", "previous": "0.0140000000",
        "change": pytest.approx(1.5035 / 0.014 - 1), "direction": "up",
    }  # fmt: skip
    assert body["trends"][1]["direction"] == "up"  # five requests after four
    assert body["peak"] == {"time": "2026-03-11T00:00:00Z", "cost": "1.0035000000"}
    assert len(body["forecast"]) == 30
    assert "unpriced" in {note["code"] for note in body["notes"]}


def rate(day: int, factor: str) -> None:
    """One euro in dollars from a day of March on."""
    ExchangeRate.objects.create(
        base="EUR", quote="USD", rate=Decimal(factor), valid_from=date(2026, 3, day), source="Central bank"
    )


def euros(ask: Ask, **more: Any) -> Any:
    days = {"start": at(0, 0, 1).isoformat(), "end": at(0, 0, 3).isoformat()}
    return ask("owner", "admin/analytics/cost", currency="EUR", include_forecast=True, **days, **more)


def codes(body: Any) -> set[str]:
    return {note["code"] for note in body["notes"]}


def test_costs_in_another_currency_are_by_the_rate_of_each_day(ask: Ask, acme: Acme) -> None:
    rate(9, "1.25")
    rate(12, "2")

    body = euros(ask)

    # 1.0035 ÷ 1.25 + 0.5 ÷ 2; before: 0.014 ÷ 1.25
    assert [point["measures"]["cost"] for point in body["series"]] == ["0.8028000000", "0.2500000000"]
    assert (body["currency"], body["totals"]["cost"], body["previous_totals"]["cost"]) == (
        "EUR", "1.0528000000", "0.0112000000"
    )  # fmt: skip
    assert body["totals"]["requests"] == 5
    assert body["totals"]["cost_per_request"] == f"{Decimal('1.0528') / 5:.10f}"
    assert body["trends"][0]["change"] == pytest.approx(1.0528 / 0.0112 - 1)
    # other's 0.5 is of the twelfth
    assert shares(body["by_provider"], "provider", "cost") == {
        "upstream": "0.8028000000", "other": "0.2500000000", None: "0.0000000000",
    }  # fmt: skip
    assert body["peak"] == {"time": "2026-03-11T00:00:00Z", "cost": "0.8028000000"}
    assert body["forecast"] is None
    assert codes(body) >= {"converted", "forecast_not_converted"}


def test_weeks_in_another_currency_are_the_sums_of_their_days(ask: Ask, acme: Acme) -> None:
    rate(2, "1.25")
    rate(12, "2")

    (week,) = euros(ask, granularity="week", compare_to="none")["series"]

    assert week["measures"]["cost"] == "1.0528000000"


def test_without_a_rate_for_each_day_costs_are_null_and_nothing_is_made_up(ask: Ask, acme: Acme) -> None:
    none = euros(ask)
    rate(12, "2")

    body = euros(ask)

    assert "rate_missing" in codes(none)
    assert (body["currency"], body["totals"]["cost"], body["totals"]["requests"], body["peak"]) == (
        "EUR",
        None,
        5,
        None,
    )
    assert {point["measures"]["cost"] for point in body["series"]} == {None}
    assert set(shares(body["by_provider"], "provider", "cost").values()) == {None}
    assert (body["trends"][0]["value"], body["trends"][0]["direction"]) == (None, None)
    assert next(note for note in body["notes"] if note["code"] == "rate_missing")["message"] == (
        "Costs are null: no rate of USD to EUR on every day, the first one is of 2026-03-12."
    )


def test_a_window_before_the_first_rate_is_not_compared(ask: Ask, acme: Acme) -> None:
    rate(11, "1.25")

    body = euros(ask)

    assert (body["totals"]["cost"], body["previous_totals"]) == ("1.2028000000", None)
    assert "rate_missing" in codes(body)


def test_a_new_rate_is_another_answer(ask: Ask, acme: Acme) -> None:
    rate(9, "1.25")
    first = euros(ask)["totals"]["cost"]
    rate(9, "1")

    assert (first, euros(ask)["totals"]["cost"]) == ("1.2028000000", "1.5035000000")


def test_charges_in_another_currency_are_told(ask: Ask, acme: Acme, noon: datetime) -> None:
    fee = {
        "meter": "commitment", "rate_id": "commitment:1", "quantity": "1", "unit_price": "9", "cost": "9",
        "currency": "EUR",
    }  # fmt: skip
    window = {"start": at(0, 0, 1).isoformat(), "end": at(0, 0, 3).isoformat()}
    before = ask("owner", "admin/analytics/cost", **window)["totals"]["cost"]
    book(line(acme, at=at(0, 0, 1), currency="EUR", charges=[fee], cost=Decimal(9)))

    body = ask("owner", "admin/analytics/cost", **window)

    assert "rate_missing" in codes(body)
    assert "currencies_mixed" not in codes(body)
    assert body["totals"]["cost"] == before


# ---- performance ---------------------------------------------------------------------------------------------------


def test_performance_by_hand(ask: Ask) -> None:
    body = ask("owner", "admin/analytics/performance")

    totals, percentiles = body["totals"], body["percentiles"]
    durations = [5.0, 100.0, 200.0, 300.0, 400.0, 500.0, 1000.0, 2000.0, 3000.0]
    assert totals["latency_mean"] == pytest.approx(sum(durations) / 9)
    assert [percentiles[f"latency_p{q}"] for q in ("50", "75", "90", "95", "99", "999")] == [
        pytest.approx(value, rel=0.01) for value in (400, 1000, 3000, 3000, 3000, 3000)
    ]
    assert percentiles["ttft_p95"] == pytest.approx(200, rel=0.01)
    assert body["apdex"] == totals["apdex"] == pytest.approx(7 / 9)  # the timeout and the cancelled one frustrate
    assert totals["availability"] == pytest.approx(8 / 9)
    assert body["throughput"]["requests_per_minute"] == pytest.approx(9 / (3 * 1440))
    assert body["throughput"]["tokens_per_minute"] == pytest.approx(8800 / (3 * 1440))
    assert shares(body["by_provider"], "provider", "latency_p99") == {
        "upstream": pytest.approx(2000, rel=0.01), "other": pytest.approx(3000, rel=0.01),
        None: pytest.approx(5, rel=0.01),
    }  # fmt: skip
    assert len(body["by_model"]) == 5


def test_errors_by_hand(ask: Ask, acme: Acme) -> None:
    failed = {"status": "upstream_error", "http_status": 503, "error_type": "upstream_503", "provider": "other"}
    book(line(acme, at=at(7), **failed), line(acme, at=at(9, 50, 1), **failed))

    body = ask("owner", "admin/analytics/performance", include_percentiles=False)

    errors = body["error_analysis"]
    assert errors["total"] == 3
    assert errors["by_type"] == [
        {"type": "upstream_503", "count": 2, "share": pytest.approx(2 / 3)},
        {"type": "idle_timeout", "count": 1, "share": pytest.approx(1 / 3)},
    ]
    assert errors["by_provider"][0] == {
        "provider": "other", "count": 2, "share": pytest.approx(2 / 3), "error_rate": 0.5,
    }  # fmt: skip
    assert errors["most_common"] == [
        {
            "type": "upstream_503", "message": "The provider answered with HTTP 503.", "http_status": 503,
            "provider": "other", "model": "gpt-4o", "count": 2, "first_seen": "2026-03-10T07:00:00Z",
            "last_seen": "2026-03-11T09:00:00Z",
        },
        {
            "type": "idle_timeout", "message": MEANINGS["idle_timeout"], "http_status": 504, "provider": "upstream",
            "model": "gpt-4o", "count": 1, "first_seen": "2026-03-10T09:00:00Z", "last_seen": "2026-03-10T09:00:00Z",
        },
    ]  # fmt: skip
    assert body["percentiles"] is None
    assert {"seen_by_bucket", "messages_not_kept"} <= {note["code"] for note in body["notes"]}


def test_performance_without_errors_or_analysis(ask: Ask) -> None:
    quiet = ask("owner", "admin/analytics/performance", **window(at(3, 0, 2)))
    without = ask("owner", "admin/analytics/performance", include_error_analysis=False)

    assert quiet["error_analysis"] == {"total": 0, "by_type": [], "by_provider": [], "most_common": []}
    assert without["error_analysis"] is None


def test_what_no_cube_keeps_is_null_with_the_reason(ask: Ask) -> None:
    body = ask("owner", "admin/analytics/performance", filters=[{"dimension": "endpoint", "value": "chat/completions"}])

    assert set(body["percentiles"].values()) == {None}
    assert body["totals"]["latency_mean"] is not None
    assert "percentiles_not_kept" in [note["code"] for note in body["notes"]]


def test_every_error_type_has_a_meaning() -> None:
    assert set(MEANINGS) == sources.error_types()


# ---- all of them ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path", "queries"),
    [
        ("get", "admin/token-usage", 11),
        ("get", "admin/dashboard", 13),
        ("get", "admin/provider-health", 13),
        ("post", "admin/analytics/cost", 18),
        ("post", "admin/analytics/performance", 13),
    ],
)
def test_few_statements_and_never_the_ledger(
    caller: Caller, method: str, path: str, queries: int, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:  # fmt: skip
    client = caller("owner")

    with django_assert_max_num_queries(queries) as captured:
        response = client.get(f"{URL}/{path}") if method == "get" else client.post(f"{URL}/{path}", window())

    assert response.status_code == 200
    assert [q for q in captured.captured_queries if LedgerLine._meta.db_table in q["sql"]] == []


@pytest.mark.parametrize("role", ["manager", "developer"])
@pytest.mark.parametrize("path", ["admin/analytics/cost", "admin/analytics/performance"])
def test_narrow_roles_see_their_part(ask: Ask, role: str, path: str) -> None:
    assert ask(role, path)["totals"]["requests"] == 6


def test_nothing_changed_is_a_304(caller: Caller) -> None:
    client = caller("owner")
    first = client.get(f"{URL}/admin/token-usage", window())

    again = client.get(f"{URL}/admin/token-usage", window(), headers={"If-None-Match": first["ETag"]})

    assert (again.status_code, again["Cache-Control"], DAY.year) == (304, "private, max-age=600", 2026)
