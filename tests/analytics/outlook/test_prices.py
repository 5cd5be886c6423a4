"""Prices that are known to change are known to the forecast of cost."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from analytics.answers.questions import Questions
from analytics.outlook import runs
from analytics.outlook.history import History, outlook
from analytics.outlook.models import ForecastRun
from analytics.outlook.prices import effect
from analytics.query import Filter
from costs.services.prices import set_price_override
from gateway.console import PriceStep, Use
from tests.analytics.outlook.conftest import midnight
from tests.factories import Acme

START = datetime(2026, 3, 1, tzinfo=UTC)


def halve(company: Acme, days: int = 10) -> None:
    set_price_override(
        organization=company.organization, provider="openai", model="gpt-4o", actor=None,
        discount_percent=Decimal(50), valid_from=midnight() + timedelta(days=days),
    )  # fmt: skip


def ahead(company: Acme, measure: str = "cost", *filters: Filter) -> Any:
    questions = Questions(company.people["alice"], company.organization)
    _, found = outlook(questions, measure, "day", "UTC", datetime.now(UTC), horizon=30, filters=filters)
    assert found is not None
    return found


def test_the_mean_factor_of_each_bucket_by_hand() -> None:
    history = History("cost", "day", "UTC", [START + timedelta(days=i) for i in range(2)], np.ones(2), START)
    history = History("cost", "day", "UTC", history.times, history.values, START + timedelta(days=2))
    uses = [Use("p", "m", {}, 3.0), Use("p", "n", {}, 1.0)]
    steps = [
        PriceStep("p", "m", START - timedelta(days=26), 2.0),
        PriceStep("p", "m", START + timedelta(days=1), 1.0),
        PriceStep("p", "m", START + timedelta(days=3, hours=18), 0.2),
    ]

    found = effect(history, 3, uses, steps)

    assert found is not None
    assert found.factors == pytest.approx([1.75, 1.0, 1.0, 0.75 * (0.75 + 0.25 * 0.2) + 0.25, 0.75 * 0.2 + 0.25])
    assert effect(history, 3, uses, []) is None
    assert effect(history, 3, uses, [PriceStep("p", "x", START, 2.0)]) is None


def test_cost_follows_a_price_that_is_known_to_change(used: Acme) -> None:
    before = ahead(used)
    halve(used)

    after = ahead(used)

    assert after.mean[:10] == pytest.approx(before.mean[:10])
    assert after.mean[10:] == pytest.approx(before.mean[10:] / 2)
    assert after.total.mean == pytest.approx(after.mean.sum())
    assert "Prices that are known to change: factor 0.50 by the end of the horizon" in after.notes
    assert ahead(used, "requests").mean == pytest.approx(ahead(used, "requests").mean)
    other = ahead(used, "cost", Filter("project", "eq", (used.banner.pk,)))
    assert other.mean[29] == pytest.approx(0.25, abs=0.02)


def test_stored_runs_know_it_and_still_add_up(used: Acme) -> None:
    halve(used)

    runs.store(runs.make(used.organization, datetime.now(UTC)))

    rows = {(run.level, run.subject): run for run in ForecastRun.objects.filter(measure="cost", grain="day")}
    whole = rows["organization", ""]
    teams = [run for (level, _), run in rows.items() if level == "team"]
    assert len(teams) == 2
    summed = [sum(step) for step in zip(*(run.mean for run in teams), strict=True)]
    assert whole.mean == pytest.approx(summed, rel=1e-12)
    assert [whole.mean[i] / whole.mean[i + 7] for i in range(3, 10)] == pytest.approx([2.0] * 7, rel=0.15)
    assert whole.mean[12] == pytest.approx(whole.mean[19], rel=0.1)
