"""Claims: one effect for each kind and period."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connections, transaction

from gateway.choices import JobStatus
from gateway.models import Job, Organization
from gateway.services import jobs


def test_a_period_is_claimed_once(db: None) -> None:
    first = jobs.claim("close", "2026-03-10", 60)

    assert first is not None
    assert (first.status, first.fence) == (JobStatus.RUNNING, 1)
    assert jobs.claim("close", "2026-03-10", 60) is None
    assert jobs.claim("close", "2026-03-11", 60) is not None


@pytest.mark.parametrize("end", [lambda job: jobs.finish(job, {"n": 1}), lambda job: jobs.fail(job, "broken")])
def test_an_ended_job_is_not_offered_again(db: None, end: object) -> None:
    job = jobs.claim("close", "x", 60)

    end(job)  # type: ignore[operator]

    assert jobs.claim("close", "x", 60) is None


@transaction.atomic
def _effect_of(job: Job) -> None:
    Organization.objects.create(slug="effect", name="Effect")
    jobs.finish(job, {})


def test_an_expired_claim_is_taken_over_and_the_old_one_cannot_commit(transactional_db: None) -> None:
    old = jobs.claim("close", "x", 60)
    assert old is not None
    Job.objects.update(claimed_until=datetime.now(UTC) - timedelta(seconds=1))
    new = jobs.claim("close", "x", 60)
    assert new is not None

    with pytest.raises(jobs.ClaimLost):
        _effect_of(old)
    jobs.finish(new, {"done": True})

    assert not Organization.objects.exists()
    assert Job.objects.values_list("status", "result", "fence", "progress").get() == (
        "succeeded",
        {"done": True},
        2,
        1.0,
    )


def test_of_many_claimants_at_once_one_wins(transactional_db: None) -> None:
    def attempt(_: int) -> bool:
        try:
            return jobs.claim("close", "x", 60) is not None
        finally:
            connections.close_all()

    with ThreadPoolExecutor(6) as pool:
        won = list(pool.map(attempt, range(12)))

    assert won.count(True) == 1
