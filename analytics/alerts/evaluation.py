"""Looking at rules: each once a minute, however many schedulers run.

A rule is looked at under its row's lock, in the transaction that writes what was found, what happened and what is to
be sent. Who is killed half-way leaves nothing behind, and another looks again. Others pass over a locked rule, and
`(rule, window, subject, kind)` is unique besides.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import structlog
from django.db import DatabaseError, transaction
from django.db.models import Q
from django.utils import timezone

from analytics.alerts import delivery, machine
from analytics.alerts.machine import Policy, Status
from analytics.alerts.models import Alert, AlertEvent, AlertRule, AlertState
from analytics.alerts.reading import Reading
from analytics.alerts.sources import find
from analytics.query import QueryError

log = structlog.get_logger(__name__)


def evaluate_due(now: datetime | None = None) -> int:
    """Look at every rule that is due; returns how many."""
    at = now or timezone.now()
    minute = at.astimezone(UTC).replace(second=0, microsecond=0)
    done = 0
    while evaluate_next(minute, at):
        done += 1
    return done


@transaction.atomic
def evaluate_next(minute: datetime, now: datetime) -> bool:
    """Look at one rule that nobody has looked at in `minute`; False when there is none that is free."""
    due = AlertRule.objects.filter(
        Q(evaluated_for=None) | Q(evaluated_for__lt=minute), archived_at=None, is_enabled=True,
        organization__archived_at=None,
    )  # fmt: skip
    rule = due.select_for_update(of=("self",), skip_locked=True).order_by("evaluated_for", "id").first()
    if rule is None:
        return False
    try:
        with transaction.atomic():
            _look(rule, minute, now)
        problem = ""
    except (QueryError, DatabaseError, ValueError, LookupError) as error:
        problem = f"{type(error).__name__}: {error}"[:300]
        log.warning("alert_not_evaluated", rule=str(rule.pk), error=problem)
    AlertRule.objects.filter(pk=rule.pk).update(evaluated_for=minute, problem=problem)
    return True


@transaction.atomic
def look_back(rule: AlertRule, moments: Iterable[datetime]) -> None:
    """Look at a rule as of past moments, oldest first, where its history was loaded after them. What it finds then is
    told to its channels as of now."""
    locked = AlertRule.objects.select_for_update(of=("self",)).get(pk=rule.pk)
    for at in moments:
        _look(locked, at.astimezone(UTC).replace(second=0, microsecond=0), at)


def _look(rule: AlertRule, minute: datetime, now: datetime) -> None:
    source = find(rule.source)
    if source is None:
        raise LookupError(f"No app contributes the source {rule.source}.")
    known = {alert.subject: alert for alert in Alert.objects.filter(rule=rule)}
    found = {reading.subject: reading for reading in source.readings(rule, now)}
    is_muted = is_muted_at(rule, now)
    for reading in (*found.values(), *_gone(known.values(), found)):
        _apply(rule, known.get(reading.subject), reading, minute, is_muted)


def _gone(known: Iterable[Alert], found: dict[str, Reading]) -> list[Reading]:
    """Subjects that are not read any more and did not stand well."""
    open_states = (AlertState.FIRING, AlertState.PENDING)
    return [
        Reading(alert.subject, alert.label, False, None, alert.threshold, f"{alert.label or 'It'} is over.")
        for alert in known
        if alert.subject not in found and alert.state in open_states
    ]


def is_muted_at(rule: AlertRule, at: datetime) -> bool:
    if rule.muted_until is not None and at < rule.muted_until:
        return True
    return machine.is_muted(rule.mute_windows, rule.timezone, at)


def policy_of(rule: AlertRule) -> Policy:
    repeat = timedelta(minutes=rule.repeat_minutes) if rule.repeat_minutes else None
    return Policy(rule.after, repeat, rule.no_data)  # type: ignore[arg-type]  # its choices


def _apply(rule: AlertRule, alert: Alert | None, reading: Reading, minute: datetime, is_muted: bool) -> None:
    alert = alert or Alert(rule=rule, subject=reading.subject, since=minute)
    before = Status(alert.state, alert.since, alert.streak, alert.told_at, alert.acknowledged_at is not None)  # type: ignore[arg-type]
    after, notice = machine.step(before, reading.is_breached, minute, policy_of(rule), is_muted=is_muted)
    alert.state, alert.since, alert.streak, alert.told_at = after.state, after.since, after.streak, after.told_at
    if not after.is_acknowledged:
        alert.acknowledged_at = alert.acknowledged_by = None
    alert.label, alert.text = reading.label[:300], reading.text[:500]
    alert.value, alert.threshold = reading.value, reading.threshold
    alert.save()
    if notice is not None:
        _tell(rule, alert, reading, notice, minute)


def _was_once(rule: AlertRule, subject: str) -> bool:
    """Whether a subject that is gone was one of those that are told once."""
    return AlertEvent.objects.filter(rule=rule, subject=subject, is_once=True).exists()


def _tell(rule: AlertRule, alert: Alert, reading: Reading, notice: machine.Notice, minute: datetime) -> None:
    """Write the event and its messages; nothing where it was told before and is told once."""
    is_once = notice != "repeated" and (reading.is_once or (notice == "resolved" and _was_once(rule, reading.subject)))
    place = {"rule": rule, "subject": reading.subject, "kind": notice, **({"is_once": True} if is_once else {})}
    facts = {"window": minute, "label": alert.label, "value": reading.value, "threshold": reading.threshold}
    if is_once:
        event, is_new = AlertEvent.objects.get_or_create(**place, defaults={**facts, "text": alert.text})
    else:
        event, is_new = AlertEvent.objects.create(**place, **facts, text=alert.text), True
    if is_new:
        delivery.send(event)
