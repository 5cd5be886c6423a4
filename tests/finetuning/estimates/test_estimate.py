"""Vendors' formulas against real bills and printed examples; every expected figure is written out."""

from datetime import date
from decimal import Decimal

import pytest

from finetuning.estimates import (
    RATES,
    Confidence,
    Dataset,
    Method,
    Phase,
    Rate,
    billable_tokens,
    break_even,
    default_epochs,
    duration,
    estimate,
    rate_of,
    sunset_of,
)
from finetuning.estimates.rates import size_of

AT = date(2026, 11, 29)
CLIPPY = Dataset([50] * 9 + [48])
"""As many tokens, 498, as Microsoft's tutorial set of ten examples."""


@pytest.mark.parametrize(
    ("examples", "epochs"),
    [(1, 25), (4, 25), (5, 20), (10, 10), (33, 3), (34, 3), (40, 3), (8_333, 3), (8_334, 2), (25_000, 1), (90_000, 1)],
)
def test_epochs_that_auto_takes(examples: int, epochs: int) -> None:
    assert default_epochs(examples) == epochs


def test_no_epochs_without_examples() -> None:
    with pytest.raises(ValueError, match="at least one"):
        default_epochs(0)


def test_azure_bills_what_the_real_job_was_billed() -> None:
    # 10 examples get 10 epochs: 498 × 10 = 4,980, billed as 5,000
    assert billable_tokens(CLIPPY, provider="azure", epochs=default_epochs(10)) == 5_000
    assert billable_tokens(CLIPPY, provider="openai", epochs=10) == 4_980


def test_an_exact_thousand_is_not_rounded_up() -> None:
    assert billable_tokens(Dataset([500]), provider="azure", epochs=2) == 1_000


def test_examples_are_cut_at_the_context() -> None:
    # the five of OpenAI's cookbook: 20 epochs × 4,306 = 86,120
    five = Dataset([8_032, 30, 60, 70, 50])
    assert sum(five.tokens) == 8_242
    assert billable_tokens(five, provider="openai", epochs=default_epochs(5), max_tokens=4_096) == 86_120


def test_together_bills_validation_and_padding() -> None:
    data = Dataset([100, 300], validation_tokens=50)

    assert billable_tokens(data, provider="together", epochs=3, evaluations=4) == 3 * 400 + 4 * 50
    assert billable_tokens(data, provider="together", epochs=3, packs=False) == 3 * 2 * 300
    assert billable_tokens(data, provider="together", epochs=3, packs=False, max_tokens=512) == 3 * 2 * 512


@pytest.mark.parametrize(
    ("model", "amount"),
    [("gpt-4.1-mini", "1.064385"), ("gpt-4o-mini-2024-07-18", "0.638631"), ("gpt-4.1-2025-04-14", "5.321925")],
)
def test_banking77_costs_what_its_tokens_say(model: str, amount: str) -> None:
    # 70,959 tokens × 3 epochs = 212,877; × 5, 3 and 25 USD a million
    data = Dataset([46] * 1_539 + [165])
    found = estimate(data, provider="openai", model=model, method=Method.SUPERVISED, at=AT)

    assert (found.tokens_per_epoch, found.epochs, found.epochs_by) == (70_959, 3, "rule")
    assert found.billable_tokens == 212_877
    assert found.training == Decimal(amount)
    assert (found.lower, found.upper) == (found.training, found.training)


def test_a_real_fireworks_bill() -> None:
    # 13.53 million tokens at 3 USD a million were billed as 40.59
    found = estimate(
        Dataset([13_530_000]), provider="fireworks", model="qwen3-32b", method=Method.SUPERVISED, at=AT, epochs=1
    )
    assert found.training == Decimal("40.59")


def test_an_unknown_price_is_null_with_its_reason() -> None:
    found = estimate(CLIPPY, provider="openai", model="gpt-6-luna", method=Method.SUPERVISED, at=AT)

    assert found.training is None
    assert found.hosting_per_month is None
    assert [note.code for note in found.notes] == ["unknown_price"]
    assert found.billable_tokens == 4_980


def test_reinforcement_is_billed_by_time() -> None:
    found = estimate(CLIPPY, provider="openai", model="o4-mini", method=Method.REINFORCEMENT, at=AT)

    assert (found.billable_tokens, found.training) == (None, None)
    assert found.notes[0].code == "billed_by_time"
    assert found.rate is not None
    assert (found.rate.amount, found.rate.per) == (Decimal(100), "hour")


def test_an_hourly_price_prices_no_tokens() -> None:
    known = (Decimal(10), "https://gpu.example", AT, Confidence.HIGH)
    own = Rate("runner", "llama", Method.SUPERVISED, *known, per="hour")
    found = estimate(CLIPPY, provider="runner", model="llama", method=Method.SUPERVISED, at=AT, rate=own)

    assert (found.training, found.billable_tokens) == (None, 4_980)
    assert found.notes[0].message == "This price is for each hour of training, not for tokens."


def test_counts_that_are_estimated_give_a_range() -> None:
    data = Dataset([1_000_000], error=0.25)
    found = estimate(data, provider="vertex", model="gemini-2.5-flash", method=Method.SUPERVISED, at=AT, epochs=2)

    assert (found.lower, found.training, found.upper) == (Decimal("7.50"), Decimal(10), Decimal("12.50"))
    assert found.notes[0].message == "Tokens are estimated; they may be 25% more or less."


