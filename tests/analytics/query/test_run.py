"""Questions over a small ledger: figures by hand, groups and their rest, visibility, statements, plans."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser
from django.db import connection
from django.test.utils import CaptureQueriesContext

from analytics import cache
from analytics.query import Filter, Having, Query, QueryError, Result, run
from analytics.query import sql as query_sql
from analytics.query.plan import make_plan
from analytics.query.scope import scope_of
from analytics.rollups.marks import drain_marks
from gateway.choices import Role
from gateway.models import LedgerLine, Membership
from tests.factories import Acme, MembershipFactory, book_lines, line, use_once

DAY = datetime(2026, 3, 10, tzinfo=UTC)
Ask = Callable[..., Result]


def at(hour: int, minute: int = 0, day: int = 0) -> datetime:
    return DAY + timedelta(days=day, hours=hour, minutes=minute)


@pytest.fixture
def busy(company: Acme) -> Acme:
    """Eight requests: five of the assistant (bob's), three of banner (ads)."""
    use_once("query", lambda: _use(company), DAY)
    return company


def _use(company: Acme) -> None:
    ads: dict[str, Any] = {"project": company.banner}
    book_lines(
        line(company, at=at(0, 5), duration_ms=100.0),
        line(company, at=at(9), duration_ms=200.0, is_stream=True),
        line(company, at=at(9, 20), duration_ms=300.0, status="timeout", http_status=504, error_type="timeout"),
        line(company, at=at(23, 59), duration_ms=400.0, model_served="mini"),
        line(company, at=at(1, 0, 1), duration_ms=500.0, model_served=None),
        line(company, at=at(2, 0, 1), duration_ms=1000.0, model_served="mini", cost=Decimal("1"), **ads),
        line(
            company,
            at=at(3, 0, 2),
            duration_ms=2000.0,
            cost=None,
            list_cost=None,
            charges=[],
            price_status="unpriced",
            **ads,
        ),
        line(company, at=at(4, 0, 2), duration_ms=3000.0, model_served="large", cost=Decimal("0.5"), **ads),
    )
    drain_marks()


@pytest.fixture
def ask(busy: Acme) -> Ask:
    def question(person: str = "alice", **more: Any) -> Result:
        known: dict[str, Any] = {
            "measures": ["requests"],
            "start": DAY,
            "end": at(0, 0, 3),
            "organization": busy.organization,
        }
        return run(busy.people[person], Query(**{**known, **more}))

    return question


def total(result: Result, measure: str) -> Any:
    """Sum over the groups."""
    found: list[Any] = [group.measures[measure] for group in result.groups]
    return sum(found)


def test_totals_by_hand(ask: Ask) -> None:
    names = [
        "requests",
        "errors",
        "error_rate",
        "cost",
        "cost_per_request",
        "total_tokens",
        "cost_per_1k_tokens",
        "latency_mean",
        "latency_p50",
        "latency_p99",
        "ttft_p95",
        "apdex",
        "availability",
        "distinct_keys",
        "distinct_users",
        "cache_hit_rate",
    ]

    result = ask(measures=names)

    cost = Decimal("1.5") + 5 * Decimal("0.0035")
    assert {name: result.totals[name] for name in names[:8]} == {
        "requests": 8,
        "errors": 1,
        "error_rate": 0.125,
        "cost": cost,
        "cost_per_request": cost / 8,
        "total_tokens": 8800,
        "cost_per_1k_tokens": 1000 * cost / 8800,
        "latency_mean": 937.5,
    }
    assert result.totals["latency_p50"] == pytest.approx(400, rel=0.01)
    assert result.totals["latency_p99"] == pytest.approx(3000, rel=0.01)
    assert result.totals["ttft_p95"] == pytest.approx(200, rel=0.01)
    assert [result.totals[name] for name in names[11:]] == [0.875, 0.875, 2, 1, 0.0]
    assert [note.code for note in result.notes] == ["unpriced"]
    assert (result.currency, result.rollup_lag_s, result.stale) == ("USD", 0.0, False)


def test_the_series_is_filled_with_zeros(ask: Ask) -> None:
    result = ask(measures=["requests", "error_rate", "latency_p50"], start=at(0), end=at(4), granularity="hour")

    assert [point.time for point in result.series] == [at(0), at(1), at(2), at(3)]
    assert [point.measures["requests"] for point in result.series] == [1, 0, 0, 0]
    assert [point.measures["error_rate"] for point in result.series] == [0.0, None, None, None]
    assert [point.measures["latency_p50"] for point in result.series][1:] == [None, None, None]


@pytest.mark.parametrize(
    ("zone", "expected"),
    [
        ("UTC", [("2026-03-10", 4), ("2026-03-11", 2), ("2026-03-12", 2)]),
        ("Asia/Kathmandu", [("2026-03-10", 3), ("2026-03-11", 3), ("2026-03-12", 2), ("2026-03-13", 0)]),
        ("America/New_York", [("2026-03-09", 1), ("2026-03-10", 5), ("2026-03-11", 1), ("2026-03-12", 1)]),
    ],
)
def test_days_in_time_zones(ask: Ask, zone: str, expected: list[tuple[str, int]]) -> None:
    result = ask(granularity="day", timezone=zone)

    assert [(f"{point.time:%Y-%m-%d}", point.measures["requests"]) for point in result.series] == expected


@pytest.mark.parametrize("start", [at(0), at(0, 15), at(9), at(9, 15), at(23, 45), at(0, 0, 1), at(2, 0, 1)])
@pytest.mark.parametrize("end", [at(0, 0, 2), at(3, 15, 2), at(4, 15, 2), at(0, 0, 3)])
def test_ragged_edges_equal_the_ledger(ask: Ask, start: datetime, end: datetime) -> None:
    expected = list(LedgerLine.objects.filter(started_at__gte=start, started_at__lt=end).values_list("cost", flat=True))

    result = ask(measures=["requests", "cost"], start=start, end=end)

    assert result.totals == {"requests": len(expected), "cost": sum((cost for cost in expected if cost), Decimal(0))}


def test_groups_and_their_rest_add_up(ask: Ask) -> None:
    result = ask(measures=["cost", "requests", "latency_p50"], dimensions=["model"], limit=2, granularity="day")

    assert [(group.dimensions["model"], group.measures["cost"], group.is_other) for group in result.groups] == [
        ("mini", Decimal("1.0035"), False),
        ("large", Decimal("0.5"), False),
        ("Other", Decimal("0.0140"), True),
    ]
    assert sum(group.share or 0 for group in result.groups) == pytest.approx(1)
    assert total(result, "requests") == result.totals["requests"] == 8
    assert len(result.series) == 9
    assert sum(point.measures["cost"] or 0 for point in result.series) == result.totals["cost"]  # type: ignore[misc]
    assert result.groups[2].measures["latency_p50"] == pytest.approx(300, rel=0.01)


@pytest.mark.parametrize(
    ("having", "expected"),
    [
        ([Having("requests", "gte", 2)], ["gpt-4o", "mini"]),
        ([Having("cost", "gt", Decimal("0.5"))], ["mini"]),
        ([Having("cost", "gte", 0.5), Having("requests", "eq", 1)], ["large"]),
        ([Having("error_rate", "gt", 0.2)], ["gpt-4o"]),
        ([Having("error_rate", "ne", 0)], ["gpt-4o"]),
        ([Having("cost_per_1k_tokens", "gt", 0.4)], ["mini", "large"]),
        ([Having("latency_p99", "lt", 600)], [None]),
        ([Having("latency_p99", "lte", 3030), Having("latency_p50", "gte", 2900)], ["large"]),
        ([Having("distinct_keys", "gt", 1)], ["gpt-4o", "mini"]),
        ([Having("requests_per_minute", "gt", 1.9 / 4320)], ["gpt-4o", "mini"]),
        ([Having("requests", "gt", 99)], []),
    ],
)
def test_having_names_the_groups_that_meet_it_and_the_rest_adds_up(
    ask: Ask, having: list[Having], expected: list[str | None]
) -> None:
    result = ask(measures=["requests", "cost"], dimensions=["model"], having=having, granularity="day")

    named, rest = list(result.groups[:-1]), result.groups[-1]
    assert [group.dimensions["model"] for group in named] == expected
    assert (rest.is_other, rest.dimensions) == (True, {"model": "Other"})
    assert sum(group.share or 0 for group in result.groups) == pytest.approx(1)
    assert (total(result, "requests"), total(result, "cost")) == (8, result.totals["cost"])
    assert sum(point.measures["requests"] or 0 for point in result.series) == 8  # type: ignore[misc]


def test_what_having_leaves_is_ranked_and_limited(ask: Ask) -> None:
    having = [Having("requests", "lt", 4)]

    result = ask(measures=["requests"], dimensions=["model"], having=having, limit=1, order="-cost")

    assert [(group.dimensions["model"], group.measures["requests"]) for group in result.groups] == [
        ("mini", 2),
        ("Other", 6),
    ]


def test_what_is_not_set_is_a_group_of_its_own(ask: Ask) -> None:
    result = ask(dimensions=["model", "is_stream", "http_status"], order="model")

    first, last = result.groups[0].dimensions, result.groups[-1].dimensions
    assert first == {"model": None, "is_stream": False, "http_status": 200}
    assert last["model"] == "mini"


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ("-requests", ["gpt-4o", "mini", None, "large"]),
        ("requests", [None, "large", "mini", "gpt-4o"]),
        ("-latency_p99", ["large", "gpt-4o", "mini", None]),
        ("-error_rate", ["gpt-4o", None, "large", "mini"]),
        ("-model", ["mini", "large", "gpt-4o", None]),
    ],
)
def test_order(ask: Ask, order: str, expected: list[str | None]) -> None:
    assert [group.dimensions["model"] for group in ask(dimensions=["model"], order=order).groups] == expected


