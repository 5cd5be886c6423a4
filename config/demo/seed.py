"""Seeding: the company once, then its days, newest first, each exactly once whoever asks and however often."""

import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Self

from django.db import IntegrityError, connection, transaction

from analytics.anomalies.models import AnomalyScan
from analytics.anomalies.scan import scan, whole_hour
from analytics.outlook import runs
from analytics.outlook.models import ForecastRun
from config.demo import (
    agreements,
    alerts,
    costcenters,
    governance,
    invoices,
    policies,
    reports,
    setup,
    tuning,
    tuningcalls,
    tuningjobs,
    units,
)
from config.demo.company import FOUNDED, Company
from config.demo.load import gather_statistics, load_day, refresh_days
from config.demo.rows import DayLines, day_lines
from config.demo.story import DAYS, Calendar
from gateway.choices import JobStatus
from gateway.ledger.connect import connect
from gateway.ledger.partitions import ensure_partitions
from gateway.models import DirtyMark, Job, Organization

KIND = "seed_demo"
SLUG = "demo"
SEED = 7
SIMULATOR_URL = "http://127.0.0.1:9100/v1"
DAYS_PER_REFRESH = 7
FORECAST_DAYS = 28
"""How far back forecasts are stored, a week apart."""
AHEAD = 3
"""Days generated while the database is busy with earlier ones."""
REFRESHES = 2
"""Weeks of rollups that are computed while further days are loaded."""

Progress = Callable[[int, int], None]
"""Called with the days that are in and the days wanted."""


class DemoError(Exception):
    """The demo cannot be made as asked; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Seeded:
    """What a call added, and how much of the demo is there now."""

    slug: str
    until: datetime
    added_days: int
    added_lines: int
    days: int
    wanted_days: int

    @property
    def is_complete(self) -> bool:
        return self.days >= self.wanted_days


def seed(
    *,
    days: int = DAYS,
    seed: int = SEED,
    until: datetime | None = None,
    slug: str = SLUG,
    simulator_url: str = SIMULATOR_URL,
    days_first: int | None = None,
    clean: bool = False,
    pause_s: float = 0.0,
    progress: Progress = lambda done, wanted: None,
) -> Seeded:
    """Load the last `days` days before `until` that are not there yet, rollups included.

    `until` (aware; None: the current quarter-hour, or what the first call used), `seed` and `clean` (nothing wasteful
    is planted) are fixed by the first call. `days_first`: stop after the newest so many days; a later call goes on.
    `pause_s`: rest between days, for a background run. Raises `DemoError`.
    """
    if not 1 <= days <= FOUNDED:
        raise DemoError(f"--days must lie between 1 and {FOUNDED}.")
    job, company = _ensure(days, seed, until, slug, simulator_url, clean)
    wanted = job.parameters["days"]
    names = set((job.result or {"days": {}})["days"])
    todo = [before for before in range(wanted) if company.calendar.day(before).isoformat() not in names]
    now = [before for before in todo if days_first is None or before < days_first]
    _set_status(job, JobStatus.RUNNING if todo else JobStatus.SUCCEEDED)
    added_days = added_lines = 0
    done = wanted - len(todo)
    try:
        _settle_marks(company)
        for count in _load(job, company, now, pause_s):
            added_days += count > 0
            added_lines += count
            done += 1
            progress(done, wanted)
    except Exception as error:
        _set_status(job, JobStatus.FAILED, f"{type(error).__name__}: {error}")
        raise
    if added_lines:
        gather_statistics()
    if done >= wanted:
        policies.ensure_budgets(job, company)
        _look_back(company, wanted, is_grown=bool(todo))
        governance.ensure_governance(job, company)
        alerts.ensure_alerts(job, company)
        reports.ensure_reports(job, company)
        agreements.ensure_commitments(job, company, wanted)
        costcenters.ensure_cost_centers(job, company)
        invoices.ensure_invoices(job, company)
        units.ensure_unit_metrics(job, company)
        tuning.ensure_training_files(job, company)
        tuningjobs.ensure_tuning_jobs(job, company)
        tuningcalls.ensure_tuned_calls(job, company)
        _settle_marks(company)
        _set_status(job, JobStatus.SUCCEEDED)
    return Seeded(slug, company.calendar.until, added_days, added_lines, done, wanted)


def _look_back(company: Company, days: int, *, is_grown: bool) -> None:
    """Let the anomaly scan judge the history, which came newest first, in order of time, and store forecasts as they
    would have been made in its last weeks; also when an earlier call was ended before it came to this."""
    organization = Organization.objects.get(pk=company.organization)
    end = whole_hour(company.calendar.until)
    if is_grown or not AnomalyScan.objects.filter(organization=organization).exclude(scanned_until=None).exists():
        scan(organization, end=end, since=end - timedelta(days=days))
    if days > FORECAST_DAYS and (is_grown or not _has_past_forecasts(organization)):
        runs.backfill(organization, FORECAST_DAYS)


def _has_past_forecasts(organization: Organization) -> bool:
    oldest = ForecastRun.objects.filter(organization=organization).order_by("origin_at").first()
    return oldest is not None and oldest.origin_at < datetime.now(UTC) - timedelta(days=FORECAST_DAYS - 1)


def _ensure(
    days: int, seed: int, until: datetime | None, slug: str, simulator_url: str, clean: bool
) -> tuple[Job, Company]:
    """The job and company of `slug`, made when missing; the first call's seed, end and waste stay."""
    try:
        with transaction.atomic():
            job = Job.objects.select_for_update().filter(kind=KIND, period=slug).first()
            if job is None:
                return _create(days, seed, until or _quarter_hour(), slug, simulator_url, clean)
            company = _checked(job, seed, until, slug, clean)
            if days > job.parameters["days"]:
                job.parameters["days"] = days
                job.save(update_fields=["parameters", "updated_at"])
            return job, company
    except IntegrityError:  # somebody else made it a moment ago
        if Job.objects.filter(kind=KIND, period=slug).exists():
            return _ensure(days, seed, until, slug, simulator_url, clean)
        raise


