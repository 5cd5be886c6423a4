"""The cost table's answers: figures by hand from the lines of `busy` (10 lines of 10, 11 and 12 March; cost 1.5175)."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from analytics.answers.predictive import LASTS
from analytics.answers.questions import Questions
from analytics.query.scope import operator
from costs.analysis.ahead import lasting
from costs.services.budgets import create_budget
from gateway.models import AuditEvent, Heartbeat
from tests import factories
from tests.analytics.api.conftest import DAY, URL, Ask, Fits, at, book, window
from tests.factories import Acme, line
from tests.gateway.api.conftest import Caller

NOON = datetime(2026, 3, 12, 12, 7, tzinfo=UTC)
LINE = "0.0035000000"


@pytest.fixture(autouse=True)
def acme(busy: Acme) -> Acme:
    return busy


@pytest.fixture
def noon(monkeypatch: pytest.MonkeyPatch) -> datetime:
    """The endpoints' clock stands at noon of the third day."""
    monkeypatch.setattr(timezone, "now", lambda: NOON)
    return NOON


# ---- report, breakdown -----------------------------------------------------------------------------------------------


def test_report_groups_by_what_is_asked(ask: Ask, acme: Acme) -> None:
    body = ask("owner", "cost/report", group_by=["provider"], measures=["cost", "requests"], granularity="day")

    assert body["totals"] == {"cost": "1.5175000000", "requests": 9}
    found = [(group["dimensions"]["provider"], *group["measures"].values()) for group in body["groups"]]
    assert found == [("upstream", "1.0140000000", 6), ("other", "0.5035000000", 2), (None, "0.0000000000", 1)]
    assert len(body["series"]) == 9


def test_breakdown_nests_and_adds_up(ask: Ask, acme: Acme) -> None:
    ads, search = str(acme.ads.pk), str(acme.search.pk)

    body = ask("owner", "cost/breakdown", dimensions=["team", "model"])

    nodes = {tuple(node["path"]): node for node in body["nodes"]}
    assert [tuple(node["path"]) for node in body["nodes"]] == [
        (ads,), (ads, "mini"), (ads, "large"), (ads, "gpt-4o"),
        (search,), (search, "gpt-4o"), (search, "mini"),
    ]  # fmt: skip
    assert nodes[ads,]["measures"] == {"cost": "1.5000000000", "requests": 3, "total_tokens": 3300}
    assert nodes[search,]["measures"] == {"cost": "0.0175000000", "requests": 6, "total_tokens": 5500}
    assert nodes[ads, "mini"]["share"] == pytest.approx(1 / 1.5175)
    assert nodes[ads, "mini"]["share_of_parent"] == pytest.approx(1 / 1.5)
    for parent in ((ads,), (search,)):
        parts = [node for path, node in nodes.items() if path[:-1] == parent]
        assert sum(Decimal(part["measures"]["cost"]) for part in parts) == Decimal(nodes[parent]["measures"]["cost"])
        assert sum(part["measures"]["requests"] for part in parts) == nodes[parent]["measures"]["requests"]


def test_breakdown_keeps_the_rest_of_each_part(ask: Ask, acme: Acme) -> None:
    body = ask("owner", "cost/breakdown", dimensions=["team", "model"], limit=1)

    assert [(node["path"][1:], node["is_other"], node["measures"]["cost"]) for node in body["nodes"]] == [
        ([], False, "1.5000000000"), (["mini"], False, "1.0000000000"), (["Other"], True, "0.5000000000"),
        ([], True, "0.0175000000"),
    ]  # fmt: skip


@pytest.mark.parametrize("dimensions", [["team", "team"], [], ["team", "model", "provider", "project", "user"]])
def test_breakdown_refuses_what_it_cannot_nest(caller: Caller, dimensions: list[str]) -> None:
    response = caller("owner").post(f"{URL}/cost/breakdown", {**window(), "dimensions": dimensions}, format="json")

    assert response.status_code == 400
    assert response.json()["errors"][0]["field"] == "dimensions"