def test_order_by_a_distinct_count(ask: Ask, busy: Acme) -> None:
    result = ask(dimensions=["model"], order="-distinct_keys", measures=["distinct_keys"])

    assert [(group.dimensions["model"], group.measures["distinct_keys"]) for group in result.groups] == [
        ("gpt-4o", 2),
        ("mini", 2),
        (None, 1),
        ("large", 1),
    ]


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ([Filter("model", "eq", ["mini"])], 2),
        ([Filter("model", "in", ["mini", None])], 3),
        ([Filter("model", "ne", ["mini"])], 6),
        ([Filter("model", "not_in", ["mini", None])], 5),
        ([Filter("model", "contains", ["GPT"])], 4),
        ([Filter("http_status", "gt", ["400"])], 1),
        ([Filter("is_stream", "eq", ["true"])], 1),
        ([Filter("team", "eq", ["search"])], 5),
        ([Filter("project", "ne", ["assistant"])], 3),
        ([Filter("status", "eq", ["'; DROP TABLE x; --%(a)s"])], 0),
        ([Filter("team", "eq", ["ads"]), Filter("model", "eq", ["mini"])], 1),
        ([Filter("user", "eq", [None])], 3),
    ],
)
def test_filters(ask: Ask, filters: list[Filter], expected: int) -> None:
    assert ask(filters=filters).totals["requests"] == expected


