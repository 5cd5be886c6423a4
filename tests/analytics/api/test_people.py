"""People: usage, favourite models, hours of the week, behaviour against the window before."""

from datetime import timedelta
from decimal import Decimal

import pytest
from pytest_django import DjangoAssertNumQueries

from gateway.models import LedgerLine
from tests.analytics.api.conftest import DAY, URL, Ask, at, book, window
from tests.factories import Acme, line
from tests.gateway.api.conftest import Caller

SPAN = {"start": at(0, 0, 1).isoformat(), "end": at(0, 0, 2).isoformat()}


@pytest.fixture(autouse=True)
def acme(busy: Acme) -> Acme:
    return busy


def test_a_person_by_hand(ask: Ask, acme: Acme) -> None:
    book(line(acme, at=at(22, 40, 1), model_served="large", cost=Decimal("0.25")))
    bob = acme.people["bob"].pk

    body = ask("owner", f"analytics/users/{bob}", "get", timezone="Asia/Kathmandu", **SPAN)

    assert body["user"] == {"id": str(bob), "name": "bob@acme.example"}
    assert (body["totals"]["requests"], body["totals"]["cost"]) == (3, "0.2535000000")
    assert body["previous_totals"]["requests"] == 4
    assert body["totals"]["latency_p50"] == pytest.approx(500, rel=0.01)
    assert body["favourite_models"] == [
        {"model": "gpt-4o", "requests": 2, "share": pytest.approx(2 / 3), "cost": "0.0035000000"},
        {"model": "large", "requests": 1, "share": pytest.approx(1 / 3), "cost": "0.2500000000"},
    ]
    busy_hours = {(h["weekday"], h["hour"]): h["requests"] for h in body["pattern"] if h["requests"]}
    # Wednesday 11 March 01:00 and 01:30 UTC are 06:45 and 07:15 in Kathmandu; 22:40 is Thursday 04:25
    assert busy_hours == {(3, 6): 1, (3, 7): 1, (4, 4): 1}
    assert len(body["pattern"]) == 168
    behaviour = body["behaviour_change"]
    assert behaviour["change"]["requests"] == pytest.approx(-0.25)
    # gpt-4o 3/4 → 2/3, mini 1/4 → 0, large 0 → 1/3
    assert behaviour["model_mix_distance"] == pytest.approx((1 / 12 + 1 / 4 + 1 / 3) / 2)
    assert (behaviour["new_models"], behaviour["dropped_models"]) == (["large"], ["mini"])


def test_no_history_is_said(ask: Ask, acme: Acme) -> None:
    body = ask("developer", f"analytics/users/{acme.people['bob'].pk}", "get", **window())

    assert (body["totals"]["requests"], body["behaviour_change"]) == (6, None)
    assert "no_history" in [note["code"] for note in body["notes"]]


def test_several_people_by_hand(ask: Ask, acme: Acme) -> None:
    bob, alice = str(acme.people["bob"].pk), acme.people["alice"].pk
    book(line(acme, at=at(5, 0, 1), user=alice, model_served="o3"))

    body = ask("owner", "analytics/users", **SPAN, include_pattern=True)
    named = ask("owner", "analytics/users", **SPAN, users=["bob@acme.example"])

    people = {person["name"]: person for person in body["users"]}
    assert next((p["name"], p["measures"]["requests"]) for p in body["users"]) == ("bob@acme.example", 2)
    assert (people["alice@acme.example"]["measures"]["requests"], people[None]["id"]) == (1, None)
    assert people["bob@acme.example"]["share"] == pytest.approx(2 / 4)
    assert people["bob@acme.example"]["behaviour_change"]["change"]["requests"] == pytest.approx(-0.5)
    assert people["bob@acme.example"]["behaviour_change"]["dropped_models"] == ["mini"]
    assert people["alice@acme.example"]["behaviour_change"] is None
    assert people["alice@acme.example"]["favourite_models"] == [
        {"model": "o3", "requests": 1, "share": 1.0, "cost": "0.0035000000"}
    ]
    hours = {(h["weekday"], h["hour"]): h["requests"] for h in people["bob@acme.example"]["pattern"] if h["requests"]}
    assert hours == {(3, 1): 2}
    assert [(person["id"], person["pattern"]) for person in named["users"]] == [(bob, None)]


@pytest.mark.parametrize(("role", "expected"), [("analyst", 2), ("manager", 1), ("developer", 1), ("mallory", 0)])
def test_people_one_sees(ask: Ask, role: str, expected: int) -> None:
    assert len(ask(role, "analytics/users")["users"]) == expected


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"users": ["nobody@acme.example"]}, "unknown_value"),
        ({"compare_to": "previous_year"}, "unknown_comparison"),
        ({"limit": 101}, "invalid"),
        ({"granularity": "day"}, "invalid"),
    ],
)
def test_bad_input(caller: Caller, fields: dict[str, object], code: str) -> None:
    response = caller("owner").post(f"{URL}/analytics/users", {**window(), **fields})

    assert (response.status_code, response.json()["code"]) == (400, code)


def test_few_statements_and_never_the_ledger(
    caller: Caller, acme: Acme, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:  # fmt: skip
    client = caller("owner")

    with django_assert_max_num_queries(11) as one:
        assert client.get(f"{URL}/analytics/users/{acme.people['bob'].pk}", window()).status_code == 200
    with django_assert_max_num_queries(11) as many:
        span = window(DAY - timedelta(days=1))
        assert client.post(f"{URL}/analytics/users", {**span, "include_pattern": True}).status_code == 200

    queries = [*one.captured_queries, *many.captured_queries]
    assert [query for query in queries if LedgerLine._meta.db_table in query["sql"]] == []
