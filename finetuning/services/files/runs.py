"""Work on files that takes longer than an answer may: done at once when it is little, else a claimed job.

A job's parameters are plain ids, so whichever process takes it reads what holds then; what it finds is stored with the
file, its result says where.
"""

import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import structlog
from django.db import transaction
from django.utils import timezone

from finetuning.models import TuningFile
from finetuning.quality.options import DEFAULT_MODEL
from finetuning.services.files.judging import Mending, check_data, inspect_file, mend_file
from finetuning.services.files.pricing import DEFAULT_PROVIDER, priced_options
from finetuning.services.files.traffic import Chosen, Sampling, build_from_traffic, check_consent, requests_of
from gateway.ledger.ids import uuid7
from gateway.models import Job, Project, User, VirtualKey
from gateway.services import jobs
from gateway.services.audit import Actor
from gateway.services.errors import ServiceError

VALIDATE, OPTIMIZE, FROM_TRAFFIC = "validate", "optimize", "from-traffic"
KIND = "finetuning.files"
AT_ONCE_BYTES = 2 << 20
AT_ONCE_REQUESTS = 200
LEASE_S = 1_800.0
MAX_TRIES = 3
KEPT = timedelta(days=30)
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Wanted:
    """How a file is to be judged. `provider`, `model`, `epochs`: of the job it is meant for, for tokens and money."""

    provider: str = DEFAULT_PROVIDER
    model: str = DEFAULT_MODEL
    epochs: int | None = None
    label_noise: bool = True


def is_small(file: TuningFile, validation: TuningFile | None = None) -> bool:
    return file.size_bytes + (validation.size_bytes if validation else 0) <= AT_ONCE_BYTES


def validate_file(*, file: TuningFile, validation: TuningFile | None, wanted: Wanted, at: date) -> None:
    """Judge it here and now; the report is the file's."""
    priced = priced_options(
        file, at=at, provider=wanted.provider, model=wanted.model, epochs=wanted.epochs, label_noise=wanted.label_noise
    )
    inspect_file(file, validation=validation, options=priced.options)


def optimize_file(
    *, file: TuningFile, validation: TuningFile | None, wanted: Wanted, at: date, actor: Actor, created_by: User | None
) -> tuple[TuningFile, Mending]:
    """Mend it here and now."""
    priced = priced_options(
        file, at=at, provider=wanted.provider, model=wanted.model, epochs=wanted.epochs, label_noise=wanted.label_noise
    )
    return mend_file(file, actor=actor, created_by=created_by, validation=validation, options=priced.options)


def request_judging(
    *, action: str, file: TuningFile, validation: TuningFile | None, wanted: Wanted, actor: Actor
) -> Job:
    """Queue `VALIDATE` or `OPTIMIZE` of a large file. Raises `Invalid`."""
    check_data(file, validation)
    parameters = {
        "action": action, "file": str(file.pk), "validation": str(validation.pk) if validation else None,
        "provider": wanted.provider, "model": wanted.model, "epochs": wanted.epochs, "label_noise": wanted.label_noise,
    }  # fmt: skip
    return _queue(file.project, parameters, actor)


def is_much(project: Project, chosen: Chosen) -> bool:
    """Whether so many requests are meant that a job reads them. One query."""
    return requests_of(project, chosen)[: AT_ONCE_REQUESTS + 1].count() > AT_ONCE_REQUESTS


def request_from_traffic(
    *, project: Project, name: str, chosen: Chosen, consent: bool, sampling: Sampling, parent: TuningFile | None,
    actor: Actor,
) -> Job:  # fmt: skip
    """Queue it. Raises as `check_consent`."""
    check_consent(project=project, consent=consent)
    parameters = {
        "action": FROM_TRAFFIC, "name": name, "consent": consent, "parent": str(parent.pk) if parent else None,
        "chosen": {
            "start": chosen.start.isoformat(), "end": chosen.end.isoformat(), "models": list(chosen.models),
            "routes": list(chosen.routes), "tags": dict(chosen.tags), "score_name": chosen.score_name,
            "score_source": chosen.score_source, "labels": list(chosen.labels), "is_successful": chosen.is_successful,
            "min_score": None if chosen.min_score is None else str(chosen.min_score),
        },
        "sampling": {
            "size": sampling.size, "stratify_by": list(sampling.stratify_by), "allocation": sampling.allocation,
            "seed": sampling.seed,
        },
    }  # fmt: skip
    return _queue(project, parameters, actor)