def test_comparison_with_the_period_before(ask: Ask) -> None:
    result = ask(
        measures=["requests", "cost", "latency_p50"],
        start=at(0, 0, 1),
        end=at(0, 0, 2),
        compare_to="previous_period",
        dimensions=["model"],
    )

    assert result.previous_totals is not None
    assert (result.totals["requests"], result.previous_totals["requests"], result.change["requests"]) == (2, 4, -0.5)
    assert result.previous_totals["cost"] == Decimal("0.0140")
    assert result.previous_totals["latency_p50"] == pytest.approx(200, rel=0.01)
    assert {group.dimensions["model"] for group in result.groups} == {None, "mini"}


def test_comparison_with_the_year_before_and_with_any_window(ask: Ask, busy: Acme) -> None:
    book_lines(line(busy, at=at(9).replace(year=2025)), line(busy, at=at(9, 0, 1).replace(year=2025)))
    drain_marks()

    year = ask(compare_to="previous_year")
    window = ask(compare_to=(at(0, 0, 1), at(0, 0, 2)))

    assert (year.totals, year.previous_totals, year.change) == ({"requests": 8}, {"requests": 2}, {"requests": 3.0})
    assert (window.previous_totals, window.change) == ({"requests": 2}, {"requests": 3.0})


def test_figures_per_minute_count_elapsed_time_alone(ask: Ask, busy: Acme) -> None:
    now = datetime.now(UTC)
    book_lines(line(busy, at=now - timedelta(minutes=30)))
    drain_marks()

    closed = ask(measures=["requests_per_minute"], start=DAY, end=at(0, 0, 1))
    open_ = ask(measures=["requests_per_minute"], start=now - timedelta(minutes=60), end=now + timedelta(hours=23))

    assert closed.totals["requests_per_minute"] == 4 / 1440
    assert open_.totals["requests_per_minute"] == pytest.approx(1 / 60, rel=0.02)


