"""What a commitment costs on a day: the arithmetic is written out, nothing of it comes from the code."""

from datetime import UTC, date, datetime
from decimal import Decimal

from costs.commitments.terms import Terms


def test_by_the_hour_a_day_is_24_hours_of_every_unit() -> None:
    # 100 PTU at 1 USD an hour: 100 × 24 = 2,400 unit hours × 1 = 2,400
    terms = Terms(Decimal(1), Decimal(100), "hour", date(2026, 11, 1))

    assert terms.cost_of(date(2026, 11, 5)) == (Decimal(2400), Decimal(1), Decimal(2400))


def test_the_days_of_a_month_come_to_its_amount_to_the_last_digit() -> None:
    # 1,000 ÷ 30 = 33.3333333333…: day 1 takes 33.3333333333, day 2 66.6666666667 − 33.3333333333 = 33.3333333334
    terms = Terms(Decimal(1000), Decimal(1), "month", date(2026, 1, 1))

    november = [terms.cost_of(day).cost for day in terms.days(date(2026, 11, 1), date(2026, 12, 1))]

    assert november[:3] == [Decimal("33.3333333333"), Decimal("33.3333333334"), Decimal("33.3333333333")]
    assert (len(november), sum(november)) == (30, Decimal(1000))
    assert sum(terms.cost_of(day).cost for day in terms.days(date(2026, 2, 1), date(2026, 3, 1))) == Decimal(1000)


def test_a_part_of_a_month_is_paid_by_its_days() -> None:
    # 16 to 30 November of 300 a month: 15 of 30 days = 150
    terms = Terms(Decimal(300), Decimal(1), "month", date(2026, 11, 16), date(2026, 12, 1))

    assert terms.cost_between(datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)) == Decimal(150)


def test_a_day_is_of_the_window_that_has_its_noon() -> None:
    terms = Terms(Decimal(1), Decimal(1), "hour", date(2026, 11, 1))

    assert terms.cost_between(datetime(2026, 11, 3, 12, tzinfo=UTC), datetime(2026, 11, 5, 12, tzinfo=UTC)) == 48
    assert terms.cost_between(datetime(2026, 11, 3, 13, tzinfo=UTC), datetime(2026, 11, 4, 12, tzinfo=UTC)) == 0