def _create(days: int, seed: int, until: datetime, slug: str, simulator_url: str, clean: bool) -> tuple[Job, Company]:
    if Organization.objects.filter(slug=slug).exists():
        raise DemoError(f"The organization {slug!r} exists and is no demo; choose another with --organization.")
    company = Company(slug, seed, Calendar(until.astimezone(UTC)), clean)
    organization = setup.create(company, simulator_url)
    parameters = {"days": days, "seed": seed, "until": company.calendar.until.isoformat(), "clean": clean}
    job = Job.objects.create(kind=KIND, period=slug, organization=organization, parameters=parameters)
    return job, company


def _checked(job: Job, seed: int, until: datetime | None, slug: str, clean: bool) -> Company:
    known, end = job.parameters["seed"], datetime.fromisoformat(job.parameters["until"])
    is_clean = job.parameters.get("clean", False)
    if (seed, until or end, clean) != (known, end, is_clean):
        options = f"--seed {known} --until {end.isoformat()}{' --clean' if is_clean else ''}"
        raise DemoError(
            f"The demo {slug!r} was made with {options}. The ledger only grows: make another one with "
            "--organization SLUG."
        )
    return Company(slug, known, Calendar(end), is_clean)


def _quarter_hour() -> datetime:
    now = datetime.now(UTC)
    return now.replace(minute=now.minute // 15 * 15, second=0, microsecond=0)


def _load(job: Job, company: Company, todo: Sequence[int], pause_s: float) -> Iterator[int]:
    """Load days in the order given; yields the lines added by each (0: it was there). Rollups follow each week, while
    the next one is loaded; at once when room is to be left for others, or in the caller's transaction."""
    with connect() as own:
        ensure_partitions(own, [company.calendar.midnight(before) for before in todo])
    week: list[int] = []
    with _Refreshing(company, aside=not pause_s and not connection.in_atomic_block) as rollups:
        for before, lines in _generated(company, todo):
            added = load_day(job.pk, company, before, lines)
            week.append(before)
            if len(week) == DAYS_PER_REFRESH or before == todo[-1]:
                rollups.refresh(week)
                week = []
            yield added
            time.sleep(pause_s)


class _Refreshing:
    """Refreshes the rollups of loaded days, `aside`: in threads, on connections of their own, weeks behind."""

    def __init__(self, company: Company, *, aside: bool) -> None:
        self._company = company
        self._pool = ThreadPoolExecutor(REFRESHES, thread_name_prefix="demo-rollups") if aside else None
        self._running: deque[Future[None]] = deque()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, error: object, at: object) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=error is not None)
        if error is None:
            self._wait(0)

    def refresh(self, days: Sequence[int]) -> None:
        """These days, counted back from the last; raises what an earlier refresh raised."""
        first, last = self._company.calendar.day(max(days)), self._company.calendar.day(min(days))
        if self._pool is None:
            refresh_days(self._company, first, last)
            return
        self._wait(REFRESHES - 1)
        self._running.append(self._pool.submit(self._elsewhere, first, last))

    def _wait(self, left: int) -> None:
        while len(self._running) > left:
            self._running.popleft().result()

    def _elsewhere(self, first: date, last: date) -> None:
        try:
            refresh_days(self._company, first, last)
        finally:
            connection.close()


def _generated(company: Company, todo: Sequence[int]) -> Iterator[tuple[int, DayLines]]:
    """Days, made in a thread while the database works on earlier ones."""
    waiting: deque[tuple[int, Future[DayLines]]] = deque()
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="demo") as pool:
        try:
            for before in todo:
                waiting.append((before, pool.submit(day_lines, company, before)))
                if len(waiting) > AHEAD:
                    day, future = waiting.popleft()
                    yield day, future.result()
            while waiting:
                day, future = waiting.popleft()
                yield day, future.result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _settle_marks(company: Company) -> None:
    """Rollups of days that an earlier, killed call loaded and did not come to."""
    marks = DirtyMark.objects.filter(organization=company.organization, grain="quarter_hour")
    buckets = marks.order_by("bucket").values_list("bucket", flat=True)
    if first := buckets.first():
        refresh_days(company, first.astimezone(UTC).date(), marks.latest("bucket").bucket.astimezone(UTC).date())


def _set_status(job: Job, status: JobStatus, error: str = "") -> None:
    now = datetime.now(UTC)
    times = {"finished_at": now} if status in (JobStatus.SUCCEEDED, JobStatus.FAILED) else {"started_at": now}
    progress = {"progress": 1.0} if status == JobStatus.SUCCEEDED else {}
    Job.objects.filter(pk=job.pk).update(status=status, error=error, **times, **progress)