def test_minutes_of_the_last_hours(ask: Ask, busy: Acme) -> None:
    minute = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(minutes=5)
    book_lines(line(busy, at=minute), line(busy, at=minute + timedelta(minutes=2), status="timeout"))
    drain_marks()

    result = ask(
        measures=["requests", "error_rate", "latency_p95"],
        start=minute,
        end=minute + timedelta(minutes=3),
        granularity="minute",
    )

    assert [point.measures["requests"] for point in result.series] == [1, 0, 1]
    assert result.totals["error_rate"] == 0.5
    assert result.totals["latency_p95"] == pytest.approx(800, rel=0.01)


@pytest.mark.parametrize(
    ("person", "expected"),
    [
        ("alice", 8),
        ("adam", 8),
        ("carol", 8),
        ("root", 8),
        ("dave", 5),
        ("bob", 5),
    ],
)
@pytest.mark.parametrize("dimensions", [[], ["model"], ["project"], ["status"]])
def test_people_see_what_their_role_sees_of_the_ledger(
    ask: Ask, busy: Acme, person: str, expected: int, dimensions: list[str]
) -> None:
    visible = LedgerLine.objects.visible_to(busy.people[person]).filter(organization=busy.organization.pk)

    result = ask(person, dimensions=dimensions)

    assert result.totals["requests"] == visible.count() == expected
    assert total(result, "requests") == (expected if dimensions else 0)


def test_a_manager_sees_own_usage_elsewhere_too(ask: Ask, busy: Acme) -> None:
    dave = busy.people["dave"]
    busy.keys["ads"].user = dave
    busy.keys["ads"].save()
    book_lines(line(busy, project=busy.banner, at=at(5), user=dave.pk))
    drain_marks()

    assert ask("dave").totals["requests"] == LedgerLine.objects.visible_to(dave).count() == 6


def test_nobody_sees_another_organization(ask: Ask, busy: Acme) -> None:
    for person in (busy.people["mallory"], AnonymousUser()):
        with pytest.raises(QueryError) as error:
            run(person, Query(measures=["requests"], start=DAY, end=at(1), organization="acme"))
        assert error.value.code == "unknown_organization"
    assert run(busy.people["mallory"], Query(measures=["requests"], start=DAY, end=at(0, 0, 3))).totals == {
        "requests": 0
    }


