"""How much an installation needs for a load: processors, memory, disk, connections. Pure; docs/scaling.md has the
formulas in words, `python -m bench.scale` measures what it is made of and compares it with what was seen.

cores(part)      = peak × lines per request × processor time per line / utilization    (data plane: per request)
disk             = lines a day × (kept days × bytes in the ledger + bytes in rollups × 400) + spool + log
spool            = peak × bytes per request × longest outage
connections      = data planes × 9 + consoles × 12 + background × 12 + writers × 2
"""

import math
from dataclasses import asdict, dataclass

DAY_S = 86_400
ROLLUPS_KEPT_DAYS = 400


@dataclass(frozen=True, slots=True)
class Costs:
    """Measured. `*_us`: microseconds of processor time, of the data plane per request, of the others per line. Bytes
    are per line, of the spool per request; memory is of one process in MB."""

    dataplane_us: float
    writer_us: float
    postgres_us: float
    background_us: float
    ledger_bytes: float
    rollup_bytes: float
    spool_bytes: float
    dataplane_mb: float = 130
    console_mb: float = 260
    background_mb: float = 300
    writer_mb: float = 110


@dataclass(frozen=True, slots=True)
class Load:
    """What is asked for. `peak`: requests per second in the busiest minutes; `outage_s`: how long PostgreSQL may be
    away without a call being refused for a full spool."""

    peak: float
    requests_per_day: float
    kept_days: int = 90
    lines_per_request: float = 1.0
    consoles: int = 2
    outage_s: float = 4 * 3600
    utilization: float = 0.6


@dataclass(frozen=True, slots=True)
class Need:
    """Cores are of steady use at the utilization asked for; `writers` above 1 means several hosts, each with its own
    spool. Disk in GB (10⁹ bytes)."""

    dataplane_cores: float
    dataplanes: int
    writer_cores: float
    writers: int
    postgres_cores: float
    background_cores: float
    backgrounds: int
    memory_gb: float
    ledger_gb: float
    rollups_gb: float
    spool_gb: float
    connections: int

    @property
    def cores(self) -> float:
        return self.dataplane_cores + self.writer_cores + self.postgres_cores + self.background_cores

    def rows(self) -> dict[str, float]:
        return asdict(self)


def plan(load: Load, costs: Costs) -> Need:
    """What the load needs. Every part is at most `utilization` busy in the peak."""
    lines = load.peak * load.lines_per_request
    busy = {
        "dataplane": load.peak * costs.dataplane_us / 1e6, "writer": lines * costs.writer_us / 1e6,
        "postgres": lines * costs.postgres_us / 1e6, "background": lines * costs.background_us / 1e6,
    }  # fmt: skip
    cores = {part: value / load.utilization for part, value in busy.items()}
    dataplanes, writers, backgrounds = (
        max(1, math.ceil(cores[part])) for part in ("dataplane", "writer", "background")
    )
    lines_per_day = load.requests_per_day * load.lines_per_request
    memory_mb = (
        dataplanes * costs.dataplane_mb + load.consoles * costs.console_mb + backgrounds * costs.background_mb
        + writers * costs.writer_mb
    )  # fmt: skip
    return Need(
        dataplane_cores=cores["dataplane"], dataplanes=dataplanes, writer_cores=cores["writer"], writers=writers,
        postgres_cores=cores["postgres"], background_cores=cores["background"], backgrounds=backgrounds,
        memory_gb=memory_mb / 1000, ledger_gb=lines_per_day * load.kept_days * costs.ledger_bytes / 1e9,
        rollups_gb=lines_per_day * ROLLUPS_KEPT_DAYS * costs.rollup_bytes / 1e9,
        spool_gb=load.peak * load.outage_s * costs.spool_bytes / 1e9,
        connections=dataplanes * 9 + load.consoles * 12 + backgrounds * 12 + writers * 2,
    )  # fmt: skip


def used_cores(rate: float, costs: Costs, lines_per_request: float = 1.0) -> float:
    """Cores that are busy at this rate, all parts together."""
    per_line = costs.writer_us + costs.postgres_us + costs.background_us
    return rate * (costs.dataplane_us + lines_per_request * per_line) / 1e6
