"""Fine-tuning in money: equal to the ledger, and what was for nothing."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from analytics.answers.questions import Questions
from costs.currencies.models import ExchangeRate
from finetuning.answers.analytics import job_analytics
from finetuning.answers.costs import Breakdown, breakdown
from finetuning.answers.estimates import RequestPrices, Wish, inference_per_1k
from tests.analytics.api.conftest import book
from tests.factories import Acme, line
from tests.finetuning.answers.conftest import NOW, Make

pytestmark = pytest.mark.django_db
START = NOW - timedelta(days=30)
TUNED = "ft:gpt-4.1-mini-2025-04-14:acme:tickets:9x"


def billed(company: Acme, kind: str, cost: str, **columns: Any) -> dict[str, Any]:
    values = {
        "at": NOW - timedelta(days=3), "kind": kind, "cost": Decimal(cost), "list_cost": Decimal(cost), "charges": [],
        "is_final": False, "request_count": 0, "input_tokens": 0, "output_tokens": 0,
        "model_served": "gpt-4.1-mini-2025-04-14",
    }  # fmt: skip
    return line(company, **{**values, **columns})


def of(company: Acme, person: str = "carol") -> Breakdown:
    return breakdown(Questions(company.people[person], company.organization), START, NOW)


def test_the_parts_are_the_ledgers(company: Acme, make_tuned: Make, make_job: Make) -> None:
    make_tuned(TUNED, base_model="gpt-4.1-mini-2025-04-14")
    make_job(cost_actual=Decimal("1.065"), finished_at=NOW - timedelta(days=3))
    book(
        billed(company, "training", "1.065"),
        billed(company, "hosting", "40.8", model_served=TUNED),
        billed(company, "grader", "0.1"),
        billed(company, "training", "7", project=company.banner),
        *(line(company, at=NOW - timedelta(days=1), model_served=TUNED) for _ in range(4)),
        line(company, at=NOW - timedelta(days=1)),
        billed(company, "training", "99", at=START - timedelta(seconds=1)),
    )

    found = of(company)

    assert found.sums.parts == {
        "training": Decimal("8.065"), "grader": Decimal("0.1"), "hosting": Decimal("40.8"),
        "inference": Decimal("0.014"),
    }  # fmt: skip
    assert (found.sums.total, found.sums.requests) == (Decimal("48.979"), 4)
    assert found.by_model[TUNED].parts["hosting"] == Decimal("40.8")
    assert found.by_team[str(company.ads.pk)].total == Decimal(7)
    assert [(one.cost, one.wasted) for one in found.jobs] == [(Decimal("1.065"), "")]
    assert found.not_of_jobs == Decimal(7)
    assert found.wasted == {}
    assert of(company, "bob").sums.total == Decimal("41.979")


def test_what_served_nothing_is_wasted(company: Acme, make_job: Make, make_file: Make) -> None:
    file, ended = make_file(), {"finished_at": NOW - timedelta(days=3)}
    make_job(cost_actual=Decimal(1), status="failed", **ended)
    make_job(cost_actual=Decimal(2), status="cancelled", **ended)
    for _ in range(3):
        make_job(cost_actual=Decimal(4), training_file=file, seed=7, **ended)
    make_job(cost_actual=Decimal(4), training_file=file, seed=8, **ended)
    book(billed(company, "hosting", "3", model_served=TUNED), billed(company, "training", "19"))

    found = of(company)

    assert found.wasted == {
        "failed": Decimal(1), "cancelled": Decimal(2), "repeated": Decimal(8), "idle_hosting": Decimal(3),
    }  # fmt: skip
    assert found.not_of_jobs == 0


def test_jobs_in_numbers(company: Acme, make_job: Make) -> None:
    made = NOW - timedelta(days=2)
    for minutes in (10, 20, 90):
        make_job(
            created_at=made, started_at=made, finished_at=made + timedelta(minutes=minutes), cost_actual=Decimal("1.1"),
            cost_estimate=Decimal(1), trained_tokens=1000, template="tone",
        )  # fmt: skip
    make_job(created_at=made, status="failed", backend="together", started_at=made, finished_at=made)
    make_job(created_at=made, status="running")
    make_job(created_at=made, status="cancelled", cost_actual=Decimal(0))
    make_job(created_at=START - timedelta(days=1))
    make_job(created_at=made, project=company.banner)

    found = job_analytics(company.people["carol"], company.organization, START, NOW)
    totals = found.totals

    assert (totals.jobs, totals.succeeded, totals.failed, totals.cancelled, totals.running) == (7, 4, 1, 1, 1)
    assert totals.success_rate == 0.8
    assert (totals.duration_p50, totals.duration_p90) == (1200.0, 5400.0)
    assert (totals.trained_tokens, totals.cost, totals.unknown_cost_jobs) == (3000, Decimal("3.3"), 2)
    assert totals.estimate_error == pytest.approx(0.1)
    assert found.groups["backend"]["together"].success_rate == 0
    assert found.groups["template"]["tone"].jobs == 3
    assert job_analytics(company.people["bob"], company.organization, START, NOW).totals.jobs == 6


def test_money_of_jobs_is_in_the_currency_that_is_kept(company: Acme, make_job: Make) -> None:
    company.organization.currency = "EUR"
    company.organization.save()
    ended = NOW - timedelta(days=3)
    make_job(cost_actual=Decimal(10), status="cancelled", created_at=ended, finished_at=ended)
    book(billed(company, "training", "10", at=ended))

    unknown = of(company)
    assert (unknown.sums.parts["training"], unknown.not_of_jobs, unknown.wasted) == (0, 0, {})
    assert unknown.jobs[0].cost is None
    figures = job_analytics(company.people["carol"], company.organization, START, NOW).totals
    assert (figures.cost, figures.unknown_cost_jobs) == (0, 1)

    ExchangeRate.objects.create(base="USD", quote="EUR", rate=Decimal("0.8"), valid_from=START.date(), source="ECB")
    found = of(company)

    assert (found.currency, found.sums.parts["training"], found.jobs[0].cost) == ("EUR", 8, 8)
    assert (found.not_of_jobs, found.wasted) == (0, {"cancelled": Decimal(8)})
    figures = job_analytics(company.people["carol"], company.organization, START, NOW).totals
    assert (figures.cost, figures.unknown_cost_jobs) == (8, 0)


def test_prices_of_requests_are_in_one_currency(company: Acme) -> None:
    wish = Wish("openai", "gpt-4.1-mini-2025-04-14")
    assert inference_per_1k(RequestPrices(company.organization, NOW, "EUR"), wish, 1000, 100)[0] is None

    ExchangeRate.objects.create(base="USD", quote="EUR", rate=Decimal("0.5"), valid_from=START.date(), source="ECB")

    dollars, _ = inference_per_1k(RequestPrices(company.organization, NOW, "USD"), wish, 1000, 100)
    euros, _ = inference_per_1k(RequestPrices(company.organization, NOW, "EUR"), wish, 1000, 100)
    assert (dollars, euros) == (Decimal("1.12"), Decimal("0.56"))  # 1,000 × (1,000 × 0.80 + 100 × 3.20) ÷ 1 M