def test_people_see_their_own(ask: Ask, acme: Acme) -> None:
    for role, cost in (("developer", "0.0175000000"), ("manager", "0.0175000000"), ("mallory", "0.0000000000")):
        assert ask(role, "cost/report", measures=["cost"])["totals"]["cost"] == cost
        assert ask(role, "cost/breakdown", dimensions=["team"])["totals"]["cost"] == cost
        assert ask(role, "cost/trends")["totals"]["cost"] == cost
        assert ask(role, "cost/efficiency")["totals"]["cost"] == cost


# ---- trends ----------------------------------------------------------------------------------------------------------


def test_trends_by_day(ask: Ask, acme: Acme) -> None:
    body = ask("owner", "cost/trends")

    assert [(step["time"], step["cost"], step["requests"], step["is_whole"]) for step in body["periods"]] == [
        ("2026-03-10T00:00:00Z", "0.0140000000", 4, True), ("2026-03-11T00:00:00Z", "1.0035000000", 3, True),
        ("2026-03-12T00:00:00Z", "0.5000000000", 2, True),
    ]  # fmt: skip
    assert [step["change"] for step in body["periods"]] == [
        None, pytest.approx(0.9895 / 0.014), pytest.approx(-0.5035 / 1.0035),
    ]  # fmt: skip
    assert (body["peak"]["time"], body["trough"]["time"]) == ("2026-03-11T00:00:00Z", "2026-03-10T00:00:00Z")
    # mean 1.5175 ÷ 3; squared distances 0.24189669…, 0.24767211…, 0.00003402…: their mean's root 0.4039…
    assert body["volatility"]["mean"] == "0.5058333333"
    assert Decimal(body["volatility"]["standard_deviation"]) == pytest.approx(Decimal("0.40397"), abs=Decimal("1e-4"))
    assert body["volatility"]["buckets"] == 3
    assert body["volatility"]["largest_step"] == pytest.approx(0.9895 / 0.014)


def test_the_change_is_split_exactly(ask: Ask, acme: Acme) -> None:
    """From 10 March (4 requests: 3 of gpt-4o at upstream, 1 of mini at other, each 0.0035) to 11 March (gpt-4o 0.0035,
    a cache hit, mini at upstream for the team Ads 1.0): 4 -> 3 requests."""
    first = {"start": at(0).isoformat(), "end": at(0, 0, 1).isoformat()}

    body = ask("owner", "cost/trends", start=at(0, 0, 1).isoformat(), end=at(0, 0, 2).isoformat(), compare_to=first)

    effects = {name: Decimal(value) for name, value in body["effects"].items()}
    assert effects["change"] == Decimal("0.9895")
    assert sum(value for name, value in effects.items() if name != "change") == effects["change"]
    assert effects["volume"] == Decimal("-0.0035")  # 0.014 · (3 ÷ 4 − 1)
    assert (effects["price"], effects["size"], effects["cache"], effects["retry"]) == (0, 0, 0, 0)
    teams = [driver for driver in body["drivers"] if driver["dimension"] == "team"]
    assert [(driver["value"], driver["cost"], driver["previous"]) for driver in teams] == [
        (str(acme.ads.pk), "1.0000000000", "0.0000000000"), (str(acme.search.pk), LINE, "0.0140000000"),
    ]  # fmt: skip
    assert {label["name"] for label in body["labels"]} >= {"ads", "search"}


def test_a_dearer_price_is_price(ask: Ask, acme: Acme) -> None:
    charges = [
        {"meter": "input", "rate_id": "b", "quantity": "1000", "unit_price": "0.000005", "cost": "0.005",
         "currency": "USD"},
        {"meter": "output", "rate_id": "b", "quantity": "100", "unit_price": "0.00002", "cost": "0.002",
         "currency": "USD"},
    ]  # fmt: skip
    book(line(acme, at=at(1, 0, 10)), line(acme, at=at(1, 0, 11), cost=Decimal("0.007"), charges=charges))
    before = {"start": at(0, 0, 10).isoformat(), "end": at(0, 0, 11).isoformat()}

    body = ask("owner", "cost/trends", start=at(0, 0, 11).isoformat(), end=at(0, 0, 12).isoformat(), compare_to=before)

    assert body["effects"] == {
        **dict.fromkeys(("volume", "mix", "size", "cache", "retry"), "0.0000000000"), "price": LINE, "change": LINE,
    }  # fmt: skip