def test_a_lost_role_is_lost_at_once_in_spite_of_the_cache(ask: Ask, busy: Acme) -> None:
    assert ask("carol").totals["requests"] == 8

    Membership.objects.filter(user=busy.people["carol"]).update(role=Role.DEVELOPER)

    assert ask("carol").totals["requests"] == 0


def test_members_of_several_organizations_say_which(busy: Acme) -> None:
    MembershipFactory(organization=busy.globex, user=busy.people["alice"])

    with pytest.raises(QueryError) as error:
        run(busy.people["alice"], Query(measures=["requests"], start=DAY, end=at(1)))

    assert error.value.code == "organization_required"


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"measures": ["revenue"]}, "unknown_measure"),
        ({"measures": []}, "no_measure"),
        ({"dimensions": ["colour"]}, "unknown_dimension"),
        ({"filters": [Filter("colour", "eq", ["red"])]}, "unknown_dimension"),
        ({"order": "-colour"}, "unknown_measure"),
        ({"order": "-team"}, "unknown_order"),
        ({"limit": 0}, "limit_out_of_range"),
        ({"timezone": "Mars/Olympus"}, "unknown_timezone"),
        ({"timezone": "../etc/passwd"}, "unknown_timezone"),
        ({"start": at(1), "end": at(1)}, "empty_window"),
        ({"granularity": "minute"}, "not_covered"),
        ({"measures": ["latency_p50"], "dimensions": ["status"]}, "not_covered"),
        ({"compare_to": "yesterday"}, "unknown_comparison"),
        ({"granularity": "quarter_hour", "start": DAY - timedelta(days=999)}, "too_many_points"),
        ({"filters": [Filter("team", "eq", ["nobody"])]}, "unknown_value"),
        ({"filters": [Filter("http_status", "eq", ["x"])]}, "bad_value"),
        ({"filters": [Filter("is_stream", "eq", ["maybe"])]}, "bad_value"),
        ({"filters": [Filter("team", "contains", ["a"])]}, "bad_value"),
        ({"filters": [Filter("model", "gt", ["a"])]}, "bad_value"),
        ({"filters": [Filter("model", "like", ["a"])]}, "unknown_operator"),
        ({"having": [Having("requests", "gt", 1)]}, "having_without_dimensions"),
        ({"dimensions": ["model"], "having": [Having("revenue", "gt", 1)]}, "unknown_measure"),
        ({"dimensions": ["model"], "having": [Having("requests", "like", 1)]}, "unknown_operator"),  # type: ignore[arg-type]
        ({"dimensions": ["model"], "having": [Having("requests", "gt", float("nan"))]}, "bad_value"),
        ({"dimensions": ["model"], "having": [Having("requests", "gt", "x")]}, "bad_value"),  # type: ignore[arg-type]
    ],
)
def test_questions_without_an_answer(ask: Ask, more: dict[str, Any], code: str) -> None:
    with pytest.raises(QueryError) as error:
        ask(**more)

    assert error.value.code == code


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"compare_to": "previous_period"},
        {"dimensions": ["model"], "granularity": "day", "timezone": "Asia/Kathmandu"},
        {"measures": ["cost", "latency_p99", "distinct_users"], "dimensions": ["team"]},
    ],
)
def test_two_statements_a_question_and_one_when_cached(ask: Ask, more: dict[str, Any]) -> None:
    with CaptureQueriesContext(connection) as first:
        result = ask("dave", **more)
    with CaptureQueriesContext(connection) as second:
        again = ask("dave", **more)

    assert (len(first), len(second)) == (2, 1)
    assert again.totals == result.totals


def test_a_refresh_makes_cached_answers_old(ask: Ask, busy: Acme) -> None:
    before = ask()
    book_lines(line(busy, at=at(6)))
    waiting = ask()
    drain_marks()

    assert (before.totals["requests"], waiting.totals["requests"], ask().totals["requests"]) == (8, 8, 9)
    assert waiting.rollup_lag_s > 0
    assert ask().data_version > before.data_version


