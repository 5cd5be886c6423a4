"""Incidents: bursts of refusals, and use that does not fit a key. Pure; the same facts give the same ids."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import blake2b
from uuid import UUID

from analytics.security.findings import Finding

BURST = 20
"""Refusals of one kind about one thing, each within `QUIET` of the one before, that make an incident."""
MANY = 200
QUIET = timedelta(hours=1)
OPEN_FOR = timedelta(hours=24)
TITLES = {
    "failed_auth": "Failed sign-ins with the key {what}",
    "guardrail": "The guardrail {what} blocks again and again",
    "denied": "Calls with the key {what} are refused again and again",
}


@dataclass(frozen=True, slots=True)
class Count:
    """`count` refusals of `kind` about `what` at a time. `key`: id of the key that they are about, if it is one."""

    kind: str
    what: str
    at: datetime
    count: int
    key: str = ""


@dataclass(frozen=True, slots=True)
class Incident:
    """`status`: open until a day went by without more of it, then resolved at the last of it. `kind`: of its counts, or
    of the finding. `key`: id of the key that it is about, None where it is about none that is known."""

    id: UUID
    kind: str
    key: str | None
    title: str
    severity: str
    status: str
    detected_at: datetime
    last_at: datetime
    resolved_at: datetime | None
    count: int


def incidents_of(counts: Iterable[Count], findings: Iterable[Finding], now: datetime) -> list[Incident]:
    """Newest first."""
    found = [incident for series in _series(counts) for incident in _bursts(series, now)]
    found += [_of_finding(one, now) for one in findings if one.finding.startswith("unusual")]
    return sorted(found, key=lambda one: (one.detected_at, str(one.id)), reverse=True)


def _series(counts: Iterable[Count]) -> list[list[Count]]:
    by_what: dict[tuple[str, str, str], list[Count]] = {}
    for count in counts:
        by_what.setdefault((count.kind, count.what, count.key), []).append(count)
    return [sorted(series, key=lambda one: one.at) for series in by_what.values()]


def _bursts(series: Sequence[Count], now: datetime) -> list[Incident]:
    bursts: list[list[Count]] = []
    for count in series:
        if bursts and count.at - bursts[-1][-1].at <= QUIET:
            bursts[-1].append(count)
        else:
            bursts.append([count])
    return [_incident(burst, now) for burst in bursts if sum(one.count for one in burst) >= BURST]


def _incident(burst: Sequence[Count], now: datetime) -> Incident:
    first, last, total = burst[0], burst[-1], sum(one.count for one in burst)
    severity = "high" if total >= MANY else "medium"
    title = TITLES[first.kind].format(what=first.what)
    name = f"{first.kind} {first.key or first.what} {first.at.isoformat()}"
    return _made(name, first.kind, first.key, title, severity, (first.at, last.at), total, now)


def _of_finding(one: Finding, now: datetime) -> Incident:
    titles = {
        "unusual_ip": "from a new address", "unusual_model": f"for a new model, {one.what}",
        "unusual_hour": f"at an unusual hour, {one.what}",
    }  # fmt: skip
    severity = "medium" if one.finding == "unusual_ip" else "low"
    name, title = f"{one.finding} {one.key} {one.what}", f"{one.name} is used {titles[one.finding]}"
    return _made(name, one.finding, one.key, title, severity, (one.since, one.since), 1, now)


def _made(
    name: str, kind: str, key: str, title: str, severity: str, seen: tuple[datetime, datetime], count: int,
    now: datetime,
) -> Incident:  # fmt: skip
    first, last = seen
    is_open = now - last < OPEN_FOR
    identity = UUID(bytes=blake2b(name.encode(), digest_size=16).digest())
    status, resolved = ("open", None) if is_open else ("resolved", last)
    return Incident(identity, kind, key or None, title, severity, status, first, last, resolved, count)