def test_another_ratio_of_cache_reads_and_writes_is_no_price(ask: Ask, acme: Acme) -> None:
    def cached(read: int, write: int, cost: str) -> dict[str, Any]:
        charges = [{"meter": "cache_read", "rate_id": "b", "quantity": str(read), "unit_price": "0.000001",
                    "cost": str(read * Decimal("0.000001")), "currency": "USD"},
                   {"meter": "cache_write_5m", "rate_id": "b", "quantity": str(write),
                    "unit_price": "0.000005", "cost": str(write * Decimal("0.000005")), "currency": "USD"}]  # fmt: skip
        return {"input_tokens": 1000, "output_tokens": 0, "cache_read_tokens": read, "cache_write_5m_tokens": write,
                "charges": charges, "cost": Decimal(cost)}  # fmt: skip

    book(
        line(acme, at=at(1, 0, 10), **cached(500, 500, "0.003")),
        line(acme, at=at(1, 0, 11), **cached(900, 100, "0.0014")),
    )
    before = {"start": at(0, 0, 10).isoformat(), "end": at(0, 0, 11).isoformat()}

    body = ask("owner", "cost/trends", start=at(0, 0, 11).isoformat(), end=at(0, 0, 12).isoformat(), compare_to=before)

    assert (body["effects"]["price"], body["effects"]["cache"]) == ("0.0000000000", "-0.0016000000")


def test_without_a_comparison_there_is_no_split(ask: Ask) -> None:
    body = ask("owner", "cost/trends", compare_to="none", granularity="month")

    assert (body["effects"], body["drivers"], body["volatility"]) == (None, [], None)
    assert "too_short" in [note["code"] for note in body["notes"]]


# ---- efficiency ------------------------------------------------------------------------------------------------------


def test_efficiency_of_the_window(ask: Ask, acme: Acme) -> None:
    book(line(acme, at=at(7), cache_read_tokens=600, is_final=False, status="upstream_error"))

    body = ask("owner", "cost/efficiency")

    cost = Decimal("1.521")
    assert Decimal(body["cost_per_request"]) == cost / 9
    assert Decimal(body["cost_per_success"]) == (cost / 7).quantize(Decimal("1e-10"))
    assert body["cached_share"] == pytest.approx(600 / 9000)
    assert body["retry_waste"] == LINE
    assert body["retry_share"] == pytest.approx(0.0035 / 1.521)
    assert body["failed_share"] == pytest.approx((0.0035 + 0.0035) / 1.521)  # the time-out and the first attempt
    assert body["output_input_ratio"] == pytest.approx(900 / 9000)
    assert [moment["cost"] for moment in body["trend"]] == ["0.0175000000", "1.0035000000", "0.5000000000"]
    assert body["benchmark"] == {
        "against": "previous_period", "difference": None, "measures": [
            {"measure": name, "value": body[name], "benchmark": None, "difference": None}
            for name in ("cost_per_request", "cost_per_success", "cost_per_1k_tokens", "cached_share", "retry_share",
                         "failed_share")
        ],
    }  # fmt: skip


def test_efficiency_against_the_organization_and_the_list(ask: Ask, acme: Acme) -> None:
    narrow = [{"dimension": "team", "op": "eq", "value": "search"}]

    against = ask("owner", "cost/efficiency", against="organization", filters=narrow)["benchmark"]
    listed = ask("owner", "cost/efficiency", against="list_price")["benchmark"]
    alone = ask("owner", "cost/efficiency", against="organization")

    own, all_of = Decimal("0.0175") / 5500, Decimal("1.5175") / 8800
    assert against["difference"] == pytest.approx(float((own - all_of) / all_of))
    (pair,) = listed["measures"]
    # each of the eight lines that have one is 0.0035 at list, whatever the calls were charged
    assert (pair["value"], pair["benchmark"]) == ("1.5175000000", "0.0280000000")
    assert listed["difference"] == pytest.approx((1.5175 - 0.028) / 0.028)
    assert alone["benchmark"]["difference"] is None
    assert "benchmark_is_itself" in [note["code"] for note in alone["notes"]]


# ---- providers, records ----------------------------------------------------------------------------------------------


