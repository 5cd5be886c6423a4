"""Erasing end users: asked for by people, or by the retention of names; done in the background, looked at again.

A name that was erased is looked for once more every hour for eight days, longer than a line may be on its way from a
data plane to the ledger; then it is forgotten here too. Where months are archived, the erasure runs until their files
are without the name (`archiveerasure`).
"""

import contextlib
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import Max, Min, Q
from django.utils import timezone
from django.utils.module_loading import import_string

from gateway import credentials
from gateway.choices import JobStatus
from gateway.dataplane.call import MAX_NAME_CHARS
from gateway.erasure import PSEUDONYM, Eraser, Found, Subjects
from gateway.models import EndUserErasure, Job, LedgerLine, Organization, RetentionPolicy, User
from gateway.services import archiveerasure, audit, jobs
from gateway.services.audit import Actor
from gateway.services.errors import Invalid

KIND = "gateway.erasure"
LEASE_S = 3_600.0
MAX_TRIES = 3
LOOKED_FOR = timedelta(days=8)
NAMES_AT_ONCE = 500
ERROR_CHARS = 300
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Trace:
    """What the ledger has of an end user; times are None without lines. `erasures`: those of the name so far."""

    lines: int
    first_at: datetime | None
    last_at: datetime | None
    erasures: int


def look_for(*, organization: Organization, end_user: str) -> Trace:
    """How much there is under a name. Two queries; the first reads every line of the organization."""
    end_user = end_user[:MAX_NAME_CHARS]
    lines = LedgerLine.objects.filter(organization=organization.pk, end_user=end_user).order_by()
    seen = lines.aggregate(first=Min("started_at"), last=Max("started_at"))
    erased = EndUserErasure.objects.filter(organization=organization, name_hash=_hash(organization, end_user))
    return Trace(lines.count(), seen["first"], seen["last"], erased.count())


@transaction.atomic
def erase_end_user(*, organization: Organization, end_user: str, actor: Actor) -> EndUserErasure:
    """Queue the erasure of an end user by the name that calls give, cut as the ledger cuts it. The trail keeps the
    pseudonym alone. Raises `Invalid`."""
    end_user = end_user[:MAX_NAME_CHARS]
    if not end_user or end_user.startswith(PSEUDONYM):
        raise Invalid("end_user_invalid", "Give the name as calls give it; a pseudonym is erased already.",
                      field="end_user")  # fmt: skip
    erasure = _queue(organization, end_user, actor)
    audit.record(organization=organization, actor=actor, verb="end_user.erase", target=erasure,
                 after={"pseudonym": erasure.pseudonym})  # fmt: skip
    return erasure


def _queue(organization: Organization, name: str, actor: Actor, *, is_automatic: bool = False) -> EndUserErasure:
    person = actor if isinstance(actor, User) else None
    erasure = EndUserErasure.objects.create(
        organization=organization, name=credentials.encrypt(name), name_hash=_hash(organization, name),
        pseudonym=PSEUDONYM + secrets.token_hex(8), lines_before=timezone.now(), requested_by=person,
        is_automatic=is_automatic,
    )  # fmt: skip
    jobs.enqueue(KIND, str(erasure.pk), organization=organization, requested_by=person)
    return erasure


def _hash(organization: Organization, name: str) -> bytes:
    return credentials.keyed_hash("erased-end-user", f"{organization.pk}\n{name}".encode("utf-8", "surrogatepass"))


# ---- background ----------------------------------------------------------------------------------------------------
def run_waiting() -> int:
    """Do what was asked for, one at a time in the installation; returns how many."""
    return jobs.run_each(KIND, LEASE_S, _run)


def _run(job: Job) -> None:
    erasure = EndUserErasure.objects.select_related("organization").get(pk=job.period)
    erasure.lines_before = timezone.now()
    erasure.save(update_fields=["lines_before", "updated_at"])
    try:
        found = _erase(erasure)
        with transaction.atomic():
            done = archiveerasure.add_found(
                erasure.pk, found, status=JobStatus.RUNNING, database_done_at=timezone.now(), error=""
            )
            _settle(done, archiveerasure.waiting_for()[done.pk], "")
            jobs.finish(job, {})
    except jobs.ClaimLost:
        log.warning("erasure_taken_over", erasure=erasure.pseudonym)
    except Exception as error:
        log.exception("erasure_failed", erasure=erasure.pseudonym, tries=job.fence)
        if job.fence >= MAX_TRIES:
            _fail(erasure, job, f"{type(error).__name__}: given up after {job.fence} tries; the log has the reason")


