"""Figures by end user and by declared tag: every line once, values admitted for good, the rest together."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from analytics import services
from analytics.models import AdmittedValue, DeclaredTag, SubjectDay, SubjectQuarterHour
from analytics.query import Filter, Having, Query, QueryError, Result, run
from analytics.rollups import cubes, subjects
from analytics.rollups.marks import drain_marks
from analytics.verify import compare_rollups
from gateway.models import AuditEvent, DirtyMark
from gateway.services.errors import Conflict, Invalid
from tests.factories import Acme, book_lines, line

DAY = datetime(2026, 3, 10, tzinfo=UTC)
COST = Decimal("0.0035")
LAST_HOUR = {"start": datetime.now(UTC) - timedelta(hours=1), "end": datetime.now(UTC)}


def at(hour: int, minute: int = 0, day: int = 0) -> datetime:
    return DAY + timedelta(days=day, hours=hour, minutes=minute)


@pytest.fixture
def busy(company: Acme) -> Acme:
    """Seven requests in the organization: three of u1, one of u2, three of nobody; two of bob's are tagged."""
    services.declare_tag(organization=company.organization, actor=company.people["alice"], key="feature")
    book_lines(
        line(company, at=at(1), end_user="u1", tag_set={"feature": "search", "customer": "x"}),
        line(company, at=at(9), end_user="u1", model_served="mini", tag_set={"feature": "chat"}),
        line(company, at=at(9, 20, 1), end_user="u1", project=company.banner),
        line(company, at=at(23, 59), end_user="u2", tag_set={"customer": "y"}),
        line(company, at=at(3)),
        line(company, at=at(3, 0, 2), model_served="mini"),
        line(company, at=at(4, 0, 2), end_user="  ", project=company.banner, tag_set={"feature": ""}),
    )
    drain_marks()
    return company


def ask(company: Acme, person: str = "alice", **more: Any) -> Result:
    known: dict[str, Any] = {"measures": ["requests", "cost"], "start": DAY, "end": at(0, 0, 3)}
    return run(company.people[person], Query(**{**known, "organization": company.organization, **more}))


def named(result: Result, dimension: str, measure: str = "requests") -> list[Any]:
    return [(group.dimensions[dimension], group.measures[measure]) for group in result.groups]


def test_every_line_is_in_one_group(busy: Acme) -> None:
    result = ask(busy, dimensions=["end_user"], granularity="day", order="-end_user")

    assert named(result, "end_user") == [("u2", 1), ("u1", 3), ("  ", 1), (None, 2)]
    assert result.totals == {"requests": 7, "cost": 7 * COST}
    assert sum(group.share or 0 for group in result.groups) == pytest.approx(1)
    days: dict[str, int] = {}
    for point in result.series:
        days[f"{point.time:%d}"] = days.get(f"{point.time:%d}", 0) + int(point.measures["requests"] or 0)
    assert days == {"10": 4, "11": 1, "12": 2}


def test_by_declared_tag_within_the_day_too(busy: Acme) -> None:
    whole = ask(busy, dimensions=["tag.feature"])
    morning = ask(busy, dimensions=["tag.feature"], start=at(0, 30), end=at(9, 15))

    assert named(whole, "tag.feature") == [(None, 5), ("chat", 1), ("search", 1)]
    assert named(morning, "tag.feature") == [(None, 1), ("chat", 1), ("search", 1)]


def test_with_other_dimensions_and_a_comparison(busy: Acme) -> None:
    result = ask(
        busy, dimensions=["end_user", "model"], order="-requests", start=at(0, 0, 1), compare_to=(DAY, at(0, 0, 1))
    )

    found = [
        (*g.dimensions.values(), g.measures["requests"], g.previous and g.previous["requests"]) for g in result.groups
    ]
    assert found == [
        (None, "mini", 1, None),
        ("  ", "gpt-4o", 1, None),
        ("u1", "gpt-4o", 1, 1),
    ]
    assert result.previous_totals == {"requests": 4, "cost": 4 * COST}


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ([Filter("end_user", "eq", ["u1"])], 3),
        ([Filter("end_user", "ne", ["u1"])], 4),
        ([Filter("end_user", "in", ["u2", None])], 3),
        ([Filter("end_user", "contains", ["U"])], 4),
        ([Filter("end_user", "eq", ["u1"]), Filter("model", "eq", ["mini"])], 1),
        ([Filter("tag.feature", "eq", ["chat"])], 1),
        ([Filter("tag.feature", "eq", [None])], 5),
        ([Filter("tag.feature", "in", ["'; DROP TABLE x; --%(a)s"])], 0),
    ],
)
def test_filters(busy: Acme, filters: list[Filter], expected: int) -> None:
    assert ask(busy, filters=filters).totals["requests"] == expected


def test_distinct_keys_of_those_without_it_are_exact(busy: Acme) -> None:
    result = ask(busy, measures=["distinct_keys"], dimensions=["end_user"], order="-end_user")

    assert named(result, "end_user", "distinct_keys") == [("u2", 1), ("u1", 2), ("  ", 1), (None, 1)]


def test_ratios_having_and_limit(busy: Acme) -> None:
    result = ask(busy, measures=["requests", "cost_per_request"], dimensions=["end_user"], limit=1)
    many = ask(busy, dimensions=["end_user"], having=[Having("requests", "gt", 2)])

    assert named(result, "end_user") == [("u1", 3), ("Other", 4)]
    assert result.groups[1].measures["cost_per_request"] == COST
    assert named(many, "end_user") == [("u1", 3), ("Other", 4)]