def _queue(project: Project, parameters: dict[str, Any], actor: Actor) -> Job:
    parameters |= {"project": str(project.pk), "key": str(actor.pk) if isinstance(actor, VirtualKey) else None}
    person = actor if isinstance(actor, User) else None
    return jobs.enqueue(
        KIND, str(uuid7()), organization=project.organization, requested_by=person, parameters=parameters
    )  # fmt: skip


def forget_runs(now: datetime | None = None) -> int:
    """Delete what was over long ago; returns how many. Files and reports stay."""
    old = Job.objects.filter(kind=KIND, finished_at__lt=(now or timezone.now()) - KEPT)
    return old.delete()[0]


# ---- background ------------------------------------------------------------------------------------------------------
def run_waiting() -> int:
    """Do what waits, oldest first, one at a time in the installation; returns how many were tried."""
    return jobs.run_each(KIND, LEASE_S, _run)


def _run(job: Job) -> None:
    """Under its claim. What cannot be ends it; another fault lets it be tried again."""
    if job.fence > MAX_TRIES:  # whoever had it before died each time
        _fail(job, f"Given up after {MAX_TRIES} tries: the process that worked on it ended each time.")
        return
    try:
        ACTIONS[job.parameters["action"]](job)
    except jobs.ClaimLost:
        log.warning("file_work_taken_over", job=str(job.pk))
    except ServiceError as error:
        _fail(job, error.message)
    except (TuningFile.DoesNotExist, Project.DoesNotExist):
        _fail(job, "The file is gone.")
    except Exception as error:
        log.exception("file_work_failed", job=str(job.pk), tries=job.fence)
        if job.fence >= MAX_TRIES:
            _fail(job, f"{type(error).__name__}: given up after {job.fence} tries; the log has the reason")


def _fail(job: Job, error: str) -> None:
    """Unless it was taken over meanwhile."""
    with contextlib.suppress(jobs.ClaimLost):
        jobs.fail(job, error)


def _validate(job: Job) -> None:
    file, validation = _file(job, "file"), _file_or_none(job, "validation")
    validate_file(file=file, validation=validation, wanted=_wanted(job.parameters), at=timezone.now().date())
    jobs.finish(job, {"file": str(file.pk)})


def _optimize(job: Job) -> None:
    """Version and end of the job in one transaction: a second try finds nothing half done."""
    file, validation = _file(job, "file"), _file_or_none(job, "validation")
    with transaction.atomic():
        version, _ = optimize_file(
            file=file, validation=validation, wanted=_wanted(job.parameters), at=timezone.now().date(),
            actor=_actor(job), created_by=job.requested_by,
        )  # fmt: skip
        jobs.finish(job, {"file": str(version.pk), "parent": str(file.pk)})


def _from_traffic(job: Job) -> None:
    given, chosen = job.parameters, job.parameters["chosen"]
    minimum = chosen["min_score"]
    wanted = Chosen(
        **{
            **chosen, "start": datetime.fromisoformat(chosen["start"]), "end": datetime.fromisoformat(chosen["end"]),
            "min_score": None if minimum is None else Decimal(minimum),
        }
    )  # fmt: skip
    build_from_traffic(
        project=Project.objects.select_related("organization").get(pk=given["project"]), name=given["name"],
        chosen=wanted, consent=given["consent"], sampling=Sampling(**given["sampling"]), created_by=job.requested_by,
        actor=_actor(job), parent=_file_or_none(job, "parent"), say=lambda share: jobs.extend(job, LEASE_S, share),
        then=lambda file: jobs.finish(job, {"file": str(file.pk)}),
    )  # fmt: skip


ACTIONS: Mapping[str, Callable[[Job], None]] = {
    VALIDATE: _validate, OPTIMIZE: _optimize, FROM_TRAFFIC: _from_traffic,
}  # fmt: skip


def _wanted(given: Mapping[str, Any]) -> Wanted:
    return Wanted(given["provider"], given["model"], given["epochs"], given["label_noise"])


def _file(job: Job, name: str) -> TuningFile:
    rows = TuningFile.objects.select_related("project__organization", "organization")
    found: TuningFile = rows.get(pk=job.parameters[name])
    return found


def _file_or_none(job: Job, name: str) -> TuningFile | None:
    return _file(job, name) if job.parameters[name] else None


def _actor(job: Job) -> Actor:
    if job.parameters["key"]:
        return VirtualKey.objects.filter(pk=job.parameters["key"]).first()
    return job.requested_by