@transaction.atomic
def _fail(erasure: EndUserErasure, job: Job, error: str) -> None:
    with contextlib.suppress(jobs.ClaimLost):
        jobs.fail(job, error)
        erasure.status, erasure.error = JobStatus.FAILED, error
        erasure.save(update_fields=["status", "error", "updated_at"])


def _settle(erasure: EndUserErasure, waiting: int, reason: str) -> None:
    """It is done when no archive is left that may hold the name."""
    changes = {"archives_waiting": waiting, "error": reason[:ERROR_CHARS] if waiting else ""}
    if not waiting:
        changes |= {"status": JobStatus.SUCCEEDED, "finished_at": erasure.finished_at or timezone.now()}
    archiveerasure.add_found(erasure.pk, Found(), **changes)


def _erase(erasure: EndUserErasure, since: datetime | None = None) -> Found:
    """Run every eraser for one whose name is still known."""
    assert erasure.name is not None
    name = credentials.decrypt(bytes(erasure.name))
    subjects = Subjects(erasure.organization_id, {name: erasure.pseudonym}, erasure.lines_before, since)
    found = Found()
    for dotted in settings.GATEWAY_ERASERS:
        eraser: Eraser = import_string(dotted)
        found += eraser(subjects)
    return found


def erase_in_archives() -> int:
    """Take names that were erased out of archived months; returns how many erasures wait for archives still."""
    reason = archiveerasure.run(lambda erasure, since: _erase(erasure, since=since))
    unfinished = EndUserErasure.objects.filter(status=JobStatus.RUNNING, database_done_at__isnull=False)
    waiting = archiveerasure.waiting_for() if unfinished else {}
    for erasure in unfinished:
        _settle(erasure, waiting.get(erasure.pk, 0), reason)
    return len(waiting)


def look_again() -> int:
    """Look for late lines of names that were erased, and forget names whose time is over; returns how many are left."""
    known = EndUserErasure.objects.filter(name__isnull=False).filter(
        Q(status=JobStatus.SUCCEEDED) | Q(status=JobStatus.RUNNING, database_done_at__isnull=False)
    )
    for erasure in known.select_related("organization").order_by("created_at"):
        if (found := _erase(erasure, since=erasure.lines_before - LOOKED_FOR)).counts.get("ledger_lines"):
            log.info("erasure_found_late_lines", erasure=erasure.pseudonym, lines=found.counts["ledger_lines"])
            archiveerasure.add_found(erasure.pk, found)
    over = known.filter(status=JobStatus.SUCCEEDED, finished_at__lt=timezone.now() - LOOKED_FOR)
    if gone := set(over.values_list("pk", flat=True)):
        archiveerasure.forget([*(gone - set(archiveerasure.waiting_for()))])
    return known.count()


# ---- names that are kept for a time --------------------------------------------------------------------------------
def erase_unseen() -> int:
    """Queue the erasure of end users who were not seen for as long as their organization keeps names; returns how
    many. At most 500 an organization and run, the longest unseen first."""
    count = 0
    policies = RetentionPolicy.objects.filter(end_user_days__isnull=False, organization__archived_at=None)
    for policy in policies.select_related("organization"):
        try:
            count += _erase_unseen(policy.organization, timezone.now() - timedelta(days=policy.end_user_days or 0))
        except Exception:  # one organization's trouble is no reason to keep the names of the others
            log.exception("erasure_of_unseen_failed", organization=policy.organization.slug)
    return count


def _erase_unseen(organization: Organization, seen_before: datetime) -> int:
    lines = LedgerLine.objects.filter(organization=organization.pk, end_user__isnull=False).order_by()
    lines = lines.exclude(end_user__startswith=PSEUDONYM)
    seen = lines.values_list("end_user").annotate(last=Max("started_at")).filter(last__lt=seen_before)
    open_ones = set(
        EndUserErasure.objects.filter(organization=organization, name__isnull=False)
        .exclude(status=JobStatus.FAILED)
        .values_list("name_hash", flat=True)
    )
    names = [name for name, _ in seen.order_by("last")[:NAMES_AT_ONCE]]
    return _queue_all(organization, [name for name in names if _hash(organization, name) not in open_ones])


@transaction.atomic
def _queue_all(organization: Organization, names: Iterable[str]) -> int:
    queued = [_queue(organization, name, None, is_automatic=True) for name in names]
    if queued:
        audit.record(organization=organization, actor=None, verb="end_user.erase_unseen", target=organization,
                     after={"pseudonyms": [one.pseudonym for one in queued]})  # fmt: skip
    return len(queued)