def test_providers_are_compared_with_the_same_model_unless_told_otherwise(ask: Ask, acme: Acme) -> None:
    same = ask("owner", "cost/providers/compare", providers=["upstream", "other"])
    any_model = ask("owner", "cost/providers/compare", providers=["upstream", "other"], same_model=False)

    assert "model served" in same["stratified_by"]
    assert "model served" not in any_model["stratified_by"]
    assert {row["id"] for row in same["rows"]} == {"upstream", "other"}


def test_records_page_by_page(caller: Caller, fits: Fits, acme: Acme) -> None:
    client = caller("owner")
    url: str | None = f"{URL}/cost/records"
    fields: dict[str, Any] = {**window(), "page_size": 4}

    pages = []
    while url:
        body = fits(client.get(url, fields))
        pages.append([record["started_at"] for record in body["results"]])
        url, fields = body["next"], {}

    assert [len(page) for page in pages] == [4, 4, 2]
    times = [moment for page in pages for moment in page]
    assert times == sorted(times, reverse=True)
    first = fits(client.get(f"{URL}/cost/records", {**window(), "model": "mini", "team": str(acme.ads.pk)}))["results"]
    assert [(one["cost"], one["model_served"], one["charges"][0]["unit_price"]) for one in first] == [
        ("1.0000000000", "mini", "0.0000025")
    ]


def test_records_are_seen_by_whom_they_concern(caller: Caller, acme: Acme) -> None:
    counts = {
        role: len(caller(role).get(f"{URL}/cost/records", window()).json()["results"])
        for role in ("developer", "manager", "analyst", "mallory")
    }

    assert counts == {"developer": 6, "manager": 6, "analyst": 10, "mallory": 0}


# ---- forecast, anomalies, real time ----------------------------------------------------------------------------------


@pytest.fixture
def spending(acme: Acme) -> Acme:
    """Four weeks at one dollar a day before 12 March."""
    book(*(line(acme, at=at(10, 0, -days), cost=Decimal(1)) for days in range(1, 29)))
    return acme


def test_forecast_says_until_when_budgets_last(caller: Caller, fits: Fits, spending: Acme) -> None:
    create_budget(
        organization=spending.organization, actor=None, name="Company", scope="organization", amount=Decimal(40),
        period="quarter",
    )  # fmt: skip

    body = fits(caller("owner").post(f"{URL}/admin/cost/forecast", {"horizon": 7}, format="json"))

    (budget,) = body["budgets"]
    assert (budget["name"], budget["limit"]) == ("Company", "40.0000000000")
    assert len(body["points"]) == 7
    assert body["metric"] == "cost"
    total = Decimal(body["total"]["mean"])
    assert total == pytest.approx(sum(Decimal(point["mean"]) for point in body["points"]), rel=Decimal("1e-6"))


def test_a_budget_that_lasts_now_may_run_out_in_a_later_period(spending: Acme) -> None:
    """A dollar a day: what is left of the first quarter is enough, the second one's 60 dollars last to 30 May."""
    create_budget(
        organization=spending.organization, actor=None, name="Company", scope="organization", amount=Decimal(60),
        period="quarter", timezone_name="UTC",
    )  # fmt: skip
    now = DAY

    (far,), (near,) = (
        lasting(Questions(operator(), spending.organization), now, is_far=is_far) for is_far in (True, False)
    )

    assert (far.exhaustion.exhausts_at, far.exhaustion.resets_at) == (None, datetime(2026, 4, 1, tzinfo=UTC))
    assert far.months == pytest.approx((datetime(2026, 5, 31, tzinfo=UTC) - now).days / 30.44, abs=0.15)
    assert far.earliest_months is not None
    assert far.earliest_months <= far.months
    assert far.exhaustion.note.startswith(f"{LASTS} It is expected to be used up on 2026-05-")
    assert (near.months, near.exhaustion.note) == (None, LASTS)


