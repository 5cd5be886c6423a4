"""`query` and `rebuild_rollups` as scripts use them."""

import json
from datetime import UTC, datetime
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from analytics.models import TotalDay
from analytics.rollups.marks import drain_marks
from tests.factories import Acme, book_lines, line

DAY = datetime(2026, 3, 10, 9, tzinfo=UTC)


def ask(*arguments: str) -> dict[str, Any]:
    out = StringIO()
    call_command("query", "--start", "2026-03-10", "--end", "2026-03-12", "--json", *arguments, stdout=out)
    found: dict[str, Any] = json.loads(out.getvalue())
    return found


def test_totals_and_rows(company: Acme) -> None:
    book_lines(line(company, at=DAY), line(company, at=DAY, project=company.banner))
    drain_marks()

    totals = ask("--organization", "acme", "--measures", "requests,cost")
    groups = ask(
        "--organization", "acme", "--measures", "requests,cost", "--dimensions", "team,model", "--filter", "team=ads"
    )
    series = ask("--measures", "requests", "--granularity", "day")

    assert totals == {"totals": {"requests": 2, "cost": "0.0070000000"}, "rows": []}
    assert groups["rows"] == [
        {
            "dimensions": {"team": "ads", "model": "gpt-4o"},
            "measures": {"requests": 1, "cost": "0.0035000000"},
            "share": 1.0,
        }
    ]
    assert [row["measures"] for row in series["rows"]] == [{"requests": 2}, {"requests": 0}]
    assert series["rows"][0]["time"] == "2026-03-10T00:00:00+00:00"


def test_having_and_a_comparison(company: Acme) -> None:
    book_lines(line(company, at=DAY), line(company, at=DAY, project=company.banner), line(company, at=DAY))
    drain_marks()

    found = ask("--measures", "requests", "--dimensions", "team", "--having", "requests >= 2")
    compared = ask("--measures", "requests", "--compare-to", "2026-03-09..2026-03-11")

    assert [(row["dimensions"]["team"], row["measures"]["requests"]) for row in found["rows"]] == [
        ("search", 2),
        ("Other", 1),
    ]
    assert compared == {
        "totals": {"requests": 3},
        "previous_totals": {"requests": 3},
        "change": {"requests": 0.0},
        "rows": [],
    }


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--measures", "revenue"], "No measure 'revenue'"),
        (["--measures", "cost", "--organization", "nobody"], "No such organization"),
        (["--measures", "cost", "--filter", "team=nobody"], "No team 'nobody'"),
        (["--measures", "cost", "--having", "cost~1"], "is not MEASURE>NUMBER"),
        (["--measures", "cost", "--having", "cost>1"], "name a dimension to group by"),
    ],
)
def test_one_line_says_what_is_wrong(company: Acme, arguments: list[str], message: str) -> None:
    with pytest.raises(CommandError, match=message):
        ask(*arguments)


@pytest.mark.django_db(transaction=True)
def test_rebuilding_since_a_day(transactional_db: None) -> None:
    from tests.factories import acme

    company = acme()
    book_lines(line(company, at=DAY), line(company, at=DAY.replace(day=14)))
    out = StringIO()

    call_command("rebuild_rollups", "--since", "2026-03-12", "--organization", "acme", stdout=out)

    assert out.getvalue() == "1 lines, 3 days recomputed, 0 days kept\n"
    assert [row.bucket.day for row in TotalDay.objects.all()] == [14]
