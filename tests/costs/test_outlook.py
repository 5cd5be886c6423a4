"""Forecasts of budgets: made once an hour, read with what is spent by now; figures by hand."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from time_machine import TimeMachineFixture

from costs import outlook
from costs.models import Budget, BudgetCounter, BudgetForecast
from costs.outlook import OTHER_CURRENCY, forecast_all
from costs.services.budgets import create_budget
from costs.usage import EXPECTED_TO_LAST, NO_FORECAST, TOO_FAR, USED_UP, Usage, usage_of
from gateway.models import VirtualKey
from tests.analytics.api.conftest import book
from tests.factories import Acme, acme, line

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
TODAY = datetime(2026, 11, 20, tzinfo=UTC)
DECEMBER = datetime(2026, 12, 1, tzinfo=UTC)


@pytest.fixture(autouse=True)
def frozen(time_machine: TimeMachineFixture) -> None:
    time_machine.move_to(NOW, tick=False)


@pytest.fixture
def company(db: None) -> Acme:
    return acme()


def make(company: Acme, **changes: Any) -> Budget:
    fields = {"name": "All", "scope": "organization", "amount": Decimal(100)} | changes
    return create_budget(organization=company.organization, actor=None, **fields)


def store(budget: Budget, mean: list[float], half: float, **fields: Any) -> None:
    BudgetForecast.objects.create(
        budget=budget, grain="day", mean=mean, half_width=half, method="ensemble",
        **{"origin_at": TODAY, "made_at": NOW, **fields},
    )  # fmt: skip


def usage(budget: Budget, spent: str = "0") -> Usage:
    BudgetCounter.objects.filter(budget_id=budget.pk).update(spent=Decimal(spent))
    return usage_of([budget], NOW)[0].first


def test_the_day_a_budget_is_used_up_has_an_interval(company: Acme) -> None:
    budget = make(company)
    store(budget, [4.0] * 16, 8.0)

    found = usage(budget, "80")

    # 2 of today's 4 and ten days of 4 are to come: 42, ± 8·√(10.5 ÷ 16) = 6.4807
    assert found.exhausts_at == TODAY + timedelta(days=5, hours=12)  # 2 today and 18 in four and a half days
    heading = found.outlook
    assert heading is not None
    assert (heading.basis, heading.note, heading.expected) == ("forecast", "", Decimal(122))
    assert (round(heading.lower or 0, 4), round(heading.upper or 0, 4)) == (Decimal("115.5193"), Decimal("128.4807"))
    assert heading.earliest is not None
    assert heading.latest is not None
    # 4·t + 2·√t = 20 at t = 4, 4·t − 2·√t = 20 at t = 6.25 (t in days from now), a little off within a day
    assert abs(heading.earliest - (NOW + timedelta(days=4))) < timedelta(hours=2)
    assert abs(heading.latest - (NOW + timedelta(days=6.25))) < timedelta(hours=2)


def test_what_lasts_says_so_and_may_still_be_used_up_early(company: Acme) -> None:
    budget = make(company)
    store(budget, [4.0] * 16, 8.0)

    lasting, doubtful, over = usage(budget, "10"), usage(budget, "55"), usage(budget, "100")

    assert (lasting.exhausts_at, lasting.note) == (None, EXPECTED_TO_LAST)
    assert lasting.outlook is not None
    assert lasting.outlook.earliest is None
    assert (doubtful.exhausts_at, doubtful.note) == (None, EXPECTED_TO_LAST)  # 97 expected, up to 103.5
    assert doubtful.outlook is not None
    assert doubtful.outlook.earliest is not None
    assert doubtful.outlook.earliest < DECEMBER
    assert (over.exhausts_at, over.note) == (None, USED_UP)


@pytest.mark.parametrize(
    ("mean", "fields", "note"),
    [
        ([], {"note": "There are 2 whole days of cost; a forecast takes 4."}, "There are 2 whole days of cost; a "
         "forecast takes 4."),
        ([4.0] * 5, {}, NO_FORECAST),  # does not reach the end of the period
        ([4.0] * 16, {"origin_at": TODAY - timedelta(days=30)}, NO_FORECAST),
    ],
)  # fmt: skip
def test_without_a_forecast_there_is_a_pace_and_the_reason(
    company: Acme, mean: list[float], fields: dict[str, Any], note: str
) -> None:
    budget = make(company, timezone_name="UTC")
    store(budget, mean, 1.0, **fields)

    found = usage(budget, "78")

    assert found.outlook is not None
    assert (found.outlook.basis, found.outlook.note, found.outlook.expected) == ("pace", note, None)
    assert (found.outlook.earliest, found.outlook.latest) == (None, None)
    assert found.exhausts_at == NOW + timedelta(days=5.5)  # 78 in 19.5 days: 22 more in 5.5


def test_a_period_beyond_any_forecast_says_so(company: Acme) -> None:
    budget = make(company, period="fiscal", anchor_on=datetime(2026, 1, 1).date(), fiscal_months=60)
    store(budget, [4.0] * 366, 1.0)

    found = usage(budget, "1").outlook

    assert found is not None
    assert (found.basis, found.note) == ("pace", TOO_FAR)


def test_each_budget_is_forecast_once_an_hour(company: Acme, time_machine: TimeMachineFixture) -> None:
    use(company, days=40)
    one = make(company)
    euro = make(company, name="Euro", currency="EUR")

    first = forecast_all()
    second = forecast_all(NOW + timedelta(minutes=59))
    late = make(company, name="Late", scope="team", scope_value=str(company.search.pk))
    third = forecast_all(NOW + timedelta(minutes=59, seconds=59))  # in a minute that is claimed already
    fourth = forecast_all(NOW + timedelta(hours=1))

    assert (first, second, third, fourth) == (2, 0, 1, 1)  # euros stay what they are
    row = BudgetForecast.objects.get(budget=one)
    assert (row.origin_at, row.grain, len(row.mean)) == (TODAY, "day", 10 + 1 + 3)
    assert row.mean == pytest.approx([2.0] * 14, rel=0.01)
    assert BudgetForecast.objects.get(budget=late).mean == pytest.approx(row.mean, rel=0.01)
    assert (BudgetForecast.objects.get(budget=euro).note, usage(euro).outlook.basis) == (OTHER_CURRENCY, "pace")  # type: ignore[union-attr]


def test_a_reason_that_lasts_is_asked_for_once_a_day(company: Acme) -> None:
    use(company, days=2)
    make(company)
    hourly = make(company, name="Hours", period="day", scope="team", scope_value=str(company.ads.pk))
    euro = make(company, name="Euro", currency="EUR")

    assert forecast_all() == 3
    assert outlook.due(company.organization, NOW + timedelta(hours=2)) == [hourly]  # it may have an hour more
    Budget.objects.filter(pk=euro.pk).update(updated_at=NOW + timedelta(minutes=1))
    assert set(outlook.due(company.organization, NOW + timedelta(hours=2))) == {euro, hourly}
    assert len(outlook.due(company.organization, NOW + timedelta(days=1))) == 3


def test_a_budget_for_each_is_forecast_for_each(company: Acme) -> None:
    use(company, days=20, end_user="ann")
    use(company, days=3, end_user="ben", cost=Decimal(5))
    budget = make(company, scope="end_user", scope_value="*", amount=Decimal(50))

    forecast_all()

    rows = {row.subject: row for row in BudgetForecast.objects.filter(budget=budget)}
    assert rows["ann"].mean == pytest.approx([2.0] * 14, rel=0.01)
    assert (rows["ben"].mean, rows["ben"].note) == ([], "There are 3 whole days of cost; a forecast takes 4.")
    found = {one.subject: one.outlook for one in usage_of([budget], NOW, subjects=5)[0].subjects}
    assert found["ann"] is not None
    # 38 since the first of the month, 1 of today's 2 and 2 on each of ten days
    assert found["ann"].expected == pytest.approx(Decimal(59), rel=Decimal("0.01"))


def test_a_rotated_key_is_one(company: Acme) -> None:
    first = company.keys["bob"]
    VirtualKey.objects.filter(pk=company.keys["ads"].pk).update(lineage_id=first.pk)
    use(company, days=10)
    use(company, days=5, project=company.banner)
    each = make(company, scope="key", scope_value="*")
    alone = make(company, scope="key", scope_value=str(first.pk))

    forecast_all()

    (row,) = BudgetForecast.objects.filter(budget=each)
    assert row.subject == str(first.pk)
    assert row.mean == pytest.approx(BudgetForecast.objects.get(budget=alone).mean, rel=1e-6)


def test_a_day_is_forecast_by_its_hours(company: Acme) -> None:
    book(*(line(company, at=NOW - timedelta(hours=hours, minutes=-5), cost=Decimal("0.5")) for hours in range(1, 60)))
    budget = make(company, period="day", timezone_name="UTC", amount=Decimal(10))

    forecast_all()

    row = BudgetForecast.objects.get(budget=budget)
    assert (row.grain, row.origin_at) == ("hour", NOW)
    assert row.mean == pytest.approx([0.5] * (12 + 1 + 24), rel=0.01)
    found = usage_of([budget], NOW)[0].first
    assert found.outlook is not None
    assert found.outlook.expected == pytest.approx(found.spent + 6, rel=Decimal("0.01"))


def test_one_that_fails_is_noted_and_the_others_go_on(company: Acme, monkeypatch: pytest.MonkeyPatch) -> None:
    make(company)

    def broken(*_: object) -> int:
        raise ValueError("no")

    monkeypatch.setattr(outlook, "forecast_budgets", broken)

    assert forecast_all() == 0
    assert BudgetForecast.objects.count() == 0


def use(company: Acme, days: int, **changes: Any) -> None:
    """2 USD at noon of each of the last `days` whole days."""
    given = {"cost": Decimal(2), **changes}
    book(*(line(company, at=TODAY - timedelta(days=back, hours=-11), **given) for back in range(1, days + 1)))
