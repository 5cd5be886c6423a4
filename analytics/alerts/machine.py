"""The states of an alert: ok → pending → firing → resolved. Pure; time is given.

`pending` is a breach that has not lasted long enough; `resolved` is ok that was firing before. A notice is due when it
fires, when it resolves after somebody was told, and again while it goes on unacknowledged. While muted the state goes
on and nobody is told; what still fires when the mute ends is told then.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

State = Literal["ok", "pending", "firing", "resolved"]
Notice = Literal["fired", "repeated", "resolved"]
NoData = Literal["keep", "ok", "fire"]
FIXED = ("starts_at", "ends_at")
"""Of a mute window that does not recur."""


@dataclass(frozen=True, slots=True)
class Policy:
    """`after`: evaluations in a row that it takes to fire, and to resolve; `repeat_every` None: tell once."""

    after: int = 1
    repeat_every: timedelta | None = None
    no_data: NoData = "keep"


@dataclass(frozen=True, slots=True)
class Status:
    """Where an alert stands. `streak`: evaluations in a row that speak against the state; `told_at`: of the last notice
    of this firing, None when nobody was told."""

    state: State
    since: datetime
    streak: int = 0
    told_at: datetime | None = None
    is_acknowledged: bool = False


def step(
    status: Status, is_breached: bool | None, at: datetime, policy: Policy, *, is_muted: bool = False
) -> tuple[Status, Notice | None]:
    """The next status and the notice that is due. `is_breached` None: nothing was measured."""
    if is_breached is None:
        if policy.no_data == "keep":
            return _firing(status, at, policy, is_muted) if status.state == "firing" else (status, None)
        is_breached = policy.no_data == "fire"
    if status.state == "firing":
        if is_breached:
            return _firing(replace(status, streak=0), at, policy, is_muted)
        if status.streak + 1 < policy.after:
            return replace(status, streak=status.streak + 1), None
        return Status("resolved", at), "resolved" if status.told_at is not None else None
    if not is_breached:
        return (Status("ok", at) if status.state == "pending" else replace(status, streak=0)), None
    streak = status.streak + 1
    if streak >= policy.after:
        return _told(Status("firing", at), at, "fired", is_muted)
    return Status("pending", status.since if status.state == "pending" else at, streak), None


def _firing(status: Status, at: datetime, policy: Policy, is_muted: bool) -> tuple[Status, Notice | None]:
    if status.is_acknowledged:
        return status, None
    if status.told_at is None:
        return _told(status, at, "fired", is_muted)
    if policy.repeat_every is not None and at - status.told_at >= policy.repeat_every:
        return _told(status, at, "repeated", is_muted)
    return status, None


def _told(status: Status, at: datetime, notice: Notice, is_muted: bool) -> tuple[Status, Notice | None]:
    return (status, None) if is_muted else (replace(status, told_at=at), notice)


def is_muted(windows: Sequence[Mapping[str, object]], zone: str, at: datetime) -> bool:
    """Whether `at` lies in one of the `windows`: weekly ones, `{weekdays: [1..7], start: "HH:MM", end: "HH:MM"}` of
    `zone`, and fixed ones, `{starts_at, ends_at}` in ISO 8601 with an offset. A weekly window that ends before it
    starts goes on after midnight and belongs to the weekday on which it began."""
    local = at.astimezone(ZoneInfo(zone))
    clock, today, yesterday = f"{local:%H:%M}", local.isoweekday(), (local - timedelta(days=1)).isoweekday()
    for window in windows:
        if "starts_at" in window:
            starts, ends = (datetime.fromisoformat(str(window[name])) for name in FIXED)
            if starts <= at < ends:
                return True
            continue
        days, start, end = window["weekdays"], str(window["start"]), str(window["end"])
        assert isinstance(days, Sequence)
        if start < end and today in days and start <= clock < end:
            return True
        if start >= end and ((today in days and clock >= start) or (yesterday in days and clock < end)):
            return True
    return False
