"""The dimension `cost_center`, asked like any other."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from analytics.query import Filter, Query, run
from analytics.rollups.marks import drain_marks
from costs.services import allocation
from tests.factories import Acme, book_lines, line

JUNE = datetime(2026, 6, 1, tzinfo=UTC)
DAY = timedelta(days=1)
pytestmark = pytest.mark.django_db


def ask(company: Acme, **more: Any) -> Any:
    known: dict[str, Any] = {"measures": ["requests"], "start": JUNE, "end": JUNE + 30 * DAY}
    return run(company.people["alice"], Query(**{**known, "organization": company.organization, **more}))


def test_costs_by_cost_center(company: Acme) -> None:
    search, other = (
        allocation.create_cost_center(organization=company.organization, actor=None, code=code, name=code)
        for code in ("4711", "0815")
    )
    by_team = {"by": "team", "values": [{"value": str(company.search.pk), "cost_center": str(search.pk)}]}
    made = {"organization": company.organization, "actor": None, "method": "direct"}
    allocation.create_rule(**made, name="Teams", targets=by_team, valid_from=JUNE, position=2)
    met = [{"dimension": "project", "op": "in", "values": [str(company.assistant.pk)]}]
    target = {"cost_center": str(other.pk)}
    allocation.create_rule(
        **made, name="Assistant", targets=target, conditions=met, valid_from=JUNE + 10 * DAY, position=1
    )
    book_lines(
        line(company, at=JUNE + DAY), line(company, at=JUNE + 11 * DAY), line(company, at=JUNE + 12 * DAY),
        line(company, at=JUNE + DAY, project=company.banner),
    )  # fmt: skip
    drain_marks()

    found = ask(company, dimensions=["cost_center"])

    assert {g.dimensions["cost_center"]: g.measures["requests"] for g in found.groups} == {
        "4711": 1,
        "0815": 2,
        None: 1,
    }
    assert ask(company, filters=[Filter("cost_center", "eq", ["0815"])]).totals["requests"] == 2