@pytest.mark.parametrize(("person", "expected"), [("dave", 5), ("bob", 5), ("carol", 7)])
def test_people_see_what_their_role_sees(busy: Acme, person: str, expected: int) -> None:
    result = ask(busy, person, dimensions=["end_user"])

    assert result.totals["requests"] == expected == sum(count for _, count in named(result, "end_user"))


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"dimensions": ["tag.customer"]}, "undeclared_tag"),
        ({"filters": [Filter("tag.customer", "eq", ["x"])]}, "undeclared_tag"),
        ({"dimensions": ["tag."]}, "undeclared_tag"),
        ({"dimensions": ["end_user", "tag.feature"]}, "not_covered"),
        ({"dimensions": ["end_user", "status"]}, "not_covered"),
        ({"dimensions": ["end_user"], "measures": ["latency_p50"]}, "not_covered"),
        ({"order": "-tag.feature"}, "unknown_order"),
        ({"dimensions": ["end_user"], "granularity": "minute", **LAST_HOUR}, "not_covered"),
    ],
)
def test_questions_without_an_answer(busy: Acme, more: dict[str, Any], code: str) -> None:
    with pytest.raises(QueryError) as error:
        ask(busy, **more)

    assert error.value.code == code


def test_what_is_beyond_the_limit_is_together_and_stays_so(busy: Acme, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subjects, "MAX_VALUES", 3)
    book_lines(*(line(busy, at=at(5), end_user=f"new{i}") for i in range(4)), line(busy, at=at(6), end_user="u2"))
    drain_marks()

    result = ask(busy, dimensions=["end_user"], order="-end_user")

    assert named(result, "end_user") == [("u2", 2), ("u1", 3), ("  ", 1), (None, 2), ("Other", 4)]
    assert result.groups[-1].is_other
    assert AdmittedValue.objects.filter(name="end_user").count() == 3
    assert compare_rollups() == []


def test_the_most_frequent_are_admitted_first(busy: Acme, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subjects, "MAX_VALUES", 4)
    book_lines(
        line(busy, at=at(5), end_user="a"), line(busy, at=at(5), end_user="z"), line(busy, at=at(5), end_user="z")
    )
    drain_marks()

    assert set(AdmittedValue.objects.filter(name="end_user").values_list("value", flat=True)) == {"u1", "u2", "  ", "z"}


def test_a_higher_limit_unfolds_what_was_together(busy: Acme, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(subjects, "MAX_VALUES", 3)
        book_lines(line(busy, at=at(5), end_user="late"))
        drain_marks()
    book_lines(line(busy, at=at(5, 0, 2), end_user="late"))
    drain_marks()

    assert dict(named(ask(busy, dimensions=["end_user"]), "end_user"))["late"] == 2
    assert not SubjectDay.objects.filter(value=cubes.FOLDED).exists()
    assert compare_rollups() == []


def test_a_value_that_looks_like_the_fold_is_one_of_its_own(busy: Acme) -> None:
    book_lines(line(busy, at=at(5), end_user="\x02"), line(busy, at=at(5), end_user="\x02Other"))
    drain_marks()

    found = dict(named(ask(busy, dimensions=["end_user"]), "end_user"))
    assert (found["Other"], found[None]) == (1, 3)
    assert compare_rollups() == []


def test_a_tag_declared_later_knows_the_days_before(busy: Acme) -> None:
    services.declare_tag(organization=busy.organization, actor=busy.people["alice"], key="customer")
    drain_marks()

    assert named(ask(busy, dimensions=["tag.customer"]), "tag.customer") == [(None, 5), ("x", 1), ("y", 1)]
    assert compare_rollups() == []


def test_a_withdrawn_tag_is_gone(busy: Acme) -> None:
    tag = DeclaredTag.objects.get(key="feature")

    services.withdraw_tag(tag=tag, actor=busy.people["alice"])
    with pytest.raises(QueryError, match="has to declare the tag"):
        ask(busy, dimensions=["tag.feature"])
    drain_marks()

    assert not SubjectQuarterHour.objects.filter(name="tag.feature").exists()
    assert compare_rollups() == []
    assert list(
        AuditEvent.objects.filter(verb__startswith="declared_tag").order_by("id").values_list("verb", flat=True)
    ) == [
        "declared_tag.declare",
        "declared_tag.withdraw",
    ]


@pytest.mark.parametrize(
    ("key", "error"), [("", Invalid), ("a=b", Invalid), ("x" * 121, Invalid), ("feature", Conflict)]
)
def test_keys_that_cannot_be_declared(busy: Acme, key: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        services.declare_tag(organization=busy.organization, actor=busy.people["alice"], key=key)


def test_there_is_a_limit_of_tags(busy: Acme, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "MAX_DECLARED", 1)

    with pytest.raises(Invalid, match="At most 1 tags"):
        services.declare_tag(organization=busy.organization, actor=busy.people["alice"], key="other")


@pytest.mark.parametrize("key", ['a"b', "50%", "%(limit)s", "ä; DROP", "x" * 120])
def test_odd_keys_are_only_names(company: Acme, key: str) -> None:
    services.declare_tag(organization=company.organization, actor=None, key=key)
    book_lines(line(company, at=at(1), tag_set={key: "v"}), line(company, at=at(2)))
    drain_marks()

    known: dict[str, Any] = {"dimensions": [f"tag.{key}"], "order": f"-tag.{key}", "limit": 1}
    result = ask(company, filters=[Filter(f"tag.{key}", "in", ["v", None])], **known)

    assert named(result, f"tag.{key}") == [("v", 1), ("Other", 1)]
    assert DirtyMark.objects.count() == 0
