"""Record what a model answers before it is switched off: prompts through the gateway, answers into a file.

Prompts are drawn once and kept with the recording; each is asked once, however often the run is killed. Questions go
through the gateway with a key of the project that lives for the run alone, so their cost is in the ledger, under the
tag `recording`.
"""

import random
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import orjson
from django.db import transaction
from django.db.models import Sum
from django.utils import timezone

from finetuning.choices import EvaluationStatus, FileFormat, FileOrigin, FilePurpose, FileStatus
from finetuning.messages import answered
from finetuning.models import RecordedPrompt, Recording, TuningFile
from finetuning.money import Sums, one_of, sums_of
from finetuning.services import files
from finetuning.services.askable import check_askable
from finetuning.services.evaluations.asking import Reply, ask
from finetuning.services.evaluations.running import AT_ONCE, BATCH, LEASE_S
from finetuning.services.evaluations.spending import CUT, Stopped, asker_of, is_refused, why_over, why_reached
from finetuning.services.files.traffic import Chosen, check_consent, sample_traffic
from gateway import credentials
from gateway.models import Job, Project, User
from gateway.services import audit, jobs
from gateway.services.audit import Actor
from gateway.services.errors import Conflict, Invalid, ServiceError

KIND = "finetuning.recording"
OPEN = (EvaluationStatus.QUEUED, EvaluationStatus.RUNNING)
MOST_PROMPTS = 10_000


# ---- make, cancel ----------------------------------------------------------------------------------------------------
@transaction.atomic
def create_recording(
    *, project: Project, model: str, consent: bool, actor: Actor, source: TuningFile | None = None, days: int = 30,
    size: int = 200, seed: int = 0, budget_limit: Decimal | None = None, created_by: User | None = None,
) -> Recording:  # fmt: skip
    """Queue one. `source`: the file whose prompts are asked; else requests of the project to the model, of the last
    `days`, as far as its body policy allows training. Raises `Invalid`, `Forbidden`, and `Conflict` while another one
    of the same model and project runs."""
    if not consent:
        message = "Say `consent: true` when those whose words these are have agreed to their use for training."
        raise Invalid("consent_required", message, field="consent")
    if source is None:
        check_consent(project=project, consent=consent)
    else:
        _check_source(source, project)
    if not 1 <= size <= MOST_PROMPTS:
        raise Invalid("size", f"1 to {MOST_PROMPTS:,} prompts are recorded at once.", field="size")
    check_askable(project.organization_id, model, field="model")
    if budget_limit is not None and budget_limit <= 0:
        raise Invalid("budget_limit", "The limit is an amount above zero.", field="budget_limit")
    Project.objects.select_for_update().get(pk=project.pk)  # two that ask at once: one waits and is refused
    if Recording.objects.filter(project=project, model=model, status__in=OPEN).exists():
        raise Conflict("recording_runs", f"The answers of {model} are being recorded in this project already.")
    row = Recording.objects.create(
        organization=project.organization, project=project, model=model, source=source, days=days, size=size, seed=seed,
        budget_limit=budget_limit, created_by=created_by,
    )  # fmt: skip
    jobs.enqueue(KIND, str(row.pk), organization=project.organization, requested_by=created_by)
    audit.record(
        organization=project.organization, actor=actor, verb="recording.create", target=row,
        after={"model": model, "source": str(source.pk) if source else None, "size": size, "consent": True},
    )  # fmt: skip
    return row


def _check_source(file: TuningFile, project: Project) -> None:
    if file.project_id != project.pk:
        raise Invalid("other_project", "The file is of another project.", field="source")
    if file.deleted_at is not None or file.status != FileStatus.PROCESSED:
        raise Invalid("file_not_ready", "The file is not ready.", field="source")
    if file.format not in (FileFormat.CHAT, FileFormat.UNKNOWN):
        raise Invalid("file_format", "Prompts are taken from chat records.", field="source")


@transaction.atomic
def cancel_recording(*, recording: Recording, actor: Actor) -> Recording:
    """Ask no more, and keep nothing of it. Raises `Conflict` when it is over."""
    row = Recording.objects.select_for_update().get(pk=recording.pk)
    if row.status not in OPEN:
        raise Conflict("recording_over", f"The recording has {row.status} already.")
    row.status, row.finished_at = EvaluationStatus.CANCELLED, timezone.now()
    row.save(update_fields=["status", "finished_at", "updated_at"])
    RecordedPrompt.objects.filter(recording=row).delete()
    audit.record(organization=row.organization, actor=actor, verb="recording.cancel", target=row)
    return row