@pytest.mark.parametrize(
    ("more", "tables"),
    [
        ({}, {"analytics_total_day"}),
        ({"start": at(1)}, {"analytics_total_day", "analytics_total_quarter_hour"}),
        ({"dimensions": ["model"], "measures": ["latency_p50"]}, {"analytics_model_day"}),
        ({"dimensions": ["team"], "granularity": "hour"}, {"analytics_project_quarter_hour"}),
        ({"measures": ["distinct_users"]}, {"analytics_key_day"}),
        ({"dimensions": ["status"], "compare_to": "previous_year"}, {"analytics_outcome_day"}),
        ({"dimensions": ["status"], "start": at(1)}, {"analytics_outcome_day", "analytics_wide_quarter_hour"}),
        ({"dimensions": ["api_key", "model"]}, {"analytics_key_model_day"}),
        ({"dimensions": ["api_key", "status"]}, {"analytics_wide_day"}),
    ],
)
def test_the_plan_reads_the_smallest_cube_and_never_the_ledger(
    busy: Acme, more: dict[str, Any], tables: set[str]
) -> None:
    known: dict[str, Any] = {
        "measures": ["requests"],
        "start": DAY,
        "end": at(0, 0, 3),
        "organization": busy.organization,
    }
    query = Query(**{**known, **more})
    plan = make_plan(query, scope_of(busy.people["alice"], query), datetime.now(UTC))

    text, parameters = query_sql.statement(plan)
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (FORMAT JSON) {text}", parameters)
        explained = str(cursor.fetchone())

    assert {
        name for name in connection.introspection.table_names() if f"'{name}'" in explained or f'"{name}"' in explained
    } == tables


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"granularity": "hour", "compare_to": "previous_period"},
        {"dimensions": ["model"], "limit": 1},
        {"dimensions": ["project"], "granularity": "day", "order": "-latency_p95"},
    ],
)
def test_percentiles_are_the_same_merged_here_or_in_the_database(
    ask: Ask, monkeypatch: pytest.MonkeyPatch, more: dict[str, Any]
) -> None:
    names = ["latency_p50", "latency_p95", "ttft_p95", "requests"]
    here = ask(measures=names, **more)

    monkeypatch.setattr(query_sql, "PACKED_ROWS", 0)
    cache.clear()
    there = ask(measures=names, **more)

    assert (here.totals, here.previous_totals) == (there.totals, there.previous_totals)
    assert (list(here.series), list(here.groups)) == (list(there.series), list(there.groups))
    assert here.totals["latency_p50"] == pytest.approx(400, rel=0.01)


@pytest.mark.parametrize(
    ("limit", "expected"),
    [
        (2, [(3, None, False), (1, {"requests": 4}, False)]),  # banner is new, the assistant had four
        (1, [(3, None, False), (1, {"requests": 4}, True)]),
    ],
)
def test_groups_know_their_values_in_the_compared_window(ask: Ask, limit: int, expected: list[Any]) -> None:
    known = {"dimensions": ["project"], "start": at(0, 0, 1), "limit": limit}

    compared = ask(compare_to=(DAY, at(0, 0, 1)), **known)

    assert [(group.measures["requests"], group.previous, group.is_other) for group in compared.groups] == expected
    assert [group.previous for group in ask(**known).groups] == [None, None]


def test_one_scope_serves_several_questions(ask: Ask, busy: Acme) -> None:
    query = Query(measures=["requests"], start=DAY, end=at(0, 0, 3), organization=busy.organization)
    scope = scope_of(busy.people["bob"], query)

    with CaptureQueriesContext(connection) as captured:
        result = run(busy.people["bob"], query, scope=scope)

    assert (len(captured), result.totals) == (1, ask("bob").totals)
