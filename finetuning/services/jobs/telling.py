"""What a job tells, stored once: events, points of its curves, checkpoints. Each may come again and again."""

import hashlib
import math
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from django.db.models import Q
from django.utils import timezone

from finetuning.backends import Kept, Told
from finetuning.insights import Point
from finetuning.insights.curves import NAMES, point_of
from finetuning.models import Checkpoint, JobEvent, JobPoint, TuningJob

LEVELS = {"warning": "warn", "warn": "warn", "error": "error"}


def record_event(job: TuningJob, told: Told) -> bool:
    """Store an event, and the point in its data; True when it is new. Two queries, two more with a point."""
    return bool(record_events(job, [told]))


def record_events(job: TuningJob, told: Iterable[Told]) -> int:
    """Store events that are not stored yet, with the points in their data; returns how many were new. At most five
    queries, however many they are."""
    each = {_key(one.key): one for one in told}
    if not each:
        return 0
    known = set(JobEvent.objects.filter(job=job, key__in=each).values_list("key", flat=True))
    fresh = {key: one for key, one in each.items() if key not in known}
    JobEvent.objects.bulk_create(
        [
            JobEvent(
                job=job, key=key, at=one.at, level=LEVELS.get(one.level, "info"), message=one.message,
                type="metrics" if _step(one.data) is not None else "message", data=storable(one.data),
            )
            for key, one in fresh.items()
        ],
        ignore_conflicts=True,
    )  # fmt: skip
    points = [(point, one.at) for one in each.values() if (point := _point(one.data)) is not None]
    record_points(job, [point for point, _ in points], at={point.step: at for point, at in points})
    return len(fresh)


def say(job: TuningJob, key: str, message: str, *, level: str = "info", at: datetime | None = None) -> None:
    """An event of the gateway's own."""
    record_events(job, [Told(f"gateway:{key}", at or timezone.now(), level, message)])


def record_points(
    job: TuningJob, points: Iterable[Point], *, at: Mapping[int, datetime] | None = None, per_epoch: int | None = None
) -> int:
    """Store points of the curves; a value that comes later fills in or replaces the former, None takes nothing away.
    `at`: step → when it was measured. `per_epoch`: steps of one epoch, where known. Returns how many steps there were.
    Two queries."""
    given = {point.step: point for point in points if point.step >= 0}
    if not given:
        return 0
    when = at or {}
    former = {row.step: row for row in JobPoint.objects.filter(job=job, step__in=given)}
    rows = []
    for step in sorted(given):
        row = former.get(step) or JobPoint(job=job, step=step)
        for name in NAMES:
            value = getattr(given[step], name)
            if value is not None:
                setattr(row, name, value)
        row.epoch = step / per_epoch if per_epoch else row.epoch
        row.at = row.at or when.get(step)
        rows.append(row)
    JobPoint.objects.bulk_create(
        rows, update_conflicts=True, unique_fields=["job", "step"], update_fields=[*NAMES, "epoch", "at"]
    )
    return len(rows)


def record_checkpoints(job: TuningJob, kept: Iterable[Kept]) -> int:
    """Store those that exist, and mark the others as dropped; returns how many exist. Three queries at most."""
    given = {one.step: one for one in kept}
    now = timezone.now()
    rows = [
        Checkpoint(
            job=job, step=step, model=one.model, provider_id=one.provider_id, metrics=storable(one.metrics),
            artifact=one.artifact, dropped_at=None,
        )
        for step, one in sorted(given.items())
    ]  # fmt: skip
    fields = ["model", "provider_id", "metrics", "dropped_at", "updated_at"]
    if any(one.artifact is not None for one in given.values()):
        fields.append("artifact")
    if rows:
        Checkpoint.objects.bulk_create(rows, update_conflicts=True, unique_fields=["job", "step"], update_fields=fields)
    gone = Checkpoint.objects.filter(job=job, dropped_at=None).filter(~Q(step__in=list(given)))
    gone.update(dropped_at=now, updated_at=now)
    return len(rows)


def storable(data: Mapping[str, Any]) -> dict[str, Any]:
    """As JSON in PostgreSQL can hold it: what is no finite number becomes its name."""
    return {
        name: str(value) if isinstance(value, float) and not math.isfinite(value) else value
        for name, value in data.items()
    }


def _key(key: str) -> str:
    """At most 200 characters, still one for one."""
    return key if len(key) <= 200 else f"sha256:{hashlib.sha256(key.encode()).hexdigest()}"


def _step(data: Mapping[str, Any]) -> int | None:
    step = data.get("step")
    return step if isinstance(step, int) and not isinstance(step, bool) else None


def _point(data: Mapping[str, Any]) -> Point | None:
    step = _step(data)
    if step is None:
        return None
    point = point_of(step, data)
    return point if any(getattr(point, name) is not None for name in NAMES) else None