# ---- run -------------------------------------------------------------------------------------------------------------
def run_waiting() -> int:
    """Run those that wait; returns how many ended."""
    return sum(run(UUID(period)) for period in jobs.waiting(KIND))


def run(identity: UUID) -> bool:
    """Run one to its end, unless another process has it. True when it ended."""
    job = jobs.claim(KIND, str(identity), LEASE_S)
    if job is None:
        return False
    rows = Recording.objects.select_related("organization", "project__organization", "source", "created_by")
    row = rows.filter(pk=identity).first()
    if row is None or not _begin(row):
        jobs.finish(job)
        return False
    try:
        told = _ask_all(row, job)
        return _end(row, job, told)
    except jobs.ClaimLost:
        return False
    except (Stopped, ServiceError, ValueError) as reason:
        return _fail(row, job, str(reason))


def _begin(row: Recording) -> bool:
    now = timezone.now()
    row.started_at = row.started_at or now
    still = Recording.objects.filter(pk=row.pk, status__in=OPEN)
    return bool(still.update(status=EvaluationStatus.RUNNING, started_at=row.started_at, updated_at=now))


def _draw(row: Recording) -> None:
    """Keep the prompts, once."""
    if row.prompts is not None:
        return
    if row.source is not None:
        found = _of_file(row.source, row.size, row.seed)
    else:
        end = row.started_at or timezone.now()
        chosen = Chosen(end - timedelta(days=row.days), end, models=(row.model,))
        found = sample_traffic(project=row.project, chosen=chosen, size=row.size, seed=row.seed, actor=row.created_by)
    items = [
        RecordedPrompt(recording=row, place=place, record=credentials.encrypt(orjson.dumps(_prompt(record)).decode()))
        for place, record in enumerate(found, start=1)
    ]
    with transaction.atomic():
        if not Recording.objects.select_for_update().filter(pk=row.pk, prompts=None, status__in=OPEN).exists():
            row.refresh_from_db(fields=["prompts"])
            return
        RecordedPrompt.objects.bulk_create(items, batch_size=500)
        row.prompts = len(items)
        row.save(update_fields=["prompts", "updated_at"])


def _of_file(file: TuningFile, size: int, seed: int) -> list[dict[str, Any]]:
    records = []
    with files.path_of(file) as path, path.open("rb") as lines:
        for line in lines:
            try:
                record = orjson.loads(line)
                answered(record)
            except ValueError:
                continue
            records.append(record)
    if not records:
        raise Stopped("The file has no chat record with an answer, so it has no prompt.")
    if size >= len(records):
        return records
    places = sorted(random.Random(seed).sample(range(len(records)), size))  # noqa: S311  (a sample, not a secret)
    return [records[place] for place in places]


def _prompt(record: Mapping[str, Any]) -> dict[str, Any]:
    """Without the old answer."""
    messages, _ = answered(record)
    found: dict[str, Any] = {"messages": list(messages)}
    return found | {name: record[name] for name in ("tools", "parallel_tool_calls") if name in record}


def _ask_all(row: Recording, job: Job) -> str:
    """Ask what was not asked yet; returns why it ended before the last prompt, or nothing."""
    _draw(row)
    todo = list(RecordedPrompt.objects.filter(recording=row, is_asked=False))
    total = row.prompts or 1
    with asker_of(row, f"Recording {row.model}") as asker, ThreadPoolExecutor(AT_ONCE) as pool:
        while todo:
            if why := _go_on(row, job, (total - len(todo)) / total):
                return why
            some, todo = todo[:BATCH], todo[BATCH:]
            replies = list(pool.map(lambda item: _asked(asker.secret, row, item), some))
            answers = [(item, reply) for item, reply in zip(some, replies, strict=True) if not is_refused(reply, asker)]
            for item, reply in answers:
                _take(item, reply)
            _keep(row, [item for item, _ in answers])
            if why := why_over(row, replies, asker, _spent(row)):
                return why
    return ""


