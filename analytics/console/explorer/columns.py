"""Columns of the list: which there are, which a person has chosen, what stands in each cell."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest

from analytics.console import format
from analytics.console.explorer.filters import UUIDS, Names
from gateway.models import LedgerLine

SESSION_KEY = "console_request_columns"
DEFAULT = ("project", "model", "status", "tokens", "ttft", "duration", "cost")
SMALL = ("model", "status", "cost")
TONES = {"ok": "ok", "cancelled": "muted", "denied": "warn"}


@dataclass(frozen=True, slots=True)
class Cell:
    """`tone`: drawn as a pill; `title`: the exact value."""

    text: str
    title: str = ""
    tone: str = ""
    css: str = ""


@dataclass(frozen=True, slots=True)
class Column:
    name: str
    label: str
    cell: Callable[[LedgerLine, Names], Cell]
    is_number: bool = False

    @property
    def css(self) -> str:
        return " ".join(["num"] * self.is_number + ["hide-small"] * (self.name not in SMALL))


@dataclass(frozen=True, slots=True)
class Choice:
    """A column in the chooser."""

    name: str
    label: str
    is_shown: bool


def _named(dimension: str) -> Callable[[LedgerLine, Names], Cell]:
    def cell(line: LedgerLine, names: Names) -> Cell:
        value = getattr(line, dimension)
        text = names.get(dimension, {}).get(str(value), str(value)[:8]) if value is not None else format.DASH
        return Cell(text, text, css="cut")

    return cell


def _plain(column: str) -> Callable[[LedgerLine, Names], Cell]:
    def cell(line: LedgerLine, names: Names) -> Cell:
        value = getattr(line, column)
        text = format.DASH if value in (None, "") else str(value)
        return Cell(text, text, css="cut")

    return cell


def _count(column: str) -> Callable[[LedgerLine, Names], Cell]:
    return lambda line, names: Cell(format.number(getattr(line, column)))


def _time(column: str) -> Callable[[LedgerLine, Names], Cell]:
    return lambda line, names: Cell(format.duration(getattr(line, column)))


def _model(line: LedgerLine, names: Names) -> Cell:
    model = line.model_served or line.model_requested or format.DASH
    asked = line.model_requested or model
    return Cell(model, model if asked == model else f"asked for {asked}", css="cut")


def _status(line: LedgerLine, names: Names) -> Cell:
    return Cell(status_label(line), line.error_type or "", tone=TONES.get(line.status, "bad"))


def _tokens(line: LedgerLine, names: Names) -> Cell:
    parts = f"{format.number(line.input_tokens)} in, {format.number(line.output_tokens)} out"
    return Cell(format.number(line.input_tokens + line.output_tokens), parts)


def _cost(line: LedgerLine, names: Names) -> Cell:
    if line.cost is None:
        return Cell("no price", "No price known", css="none")
    return Cell(format.money_column(line.cost, line.currency), format.exact_money(line.cost, line.currency))


def _rate(line: LedgerLine, names: Names) -> Cell:
    return Cell(f"{line.output_rate:.0f}" if line.output_rate else format.DASH)


def _stream(line: LedgerLine, names: Names) -> Cell:
    return Cell("yes" if line.is_stream else "no")


def status_label(line: LedgerLine) -> str:
    """How it ended, with the HTTP status of what did not go well."""
    if line.kind == "cache_hit":
        return "OK, from cache"
    label = line.get_status_display()
    return f"{label} {line.http_status}" if line.http_status and line.status != "ok" else label


COLUMNS: dict[str, Column] = {
    column.name: column
    for column in (
        Column("project", "Project", _named("project")),
        Column("team", "Team", _named("team")),
        Column("api_key", "Key", _named("api_key")),
        Column("user", "Person", _named("user")),
        Column("end_user", "End user", _plain("end_user")),
        Column("model", "Model", _model),
        Column("provider", "Provider", _plain("provider")),
        Column("route", "Route", _plain("route")),
        Column("endpoint", "Endpoint", _plain("endpoint")),
        Column("status", "Status", _status),
        Column("error_type", "Error", _plain("error_type")),
        Column("is_stream", "Streamed", _stream),
        Column("cache_status", "Cache", _plain("cache_status")),
        Column("sdk", "Client", _plain("sdk")),
        Column("tokens", "Tokens", _tokens, is_number=True),
        Column("input_tokens", "Input tokens", _count("input_tokens"), is_number=True),
        Column("output_tokens", "Output tokens", _count("output_tokens"), is_number=True),
        Column("output_rate", "Tokens/s", _rate, is_number=True),
        Column("ttft", "First token", _time("ttft_ms"), is_number=True),
        Column("duration", "Duration", _time("duration_ms"), is_number=True),
        Column("cost", "Cost", _cost, is_number=True),
    )
}


def chosen(request: HttpRequest) -> list[Column]:
    """The columns of the URL (`columns`, comma-separated, which are remembered), of the session, or the usual ones."""
    asked = _known(",".join(request.GET.getlist("columns")).split(","))
    if asked and request.session.get(SESSION_KEY) != asked:
        request.session[SESSION_KEY] = asked
    names = asked or _known(request.session.get(SESSION_KEY, [])) or list(DEFAULT)
    return [COLUMNS[name] for name in names]


def choices(shown: Sequence[Column]) -> list[Choice]:
    names = {column.name for column in shown}
    return [Choice(column.name, column.label, column.name in names) for column in COLUMNS.values()]


def needed(shown: Sequence[Column]) -> list[str]:
    """Dimensions whose values have to be named."""
    return [column.name for column in shown if column.name in UUIDS]


def cells(line: LedgerLine, shown: Sequence[Column], names: Mapping[str, Mapping[str, str]]) -> list[Any]:
    """Each column with its cell."""
    return [(column, column.cell(line, names)) for column in shown]


def _known(names: object) -> list[str]:
    """In the order of `COLUMNS`."""
    return [name for name in COLUMNS if name in names] if isinstance(names, list) else []