def test_what_blocks_a_job_is_listed() -> None:
    data = Dataset([10, 5_000])
    late = date(2027, 1, 6)
    found = estimate(data, provider="openai", model="gpt-4o-mini", method=Method.SUPERVISED, at=late, max_tokens=4_096)
    assert [note.code for note in found.blocked_by] == ["too_few_examples", "sunset", "over_context"]

    day_before = estimate(
        Dataset([10] * 10), provider="openai", model="gpt-4o-mini", method=Method.SUPERVISED, at=date(2027, 1, 5)
    )
    assert day_before.blocked_by == ()


def test_azure_hosting_by_the_hour() -> None:
    found = estimate(CLIPPY, provider="azure", model="gpt-4o-mini", method=Method.SUPERVISED, at=AT)

    assert found.hosting_per_month == Decimal("1241.00")  # 1.70 × 730 h
    assert found.training == Decimal("0.015")  # 5,000 × 3 / 1,000,000


@pytest.mark.parametrize(
    ("model", "size"),
    [
        ("meta-llama/Meta-Llama-3.1-8B-Instruct", "8"), ("Qwen/Qwen2.5-72B", "72"), ("mixtral-8x7b", "56"),
        ("qwen3-0.6b", "0.6"), ("gpt-4o", None), ("gemini-2.5-pro", None),
    ],
)  # fmt: skip
def test_sizes_in_names(model: str, size: str | None) -> None:
    assert size_of(model) == (None if size is None else Decimal(size))


@pytest.mark.parametrize(
    ("provider", "model", "method", "technique", "amount"),
    [
        ("together", "llama-3.1-8b", Method.SUPERVISED, "", "0.48"),
        ("together", "llama-3.1-70b", Method.DPO, "full", "8.00"),
        ("together", "llama-3.1-405b", Method.SUPERVISED, "", None),
        ("fireworks", "llama-3.1-8b", Method.DPO, "lora", "1.00"),
        ("fireworks", "llama-3.1-405b", Method.SUPERVISED, "full", "20"),
        ("fireworks", "llama-3.1-70b", Method.DPO, "full", "12"),
        ("openai", "babbage-002", Method.SUPERVISED, "", "0.40"),
    ],
)
def test_rates_by_size_and_technique(
    provider: str, model: str, method: Method, technique: str, amount: str | None
) -> None:
    found = rate_of(provider, model, method, at=AT, technique=technique)

    assert (None if found is None else found.amount) == (None if amount is None else Decimal(amount))


def test_every_rate_has_a_source_and_a_day() -> None:
    assert all(rate.source.startswith("https://") and rate.read_on <= AT and rate.amount > 0 for rate in RATES)


def test_sunsets_of_models_and_of_providers() -> None:
    mini, other = sunset_of("openai", "gpt-4o-mini"), sunset_of("openai", "gpt-6-luna")

    assert mini is not None
    assert other is not None
    assert (mini.new_jobs_until, mini.answers_until) == (date(2027, 1, 6), date(2027, 1, 14))
    assert (other.new_jobs_until, other.answers_until) == (date(2027, 1, 6), None)
    assert sunset_of("together", "llama-3.1-8b") is None


def test_break_even_with_hosting() -> None:
    found = break_even(
        training=Decimal(100), hosting_per_month=Decimal(50), base_per_request=Decimal("0.003"),
        tuned_per_request=Decimal("0.001"), requests_per_month=50_000,
    )  # fmt: skip

    # 50,000 × 0.002 - 50 = 50 a month: 2 months, 100,000 requests
    assert (found.requests, found.months) == (100_000, Decimal(2))


@pytest.mark.parametrize(
    ("hosting", "tuned", "requests", "says"),
    [
        ("0", "0.003", 1_000, "costs no less"),
        ("50", "0.001", 20_000, "below 25,000 requests"),
        ("0", "0.001", 0, "No traffic"),
    ],
)
def test_when_it_never_pays_it_says_why(hosting: str, tuned: str, requests: int, says: str) -> None:
    found = break_even(
        training=Decimal(100), hosting_per_month=Decimal(hosting), base_per_request=Decimal("0.003"),
        tuned_per_request=Decimal(tuned), requests_per_month=requests,
    )  # fmt: skip
    assert found.requests is None
    assert says in found.note


def test_duration_by_phases_of_own_jobs() -> None:
    history = [
        {Phase.VALIDATION: 100.0, Phase.QUEUE: wait, Phase.STEPS: 1.0, Phase.FINISHING: 800.0}
        for wait in (0.0, 1_000.0, 2_000.0)
    ]
    found = duration(history, steps=100)

    assert found.phases[Phase.STEPS] == (100.0, 100.0)
    assert found.p50 == 2_000.0  # 1,000 and the wait
    assert found.p90 == pytest.approx(2_800.0)  # 0.8 of the way from 2,000 to 3,000


def test_two_jobs_are_no_history() -> None:
    found = duration([{Phase.STEPS: 1.0}] * 2)

    assert (found.p50, found.jobs) == (None, 2)
    assert "a range needs 3" in found.note
