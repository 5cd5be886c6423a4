"""What another app adds to the metrics layer by declaring it in its `AppConfig.ready()`."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from analytics.metrics import DIMENSIONS, MEASURES, Dimension, Measure, declare
from analytics.query import Filter, Having, Query, Result, run
from analytics.rollups.marks import drain_marks
from tests.analytics.plugin.apps import DECLARED
from tests.factories import Acme, book_lines, line

DAY = datetime(2026, 3, 10, tzinfo=UTC)


@pytest.fixture
def installed(settings: Any) -> Iterator[None]:
    settings.INSTALLED_APPS = [*settings.INSTALLED_APPS, "tests.analytics.plugin.apps.PluginConfig"]
    yield
    for item in DECLARED:
        MEASURES.pop(item.name, None)
        DIMENSIONS.pop(item.name, None)


def ask(company: Acme, **more: Any) -> Result:
    book_lines(
        line(company, at=DAY, model_served="gpt-4o", end_user="u1"),
        line(company, at=DAY, model_served="gpt-5", input_tokens=3000),
        line(company, at=DAY, model_served="claude-x", project=company.banner),
    )
    drain_marks()
    known: dict[str, Any] = {"measures": ["requests", "tokens_per_request"], "start": DAY, "end": DAY.replace(day=11)}
    return run(company.people["alice"], Query(**{**known, "organization": company.organization, **more}))


def found(result: Result, *names: str) -> list[Any]:
    return [(*(g.dimensions[name] for name in names), *g.measures.values()) for g in result.groups]


def test_its_measure_and_dimension_are_asked_like_any_other(company: Acme, installed: None) -> None:
    result = ask(company, dimensions=["model_family"], having=[Having("tokens_per_request", "gt", 0)])

    assert found(result, "model_family") == [("gpt", 2, 2100.0), ("claude", 1, 1100.0)]
    assert result.totals["tokens_per_request"] == pytest.approx(5300 / 3)


def test_a_dimension_may_look_up_in_tables_of_its_app(company: Acme, installed: None) -> None:
    grouped = ask(company, dimensions=["department", "end_user"], order="-department")

    assert found(grouped, "department", "end_user")[:2] == [("search", None, 1, 3100.0), ("search", "u1", 1, 1100.0)]
    assert (
        ask(company, filters=[Filter("department", "eq", ["ads"])]).totals["requests"] == 2
    )  # asked twice, booked twice


def test_what_is_not_stored_cannot_be_read() -> None:
    with pytest.raises(ValueError, match="x reads revenue, which is not stored"):
        declare(Measure("x", "X", "1", "count", "sum", "", numerator={"revenue": 1}))
    with pytest.raises(ValueError, match="y reads colour, which is not stored"):
        declare(Dimension("y", "Y", "text", "", "colour", ("colour",)))
