"""Budgets over the API: who writes which, what usage says, checks and replays against hand-computed values."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from pytest_django import DjangoAssertNumQueries

from costs.models import Budget, BudgetCounter
from costs.replay import last_month, simulate_budget
from costs.services.budgets import create_budget
from costs.usage import LASTS, NO_PACE, NOTHING_SPENT, USED_UP, pace
from gateway.models import AuditEvent
from tests import factories
from tests.gateway.api.conftest import Caller

URL = "/api/v1/budgets"
START = datetime(2026, 11, 1, tzinfo=UTC)
END = datetime(2026, 12, 1, tzinfo=UTC)


@pytest.fixture(autouse=True)
def acme(company: factories.Acme) -> factories.Acme:
    return company


def make(acme: factories.Acme, **changes: Any) -> Budget:
    fields = {"name": "All", "scope": "organization", "amount": Decimal(10)} | changes
    return create_budget(organization=acme.organization, actor=None, **fields)


def test_a_budget_is_made_changed_and_archived(acme: factories.Acme, caller: Caller) -> None:
    admin = caller("admin")
    wanted = {
        "name": "Weekly", "scope": "tag", "scope_value": "feature=*", "amount": "12.5", "period": "week",
        "timezone": "Europe/Vienna", "alert_thresholds": [{"percent": 80, "basis": "actual"}],
    }  # fmt: skip

    made = admin.post(URL, wanted)
    path = f"{URL}/{made.json()['id']}"
    changed = admin.patch(path, {"amount": "20", "scope": "organization", "currency": "EUR"})
    archived = admin.post(f"{path}/archive")

    assert made.status_code == 201
    assert (made.json()["amount"], made.json()["currency"]) == ("12.5000000000", "USD")
    assert (changed.json()["amount"], changed.json()["scope"]) == ("20.0000000000", "tag")
    assert changed.json()["currency"] == "USD"  # what it was made with stays
    assert archived.json()["archived_at"] is not None
    assert admin.patch(path, {"amount": "1"}).status_code == 409
    verbs = AuditEvent.objects.filter(verb__startswith="budget.").order_by("id").values_list("verb", flat=True)
    assert list(verbs) == ["budget.create", "budget.update", "budget.archive"]


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"scope": "organization", "scope_value": ""}, 403, "role_required"),
        ({"scope": "model", "scope_value": "gpt-4o"}, 403, "role_required"),
        ({"scope": "team", "scope_value": "ads"}, 400, "scope_value"),
        ({"scope": "project", "scope_value": "banner"}, 400, "scope_value"),
        ({"scope": "project", "scope_value": "assistant"}, 201, ""),
        ({"scope": "key", "scope_value": "bob"}, 201, ""),
    ],
)
def test_a_manager_writes_budgets_of_the_team_alone(
    acme: factories.Acme, caller: Caller, changes: dict[str, str], status: int, code: str
) -> None:  # fmt: skip
    ids = {"ads": acme.ads, "banner": acme.banner, "assistant": acme.assistant, "bob": acme.keys["bob"]}
    value = changes["scope_value"]
    body = {"name": "x", "amount": "1"} | changes | {"scope_value": str(ids[value].pk) if value in ids else value}

    response = caller("manager").post(URL, body)

    assert response.status_code == status
    assert response.json().get("code", "") in (code, "invalid" if code else "")
    assert Budget.objects.count() == (1 if status == 201 else 0)


def test_usage_says_what_is_spent_held_and_left(acme: factories.Acme, caller: Caller) -> None:
    budget = make(acme)
    factories.book_lines(factories.line(acme, cost="4"), factories.line(acme, cost="3", currency="EUR"))
    BudgetCounter.objects.filter(budget_id=budget.pk).update(leased=Decimal("1.5"))

    answer = caller("analyst").get(f"{URL}/{budget.pk}/usage").json()

    (usage,) = answer["subjects"]
    assert (usage["limit"], usage["spent"], usage["held"]) == ("10.0000000000", "4.0000000000", "1.5000000000")
    assert (usage["remaining"], usage["utilization"], usage["uncounted_lines"]) == ("4.5000000000", 0.4, 1)
    assert answer["budget"]["name"] == "All"


def test_usage_of_a_budget_for_each_lists_the_subjects(acme: factories.Acme, caller: Caller) -> None:
    budget = make(acme, scope="end_user", scope_value="*")
    factories.book_lines(factories.line(acme, cost="1", end_user="ann"), factories.line(acme, cost="2", end_user="ben"))
    admin = caller("admin")

    one = admin.get(f"{URL}/{budget.pk}/usage").json()["subjects"]
    listed = admin.get(f"{URL}/usage").json()["results"][0]["subjects"]

    assert [(row["subject"], row["spent"]) for row in one] == [("ben", "2.0000000000"), ("ann", "1.0000000000")]
    assert [row["subject"] for row in listed] == ["ben"]


def test_the_list_of_usage_costs_the_same_for_many(
    acme: factories.Acme, caller: Caller, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:  # fmt: skip
    for number in range(12):
        make(acme, name=str(number), rolls_over=number % 2 == 0)
    admin = caller("admin")

    with django_assert_max_num_queries(12):
        answer = admin.get(f"{URL}/usage").json()

    assert answer["count"] == 12


def test_a_check_counts_every_budget_of_the_key(acme: factories.Acme, caller: Caller) -> None:
    make(acme, name="All", amount=Decimal(10))
    make(acme, name="Team", scope="team", scope_value=str(acme.search.pk), amount=Decimal(5))
    make(acme, name="Ads", scope="team", scope_value=str(acme.ads.pk), amount=Decimal(0))
    make(acme, name="Each", scope="end_user", scope_value="*", amount=Decimal(2), enforcement="soft")
    factories.book_lines(factories.line(acme, cost="4", end_user="ann"))
    key, admin = str(acme.keys["bob"].pk), caller("admin")

    fits = admin.post(f"{URL}/check", {"cost": "1", "key": key}).json()
    refused = admin.post(f"{URL}/check", {"cost": "1.01", "key": key}).json()
    soft = admin.post(f"{URL}/check", {"cost": "1", "key": key, "end_user": "ann"}).json()

    assert (fits["would_pass"], fits["is_complete"]) == (True, True)
    assert {row["name"]: row["fits"] for row in fits["budgets"]} == {"All": True, "Team": True}
    assert {row["name"]: row["fits"] for row in refused["budgets"]} == {"All": True, "Team": False}
    assert refused["would_pass"] is False
    assert soft["would_pass"] is True
    assert {row["name"]: row["fits"] for row in soft["budgets"]} == {"All": True, "Team": True, "Each": False}


def test_a_check_says_that_holds_are_in_the_way(acme: factories.Acme, caller: Caller) -> None:
    budget = make(acme)
    BudgetCounter.objects.filter(budget_id=budget.pk).update(leased=Decimal("9.5"))

    answer = caller("admin").post(f"{URL}/check", {"cost": "1"}).json()

    assert (answer["would_pass"], answer["budgets"][0]["is_waiting"]) == (True, True)


def test_a_check_counts_the_keys_own_budget(acme: factories.Acme, caller: Caller) -> None:
    key = acme.keys["bob"]
    key.budget_amount = Decimal(5)
    key.save()
    factories.book_lines(factories.line(acme, cost="4"))

    answer = caller("developer").post(f"{URL}/check", {"cost": "2", "key": str(key.pk)}).json()

    assert answer["would_pass"] is False
    assert [(row["budget"], row["spent"]) for row in answer["budgets"]] == [(None, "4.0000000000")]


def test_a_check_tells_a_developer_nothing_of_budgets_out_of_sight(
    acme: factories.Acme, caller: Caller
) -> None:  # fmt: skip
    make(acme, amount=Decimal(0))

    answer = caller("developer").post(f"{URL}/check", {"cost": "1"}).json()

    assert answer == {"would_pass": True, "is_complete": False, "budgets": []}


def test_a_replay_refuses_what_no_longer_fits(acme: factories.Acme, caller: Caller) -> None:
    budget = make(acme, scope="team", scope_value=str(acme.search.pk), amount=Decimal(10))
    start, _ = last_month(budget.timezone, datetime.now(UTC))
    costs = ("6", "5", "4", "0.5")  # 6 passes, 5 does not, 4 passes, 0.5 does not
    lines = [
        factories.line(acme, cost=cost, at=start + timedelta(days=3, hours=hour)) for hour, cost in enumerate(costs)
    ]
    retry = factories.line(
        acme, cost="0", at=start + timedelta(days=4), request_id=lines[1]["request_id"], price_status="free"
    )
    outside = factories.line(acme, cost="100", at=start - timedelta(seconds=1))
    factories.book_lines(*lines, retry, outside, factories.line(acme, project=acme.banner, cost="9", at=start))

    answer = caller("manager").post(f"{URL}/{budget.pk}/simulate").json()
    larger = caller("manager").post(f"{URL}/{budget.pk}/simulate", {"amount": "15.5"}).json()

    assert (answer["lines"], answer["cost"]) == (4, "15.5000000000")
    assert (answer["blocked_requests"], answer["blocked_cost"]) == (2, "5.5000000000")
    assert answer["is_complete"] is True
    (who,) = answer["refused"]
    assert (who["api_key"], who["user"]) == (str(acme.keys["bob"].pk), str(acme.people["bob"].pk))
    assert (who["requests"], who["cost"]) == (2, "5.5000000000")
    assert datetime.fromisoformat(who["first_at"]) == start + timedelta(days=3, hours=1)
    assert (larger["blocked_requests"], larger["refused"]) == (0, [])


def test_a_replay_begins_anew_with_the_period_and_counts_each_for_itself(acme: factories.Acme) -> None:
    budget = make(acme, scope="end_user", scope_value="*", period="day", amount=Decimal(1))
    start, end = last_month(budget.timezone, datetime.now(UTC))
    at = [start + timedelta(hours=hours) for hours in (1, 2, 3, 25)]
    calls = (("ann", "1"), ("ben", "1"), ("ann", "0.1"), ("ann", "1"))
    factories.book_lines(
        *(factories.line(acme, cost=cost, end_user=who, at=when) for (who, cost), when in zip(calls, at, strict=True))
    )

    found = simulate_budget(budget=budget, amount=Decimal(1), start=start, end=end)

    assert [(one.subject, one.requests, one.cost) for one in found.refused] == [("ann", 1, Decimal("0.1"))]


def test_a_replay_counts_what_the_period_had_cost_before(acme: factories.Acme) -> None:
    budget = make(acme, period="year", amount=Decimal(10), timezone_name="UTC")
    factories.book_lines(
        factories.line(acme, cost="9", at=datetime(2026, 1, 5, tzinfo=UTC)),
        factories.line(acme, cost="2", at=datetime(2026, 3, 5, tzinfo=UTC)),
    )

    march = datetime(2026, 3, 1, tzinfo=UTC)
    found = simulate_budget(budget=budget, amount=Decimal(10), start=march, end=march + timedelta(days=31))

    assert (found.lines, found.blocked_requests, found.blocked_cost) == (1, 1, Decimal(2))


def test_a_replay_is_bounded(acme: factories.Acme, monkeypatch: pytest.MonkeyPatch) -> None:
    budget = make(acme, amount=Decimal(0))
    start, end = last_month(budget.timezone, datetime.now(UTC))
    factories.book_lines(*(factories.line(acme, cost="1", at=start + timedelta(days=day)) for day in range(3)))
    monkeypatch.setattr("costs.replay.MAX_LINES", 2)

    found = simulate_budget(budget=budget, amount=Decimal(0), start=start, end=end)

    assert (found.lines, found.blocked_requests, found.is_complete) == (2, 2, False)
    assert found.replayed_to == start + timedelta(days=2)


def test_a_policy_is_replayed_as_a_whole(acme: factories.Acme, caller: Caller) -> None:
    team = make(acme, name="Team", scope="team", scope_value=str(acme.search.pk), amount=Decimal(10))
    start, _ = last_month("UTC", datetime.now(UTC))
    calls = (("ann", "3"), ("ann", "3"), ("ben", "4"), ("ben", "0.5"), ("ben", "0.5"), ("eve", "3"))
    factories.book_lines(
        *(
            factories.line(acme, cost=cost, end_user=who, at=start + timedelta(days=3, hours=hour))
            for hour, (who, cost) in enumerate(calls)
        ),
        factories.line(acme, project=acme.banner, cost="7", at=start + timedelta(days=1)),
    )

    answer = caller("admin").post(
        f"{URL}/simulate",
        {"budgets": [
            {"budget": str(team.pk), "amount": "8"},
            {"scope": "end_user", "scope_value": "*", "amount": "5", "period": "month", "timezone": "UTC"},
        ]},
    )  # fmt: skip

    # ann: 3 passes, 3 more are over her 5; ben: 4 (7), 0.5 (7.5), 0.5 (8); eve's 3 are over the team's 8
    assert answer.status_code == 200
    found = answer.json()
    assert (found["lines"], found["cost"]) == (6, "14.0000000000")  # the banner is under neither
    assert (found["blocked_requests"], found["blocked_cost"]) == (2, "6.0000000000")
    assert [(one["name"], one["budget"], one["amount"], one["blocked_requests"]) for one in found["budgets"]] == [
        ("end_user *", None, "5.0000000000", 1), ("Team", str(team.pk), "8.0000000000", 1),
    ]  # fmt: skip
    bob = str(acme.keys["bob"].pk)
    assert [(one["name"], one["subject"], one["api_key"], one["first_at"][11:13]) for one in found["refused"]] == [
        ("end_user *", "ann", bob, "01"), ("Team", "", bob, "05"),
    ]  # fmt: skip


def test_a_replay_without_names_takes_what_is_there(acme: factories.Acme, caller: Caller) -> None:
    make(acme, name="Hard", amount=Decimal(2))
    make(acme, name="Shadow", amount=Decimal(1), is_shadow=True, scope="team", scope_value=str(acme.search.pk))
    make(acme, name="Soft", amount=Decimal(0), enforcement="soft")
    start, _ = last_month("UTC", datetime.now(UTC))
    factories.book_lines(factories.line(acme, cost="1.5", at=start + timedelta(days=2)))

    found = caller("admin").post(f"{URL}/simulate", {}).json()

    assert [(one["name"], one["blocked_requests"]) for one in found["budgets"]] == [("Shadow", 1), ("Hard", 0)]


@pytest.mark.parametrize(
    ("role", "one", "status", "code"),
    [
        ("manager", {"scope": "organization", "amount": "1"}, 403, "role_required"),
        ("manager", {"scope": "team", "scope_value": "ads", "amount": "1"}, 400, "scope_value"),
        ("manager", {"scope": "team", "scope_value": "search", "amount": "1"}, 200, ""),
        ("manager", {"budget": "whole"}, 400, "budget_not_found"),
        ("admin", {"scope": "galaxy", "amount": "1"}, 400, "scope_unknown"),
        ("admin", {"scope": "organization"}, 400, "invalid"),
        ("developer", {}, 400, "policy_empty"),
    ],
)
def test_a_policy_tells_nothing_out_of_sight(
    acme: factories.Acme, caller: Caller, role: str, one: dict[str, str], status: int, code: str
) -> None:
    whole = make(acme)
    ids = {"ads": str(acme.ads.pk), "search": str(acme.search.pk), "whole": str(whole.pk)}
    body = {"budgets": [{name: ids.get(value, value) for name, value in one.items()}] if one else []}

    answer = caller(role).post(f"{URL}/simulate", body)

    assert (answer.status_code, answer.json().get("code", "")) == (status, code)


@pytest.mark.parametrize(
    ("spent", "start", "days", "expected"),
    [
        ("5", START, 10, (datetime(2026, 11, 21, tzinfo=UTC), "")),  # half in ten days: the rest in ten more
        ("1", START, 10, (None, LASTS)),
        ("0", START, 10, (None, NOTHING_SPENT)),
        ("10", START, 10, (None, USED_UP)),
        ("5", datetime(1970, 1, 1, tzinfo=UTC), 10, (None, NO_PACE)),
    ],
)
def test_the_pace_of_the_period_so_far(spent: str, start: datetime, days: int, expected: tuple[Any, str]) -> None:
    assert pace(Decimal(spent), Decimal(10), start, END, START + timedelta(days=days)) == expected
