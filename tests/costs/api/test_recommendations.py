"""Recommendations and what-if over HTTP."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client

from costs.models import Recommendation, SavingsSearch
from costs.recommendations.store import store
from costs.services.prices import set_price_override
from gateway.models import Model, Provider
from tests.costs.recommendations.findings import END, by_hand, findings, proposal, repeated
from tests.factories import Acme, ModelFactory, acme, book_lines, line, recommendation

API = "/api/v1"
pytestmark = pytest.mark.django_db


@pytest.fixture
def company(db: None) -> Acme:
    made = acme()
    Provider.objects.update(price_list="openai")
    ModelFactory(organization=made.organization, provider=made.provider, name="gpt-4o-mini")
    return made


@pytest.fixture
def found(company: Acme) -> Acme:
    """Three savings: 90 of the assistant (Search), 10 of the banner (Ads), 5 of the assistant by hand."""
    kept = findings(proposal(company), repeated(company), by_hand(company))
    store(company.organization, kept, now=END + timedelta(hours=1))
    return company


def client(company: Acme, name: str = "alice") -> Client:
    made = Client()
    made.force_login(company.people[name])
    return made


def get(company: Acme, path: str, status: int = 200, name: str = "alice") -> Any:
    response = client(company, name).get(f"{API}/{path}")
    assert response.status_code == status, response.content
    return response.json()


def post(company: Acme, path: str, body: dict[str, Any], status: int = 200, name: str = "adam") -> Any:
    response = client(company, name).post(f"{API}/{path}", body, content_type="application/json")
    assert response.status_code == status, response.content
    return response.json()


def test_a_recommendation_says_everything(found: Acme) -> None:
    row = get(found, "cost/recommendations", name="carol")["results"][0]

    assert {name: row[name] for name in ("category", "title", "status", "effort", "risk", "affected")} == {
        "category": "cheaper_model", "title": "Move Assistant to gpt-4o-mini", "status": "open", "effort": "low",
        "risk": "medium", "affected": ["Assistant"],
    }  # fmt: skip
    assert row["saving"] == {
        "amount_per_month": "90.0000000000", "share": 0.75, "currency": "USD",
        "interval": {"level": 0.9, "lower": "85.5000000000", "upper": "94.5000000000"},
    }  # fmt: skip
    assert row["scope"] == {
        "project": str(found.assistant.pk), "team": "", "api_key": "", "provider": "upstream", "model": "gpt-4o",
        "endpoint": "", "route": "",
    }  # fmt: skip
    assert row["change"] == {"provider": "upstream", "model": "gpt-4o-mini", "settings": []}
    assert (row["replay"]["saving"], row["replay"]["joint_saving"], row["replay"]["lines"]) == (
        "100.0000000000", "90.0000000000", 40_000
    )  # fmt: skip
    assert row["quality_evidence"]["proposed"] == 0.88
    assert row["evidence"][0]["figures"] == [{"name": "ratio", "value": "0.06"}]


def test_the_total_is_the_joint_one(found: Acme) -> None:
    body = get(found, "cost/recommendations/summary")

    assert {name: body[name] for name in ("total_saving", "interval", "spend", "share", "currency")} == {
        "total_saving": "105.0000000000", "spend": "500.0000000000", "share": 0.21, "currency": "USD",
        "interval": {"level": 0.9, "lower": "94.5000000000", "upper": "115.5000000000"},
    }  # fmt: skip
    assert [row["title"] for row in body["quick_wins"]] == [
        "Move Assistant to gpt-4o-mini", "Serve repeated calls of Banner from the cache"
    ]  # fmt: skip
    assert [row["title"] for row in body["long_term"]] == ["Mark the common beginning of Assistant's prompts"]
    assert [note["code"] for note in body["notes"]] == ["joint_parts", "unpriced"]


def test_a_manager_sees_the_own_teams_part_and_what_is_dismissed_counts_no_more(found: Acme) -> None:
    ours = get(found, "cost/recommendations/summary", name="dave")
    assert (ours["total_saving"], ours["interval"]["lower"]) == ("95.0000000000", "85.5000000000")
    first = ours["quick_wins"][0]["id"]

    post(found, f"cost/recommendations/{first}/dismiss", {"reason": "No."})

    assert get(found, "cost/recommendations/summary", name="dave")["total_saving"] == "5.0000000000"
    assert get(found, f"cost/recommendations/{first}")["reason"] == "No."


def test_nobody_has_searched_yet(company: Acme) -> None:
    body = get(company, "cost/recommendations/summary")

    assert (body["total_saving"], body["interval"], body["share"], body["searched_at"]) == (
        "0.0000000000",
        None,
        None,
        None,
    )
    assert body["notes"][0]["code"] == "not_searched"


def test_apply_a_share_and_take_it_back(found: Acme) -> None:
    pk = Recommendation.objects.get(category="cheaper_model").pk

    done = post(found, f"cost/recommendations/{pk}/apply", {"share": 10})

    assert (done["status"], done["applied"]) == ("applied", {"how": "route", "share": 10, "routes": ["gpt-4o"]})
    back = post(found, f"cost/recommendations/{pk}/revert", {})
    assert (back["status"], back["applied"], back["applied_at"]) == ("open", None, None)
    problem = post(found, f"cost/recommendations/{pk}/revert", {}, 409)
    assert problem["code"] == "recommendation_not_applied"


def test_snooze_takes_ninety_days_at_most(found: Acme) -> None:
    pk = Recommendation.objects.get(category="cheaper_model").pk

    assert post(found, f"cost/recommendations/{pk}/snooze", {"days": 91}, 400)["errors"][0]["field"] == "days"
    snoozed = post(found, f"cost/recommendations/{pk}/snooze", {"days": 30, "reason": "After the launch."})
    assert (snoozed["status"], snoozed["reason"]) == ("snoozed", "After the launch.")


def test_realized_by_day(company: Acme) -> None:
    at = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(days=2)
    row = recommendation(
        company.organization, state="applied", applied_at=at, applied={"how": "hand"},
        slice={"project": str(company.assistant.pk)},
    )  # fmt: skip
    cached = {"cache_read_tokens": 800, "cost": Decimal("0.0025")}
    book_lines(*(line(company, at=at + timedelta(hours=n), **cached) for n in (1, 2)))

    body = get(company, f"cost/recommendations/{row.pk}/realized", name="carol")

    assert (body["method"], body["lines"], body["amount"], body["interval"]["level"]) == (
        "uncached",
        2,
        "0.0020000000",
        0.9,
    )
    assert sum(Decimal(day["saving"]) for day in body["days"]) == Decimal("0.002")


def test_nothing_is_realized_before_it_is_applied(found: Acme) -> None:
    pk = Recommendation.objects.get(category="cheaper_model").pk

    body = get(found, f"cost/recommendations/{pk}/realized")

    assert (body["method"], body["amount"], body["days"], body["notes"][0]["code"]) == (None, None, [], "not_measured")


def test_a_persons_part_is_their_share_of_the_calls(found: Acme) -> None:
    """Bob made three of the assistant's four calls of gpt-4o; none of the banner's."""
    alice = found.people["alice"].pk
    book_lines(*(line(found) for _ in range(3)), line(found, user=alice), line(found, project=found.banner))

    body = get(found, f"admin/cost/optimization/{found.people['bob'].pk}?days=7", name="bob")

    assert (body["total_saving"], body["interval"]["upper"]) == ("71.2500000000", "78.3750000000")
    assert [row["saving"]["amount_per_month"] for row in body["quick_wins"]] == ["67.5000000000"]
    assert body["notes"][-1]["code"] == "own_share"
    assert Recommendation.objects.get(category="cheaper_model").monthly_saving == Decimal(90)


def test_a_search_is_queued_and_told(company: Acme) -> None:
    get(company, "cost/recommendations/search", 404)
    response = client(company, "adam").post(f"{API}/cost/recommendations/search")

    assert (response.status_code, response["Location"]) == (202, "http://testserver/api/v1/cost/recommendations/search")
    assert response.json()["status"] == "queued"
    assert get(company, "cost/recommendations/search")["id"] == response.json()["id"]


def test_what_the_calls_would_have_cost_on_another_model(company: Acme) -> None:
    """1,000 in and 100 out: 0.0035 on gpt-4o, 0.00021 on gpt-4o-mini."""
    at = datetime(2026, 6, 3, 12, tzinfo=UTC)
    unpriced = {"cost": None, "list_cost": None, "price_status": "unpriced", "charges": []}
    book_lines(
        line(company, at=at), line(company, at=at + timedelta(days=1)), line(company, at=at, project=company.banner),
        line(company, at=at, **unpriced),
    )  # fmt: skip
    asked = {
        "model": "gpt-4o-mini",
        "provider": "upstream",
        "start": "2026-06-01T00:00:00Z",
        "end": "2026-07-01T00:00:00Z",
    }

    body = post(company, "cost/what-if", asked, name="carol")

    names = ("lines", "actual", "hypothetical", "difference", "unpriced", "not_priceable")
    assert {name: body[name] for name in names} == {
        "lines": 3, "actual": "0.0105000000", "hypothetical": "0.0006300000", "difference": "-0.0098700000",
        "unpriced": 1, "not_priceable": 0,
    }  # fmt: skip
    assert body["share"] == pytest.approx(-0.94)
    assert [(day["key"][:10], day["lines"], day["hypothetical"]) for day in body["by_day"]] == [
        ("2026-06-03", 2, "0.0004200000"), ("2026-06-04", 1, "0.0002100000")
    ]  # fmt: skip
    assert [(one["name"], one["difference"]) for one in body["by_project"]] == [
        ("Assistant", "-0.0065800000"), ("Banner", "-0.0032900000")
    ]  # fmt: skip
    assert (body["proposed"]["latency_p50"], body["proposed"]["quality_score"]) == (None, None)
    assert [note["code"] for note in body["notes"]] == ["same_tokens", "unpriced", "no_quality", "no_latency"]

    narrow = post(company, "cost/what-if", asked | {"calls": {"project": str(company.banner.pk)}}, name="carol")
    assert (narrow["lines"], narrow["actual"]) == (1, "0.0035000000")


def test_what_has_no_price_at_the_target_is_in_no_sum(company: Acme) -> None:
    book_lines(line(company))

    body = post(company, "cost/what-if", {"model": "nobody-knows-it"})

    assert (body["lines"], body["actual"], body["not_priceable"], body["not_priceable_cost"]) == (
        0,
        "0.0000000000",
        1,
        "0.0035000000",
    )
    assert body["notes"][1]["code"] == "not_priceable"


@pytest.mark.parametrize("abilities", [["chat"], []])
def test_embeddings_are_not_priced_on_a_model_that_writes(company: Acme, abilities: list[str]) -> None:
    Model.objects.filter(name="gpt-4o-mini").update(capabilities=abilities)
    book_lines(line(company), line(company, endpoint="/v1/embeddings", output_tokens=0, cost=Decimal("0.001")))

    body = post(company, "cost/what-if", {"model": "gpt-4o-mini"})

    assert (body["lines"], body["actual"], body["not_priceable"], body["not_priceable_cost"]) == (
        1, "0.0035000000", 1, "0.0010000000",
    )  # fmt: skip
    assert "other_kind" in [note["code"] for note in body["notes"]]
    back = post(company, "cost/what-if", {"model": "text-embedding-3-small", "provider": "upstream"})
    assert (back["lines"], back["actual"], back["not_priceable_cost"]) == (1, "0.0010000000", "0.0035000000")


def test_tiers_of_every_price_in_the_window_are_kept(company: Acme) -> None:
    start = datetime(2026, 6, 1, tzinfo=UTC)
    days = [start + timedelta(days=number) for number in range(4)]
    for day, tiers in ((days[0], ()), (days[1], LONG), (days[2], ())):
        set_price_override(
            organization=company.organization, provider="openai", model="gpt-4o-mini", actor=None, valid_from=day,
            prices={"input": "1", "output": "1"}, tiers=tiers, currency="USD",
        )  # fmt: skip
    book_lines(line(company, at=days[1] + timedelta(hours=3), input_tokens=2_000, output_tokens=0, reasoning_tokens=0))

    asked = {"model": "gpt-4o-mini", "start": days[0].isoformat(), "end": days[3].isoformat()}
    body = post(company, "cost/what-if", asked)

    assert body["hypothetical"] == "0.0200000000"  # 2,000 tokens at the 10 per 1M above 1,000, for a day alone


LONG = ({"above_tokens": 1_000, "prices": {"input": "10", "output": "10"}},)


@pytest.mark.parametrize(
    ("asked", "field"),
    [({}, "model"), ({"model": "m", "start": "2026-06-02T00:00:00Z", "end": "2026-06-01T00:00:00Z"}, "end"),
     ({"model": "m", "start": "2025-06-02T00:00:00Z", "end": "2026-06-01T00:00:00Z"}, "start")],
)  # fmt: skip
def test_a_what_if_that_asks_nothing_is_refused(company: Acme, asked: dict[str, Any], field: str) -> None:
    assert post(company, "cost/what-if", asked, 400)["errors"][0]["field"] == field


def test_another_organization_sees_nothing(found: Acme) -> None:
    row = Recommendation.objects.get(category="cheaper_model")

    assert get(found, "cost/recommendations", name="mallory")["count"] == 0
    assert get(found, "cost/recommendations/summary", name="mallory")["total_saving"] == "0.0000000000"
    for verb, body in (("apply", {}), ("dismiss", {"reason": "x"}), ("snooze", {"days": 1}), ("revert", {})):
        post(found, f"cost/recommendations/{row.pk}/{verb}", body, 404, name="mallory")
    assert SavingsSearch.objects.count() == 1


def test_query_counts(found: Acme, django_assert_num_queries: Any) -> None:
    carol = client(found, "carol")
    user = found.people["bob"].pk
    book_lines(line(found))
    with django_assert_num_queries(5):  # session, person, membership, count, rows
        assert carol.get(f"{API}/cost/recommendations").status_code == 200
    with django_assert_num_queries(5):  # session, person, membership, rows, search
        assert carol.get(f"{API}/cost/recommendations/summary").status_code == 200
    with django_assert_num_queries(7):  # the same, the person asked about, the ledger
        assert carol.get(f"{API}/admin/cost/optimization/{user}").status_code == 200
