"""What the controls of a page of figures offer, and the filters in force as chips."""

from __future__ import annotations

from dataclasses import dataclass

from analytics.console.cards import buckets, labels
from analytics.console.questions import Questions, attempt
from analytics.console.usage import dimensions
from analytics.console.usage.state import COMPARISONS, TOPS, VIEWS, State
from analytics.metrics import DIMENSIONS, MEASURES
from analytics.models import DeclaredTag
from gateway.console.parts import Tab

HEADINGS = {
    "count": "Requests and people", "tokens": "Tokens", "money": "Cost", "duration": "Latency", "rate": "Rates",
    "percent": "Shares", "score": "Scores",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Chip:
    """One filter in force; `url` is the page without it."""

    label: str
    value: str
    url: str


@dataclass(frozen=True, slots=True)
class Choices:
    """Options (value, label) of every control; `measures` under headings; `views` as links."""

    measures: tuple[tuple[str, tuple[tuple[str, str], ...]], ...]
    dimensions: tuple[tuple[str, str], ...]
    grains: tuple[tuple[str, str], ...]
    comparisons: tuple[tuple[str, str], ...]
    tops: tuple[int, ...]
    views: tuple[Tab, ...]
    hidden: tuple[tuple[str, str], ...]
    """Parameters that the form of the controls carries along."""
    everything: tuple[tuple[str, str], ...]
    """All parameters, for the form that adds a filter."""


def of(questions: Questions, state: State) -> Choices:
    """The controls of the page that `state` describes. One query, of the declared tags."""
    groups = tuple(
        (heading, tuple((m.name, m.label) for m in MEASURES.values() if m.format == format))
        for format, heading in HEADINGS.items()
    )
    own = {"measure", "by", "grain", "compare", "top"}
    automatic = buckets.WORDS[buckets.automatic(state.period.length)]
    return Choices(
        measures=groups,
        dimensions=tuple((name, dimensions.label(name)) for name in _dimensions(questions, state)),
        grains=(("", f"Automatic ({automatic})"), *((g, buckets.WORDS[g].capitalize()) for g in _grains(state))),
        comparisons=tuple(COMPARISONS.items()),
        tops=TOPS,
        views=tuple(Tab(label, state.url(view=view), state.shown_view == view) for view, label in _views(state)),
        hidden=tuple(pair for pair in state.query if pair[0] not in own),
        everything=tuple(state.query),
    )


def chips(questions: Questions, state: State) -> list[Chip]:
    """The filters in force. One query per dimension of ids."""
    called = labels.chips(questions.user, questions.organization, state.filters)
    return [
        Chip(dimensions.label(dimension), name, state.url(filters=state.without(dimension, value)))
        for dimension, values in called.items()
        for value, name in values
    ]


def _dimensions(questions: Questions, state: State) -> list[str]:
    """Declared dimensions, the organization's tags, and whatever the address names."""
    rows = DeclaredTag.objects.visible_to(questions.user).filter(organization=questions.organization)
    tags = attempt("tags", lambda: [f"{dimensions.TAG}{key}" for key in rows.values_list("key", flat=True)]) or []
    named = [*DIMENSIONS, *tags, *([state.by] if state.by else [])]
    return [name for name in dict.fromkeys(named) if dimensions.is_known(name)]


def _grains(state: State) -> list[str]:
    return buckets.usable(state.period.length)


def _views(state: State) -> list[tuple[str, str]]:
    """Views that the measure allows: parts that do not add up are not stacked, nor summed by the hour."""
    left_out = set()
    if not state.declared.is_additive:
        left_out.add("stacked")
    if state.declared.kind != "sum" and state.view != "heat":
        left_out.add("heat")
    return [(view, label) for view, label in VIEWS.items() if view not in left_out]