def test_anomalies_of_cost_and_what_people_say(caller: Caller, fits: Fits, acme: Acme) -> None:
    cost = factories.anomaly(acme.organization)
    factories.anomaly(acme.organization, metric="latency_p95", members=[{
        "metric": "latency_p95", "dimension": "organization", "value": "", "start": "2026-11-16T22:00:00+00:00",
        "last": "2026-11-16T22:00:00+00:00", "actual": 9.0, "expected": 1.0, "hours": 1}])  # fmt: skip
    client = caller("analyst")

    body = fits(client.post(f"{URL}/admin/cost/anomalies", {}))

    (found,) = body["anomalies"]
    assert (found["id"], found["excess"], found["decomposition"]["volume"]) == (
        str(cost.pk), "18.0000000000", "18.0000000000",
    )  # fmt: skip
    assert found["feedback"] == {"is_anomaly": None, "text": ""}
    url = f"{URL}/admin/cost/anomalies/{cost.pk}/feedback"
    for said in (True, False):
        answered = client.post(url, {"is_anomaly": said, "text": "Seen."}).json()
        assert answered["feedback"] == {"is_anomaly": said, "text": "Seen."}
    assert [event.verb for event in AuditEvent.objects.filter(verb="anomaly.state")] == ["anomaly.state"] * 2
    assert client.post(f"{URL}/admin/cost/anomalies", {}).json()["anomalies"] == []  # false ones are settled


def test_realtime_counts_hours_days_and_months(ask: Ask, spending: Acme, noon: datetime) -> None:
    book(line(spending, at=at(11, 40, 2), cost=Decimal("0.25")), line(spending, at=at(12, 3, 2), cost=Decimal("0.5")))
    Heartbeat.objects.create(name="writer", at=NOON, info={"lag_s": 0.4})

    body = ask("owner", "admin/cost/realtime", "get")

    today = Decimal("0.5") + Decimal("0.75")
    assert (body["cost_this_hour"], body["today"]) == ("0.5000000000", f"{today:.10f}")
    assert body["yesterday"] == "1.0035000000"
    assert body["yesterday_by_now"] == "1.0035000000"
    assert body["velocity_per_hour"] == "0.2500000000"  # from 11:00 to 12:00
    month = today + Decimal("1.0035") + Decimal("0.014") + 9  # 1 to 9 March at a dollar
    assert body["month_to_date"] == f"{month:.10f}"
    assert body["last_month"] == "19.0000000000"
    assert Decimal(body["projected_day"]["mean"]) >= today
    assert Decimal(body["projected_month"]["mean"]) > month
    for name, least in (("projected_day", today), ("projected_month", month)):
        for interval in body[name]["intervals"]:
            assert least <= Decimal(interval["lower"]) <= Decimal(interval["upper"])
    assert body["ledger_lag_s"] == pytest.approx(0.4)
    teams = [(driver["value"], driver["cost"]) for driver in body["top_drivers"] if driver["dimension"] == "team"]
    assert teams == [(str(spending.search.pk), "0.7500000000"), (str(spending.ads.pk), "0.5000000000")]
    assert [one["cost"] for one in body["recent_transactions"]] == ["0.5000000000"]


def test_realtime_without_any_spending(ask: Ask, noon: datetime, acme: Acme) -> None:
    body = ask("mallory", "admin/cost/realtime", "get")

    assert (body["today"], body["projected_day"], body["projected_month"]) == ("0.0000000000", None, None)
    assert [note["code"] for note in body["notes"]] == ["no_projection"]


# ---- caching, statements ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["report", "breakdown", "trends", "efficiency"])
def test_what_did_not_change_is_not_sent_again(caller: Caller, path: str) -> None:
    client = caller("owner")
    asked = {**window(), **({"dimensions": ["team"]} if path == "breakdown" else {})}

    first = client.post(f"{URL}/cost/{path}", asked, format="json")
    again = client.post(f"{URL}/cost/{path}", asked, format="json", HTTP_IF_NONE_MATCH=first["ETag"])

    assert (first.status_code, again.status_code) == (200, 304)
    assert first["Cache-Control"] == "private, max-age=600"


@pytest.mark.parametrize(
    ("path", "more", "most"),
    [
        ("cost/report", {"group_by": ["team"]}, 9), ("cost/breakdown", {"dimensions": ["team", "model"]}, 11),
        ("cost/trends", {}, 11), ("cost/efficiency", {}, 9),
    ],
)  # fmt: skip
def test_how_many_statements(
    caller: Caller, path: str, more: dict[str, Any], most: int,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:  # fmt: skip
    client = caller("owner")

    with django_assert_max_num_queries(most):
        response = client.post(f"{URL}/{path}", {**window(DAY), **more}, format="json")

    assert response.status_code == 200
