"""The hourly scan: read the new hours, judge them, keep what was found. One transaction for each organization.

The row `AnomalyScan` is locked while it is scanned and says up to which hour all is judged, so that scans that meet do
the work once and one that is killed half-way leaves nothing behind.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import structlog
from django.db import transaction

from analytics.anomalies import costs, figures, narration, wording
from analytics.anomalies.models import Anomaly, AnomalyScan, AnomalyState, Severity
from analytics.anomaly.baseline import WEEK
from analytics.anomaly.frame import Frame
from analytics.anomaly.incidents import EXPLAINED_H, OVER_H, Incident, Member, causes, track
from analytics.anomaly.picture import picture
from analytics.anomaly.watch import Alert, Key, Settings, Watch, watch
from analytics.models import TotalQuarterHour
from gateway.choices import JobStatus
from gateway.models import Job, Organization
from gateway.queues import Shard
from gateway.services import jobs

log = structlog.get_logger(__name__)
KIND = "analytics.scan_anomalies"
LEASE_S = 900
LOADING = ("seed_demo", "gateway.usage_import")
HOUR = timedelta(hours=1)
JOBS_KEPT = timedelta(days=7)
"""There is one for each organization and hour; nobody asks for older ones."""
KEPT = timedelta(days=35)
FIRST = timedelta(days=104)
"""How far the first scan looks back: a quarter, and two weeks to compare with."""
AGAIN = timedelta(hours=3)
"""The newest hours are read again: lines that came late belong to them."""
REBUILT_AFTER = timedelta(days=1)
WARM_UP_H = 2 * WEEK
QUIETER = 1.3
QUIETEST = 4.0
LOUD = {"error_rate": ((0.5, Severity.CRITICAL), (0.2, Severity.HIGH), (0.0, Severity.MEDIUM))}
BY_MONEY = ((100, Severity.CRITICAL), (20, Severity.HIGH), (3, Severity.MEDIUM))
AT_LEAST = {"served_model": Severity.HIGH, "price": Severity.MEDIUM, "cached_share": Severity.MEDIUM}
RANKS = list(Severity)


@dataclass(frozen=True, slots=True)
class Scanned:
    """What a scan did: hours judged, anomalies found anew and grown; `changed`: the ids of both."""

    hours: int = 0
    found: int = 0
    grown: int = 0
    changed: tuple[UUID, ...] = ()


def scan_once_an_hour(now: datetime | None = None, *, shard: Shard | None = None) -> int:
    """Scan every live organization (of the shard) with traffic for the last whole hour, once; returns how many."""
    end = whole_hour(now or datetime.now(UTC))
    done, changed = 0, {}
    for organization in Organization.objects.filter(archived_at=None).order_by("pk"):
        if shard is not None and not shard.holds(organization.pk):
            continue
        job = jobs.claim(KIND, f"{organization.pk}/{end:%Y-%m-%dT%H}", LEASE_S)
        if job is not None:
            changed[organization] = _claimed(job, organization, end)
            done += 1
    narration.narrate_new(changed)
    old = Job.objects.filter(kind=KIND, status=JobStatus.SUCCEEDED, finished_at__lt=end - JOBS_KEPT)
    old.delete()
    return done


def _claimed(job: Job, organization: Organization, end: datetime) -> tuple[UUID, ...]:
    """Ids of the anomalies that were found or have grown."""
    try:
        with transaction.atomic():
            scanned = scan(organization, end=end)
            jobs.finish(job, {"hours": scanned.hours, "found": scanned.found, "grown": scanned.grown})
    except Exception as error:  # one organization's trouble must not keep the others from being watched
        log.exception("anomaly_scan_failed", organization=str(organization.pk))
        jobs.fail(job, f"{type(error).__name__}: {error}")
        return ()
    return scanned.changed


def whole_hour(at: datetime) -> datetime:
    return at.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


@transaction.atomic
def scan(organization: Organization, *, end: datetime, since: datetime | None = None) -> Scanned:
    """Judge the hours before `end` that are not judged yet; with `since` those from there on again, but for what people
    have said something of. Nothing is judged while demo data or an import is still being loaded."""
    AnomalyScan.objects.get_or_create(organization=organization)
    row = AnomalyScan.objects.select_for_update().get(organization=organization)
    if not row.is_enabled or (since is None and is_loading(organization)):
        return Scanned()
    if since is None and row.scanned_until is not None and row.scanned_until >= end:
        return Scanned()
    frame = _frame(row, organization, end, since)
    if frame is None:
        return Scanned()
    first = since or row.scanned_until
    judged = max(WARM_UP_H, round((first - frame.start) / HOUR) if first else 0)
    if since is not None:
        Anomaly.objects.filter(organization=organization, state=AnomalyState.OPEN, started_at__gte=since).delete()
    settings = _settings(row, organization, frame)
    found = watch(frame, judged, settings)
    known = _known(organization, frame, since)
    before = {each.id: each.last for each in known}
    lies_in = figures.parents(organization, frame.scopes)
    incidents = track(known, _new_alerts(known, found.alerts), lies_in)
    changed = [each for each in incidents if each.id is None or before[each.id] != each.last]
    for incident in changed:
        _store(organization, row, frame, found, incident)
    row.scanned_until = end
    row.frame = figures.packed(_since(frame, end - KEPT))
    row.save(update_fields=["scanned_until", "frame", "rebuilt_at"])
    fresh = sum(each.id not in before for each in changed)
    ids = tuple(UUID(str(each.id)) for each in changed)
    return Scanned(max(0, frame.hours - judged), fresh, len(changed) - fresh, ids)


def is_loading(organization: Organization) -> bool:
    """Whether demo data or an import is on its way in, so that what is there is a part of it."""
    busy = Job.objects.filter(organization=organization, kind__in=LOADING)
    return busy.filter(status__in=(JobStatus.QUEUED, JobStatus.RUNNING)).exists()


def _frame(row: AnomalyScan, organization: Organization, end: datetime, since: datetime | None) -> Frame | None:
    """The last weeks: what was kept and the new hours, or all anew once a day. None without traffic."""
    rebuilt, until = row.rebuilt_at, row.scanned_until
    if row.frame and rebuilt and until and since is None and end - rebuilt < REBUILT_AFTER and end - until < KEPT / 2:
        kept = figures.unpacked(bytes(row.frame))
        fresh = figures.read(organization, max(kept.start, until - AGAIN), end)
        return figures.joined(kept, fresh, max(kept.start, end - KEPT))
    length = KEPT if until is not None and since is None else FIRST
    start = end - length if since is None else min(end - KEPT, since - WARM_UP_H * HOUR)
    oldest = TotalQuarterHour.objects.filter(organization=organization.pk).order_by("bucket").first()
    if oldest is None or oldest.bucket >= end:
        return None
    row.rebuilt_at = end
    return figures.read(organization, max(start, whole_hour(oldest.bucket)), end)


def _since(frame: Frame, start: datetime) -> Frame:
    cut = max(0, round((start - frame.start) / HOUR))
    return replace(
        frame,
        start=frame.start + cut * HOUR,
        figures={name: values[:, cut:] for name, values in frame.figures.items()},
        served={a: {m: series[cut:] for m, series in models.items()} for a, models in frame.served.items()},
    )


def _settings(row: AnomalyScan, organization: Organization, frame: Frame) -> Settings:
    """The organization's settings and what feedback makes of them: each "false" raises the bar of its series, hours
    that were "expected" are no example."""
    tuning: dict[Key, float] = {}
    excluded = []
    said = Anomaly.objects.filter(organization=organization, state__in=(AnomalyState.FALSE, AnomalyState.EXPECTED))
    for anomaly in said:
        if anomaly.state == AnomalyState.EXPECTED:
            first, last = (round((at - frame.start) / HOUR) for at in (anomaly.started_at, anomaly.last_seen_at))
            if last >= 0:
                excluded.append(slice(max(0, first), last + 1))
            continue
        for member in anomaly.members:
            key = (member["metric"], (member["dimension"], member["value"]))
            tuning[key] = min(QUIETEST, tuning.get(key, 1.0) * QUIETER)
    return Settings(row.sensitivity, float(row.min_impact), tuning, tuple(excluded))


def _known(organization: Organization, frame: Frame, since: datetime | None) -> list[Incident]:
    """Stored anomalies that may go on, oldest first. What is judged again from `since` on belongs to what people have
    said something of, however old."""
    oldest = frame.start + frame.hours * HOUR - KEPT
    oldest = oldest if since is None else min(oldest, since)
    rows = Anomaly.objects.filter(organization=organization, last_seen_at__gte=oldest - OVER_H * HOUR)
    return [_incident(row, frame) for row in rows.order_by("started_at", "id")]


def _incident(row: Anomaly, frame: Frame) -> Incident:
    def hour(text: str) -> int:
        return round((datetime.fromisoformat(text) - frame.start) / HOUR)

    incident = Incident(
        round((row.started_at - frame.start) / HOUR), round((row.last_seen_at - frame.start) / HOUR), id=row.pk
    )
    for kept in row.members:
        scope = (kept["dimension"], kept["value"])
        peak = Alert(kept["metric"], scope, hour(kept["peak_at"]), *(kept[name] for name in _PEAK))
        incident.members[kept["metric"], scope] = Member(
            hour(kept["start"]), hour(kept["last"]), peak, *(kept[name] for name in _SUMS)
        )
    return incident


_PEAK = ("actual", "expected", "lower", "upper", "score", "impact", "instead", "usual")
_SUMS = ("sum_actual", "sum_expected", "sum_impact", "hours")


def _members(incident: Incident, frame: Frame) -> list[dict[str, Any]]:
    def at(hour: int) -> str:
        return (frame.start + hour * HOUR).isoformat()

    kept = []
    for (metric, (dimension, value)), member in incident.members.items():
        peak = {name: getattr(member.peak, name) for name in _PEAK}
        sums = dict(zip(_SUMS, (member.actual, member.expected, member.impact, member.hours), strict=True))
        times = {"start": at(member.start), "last": at(member.last), "peak_at": at(member.peak.hour)}
        kept.append({"metric": metric, "dimension": dimension, "value": value, **times, **peak, **sums})
    return kept


def _new_alerts(known: Sequence[Incident], alerts: Sequence[Alert]) -> list[Alert]:
    """Without those that stored anomalies hold already: their hours were read again."""
    held = [(key, member.start, member.last) for each in known for key, member in each.members.items()]
    ranges: dict[Key, list[tuple[int, int]]] = {}
    for key, start, last in held:
        ranges.setdefault(key, []).append((start, last))
    return [
        alert for alert in alerts if not any(start <= alert.hour <= last for start, last in ranges.get(alert.key, ()))
    ]


def _store(organization: Organization, row: AnomalyScan, frame: Frame, found: Watch, incident: Incident) -> None:
    """Insert or grow; what people have said stays."""
    metric, scope = incident.root_key
    peak = incident.root.peak
    start, last = (frame.start + hour * HOUR for hour in (incident.start, incident.last))
    ranked = causes(frame, found, incident) if incident.root.start >= 0 else []
    split = costs.effects(organization, scope, start, min(last + HOUR, start + EXPLAINED_H * HOUR))
    named = wording.names_of(organization, [scope, *((each.dimension, each.value) for each in ranked)])
    team, user = figures.owner(organization, scope)
    local = wording.format.local(start, organization.reporting_timezone)
    drawn = picture(frame, found, incident)
    values: dict[str, Any] = {
        "metric": metric, "dimension": scope[0], "value": scope[1], "team": team, "user": user,
        "started_at": start, "last_seen_at": last, "actual": peak.actual, "expected": peak.expected,
        "lower": peak.lower, "upper": peak.upper, "score": peak.score,
        "severity": severity(metric, peak.actual, incident.root.impact, float(row.min_impact)),
        "impact_amount": Decimal(f"{incident.root.impact:.10f}"), "currency": organization.currency,
        "members": _members(incident, frame),
        "effects": {name: str(amount) for name, amount in {**split.parts, "change": split.change}.items()},
        "chart": {
            "start": (frame.start + drawn.first * HOUR).isoformat(), "values": drawn.values,
            "expected": drawn.expected, "lower": drawn.lower, "upper": drawn.upper,
        },
    }  # fmt: skip
    if ranked:
        values["causes"] = [
            {"dimension": each.dimension, "value": each.value, "share": round(each.share, 4),
             "name": named.get((each.dimension, each.value), each.value),
             "text": wording.cause_words(each, metric, named, organization.currency)}
            for each in ranked[:8]
        ]  # fmt: skip
        values["explanation"] = wording.explanation(incident, ranked, split, named, local, organization.currency)
    elif incident.id is None:
        values["explanation"] = wording.explanation(incident, [], split, named, local, organization.currency)
    if incident.id is None:
        incident.id = Anomaly.objects.create(organization=organization, **values).pk
    else:
        Anomaly.objects.filter(pk=str(incident.id)).update(**values, updated_at=datetime.now(UTC))


def severity(metric: str, actual: float, impact: float, least: float) -> Severity:
    """By the share of errors, else by money against the least that matters."""
    if metric in LOUD:
        return next(level for floor, level in LOUD[metric] if actual >= floor)
    size = abs(impact) / max(least, 0.01)
    level = next((level for floor, level in BY_MONEY if size >= floor), Severity.LOW)
    return max(level, AT_LEAST.get(metric, Severity.LOW), key=RANKS.index)
