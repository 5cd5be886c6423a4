"""Models that grade reinforcement jobs: their tokens by the provider's word, at their own price, in the ledger once."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from analytics.answers.questions import Questions
from analytics.rollups.marks import process_marks
from finetuning.answers.costs import breakdown
from finetuning.models import JobEvent, TuningJob
from finetuning.services import jobs
from finetuning.services.jobs.graders import estimate_grader, graded_of, graders_of
from gateway.models import LedgerLine, Provider
from tests import factories
from tests.finetuning.jobs.conftest import Make, follow, stored
from tests.finetuning.jobs.test_booking import finished

pytestmark = pytest.mark.django_db(transaction=True)
AT = datetime(2026, 11, 3, 10, tzinfo=UTC)
SCORE = {"type": "score_model", "name": "judge", "model": "o3-mini", "input": [{"role": "user", "content": "Grade"}]}


def graded_rows(count: int) -> list[dict[str, Any]]:
    return [{"messages": [{"role": "user", "content": f"{n} + 1?"}], "answer": str(n + 1)} for n in range(count)]


def told(job: TuningJob, step: int, key: str = "", **usage: dict[str, int]) -> None:
    JobEvent.objects.create(
        job=job, key=key or f"step-{step}", at=AT + timedelta(seconds=step), level="info", type="metrics",
        message=f"Step {step}", data={"step": step, "model_graders_token_usage": usage},
    )  # fmt: skip


def tokens(prompt: int, completion: int, cached: int = 0, held_out: int = 0) -> dict[str, int]:
    return {
        "train_prompt_tokens": prompt, "train_completion_tokens": completion, "train_cached_tokens": cached,
        "eval_prompt_tokens": held_out, "eval_completion_tokens": 0, "eval_cached_tokens": 0,
    }  # fmt: skip


def reinforced(acme: factories.Acme, **fields: Any) -> TuningJob:
    given: dict[str, Any] = {
        "backend": "azure", "method": "reinforcement", "base_model": "o4-mini-2025-04-16",
        "hyperparameters": {"grader": SCORE}, "started_at": AT - timedelta(hours=4),
    }  # fmt: skip
    return finished(acme, **(given | fields))


@pytest.mark.parametrize(
    ("grader", "models"),
    [
        (SCORE, ["o3-mini"]), ({"type": "python", "source": "…"}, []), (None, []), ({"type": "score_model"}, []),
        ({"type": "multi", "graders": {"a": SCORE, "b": {"type": "string_check"},
                                       "c": {"type": "score_model", "model": "gpt-4o"}}}, ["gpt-4o", "o3-mini"]),
    ],
)  # fmt: skip
def test_which_models_grade(grader: object, models: list[str]) -> None:
    assert graders_of(grader) == models


@pytest.mark.slow
def test_microsofts_example_to_the_cent(acme: factories.Acme) -> None:
    """Fine-tuning cost management, 2026-02-11: 4 h × 100 = 400; 5 M × 1.10 + 4.9 M × 4.40 = 27.06; together 427.06."""
    job = reinforced(acme)
    for step in range(1, 11):
        told(job, step, **{"o3-mini": tokens(500_000, 490_000)})

    assert jobs.book_training(job)

    training, grader = LedgerLine.objects.get(kind="training"), LedgerLine.objects.get(kind="grader")
    assert (training.cost, grader.cost) == (Decimal(400), Decimal("27.06"))
    assert (grader.model_served, grader.provider, grader.project) == ("o3-mini", "azure", acme.assistant.pk)
    assert (grader.request_count, grader.is_final, grader.usage_source) == (0, False, "reported")
    assert {one["meter"]: (one["quantity"], one["cost"]) for one in grader.charges} == {
        "input": ("5000000", "5.5000000000"), "output": ("4900000", "21.5600000000")
    }  # fmt: skip
    job.refresh_from_db()
    assert (job.cost_actual, job.grader_cost) == (Decimal(400), Decimal("27.06"))


@pytest.mark.slow
def test_a_grader_is_booked_once(acme: factories.Acme) -> None:
    job = reinforced(acme)
    told(job, 1, **{"o3-mini": tokens(1_000_000, 0)})

    jobs.book_training(job)
    TuningJob.objects.update(line_id=None)  # as if it was killed between ledger and row
    job.refresh_from_db()
    jobs.book_training(job)

    assert [line.cost for line in LedgerLine.objects.filter(kind="grader")] == [Decimal("1.1")]


@pytest.mark.slow
def test_a_step_that_is_told_twice_counts_once_and_cached_tokens_cost_less(acme: factories.Acme) -> None:
    job = reinforced(acme)
    told(job, 1, **{"o3-mini": tokens(7, 7)})
    told(job, 1, key="again", **{"o3-mini": tokens(1_000_000, 0, cached=400_000, held_out=1_000)})
    told(job, 2, **{"o3-mini": tokens(1_000_000, 500)})

    (graded,) = graded_of(job)
    assert (graded.prompt, graded.cached, graded.completion) == (2_001_000, 400_000, 500)
    jobs.book_training(job)

    # 1,601,000 × 1.10 + 400,000 × 0.55 + 500 × 4.40, a million
    assert LedgerLine.objects.get(kind="grader").cost == Decimal("1.9833")


def test_each_model_is_a_line_and_an_unknown_price_is_unpriced(acme: factories.Acme) -> None:
    job = reinforced(acme)
    told(job, 1, **{"o3-mini": tokens(1_000_000, 0), "gpt-99": tokens(10, 10)})

    jobs.book_training(job)

    lines = LedgerLine.objects.filter(kind="grader").order_by("model_served")
    assert [(line.model_served, line.cost, line.price_status) for line in lines] == [
        ("gpt-99", None, "unpriced"), ("o3-mini", Decimal("1.1"), "priced")
    ]  # fmt: skip
    job.refresh_from_db()
    assert job.grader_cost is None  # a part of it is not known


@pytest.mark.parametrize("fields", [{"status": "failed"}, {"method": "supervised"}])
def test_what_pays_no_grader(acme: factories.Acme, fields: dict[str, Any]) -> None:
    job = reinforced(acme, **fields)
    told(job, 1, **{"o3-mini": tokens(10, 10)})

    jobs.book_training(job)

    assert not LedgerLine.objects.filter(kind="grader").exists()


@pytest.mark.slow
def test_the_breakdown_has_it_and_equals_the_ledger(acme: factories.Acme) -> None:
    job = reinforced(acme, status="cancelled")
    told(job, 1, **{"o3-mini": tokens(1_000_000, 1_000_000)})
    jobs.book_training(job)
    while process_marks().quarter_hours:
        pass

    found = breakdown(
        Questions(acme.people["alice"], acme.organization), AT - timedelta(days=1), AT + timedelta(days=1)
    )

    assert found.sums.parts == {
        "training": Decimal(400), "grader": Decimal("5.5"), "hosting": Decimal(0), "inference": Decimal(0)
    }  # fmt: skip
    assert found.sums.total == sum(line.cost or 0 for line in LedgerLine.objects.all())
    assert found.not_of_jobs == 0
    assert [(one.cost, one.grader) for one in found.jobs] == [(Decimal(400), Decimal("5.5"))]
    assert found.wasted == {"cancelled": Decimal("405.5")}


def test_the_estimate_reckons_with_own_jobs(acme: factories.Acme, make: Make) -> None:
    provider = None
    before = estimate_grader(
        organization=acme.organization, provider=provider, backend="azure", grader=SCORE, examples=40, at=AT
    )
    job = reinforced(acme)  # of 12 examples
    told(job, 1, **{"o3-mini": tokens(1_200_000, 120_000)})

    after = estimate_grader(
        organization=acme.organization, provider=provider, backend="azure", grader=SCORE, examples=40, at=AT
    )

    assert before is not None
    assert (before.cost, before.jobs) == (None, 0)
    assert after is not None
    # 100,000 and 10,000 tokens an example: 4 M × 1.10 + 0.4 M × 4.40
    assert (after.cost, after.jobs, after.models) == (Decimal("6.16"), 1, ("o3-mini",))


@pytest.mark.slow
def test_a_job_at_azure_states_its_graders(make: Make, acme: factories.Acme) -> None:
    job = follow(
        make(
            "azure", base_model="o4-mini-2025-04-16", method="reinforcement",
            training_file=stored(acme, graded_rows(20)), held_out=0,
            hyperparameters={"n_epochs": 2, "batch_size": 5, "grader": SCORE},
        )
    )  # fmt: skip

    assert job.estimate is not None
    assert job.estimate["grader"]["models"] == ["o3-mini"]
    (graded,) = graded_of(job)
    # 8 steps of 5 samples of 241 and 139 tokens
    assert (graded.prompt, graded.completion) == (8 * 5 * 241, 8 * 5 * 139)
    line = LedgerLine.objects.get(kind="grader")
    assert line.cost == job.grader_cost == Decimal("0.035068")  # 9,640 × 1.10 + 5,560 × 4.40, a million
    assert Provider.objects.get(slug=line.provider).kind == "azure"
