"""What the page's address says; defaults for what is unknown. `run`: an earlier forecast to lay over this one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode
from uuid import UUID

from analytics.metrics import MEASURES, Measure
from analytics.outlook.history import SPANS

SHOWN = ("cost", "requests", "total_tokens", "input_tokens", "output_tokens", "errors", "error_rate", "latency_p95")
GRAINS = {"hour": "hours", "day": "days", "week": "weeks", "month": "months"}
HORIZONS = {"hour": (24, 48, 168), "day": (7, 30, 90), "week": (4, 12, 26), "month": (3, 6, 12)}


@dataclass(frozen=True, slots=True)
class State:
    measure: str
    grain: str
    horizon: int
    team: str = ""
    run: str = ""

    @property
    def declared(self) -> Measure:
        return MEASURES[self.measure]

    @property
    def unit(self) -> str:
        """`30 days`."""
        return f"{self.horizon} {GRAINS[self.grain]}" if self.horizon != 1 else f"1 {self.grain}"

    def url(self, **changes: object) -> str:
        """`?…` of this state with some of it changed; empty values are left out."""
        fields = {"measure": self.measure, "grain": self.grain, "horizon": self.horizon, "team": self.team} | changes
        return f"?{urlencode({name: value for name, value in fields.items() if value})}"


def read_state(given: Mapping[str, str]) -> State:
    measure, grain = given.get("measure", ""), given.get("grain", "")
    measure = measure if measure in SHOWN else SHOWN[0]
    grain = grain if grain in GRAINS else "day"
    asked = given.get("horizon", "")
    horizon = int(asked) if asked.isdecimal() and len(asked) < 6 and 1 <= int(asked) <= SPANS[grain].most else 0
    return State(measure, grain, horizon or SPANS[grain].default, _id(given.get("team")), _id(given.get("run")))


def _id(text: str | None) -> str:
    try:
        return str(UUID(text or ""))
    except ValueError:
        return ""
