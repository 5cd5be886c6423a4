"""The page's parts as plain values: tiles, the chart with its ribbons, the choice of the method, earlier runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from analytics.answers.forecasts import Part, amount
from analytics.console import charts, colors, format
from analytics.console.cards import Card, LegendEntry, Row, Table, values
from analytics.console.forecasts.state import State
from analytics.forecasting import Forecast
from analytics.outlook.history import History
from analytics.outlook.models import ForecastRun

PAST_STEPS = 3
LEAST_PAST = 28
BANDS = (0.5, 0.8, 0.95)
SHOWN_RUNS = 12
SEASON_WORDS = {("hour", 24): "hour of the day", ("hour", 168): "hour of the week", ("day", 7): "day of the week",
                ("week", 52): "week of the year", ("month", 12): "month of the year"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Fact:
    """One tile: a figure with what it means."""

    label: str
    value: str
    words: str
    tone: str = ""


@dataclass(frozen=True, slots=True)
class RunRow:
    """One earlier run beside what came."""

    origin: datetime
    method: str
    expected: str
    compared: str
    error: str
    bias: str
    coverage: str
    tone: str
    url: str
    is_shown: bool


@dataclass(frozen=True, slots=True)
class Choice:
    """Why this method: sentences, and the candidates as (name, error in words, share of the largest error, chosen)."""

    facts: tuple[str, ...]
    candidates: tuple[tuple[str, str, float, bool], ...]
    coverage: tuple[tuple[str, str], ...]


class Page:
    """One forecast, written for people."""

    def __init__(
        self,
        state: State,
        history: History,
        found: Forecast,
        stored: Sequence[ForecastRun],
        currency: str,
        parts: Sequence[Part] = (),
    ) -> None:
        self.parts = parts
        self.state, self.history, self.found, self.stored, self.currency = state, history, found, stored, currency
        self.ahead = history.ahead(found.horizon)

    def text(self, value: float) -> str:
        shown: Any = amount(self.state.measure, max(value, 0.0))
        if self.state.declared.format in ("tokens", "count"):
            shown = round(value)
        return values.text(self.state.declared, shown, self.currency)

    # ---- figures ---------------------------------------------------------------------------------------------------
    def facts(self) -> list[Fact]:
        """Total, trend, expected error, and how the newest compared run did."""
        found, state = self.found, self.state
        facts = []
        if state.declared.kind == "sum":
            low, high = self.text(found.total.lower[0.8]), self.text(found.total.upper[0.8])
            words = f"{format.level(0.8)} likely {low} to {high}"
            facts.append(Fact(f"Next {state.unit}", self.text(found.total.mean), words))
        else:
            mean = self.text(float(found.mean.mean()))
            facts.append(Fact(f"Next {state.unit}", mean, f"the mean {state.grain}"))
        change = found.trend
        words = "nothing to compare with" if change is None else "against as long before"
        facts.append(Fact("Change", format.signed_percent(change), words))
        error = found.backtest.error
        facts.append(
            Fact(
                "Expected error", format.percent(error), f"of a {state.grain}, from {found.backtest.origins} back-tests"
            )
        )
        scored = next((run for run in self.stored if run.scored_steps and run.error is not None), None)
        facts.append(
            Fact(
                "Last forecast",
                format.percent(scored.error),
                f"off over {scored.scored_steps} {state.grain}{'' if scored.scored_steps == 1 else 's'}",
            )
            if scored
            else Fact("Last forecast", format.DASH, "none is over yet")
        )
        return facts

    def summary(self) -> str:
        """One sentence."""
        found = self.found
        first = self.text(float(found.mean[0]))
        low, high = self.text(float(found.lower[0.95][0])), self.text(float(found.upper[0.95][0]))
        text = f"{first} expected for {self._day(self.ahead[0])}, {format.level(0.95)} likely between {low} and {high}"
        if self.state.declared.kind == "sum":
            text = f"{self.text(found.total.mean)} expected in the next {self.state.unit}; {text}"
        return text + "."

    def choice(self) -> Choice:
        found = self.found
        facts = [f"{found.method[0].upper()}{found.method[1:]}: {found.reason}."]
        strong = [(steps, strength) for steps, strength in found.seasonality.items() if strength >= 0.1]
        for steps, strength in strong:
            name = SEASON_WORDS.get((self.state.grain, steps), f"{steps} steps")
            facts.append(f"{format.percent(strength)} of the variation within repeats with the {name}.")
        if not strong and not found.low_confidence:
            facts.append("No season is strong in this history.")
        bias = found.backtest.bias
        if bias is not None:
            way = "too high" if bias > 0 else "too low"
            facts.append(f"In the back-tests it was {format.percent(abs(bias))} {way} on the whole.")
        facts += [f"{note[0].upper()}{note[1:]}." for note in found.notes]
        worst = max((c.backtest_error or 0.0 for c in found.candidates), default=0.0) or 1.0
        rows = tuple(
            (c.method, format.percent(c.backtest_error), min(1.0, (c.backtest_error or 0.0) / worst), i == 0)
            for i, c in enumerate(found.candidates)
        )
        coverage = tuple(
            (format.level(level), format.percent(share)) for level, share in sorted(found.backtest.coverage.items())
        )
        return Choice(tuple(facts), rows, coverage)

    # ---- chart -----------------------------------------------------------------------------------------------------
    def card(self, csv_url: str = "") -> Card:
        table = Table(
            f"{self.state.grain.capitalize()} ({self.history.zone})",
            (self.state.declared.label, *(f"{band:.0%} from".replace("%", " %") for band in BANDS),
             *(f"{band:.0%} to".replace("%", " %") for band in BANDS)),
            tuple(self._row(i) for i in range(self.found.horizon)),
        )  # fmt: skip
        return Card(
            id="forecast",
            title=f"{self.state.declared.label}, the next {self.state.unit}",
            summary=self.summary(),
            unit=values.unit(self.state.declared, self.currency),
            table=table,
            figure=self._figure(),
            legend=self._legend(),
            csv_url=csv_url,
        )

    def _row(self, i: int) -> Row:
        cells = [self.found.mean, *(self.found.lower[band] for band in BANDS), *(self.found.upper[b] for b in BANDS)]
        figures = [float(line[i]) for line in cells]
        exact = tuple(values.exact(amount(self.state.measure, figure)) for figure in figures)
        return Row(self._label(self.ahead[i]), tuple(map(self.text, figures)), exact, self.ahead[i].isoformat())

    def _figure(self) -> charts.Figure:
        shown = min(len(self.history.values), max(LEAST_PAST, PAST_STEPS * self.found.horizon))
        past = [None if value != value else float(value) for value in self.history.values[-shown:].tolist()]
        times = [*self.history.times[-shown:], *self.ahead]
        gap: list[float | None] = [None] * shown
        bands = [
            charts.Band(
                format.level(band), gap + self._plotted(self.found.lower[band]),
                gap + self._plotted(self.found.upper[band]),
            )
            for band in reversed(BANDS)
        ]  # fmt: skip
        mean: list[float | None] = [*gap, *self._plotted(self.found.mean)]
        known = [*(value for value in past if value is not None), *self.found.upper[0.95].tolist()]
        top = max(known, default=0.0) / (values.MS_PER_S if self.state.declared.format == "duration" else 1)
        plot = charts.Plot(
            [f"{at:%Y-%m-%dT%H:%M:%S}" for at in times], self.state.grain,
            values.axis(self.state.declared, self.currency, top),
        )  # fmt: skip
        line = [*(None if value is None else values.plotted(self.state.declared, value) for value in past)]
        return charts.forecast(
            plot,
            self._series("Measured", line + [None] * len(self.ahead), past),
            self._series("Expected", mean, [*gap, *self.found.mean.tolist()]),
            bands,
            self._earlier(times),
        )

    def _plotted(self, line: Any) -> list[float | None]:
        return [values.plotted(self.state.declared, float(value)) for value in line]

    def _series(self, name: str, line: Sequence[float | None], shown: Sequence[float | None]) -> charts.Series:
        texts = [f"{name} {self.text(value)}" if value is not None else "" for value in shown]
        return charts.Series(name, 0, line, [*texts, *[""] * (len(line) - len(texts))])

    def _earlier(self, times: Sequence[datetime]) -> charts.Series | None:
        """The chosen earlier run, where it meets what is shown."""
        run = self._chosen()
        if run is None:
            return None
        places = {at.timestamp(): i for i, at in enumerate(times)}
        first = places.get(run.origin_at.timestamp())
        if first is None:
            return None
        line: list[float | None] = [None] * len(times)
        shown = list(line)
        for i, value in enumerate(run.mean[: len(times) - first]):
            shown[first + i], line[first + i] = value, values.plotted(self.state.declared, value)
        return self._series("Expected then", line, shown)

    def _chosen(self) -> ForecastRun | None:
        return next((run for run in self.stored if str(run.pk) == self.state.run), None)

    def _legend(self) -> tuple[LegendEntry, ...]:
        entries = [
            LegendEntry("Measured", colors.color(0), is_line=True),
            LegendEntry("Expected", colors.color(1), is_line=True),
        ]
        entries.append(LegendEntry(f"50, 80 and {format.level(0.95)} intervals", colors.color(1)))
        run = self._chosen()
        if run:
            entries.append(LegendEntry(f"Expected on {self._label(run.origin_at)}", charts.BEFORE_COLOR, is_line=True))
        return tuple(entries)

    # ---- earlier runs ----------------------------------------------------------------------------------------------
    def runs(self) -> list[RunRow]:
        return [self._run(run) for run in self.stored[:SHOWN_RUNS]]

    def _run(self, run: ForecastRun) -> RunRow:
        over = bool(run.scored_steps)
        good = run.error is None or run.expected_error is None or run.error <= 1.5 * max(run.expected_error, 0.02)
        is_shown = str(run.pk) == self.state.run
        return RunRow(
            origin=format.local(run.origin_at, self.history.zone),
            method=run.method,
            expected=format.percent(run.expected_error),
            compared=f"{run.scored_steps} of {run.horizon}",
            error=format.percent(run.error) if over else format.DASH,
            bias=format.signed_percent(run.bias if over else None),
            coverage=format.percent(run.coverage) if over else format.DASH,
            tone="" if not over else "ok" if good else "warn",
            url=self.state.url(run="" if is_shown else str(run.pk)),
            is_shown=is_shown,
        )

    def _label(self, at: datetime) -> str:
        local = format.local(at, self.history.zone)
        return f"{local:%a %-d %b, %H:%M}" if self.state.grain == "hour" else f"{local:%a %-d %b %Y}"

    def _day(self, at: datetime) -> str:
        local = format.local(at, self.history.zone)
        return {"hour": f"{local:%-d %B, %H:%M}", "month": f"{local:%B %Y}", "week": f"the week of {local:%-d %B}"}.get(
            self.state.grain, f"{local:%A, %-d %B}"
        )


@dataclass(frozen=True, slots=True)
class PartRow:
    """A team, or a project below its team."""

    name: str
    is_team: bool
    total: str
    low: str
    high: str


def part_rows(parts: Sequence[Part], currency: str, names: Mapping[str, str]) -> list[PartRow]:
    """Teams from dearest to cheapest, each followed by its projects; `names` by id."""
    found = []
    for team in parts:
        if team.level == "team":
            found.append(_part_row(team, currency, names))
            found += [_part_row(part, currency, names) for part in parts if _team_of(part) == team.id]
    return found


def _team_of(part: Part) -> str:
    """The team's part that a project's part belongs to; empty for a team."""
    if part.level == "team":
        return ""
    return part.id if part.id == "other" else part.team or "none"


def _part_row(part: Part, currency: str, names: Mapping[str, str]) -> PartRow:
    bounds = next(each for each in part.total.intervals if each.level == 0.8)
    mean, low, high = (format.money(value, currency) for value in (part.total.mean, bounds.lower, bounds.upper))
    return PartRow(names.get(part.id, part.name), part.level == "team", mean, low, high)
