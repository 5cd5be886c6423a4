"""Showback: what a team spent, what its cost centres are charged, its budgets and what it could save. Everybody of a
team sees it; owners, administrators and analysts see every team's."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_safe

from analytics.console.format import DASH, change_words, money
from costs.allocation.answers import share
from costs.allocation.showback import Part, Showback, showback
from costs.console.allocation import WIDE, month_of, months_of
from costs.console.recommendations import READERS
from gateway.console.names import names_of
from gateway.console.registry import ConsoleSite
from gateway.console.scope import frame
from gateway.models import Organization, Team
from gateway.services.errors import ServiceError

NO_MODEL = "No model: commitments and the like"


@dataclass(frozen=True, slots=True)
class Row:
    """A project or a model; money in words."""

    name: str
    share: float
    amount: str
    before: str
    requests: int


@require_safe
def showback_home(request: HttpRequest, site: ConsoleSite) -> HttpResponse:
    """The teams whose showback one sees; the only one at once."""
    context, organization = frame(request, site, "Showback")
    teams = list(_teams(request, organization))
    if len(teams) == 1:
        return redirect("admin:showback", teams[0].pk)
    return render(request, "console/showback/teams.html", context | {"teams": teams})


@require_safe
def showback_page(request: HttpRequest, site: ConsoleSite, team_id: UUID) -> HttpResponse:
    """One team's month."""
    context, organization = frame(request, site, "Showback")
    team = get_object_or_404(_teams(request, organization).select_related("organization"), pk=team_id)
    month = month_of(request, organization)
    context |= {
        "title": f"Showback {team.name}", "team": team, "month": month, "months": months_of(organization),
        "teams": _teams(request, organization), "is_wide": _has_role(request, organization, WIDE),
        "may_open": _has_role(request, organization, READERS),
    }  # fmt: skip
    try:
        context |= _figures(showback(team, month))
    except ServiceError as error:
        context["problem"] = error.message
    return render(request, "console/showback/page.html", context)


def _teams(request: HttpRequest, organization: Organization) -> Any:
    return Team.objects.visible_to(request.user).filter(organization=organization, archived_at=None).order_by("name")


def _has_role(request: HttpRequest, organization: Organization, roles: Any) -> bool:
    user: Any = request.user
    return bool(user.is_superuser or getattr(organization, "role", None) in roles)


def _figures(found: Showback) -> dict[str, Any]:
    currency = found.currency
    compared = "as much of the month before" if found.is_running else "the month before"
    names = names_of((one.budget.scope, one.budget.scope_value) for one in found.budgets)
    return {
        "found": found, "spent": money(found.spent, currency), "change": change_words(found.change, compared),
        "charged": money(found.total_charged, currency), "unallocated": money(found.unallocated, currency),
        "unallocated_share": found.unallocated_share, "notes": found.notes, "compared": compared,
        "projects": _rows(found.by_project, found), "models": _rows(found.by_model, found),
        "centers": [
            (one.center, money(one.amount, currency), money(one.corrections, currency), money(one.total, currency),
             [(part["name"], money(Decimal(part["amount"]), currency)) for part in one.basis])
            for one in found.charged
        ],
        "budgets": [
            (one.budget.name, names.get((one.budget.scope, one.budget.scope_value), found.team.name),
             one.first.utilization or 0.0,
             f"{money(one.first.spent, one.budget.currency)} of {money(one.first.limit, one.budget.currency)}")
            for one in found.budgets
        ],
        "savings": [(one, money(one.monthly_saving, one.currency)) for one in found.recommendations],
    }  # fmt: skip


def _rows(parts: Sequence[Part], found: Showback) -> list[Row]:
    return [
        Row(
            part.name or NO_MODEL, share(part.amount, found.spent) or 0.0, money(part.amount, found.currency),
            money(part.previous, found.currency) if part.previous else DASH, part.requests,
        )
        for part in parts
    ]  # fmt: skip
