"""Budgets: how far each is used in its running period, what is held and left, when it runs out, and what binds."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from analytics.alerts.models import AlertRule
from analytics.console.format import money
from costs.alerts import DEFAULT_THRESHOLDS, BudgetSource
from costs.choices import Enforcement
from costs.hierarchy import Standing, standings
from costs.models import Budget
from costs.usage import PACE, USED_UP, BudgetUsage, Usage, usage_of
from gateway.choices import LimitScope
from gateway.console.names import names_of
from gateway.console.registry import ConsoleSite
from gateway.console.scope import frame, may_administer
from gateway.models import Organization
from gateway.scopes import ORGANIZATION, is_each

PER_PAGE = 50
WARN_AT = 0.8
WARNINGS = 5
MOST_PARENTS = 3


@dataclass(frozen=True, slots=True)
class Row:
    """One budget as the page shows it; money in words. `share`: 0–1 and more when overdrawn; `ahead`: the same of what
    is expected by the end of the period, None without a forecast; `marks`: its thresholds, 0–1. `between`: the interval
    of the day it is used up, or what there is instead. `under`: the budgets over it; `binds`: of these the one that is
    in the way first, with what is left of it."""

    budget: Budget
    usage: Usage
    about: str
    share: float
    tone: str
    figures: str
    held: str
    remaining: str
    pill: str
    pill_tone: str
    ahead: float | None
    marks: Sequence[float]
    expected: str
    between: str
    under: str
    binds: str


@require_safe
def budget_list(request: HttpRequest, site: ConsoleSite) -> HttpResponse:
    """Budgets of the organization that the person sees, fifty a page. Ten queries at most, one more for each kind of
    thing that they are named after."""
    context, organization = frame(request, site, "Budgets")
    rows = Budget.objects.visible_to(request.user).filter(organization=organization, archived_at=None)
    page = Paginator(rows, PER_PAGE).get_page(request.GET.get("page"))
    shown, warnings = budget_rows(organization, rows, page.object_list, timezone.now())
    context |= {
        "rows": shown,
        "page": page,
        "may_change": may_administer(request, organization),
        "warnings": warnings[:WARNINGS],
        "is_watched": _is_watched(organization),
    }
    return render(request, "console/budgets.html", context)


def budget_rows(
    organization: Organization, visible: Iterable[Budget], chosen: Iterable[Budget], at: datetime
) -> tuple[list[Row], list[str]]:
    """`chosen` as pages show them, and what is to be warned of. `visible`: every live budget that the person sees."""
    found = usage_of(chosen, at)
    stand = standings(organization.pk, visible, found, at)
    names = names_of(
        (one.budget.scope, value) for one in found for value in (one.budget.scope_value, one.first.subject)
    )
    rows = [_row(one, stand[one.budget.pk, one.first.subject], names) for one in found]
    return rows, [text for standing in stand.values() for text in standing.warnings]


def _is_watched(organization: Organization) -> bool:
    """Whether a rule tells of thresholds."""
    rules = AlertRule.objects.filter(organization=organization, source=BudgetSource.name, archived_at=None)
    return rules.filter(is_enabled=True).exists()


def _row(one: BudgetUsage, standing: Standing, names: dict[tuple[str, str], str]) -> Row:
    budget, usage = one.budget, one.first
    share = usage.utilization if usage.utilization is not None else float(usage.note == USED_UP)
    pill, pill_tone = _pill(budget)
    binding = next((above for above in standing.parents if above.budget == standing.binding), None)
    ahead, marks = _ahead(usage), _marks(budget)
    return Row(
        budget=budget, usage=usage, about=_about(budget, usage, names), share=share, tone=_tone(share),
        figures=f"{money(usage.spent, budget.currency)} of {money(usage.limit, budget.currency)}",
        held=money(usage.held, budget.currency),
        remaining=money(usage.remaining, budget.currency), pill=pill, pill_tone=pill_tone,
        ahead=ahead, marks=marks, expected=_expected(budget, usage),
        between=_between(budget, usage), under=_under([above.budget.name for above in standing.parents]),
        binds=f"{binding.budget.name} binds: {money(binding.usage.remaining, budget.currency)} left" if binding else "",
    )  # fmt: skip


def _marks(budget: Budget) -> list[float]:
    """Where it is told of: its thresholds up to all of it, those that stand without its own."""
    thresholds: Iterable[Mapping[str, Any]] = budget.alert_thresholds or DEFAULT_THRESHOLDS
    return sorted({mark for one in thresholds if (mark := one["percent"] / 100) <= 1})


def _under(names: Sequence[str]) -> str:
    """`Search › Whole company`, of many the nearest: `Search › Research › Products and 4 more`."""
    more = f" and {len(names) - MOST_PARENTS} more" if len(names) > MOST_PARENTS else ""
    return " › ".join(names[:MOST_PARENTS]) + more


def _ahead(usage: Usage) -> float | None:
    heading = usage.outlook
    if heading is None or heading.expected is None or not usage.limit:
        return None
    return float(heading.expected / usage.limit)


def _expected(budget: Budget, usage: Usage) -> str:
    """`$522.80 expected ($488.10 to $554.50)`; empty without a forecast."""
    heading = usage.outlook
    if heading is None or heading.expected is None or heading.lower is None or heading.upper is None:
        return ""
    mean, lower, upper = (money(part, budget.currency) for part in (heading.expected, heading.lower, heading.upper))
    return f"{mean} expected ({lower} to {upper})"


def _between(budget: Budget, usage: Usage) -> str:
    """`2026-11-22 to 2026-11-28`, days of the budget's zone with 80 % probability."""
    heading, zone = usage.outlook, ZoneInfo(budget.timezone)
    if heading is None or usage.note == USED_UP:
        return ""
    if heading.basis == PACE:
        return f"At the pace so far. {heading.note}" if usage.exhausts_at else ""
    if heading.earliest is None:
        return ""
    first = f"{heading.earliest.astimezone(zone):%Y-%m-%d}"
    if usage.exhausts_at is None:
        return f"Perhaps as early as {first}."
    doubt = ", a guess from little history" if heading.low_confidence else ""
    last = f"{heading.latest.astimezone(zone):%Y-%m-%d}" if heading.latest else "after the period"
    return f"{first} to {last}{doubt}"


def _tone(share: float) -> str:
    return "bad" if share >= 1 else "warn" if share >= WARN_AT else ""


def _pill(budget: Budget) -> tuple[str, str]:
    if budget.is_shadow:
        return "Shadow", "warn"
    return ("Hard", "ok") if budget.enforcement == Enforcement.HARD else ("Soft", "")


def _about(budget: Budget, usage: Usage, names: dict[tuple[str, str], str]) -> str:
    """`Team Search`; of a budget for each, the subject that spent most: `Each end user: ann`."""
    kind = budget.get_scope_display()
    if budget.scope == ORGANIZATION:
        return kind
    if budget.scope not in LimitScope.values:
        return "Nothing: its scope is unknown. Archive it."
    if not is_each(budget.scope_value):
        return f"{kind} {names.get((budget.scope, budget.scope_value), budget.scope_value)}"
    most = names.get((budget.scope, usage.subject), usage.subject)
    return f"Each {kind.lower()}" + (f", most of all {most}" if most else "")
