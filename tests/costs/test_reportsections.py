"""The section of budgets in reports: when one is used up, in words where there is no moment."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from costs.reportsections import _exhausts
from costs.usage import LASTS, NO_PACE, NOTHING_SPENT, USED_UP, Usage

USAGE = Usage("", None, None, Decimal(10), Decimal(0), Decimal(12), Decimal(0), 1.2, None, USED_UP, 0, 0)


@pytest.mark.parametrize(
    ("note", "said"),
    [
        (USED_UP, "already used up"),
        (LASTS, "not in this period"),
        (NOTHING_SPENT, "nothing spent"),
        (NO_PACE, "–"),
    ],
)
def test_a_budget_that_no_moment_is_known_of_says_why(note: str, said: str) -> None:
    assert _exhausts(replace(USAGE, note=note), "UTC") == said


def test_the_moment_is_of_the_reports_zone() -> None:
    usage = replace(USAGE, note="", exhausts_at=datetime(2026, 7, 1, 22, 30, tzinfo=UTC))

    assert _exhausts(usage, "Europe/Vienna") == "2026-07-02 00:30"
