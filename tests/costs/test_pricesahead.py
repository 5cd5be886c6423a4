"""Prices that are known to change: factors by hand."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from time_machine import TimeMachineFixture

from costs.pricesahead import price_steps
from costs.services.prices import set_price_override
from gateway.console import PriceStep, Use
from tests.factories import Acme, acme

NOW = datetime.now(UTC).replace(microsecond=0)
START, END = NOW - timedelta(days=28), NOW + timedelta(days=30)
USE = Use("upstream", "gpt-4o", {"input_tokens": Decimal(1000), "output_tokens": Decimal("100.5")}, 12.0)


@pytest.fixture
def company(db: None) -> Acme:
    return acme()


def state(company: Acme, days: int, **fields: object) -> None:
    set_price_override(
        organization=company.organization,
        provider="openai",
        model="gpt-4o",
        actor=None,
        **{"valid_from": NOW + timedelta(days=days), "discount_percent": Decimal(50), **fields},  # type: ignore[arg-type]
    )


def steps(company: Acme, *uses: Use) -> list[PriceStep]:
    return price_steps(company.organization, lambda: uses, START, NOW, END)


def test_a_price_that_begins_in_the_future_is_a_step(company: Acme) -> None:
    state(company, 10)

    assert steps(company, USE) == [
        PriceStep("upstream", "gpt-4o", START, 1.0),
        PriceStep("upstream", "gpt-4o", NOW + timedelta(days=10), 0.5),
    ]


def test_the_factor_is_that_of_what_was_used(company: Acme) -> None:
    state(company, 10, discount_percent=None, prices={"input": Decimal(5), "output": Decimal(10)})

    factor = steps(company, USE)[-1].factor
    # list: 2.50 and 10 per million tokens
    assert factor == pytest.approx((1000 * 5 + 100.5 * 10) / (1000 * 2.5 + 100.5 * 10))


def test_a_price_that_began_lately_counts_against_now(company: Acme, time_machine: TimeMachineFixture) -> None:
    time_machine.move_to(NOW - timedelta(days=20))
    state(company, -5)

    assert [(step.at, step.factor) for step in steps(company, USE)] == [(START, 2.0), (NOW - timedelta(days=5), 1.0)]


def test_a_price_that_was_stated_after_it_began_is_no_change(company: Acme) -> None:
    state(company, -5)

    assert steps(company, USE) == []


def test_the_end_of_a_price_is_one(company: Acme, time_machine: TimeMachineFixture) -> None:
    time_machine.move_to(NOW - timedelta(days=200))
    state(company, -100, valid_to=NOW + timedelta(days=3))

    assert [step.factor for step in steps(company, USE)] == [1.0, 2.0]


def test_what_has_no_price_or_another_one_has_no_steps(company: Acme) -> None:
    state(company, 10)

    assert steps(company, Use("upstream", "gpt-4o-mini", USE.usage, 1.0), Use("other", "gpt-4o", USE.usage, 1.0)) == []


def test_without_changes_nobody_is_asked_what_was_used(company: Acme) -> None:
    def asked() -> list[Use]:
        raise AssertionError

    assert price_steps(company.organization, asked, START, NOW, END) == []


def test_another_organizations_price_is_not_ours(company: Acme) -> None:
    set_price_override(
        organization=company.globex, provider="openai", model="gpt-4o", actor=None, discount_percent=Decimal(50),
        valid_from=NOW + timedelta(days=10),
    )  # fmt: skip

    assert steps(company, USE) == []
