"""What the running processes last said of themselves: calls that run, resources, how far the ledger is."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from gateway.models import Heartbeat

FRESH = timedelta(seconds=15)
MANY = 200


@dataclass(frozen=True, slots=True)
class Resources:
    """Of all data planes together; network is their hosts', the largest that one of them says. None is not known."""

    cpu_percent: float | None = None
    rss_bytes: int | None = None
    network_in_bps: float | None = None
    network_out_bps: float | None = None
    spool_bytes: int | None = None
    ledger_lag_s: float | None = None


@dataclass(frozen=True, slots=True)
class Fleet:
    """`active_by_key`: running calls by id of their key; `active_unnamed`: those of keys that were too many to list."""

    processes: int = 0
    active_by_key: Mapping[str, int] = field(default_factory=dict)
    active_unnamed: int = 0
    resources: Resources = field(default_factory=Resources)


def fleet(now: datetime) -> Fleet:
    """Data planes that gave a sign of life in the last 15 seconds, and every writer. One query."""
    rows = Heartbeat.objects.of("dataplane", "writer").exclude(name__startswith="dataplane:", at__lt=now - FRESH)
    beats = [row for row in rows.order_by("-name")[:MANY] if isinstance(row.info, dict)]
    planes = [beat.info for beat in beats if beat.kind == "dataplane"]
    active: Counter[str] = Counter()
    for info in planes:
        active.update(info.get("active_keys") or {})
    lags = [lag for beat in beats if (lag := beat.lag_s(now)) is not None]
    return Fleet(
        processes=len(planes),
        active_by_key=active,
        active_unnamed=sum(info.get("active_unnamed") or 0 for info in planes),
        resources=_resources(planes, max(lags, default=None)),
    )


def _resources(planes: Sequence[Mapping[str, Any]], ledger_lag_s: float | None) -> Resources:
    taken = [info.get("resources") or {} for info in planes]
    return Resources(
        cpu_percent=_sum(taken, "cpu_percent"),
        rss_bytes=_sum(taken, "rss_bytes"),
        network_in_bps=max(_known(taken, "network_in_bps"), default=None),
        network_out_bps=max(_known(taken, "network_out_bps"), default=None),
        spool_bytes=_sum(planes, "spool_bytes"),
        ledger_lag_s=ledger_lag_s,
    )


def _known(infos: Iterable[Mapping[str, Any]], name: str) -> list[Any]:
    return [info[name] for info in infos if info.get(name) is not None]


def _sum(infos: Iterable[Mapping[str, Any]], name: str) -> Any:
    known = _known(infos, name)
    return sum(known) if known else None
