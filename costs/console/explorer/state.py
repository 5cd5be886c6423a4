"""What the Explorer shows, read from its URL: what Usage has, more measures and a second dimension. Pure."""

from __future__ import annotations

from dataclasses import dataclass, fields

from django.http import QueryDict

from analytics.console.periods import Period
from analytics.console.usage import dimensions
from analytics.console.usage.state import State, read_state
from analytics.metrics import MEASURES

MOST_MORE = 5
LAYOUTS = {"pivot": "Pivot", "flat": "Rows"}
OWN = ("with", "also", "layout")


@dataclass(frozen=True, slots=True)
class ExplorerState(State):
    """`more`: measures beside the first, `also`: the second dimension, empty for none."""

    more: tuple[str, ...] = ()
    also: str = ""
    layout: str = "pivot"

    @property
    def query(self) -> list[tuple[str, str]]:
        pairs = [*_plain(self).query, *(("with", name) for name in self.more)]
        if self.also:
            pairs.append(("also", self.also))
        return pairs + ([("layout", self.layout)] if self.layout != "pivot" else [])

    @property
    def measures(self) -> tuple[str, ...]:
        return self.measure, *self.more

    @property
    def by_both(self) -> tuple[str, ...]:
        """The dimensions of the table."""
        return tuple(name for name in (self.by, self.also) if name)

    @property
    def is_pivot(self) -> bool:
        return self.layout == "pivot" and len(self.by_both) == 2


def read_explorer(params: QueryDict, period: Period, organization: str) -> ExplorerState:
    """The state of a URL; what is unknown falls back to its default."""
    base = read_state(params, period, organization)
    named = dict.fromkeys(params.getlist("with"))
    more = tuple(name for name in named if name in MEASURES and name != base.measure)[:MOST_MORE]
    also = params.get("also", "")
    also = also if base.by and also != base.by and dimensions.is_known(also) else ""
    layout = params.get("layout", "")
    kept = {item.name: getattr(base, item.name) for item in fields(State)}
    if base.view == "heat":
        kept["view"] = "stacked"
    return ExplorerState(**kept, more=more, also=also, layout=layout if layout in LAYOUTS else "pivot")


def _plain(state: State) -> State:
    return State(**{item.name: getattr(state, item.name) for item in fields(State)})
