"""The daily search of every organization, and the one that somebody asks for: claimed jobs, so that any number of
schedulers has one effect.

The replay runs outside of a transaction; what it found is stored, and the job finished, in one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

import structlog
from django.db import transaction

from analytics.anomalies.scan import is_loading
from costs.recommendations import narration
from costs.recommendations.realized import measure_all
from costs.recommendations.store import Stored, store
from costs.savings.find import find as find_savings
from costs.savings.proposals import Findings
from gateway.choices import JobStatus
from gateway.models import Job, Organization, User
from gateway.services import jobs

log = structlog.get_logger(__name__)
KIND = "costs.find_savings"
LEASE_S = 3_600.0
WINDOW = timedelta(days=30)
JOBS_KEPT = timedelta(days=30)
ASKED = "asked"
Find = Callable[..., Findings]


def window(now: datetime) -> tuple[datetime, datetime]:
    """The last 30 whole days in UTC."""
    end = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return end - WINDOW, end


def search(organization: Organization, *, now: datetime, find: Find = find_savings) -> tuple[Findings, Stored]:
    """Search the last 30 whole days and keep what is found."""
    start, end = window(now)
    findings = find(organization, start=start, end=end, at=now)
    return findings, store(organization, findings, now=now)


def request_search(*, organization: Organization, user: User | None) -> Job:
    """Have it searched by the background process. One that waits or runs is the answer itself."""
    return jobs.enqueue(KIND, asked_period(organization), organization=organization, requested_by=user)


def asked_period(organization: Organization) -> str:
    """The period of the job that somebody asks for."""
    return f"{organization.pk}/{ASKED}"


def search_all(now: datetime | None = None, find: Find = find_savings) -> int:
    """What was asked for, then every live organization once a day; returns how many were searched. Nothing is searched
    while demo data or an import is still being loaded."""
    at = now or datetime.now(UTC)
    organizations = {str(one.pk): one for one in Organization.objects.filter(archived_at=None).order_by("pk")}
    done = 0
    for period in [*_asked(), *_due(organizations, f"{at:%Y-%m-%d}")]:
        organization = organizations.get(period.partition("/")[0])
        if organization is None or is_loading(organization):
            continue
        job = jobs.claim(KIND, period, LEASE_S)
        if job is not None:
            done += _claimed(job, organization, at, find)
    old = Job.objects.filter(kind=KIND, status=JobStatus.SUCCEEDED, finished_at__lt=at - JOBS_KEPT)
    old.delete()
    return done


def _asked() -> list[str]:
    return [period for period in jobs.waiting(KIND) if period.endswith(f"/{ASKED}")]


def _due(organizations: Iterable[str], day: str) -> list[str]:
    """Periods of the day that nobody has ended. One query."""
    over = Job.objects.filter(kind=KIND, period__endswith=f"/{day}", finished_at__isnull=False)
    ended = set(over.values_list("period", flat=True))
    return [period for pk in organizations if (period := f"{pk}/{day}") not in ended]


def _claimed(job: Job, organization: Organization, now: datetime, find: Find) -> int:
    start, end = window(now)
    try:
        findings = find(organization, start=start, end=end, at=now)
        with transaction.atomic():
            kept = store(organization, findings, now=now)
            result: dict[str, object] = {"opened": kept.opened, "updated": kept.updated, "expired": kept.expired}
            jobs.finish(job, result)
    except jobs.ClaimLost:
        log.warning("savings_search_taken_over", organization=str(organization.pk))
        return 0
    except Exception as error:  # one organization's trouble must not keep the others from being searched
        log.exception("savings_search_failed", organization=str(organization.pk))
        _give_up(job, error)
        return 0
    _follow(organization, kept.fresh, now)
    return 1


def _follow(organization: Organization, fresh: Sequence[UUID], now: datetime) -> None:
    """What comes after a search that is stored, and does not undo it: measure what is applied, word what is new."""
    try:
        measure_all(organization, now=now)
        narration.narrate_new(organization, fresh)
    except Exception:
        log.exception("savings_measuring_failed", organization=str(organization.pk))


def _give_up(job: Job, error: Exception) -> None:
    try:
        jobs.fail(job, f"{type(error).__name__}: {error}")
    except jobs.ClaimLost:
        log.warning("savings_search_over", period=job.period)
