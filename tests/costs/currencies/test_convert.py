"""Which rate stands on which day, and amounts by it."""

import time
from datetime import date, timedelta
from decimal import Decimal

from costs.currencies.convert import RateTable, Stated, resolved, same

MONDAY, TUESDAY, WEDNESDAY = date(2026, 11, 2), date(2026, 11, 3), date(2026, 11, 4)


def stated(day: date, rate: str, *, own: bool = False, turned: bool = False) -> Stated:
    return Stated(day, Decimal(rate), "Central bank", own, turned)


def test_a_rate_stands_until_the_next_one_and_there_is_none_before_the_first() -> None:
    table = resolved("EUR", "USD", [stated(TUESDAY, "1.1"), stated(MONDAY, "1.2")])

    assert table.on(date(2026, 11, 1)) is None
    assert [table.on(day) for day in (MONDAY, TUESDAY, WEDNESDAY)] == [
        stated(MONDAY, "1.2"), stated(TUESDAY, "1.1"), stated(TUESDAY, "1.1")
    ]  # fmt: skip


def test_an_own_rate_stands_before_the_platforms_and_the_last_statement_of_a_day_before_the_first() -> None:
    table = resolved(
        "EUR", "USD", [stated(MONDAY, "1.2", own=True), stated(TUESDAY, "9"), stated(MONDAY, "1.3", own=True)]
    )

    assert [table.on(MONDAY), table.on(TUESDAY)] == [stated(MONDAY, "1.3", own=True)] * 2


def test_decades_of_daily_rates_are_resolved_in_one_pass() -> None:
    days = [MONDAY - timedelta(days=index) for index in range(20_000)]

    began = time.process_time()
    table = resolved("EUR", "USD", [stated(day, "1.1") for day in days])

    assert (len(table.steps), table.starts[0], table.on(MONDAY)) == (20_000, days[-1], stated(MONDAY, "1.1"))
    assert time.process_time() - began < 5  # 0.1 s; a pass for each day takes more than a minute


def test_each_amount_by_its_day_rounded_once() -> None:
    # 1 × 1.1 + 2 × 1.2 = 3.5; and 1 ÷ 3 three times is 1, where rounding each would be 0.9999999999
    table = resolved("EUR", "USD", [stated(MONDAY, "1.1"), stated(TUESDAY, "1.2")])
    turned = resolved("EUR", "USD", [stated(MONDAY, "3", turned=True)])

    assert table.convert([(MONDAY, Decimal(1)), (WEDNESDAY, Decimal(2))]) == Decimal("3.5")
    assert turned.convert([(MONDAY, Decimal(1))] * 3) == Decimal(1)


def test_a_day_without_a_rate_makes_no_sum_unless_nothing_is_on_it() -> None:
    table = resolved("EUR", "USD", [stated(TUESDAY, "1.1")])

    assert table.convert([(MONDAY, Decimal(1)), (TUESDAY, Decimal(1))]) is None
    assert table.convert([(MONDAY, Decimal(0)), (TUESDAY, Decimal(1))]) == Decimal("1.1")
    assert RateTable("EUR", "USD").convert([(MONDAY, Decimal(1))]) is None


def test_a_currency_in_itself_needs_no_rate() -> None:
    assert same("USD").convert([(MONDAY, Decimal("1.23"))]) == Decimal("1.23")
