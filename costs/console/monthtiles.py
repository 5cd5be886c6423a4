"""Tiles about the running month that more than one page shows: what is spent, where it leads, what could be saved."""

from __future__ import annotations

from typing import Any

from django.utils.safestring import SafeString

from analytics.answers.questions import Questions
from analytics.console import format
from analytics.console.cards import Why
from analytics.console.cards.why import asked
from analytics.console.periods import next_quarter
from analytics.console.tiles import Tile
from analytics.query import Query, Result
from costs.analysis import now
from costs.models import Recommendation
from costs.recommendations.reading import search_of, total_of

LEVEL = 0.8
FIGURES = ("cost", "saved_by_cache", "unpriced_requests", "requests")


def month_so_far(questions: Questions, running: now.Running) -> Result:
    """The month so far against as much of the month before. One question."""
    before, end = running.last_month_start, next_quarter(running.now)
    return questions.ask(
        Query(
            measures=asked(*FIGURES), start=running.month_start, end=end, timezone=running.zone,
            compare_to=(before, min(before + (end - running.month_start), running.month_start)),
        )
    )  # fmt: skip


def tile(
    label: str, name: str, value: str, exact: str, words: str, explained: Why | None = None, change: float | None = None
) -> Tile:
    """A tile of a cost: more of it is bad."""
    tone = "neutral" if change is None or abs(change) < 0.005 else "bad" if change > 0 else "good"
    arrow = "" if tone == "neutral" else "up" if tone == "bad" else "down"
    return Tile(label, value, exact, words, tone, arrow, SafeString(), name, explained)


def spent(month: Result, explained: Why | None = None) -> Tile:
    cost: Any = month.totals["cost"]
    change: Any = month.change["cost"]
    return tile(
        "Month to date", "cost", format.money_short(cost, month.currency), format.exact_money(cost, month.currency),
        "nothing was spent last month by then" if change is None else format.change_words(change, "last month by then"),
        explained, change,
    )  # fmt: skip


def projected(ahead: now.Outlook | None, currency: str) -> Tile:
    """What the month will have cost, with its interval."""
    month = ahead.month if ahead else None
    if month is None:
        return tile("Projected month", "projected", format.DASH, "nothing to project from", "no whole day of use yet")
    low, high = (format.money_short(bound, currency) for bound in bounds(month))
    return tile(
        "Projected month", "projected", format.money_short(month.mean, currency),
        format.exact_money(month.mean, currency), f"{format.level(LEVEL)} likely {low} to {high}",
    )  # fmt: skip


def bounds(projection: now.Projection) -> tuple[Any, Any]:
    """The interval that pages show."""
    found = next(interval for interval in projection.intervals if interval.level == LEVEL)
    return found.lower, found.upper


def last_month(questions: Questions, running: now.Running, ahead: now.Outlook | None, currency: str) -> Tile:
    """All of the month before, and the projection against it. One question."""
    last: Any = questions.ask(
        Query(measures=("cost",), start=running.last_month_start, end=running.month_start, timezone=running.zone)
    ).totals["cost"]  # fmt: skip
    month = ahead.month if ahead else None
    change = float((month.mean - last) / last) if month and last else None
    words = format.change_words(change, "all of last month") if change is not None else "nothing to compare with"
    return tile(
        "Last month", "last_month", format.money_short(last, currency), format.exact_money(last, currency),
        f"projected: {words}" if change is not None else words, None, change,
    )  # fmt: skip


def savings(questions: Questions) -> Tile:
    """What the open recommendations that the person sees would save together, with its interval. Two queries."""
    seen = Recommendation.objects.visible_to(questions.user).filter(organization=questions.organization)
    total = total_of(search_of(questions.organization), list(seen.open().only("joint_saving")))
    if total.searched_at is None:
        return tile("Savings found", "savings", format.DASH, "no search has run", "no search has run yet")
    words = "a month"
    if total.interval and total.saving:
        low, high = (format.money_short(one, total.currency) for one in (total.interval.lower, total.interval.upper))
        words = f"{format.level(float(total.interval.level))} likely {low} to {high} a month"
    return tile(
        "Savings found", "savings", format.money_short(total.saving, total.currency),
        format.exact_money(total.saving, total.currency), words,
    )  # fmt: skip
