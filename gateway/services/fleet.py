"""What the running processes last said of themselves: calls that run, resources, how far the ledger is."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from gateway.models import Heartbeat

FRESH = timedelta(seconds=15)
WRITER, DATAPLANE = "writer", "dataplane:"
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
    """Data planes that gave a sign of life in the last 15 seconds, and the writer. One query."""
    rows = list(Heartbeat.objects.filter(at__gte=now - FRESH).order_by("-at")[:MANY])
    beats = [(row.name, row.at, row.info) for row in rows if isinstance(row.info, dict)]
    planes = [info for name, _, info in beats if name.startswith(DATAPLANE)]
    active: Counter[str] = Counter()
    for info in planes:
        active.update(info.get("active_keys") or {})
    writer = next(((at, info) for name, at, info in beats if name == WRITER), None)
    return Fleet(
        processes=len(planes),
        active_by_key=active,
        active_unnamed=sum(info.get("active_unnamed") or 0 for info in planes),
        resources=_resources(planes, now, writer),
    )


def _resources(
    planes: Sequence[Mapping[str, Any]], now: datetime, writer: tuple[datetime, Mapping[str, Any]] | None
) -> Resources:
    taken = [info.get("resources") or {} for info in planes]
    lag = None
    if writer is not None and isinstance(writer[1].get("lag_s"), int | float):
        lag = writer[1]["lag_s"] + max(0.0, (now - writer[0]).total_seconds())
    return Resources(
        cpu_percent=_sum(taken, "cpu_percent"),
        rss_bytes=_sum(taken, "rss_bytes"),
        network_in_bps=max(_known(taken, "network_in_bps"), default=None),
        network_out_bps=max(_known(taken, "network_out_bps"), default=None),
        spool_bytes=_sum(planes, "spool_bytes"),
        ledger_lag_s=lag,
    )


def _known(infos: Iterable[Mapping[str, Any]], name: str) -> list[Any]:
    return [info[name] for info in infos if info.get(name) is not None]


def _sum(infos: Iterable[Mapping[str, Any]], name: str) -> Any:
    known = _known(infos, name)
    return sum(known) if known else None
