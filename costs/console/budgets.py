"""Budgets: how far each is used in its running period, what is held and left, and when it runs out."""

from dataclasses import dataclass

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from analytics.console.format import money
from costs.choices import Enforcement
from costs.models import Budget
from costs.usage import USED_UP, BudgetUsage, Usage, usage_of
from gateway.console.names import names_of
from gateway.console.registry import ConsoleSite
from gateway.console.scope import frame, may_administer
from gateway.scopes import ORGANIZATION, is_each

PER_PAGE = 50
WARN_AT = 0.8


@dataclass(frozen=True, slots=True)
class Row:
    """One budget as the page shows it; money in words. `share`: 0–1 and more when overdrawn."""

    budget: Budget
    usage: Usage
    about: str
    share: float
    tone: str
    figures: str
    spent: str
    held: str
    remaining: str
    pill: str
    pill_tone: str


@require_safe
def budget_list(request: HttpRequest, site: ConsoleSite) -> HttpResponse:
    """Budgets of the organization that the person sees, fifty a page. Three queries, one more where budgets roll over,
    one more for each kind of thing that they are named after."""
    context, organization = frame(request, site, "Budgets")
    rows = Budget.objects.visible_to(request.user).filter(organization=organization, archived_at=None)
    page = Paginator(rows, PER_PAGE).get_page(request.GET.get("page"))
    found = usage_of(page.object_list, timezone.now())
    names = names_of(
        (one.budget.scope, value) for one in found for value in (one.budget.scope_value, one.first.subject)
    )
    context |= {
        "rows": [_row(one, names) for one in found],
        "page": page,
        "may_change": may_administer(request, organization),
    }
    return render(request, "console/budgets.html", context)


def _row(one: BudgetUsage, names: dict[tuple[str, str], str]) -> Row:
    budget, usage = one.budget, one.first
    share = usage.utilization if usage.utilization is not None else float(usage.note == USED_UP)
    pill, pill_tone = _pill(budget)
    return Row(
        budget=budget, usage=usage, about=_about(budget, usage, names), share=share, tone=_tone(share),
        figures=f"{money(usage.spent, budget.currency)} of {money(usage.limit, budget.currency)}",
        spent=money(usage.spent, budget.currency), held=money(usage.held, budget.currency),
        remaining=money(usage.remaining, budget.currency), pill=pill, pill_tone=pill_tone,
    )  # fmt: skip


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
    if not is_each(budget.scope_value):
        return f"{kind} {names.get((budget.scope, budget.scope_value), budget.scope_value)}"
    most = names.get((budget.scope, usage.subject), usage.subject)
    return f"Each {kind.lower()}" + (f", most of all {most}" if most else "")
