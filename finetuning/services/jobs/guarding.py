"""A job's own limit, watched while it runs."""

from datetime import datetime

from finetuning.models import TuningJob
from finetuning.services.jobs import notifying
from finetuning.services.jobs.pricing import projected_cost
from finetuning.services.jobs.telling import say


def watch_budget(job: TuningJob, now: datetime) -> bool:
    """Ask for the job's end once what it will cost passes `budget_limit` (the provider chose more epochs than was
    reckoned with, say); True when that happened just now. The caller saves the job."""
    if job.budget_limit is None or job.cancel_requested_at is not None:
        return False
    cost = projected_cost(job)
    if cost is None or cost <= job.budget_limit:
        return False
    job.cancel_requested_at = job.sync_due_at = now
    message = (
        f"It would cost {cost.normalize():f} {job.currency}, more than its limit of {job.budget_limit.normalize():f}: "
        "it is cancelled."
    )
    say(job, "budget", message, level="warn", at=now)
    notifying.tell(job, "budget")
    return True
