"""What a machine reports of its job: events, points, checkpoints, how it stands, where the result answers."""

from datetime import UTC, datetime

from django.db import transaction
from django.utils import timezone

from finetuning.choices import OVER, TuningStatus
from finetuning.models import Checkpoint, JobEvent, JobPoint, RunnerLink, TuningJob
from finetuning.runner import Progress
from finetuning.runner.progress import Event
from finetuning.services.publishing import publish_served
from gateway.choices import ProviderKind
from gateway.models import Provider
from gateway.services import catalog
from gateway.services.errors import Conflict, ServiceError

SELF_HOSTED = (ProviderKind.COMPATIBLE, ProviderKind.VLLM, ProviderKind.OLLAMA)
NUMBERS = {
    "train_loss": "train_loss", "train_mean_token_accuracy": "train_accuracy", "valid_loss": "valid_loss",
    "valid_mean_token_accuracy": "valid_accuracy", "full_valid_loss": "full_valid_loss",
    "full_valid_mean_token_accuracy": "full_valid_accuracy",
}  # fmt: skip
"""Names of OpenAI's events → fields of points."""


@transaction.atomic
def report(link: RunnerLink, told: Progress) -> RunnerLink:
    """Store what a machine told; the same once more changes nothing. Of a job that is over only the words are kept."""
    locked = RunnerLink.objects.select_for_update(of=("self",)).select_related("job__organization").get(pk=link.pk)
    now = timezone.now()
    _keep_events(locked.job, told.events, now)
    _keep_points(locked.job, told.events, now)
    _keep_checkpoints(locked.job, told)
    locked.seen_at = now
    if locked.status not in OVER:
        _move(locked, told, now)
    locked.save()
    TuningJob.objects.filter(pk=locked.job_id, sync_due_at__isnull=False).update(sync_due_at=now)
    return locked


def _keep_events(job: TuningJob, events: list[Event], now: datetime) -> None:
    rows = [
        JobEvent(
            job=job, key=f"runner:{event.key}", at=event.at or now, level=event.level, message=event.message,
            data=dict(event.data), type="metrics" if "step" in event.data else "message",
        )
        for event in events
    ]  # fmt: skip
    JobEvent.objects.bulk_create(rows, ignore_conflicts=True)


def _keep_points(job: TuningJob, events: list[Event], now: datetime) -> None:
    """What an event measured, beside what others told of the same step."""
    told: dict[int, dict[str, float]] = {}
    for event in events:
        values = {ours: event.data[name] for name, ours in NUMBERS.items() if name in event.data}
        if values and isinstance(event.data.get("step"), int):
            beside = {"epoch": event.epoch, "learning_rate": event.learning_rate}
            values |= {name: value for name, value in beside.items() if value is not None}
            told.setdefault(int(event.data["step"]), {}).update(values)
    known = {point.step: point for point in JobPoint.objects.filter(job=job, step__in=told)}
    rows = []
    for step, values in sorted(told.items()):
        point = known.get(step) or JobPoint(job=job, step=step, at=now)
        for name, value in values.items():
            setattr(point, name, value)
        rows.append(point)
    fields = [*NUMBERS.values(), "epoch", "learning_rate"]
    JobPoint.objects.bulk_create(rows, update_conflicts=True, unique_fields=["job", "step"], update_fields=fields)


def _keep_checkpoints(job: TuningJob, told: Progress) -> None:
    kept = {one.step: one for one in told.checkpoints}
    rows = [
        Checkpoint(job=job, step=step, provider_id=one.name, metrics=dict(one.metrics)) for step, one in kept.items()
    ]
    Checkpoint.objects.bulk_create(
        rows, update_conflicts=True, unique_fields=["job", "step"],
        update_fields=["provider_id", "metrics", "updated_at"],
    )  # fmt: skip


def _move(link: RunnerLink, told: Progress, now: datetime) -> None:
    if told.status is not None:
        link.status, link.said = told.status, told.status
    elif link.status == TuningStatus.QUEUED and told.events:
        link.status = TuningStatus.RUNNING
    link.progress = told.progress if told.progress is not None else link.progress
    link.trained_tokens = told.trained_tokens if told.trained_tokens is not None else link.trained_tokens
    if link.status != TuningStatus.QUEUED:
        link.started_at = link.started_at or now
    if link.status in OVER:
        link.finished_at = now
    if link.status == TuningStatus.FAILED:
        link.error = {"code": "runner_failed", "message": told.error or "The machine gave no reason.", "param": ""}
    if link.status == TuningStatus.SUCCEEDED:
        link.progress, link.base_url = 1.0, told.base_url
        link.tuned_model = _served(link.job, told) or told.model


def _served(job: TuningJob, told: Progress) -> str:
    """The name under which the result is offered; empty when nobody said where it answers, or it must not be asked."""
    if not told.base_url or not told.model:
        return ""
    try:
        url = catalog.checked_base_url(told.base_url)
        provider = _provider_of(job, url)
    except ServiceError as error:
        _tell(job, "address", f"The result is not offered: {error.message}", level="warn")
        return ""
    return publish_served(job, provider=provider, upstream_name=told.model).name


def _provider_of(job: TuningJob, url: str) -> Provider:
    """The organization's provider at this address. One that no administrator has made waits for one to enable it: a
    job's token must not lead calls to a new place. Raises `Conflict` for a vendor's, where the token would open models
    that nobody has tuned."""
    found = Provider.objects.filter(organization=job.organization, base_url=url).order_by("created_at").first()
    if found is not None and found.kind not in SELF_HOSTED:
        raise Conflict("provider_of_vendor", f"{url} is the provider {found.slug}, which no runner serves.")
    if found is not None:
        return found
    slug = f"runner-{job.pk.hex[-8:]}"
    message = f"An administrator has to enable the provider {slug} ({url}), then the result can be asked."
    _tell(job, "provider", message, level="warn")
    return catalog.create_provider(
        organization=job.organization, actor=None, slug=slug, name=f"Runner of {job.name}"[:120],
        kind=ProviderKind.COMPATIBLE, base_url=url, is_enabled=False,
    )  # fmt: skip


def _tell(job: TuningJob, key: str, message: str, *, level: str = "info") -> None:
    event = JobEvent(job=job, key=f"gateway:{key}", at=datetime.now(UTC), level=level, message=message)
    JobEvent.objects.bulk_create([event], ignore_conflicts=True)