def _go_on(row: Recording, job: Job, progress: float) -> str:
    """Why it has to end early, or nothing. Raises Stopped when somebody cancelled; ClaimLost."""
    jobs.extend(job, LEASE_S, progress)
    running = Recording.objects.filter(pk=row.pk, status=EvaluationStatus.RUNNING)
    if not running.update(progress=progress, updated_at=timezone.now()):
        raise Stopped("It was cancelled.")
    row.progress = progress
    return why_reached(row, _spent(row)) if row.budget_limit is not None else ""


def _spent(row: Recording) -> Sums:
    items = RecordedPrompt.objects.filter(recording=row).order_by()
    return sums_of(items.values_list("currency").annotate(Sum("cost")))


def _asked(secret: str, row: Recording, item: RecordedPrompt) -> Reply:
    body = {"model": row.model, **orjson.loads(credentials.decrypt(bytes(item.record)))}
    return ask(secret, body, tags=f"recording={row.pk}")


def _take(item: RecordedPrompt, reply: Reply) -> None:
    item.is_asked, item.cost, item.error = True, reply.cost, reply.error or (CUT if reply.is_cut else "")
    item.currency = reply.currency
    if item.error:
        return
    record = orjson.loads(credentials.decrypt(bytes(item.record)))
    said: dict[str, Any] = {"role": "assistant", "content": reply.text or None}
    if reply.calls:
        said["tool_calls"] = list(reply.calls)
    elif not reply.text:
        item.error = "It answered nothing."
        return
    record["messages"].append(said)
    item.record, item.is_answered = credentials.encrypt(orjson.dumps(record).decode()), True


@transaction.atomic
def _keep(row: Recording, some: list[RecordedPrompt]) -> None:
    """A recording that was cancelled meanwhile has no prompts any more, so nothing is written."""
    RecordedPrompt.objects.bulk_update(some, ["record", "is_asked", "is_answered", "cost", "currency", "error"])
    recorded = RecordedPrompt.objects.filter(recording=row, is_answered=True).count()
    currency, spent = one_of(_spent(row))
    Recording.objects.filter(pk=row.pk).update(recorded=recorded, spent=spent, currency=currency)


def _end(row: Recording, job: Job, told: str) -> bool:
    """The file and the end in one transaction; what was recorded before a limit was spent is kept."""
    items = list(RecordedPrompt.objects.filter(recording=row, is_answered=True))
    if not items:
        failed = RecordedPrompt.objects.filter(recording=row).exclude(error="").first()
        return _fail(row, job, told or (failed.error if failed else "") or "No prompt was answered.")
    with transaction.atomic():
        locked = Recording.objects.select_for_update().get(pk=row.pk)
        if locked.status != EvaluationStatus.RUNNING:
            jobs.finish(job)
            return False
        lines = [credentials.decrypt(bytes(item.record)).encode() + b"\n" for item in items]
        locked.file = files.create_file(
            project=row.project, name=f"golden-{row.model.replace('/', '-').replace(':', '-')}"[:240] + ".jsonl",
            purpose=FilePurpose.FINE_TUNE, content=lines, created_by=row.created_by, origin=FileOrigin.GOLDEN,
            lineage=_lineage(locked, len(items)), actor=row.created_by,
        )  # fmt: skip
        locked.status, locked.progress, locked.error = EvaluationStatus.SUCCEEDED, 1.0, told
        locked.recorded, locked.finished_at = len(items), timezone.now()
        locked.currency, locked.spent = one_of(_spent(row))
        locked.save()
        RecordedPrompt.objects.filter(recording=row).delete()
        jobs.finish(job, {"file": str(locked.file.pk)})
    return True


def _lineage(row: Recording, recorded: int) -> dict[str, Any]:
    return {
        "made_by": "recording", "recording": str(row.pk), "model": row.model, "consent": True,
        "source": str(row.source_id) if row.source_id else None, "days": None if row.source_id else row.days,
        "seed": row.seed, "prompts": row.prompts, "recorded": recorded,
    }  # fmt: skip


@transaction.atomic
def _fail(row: Recording, job: Job, error: str) -> bool:
    now = timezone.now()
    currency, spent = one_of(_spent(row))
    Recording.objects.filter(pk=row.pk, status=EvaluationStatus.RUNNING).update(
        status=EvaluationStatus.FAILED, error=error, spent=spent, currency=currency, finished_at=now, updated_at=now
    )
    RecordedPrompt.objects.filter(recording=row).delete()
    jobs.finish(job)
    return True
