"""Is the machinery alive, and are its figures right? Heartbeats of the background processes and the nightly comparison,
in words, for the dot in the header."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import Error
from django.db.models import Subquery
from django.db.models.functions import JSONObject
from django.utils import timezone

from analytics.console.format import lag, number
from analytics.models import Reconciliation
from analytics.reconciliation import KIND, LATE_AFTER
from gateway import replica
from gateway.choices import JobStatus
from gateway.models import Heartbeat, Job

FRESH = timedelta(seconds=30)
SILENT = timedelta(minutes=5)
STATES = ("ok", "warn", "bad")
PROCESSES = {"dataplane": "Data plane", "writer": "Ledger writer", "background": "Background work"}

_COMPARISON = {
    "compared": Subquery(
        Reconciliation.objects.order_by("-finished_at").values(
            about=JSONObject(at="finished_at", differences="differences")
        )[:1]
    ),
    "comparison_status": Subquery(Job.objects.filter(kind=KIND).order_by("-created_at").values("status")[:1]),
}


@dataclass(frozen=True, slots=True)
class Part:
    """All processes of a kind, by the worst of them: `state` is ok, warn or bad."""

    name: str
    state: str
    text: str


@dataclass(frozen=True, slots=True)
class SystemStatus:
    """The worst of its parts, with one sentence."""

    state: str
    summary: str
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class SeedProgress:
    """How far the demo history is built; `percent` 0–100."""

    percent: int
    failed: bool
    error: str


def system_status(now: datetime | None = None) -> SystemStatus:
    """One query. A database that does not answer is itself a status, never an error page."""
    now = now or timezone.now()
    try:
        beats = list(Heartbeat.objects.of(*PROCESSES).annotate(**_COMPARISON))
    except Error:
        return SystemStatus("bad", "The database does not answer", ())
    parts = [_processes(label, [b for b in beats if b.kind == kind], now) for kind, label in PROCESSES.items()]
    if (copy := replica.state()) is not None:
        parts.append(
            Part("Read replica", "warn" if copy.reason else "ok", copy.reason or f"lag {lag(copy.lag_s or 0)}")
        )
    if beats:
        parts.append(_comparison(beats[0], now))
    return SystemStatus(*_overall(parts), tuple(parts))


def seed_progress(job: Mapping[str, Any] | None) -> SeedProgress | None:
    """Progress of the demo history while it is built (or failed); None when there is nothing to say. No query."""
    if job is None or job["status"] in (JobStatus.SUCCEEDED, JobStatus.CANCELLED):
        return None
    return SeedProgress(int(min(max(job["progress"], 0.0), 1.0) * 100), job["status"] == JobStatus.FAILED, job["error"])


def _processes(label: str, beats: list[Heartbeat], now: datetime) -> Part:
    if not beats:
        return Part(label, "warn", "not running")
    parts = [_process(label, beat, now) for beat in sorted(beats, key=lambda beat: beat.at)]
    return max(parts, key=lambda part: STATES.index(part.state))


def _process(label: str, beat: Heartbeat, now: datetime) -> Part:
    age = now - beat.at
    ledger_lag = beat.info.get("lag_s") if isinstance(beat.info, dict) else None
    if age > SILENT:
        return Part(label, "bad", f"silent for {lag(age.total_seconds())}")
    if age > FRESH:
        return Part(label, "warn", f"last seen {lag(age.total_seconds())} ago")
    if isinstance(ledger_lag, int | float):
        return Part(label, "ok" if ledger_lag < FRESH.total_seconds() else "warn", f"lag {lag(ledger_lag)}")
    return Part(label, "ok", "running")


def _comparison(beat: Any, now: datetime) -> Part:
    """How the newest nightly comparison of ledger and figures went; read along with any heartbeat."""
    name = "Figures"
    if beat.comparison_status == JobStatus.FAILED:
        return Part(name, "warn", "the nightly comparison with the ledger broke off")
    if beat.compared is None:
        return Part(name, "ok", "not yet compared with the ledger")
    age = now - datetime.fromisoformat(beat.compared["at"])
    if beat.compared["differences"]:
        return Part(name, "bad", f"differ from the ledger in {number(beat.compared['differences'])} places")
    if age > LATE_AFTER:
        return Part(name, "warn", f"last compared with the ledger {lag(age.total_seconds())} ago")
    return Part(name, "ok", f"equal the ledger, compared {lag(age.total_seconds())} ago")


def _overall(parts: list[Part]) -> tuple[str, str]:
    troubled = [part for part in parts if part.state != "ok"]
    if not troubled:
        return "ok", "All systems running"
    state = "bad" if any(part.state == "bad" for part in troubled) else "warn"
    return state, "; ".join(f"{part.name} {part.text}" for part in troubled)
