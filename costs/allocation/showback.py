"""What a team is shown of a month: what it spent, what its cost centres are charged, and what no rule takes.

Read from the ledger and from rules or a locked statement; nothing is charged by it. Money of other currencies stands
beside the sums, never in them.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import connection
from django.utils import timezone

from analytics.patience import TookTooLong, patience
from costs.allocation.answers import PATIENCE_S, TooMuch, share
from costs.allocation.compute import basis, compute, from_stored, rules_of, untaken
from costs.allocation.engine import Range
from costs.allocation.rules import Rule
from costs.allocation.windows import statement_window, window_words
from costs.currencies.foreign import Foreign, foreign
from costs.models import Budget, CostCenter, Recommendation, Statement, StatementStatus
from costs.usage import BudgetUsage, usage_of
from gateway.ledger.schema import TABLE
from gateway.models import Organization, Project, Team

ZERO = Decimal(0)
MOST = 50
TEAM_SCOPES = ("team", "project")
_SPENT = f"""SELECT l.project, l.model_served, l.started_at >= %(start)s, coalesce(sum(l.cost), 0),
    coalesce(sum(l.request_count) FILTER (WHERE l.is_final AND l.kind IN ('attempt', 'cache_hit')), 0)::bigint,
    count(*) FILTER (WHERE l.price_status = 'unpriced' AND l.started_at >= %(start)s)
  FROM {TABLE} l WHERE l.organization = %(organization)s AND l.team = %(team)s
    AND (l.currency = %(currency)s OR l.cost IS NULL) AND (l.started_at >= %(start)s AND l.started_at < %(end)s
      OR l.started_at >= %(before)s AND l.started_at < %(until)s) GROUP BY 1, 2, 3"""


@dataclass(slots=True)
class Part:
    """One project's or model's month; `name` None: calls of no model, such as a commitment's days."""

    id: str
    name: str | None
    amount: Decimal = ZERO
    previous: Decimal = ZERO
    requests: int = 0


@dataclass(frozen=True, slots=True)
class Charge:
    """What one of the team's cost centres is charged. `basis`: {rule, name, method, amount}."""

    center: CostCenter
    amount: Decimal
    corrections: Decimal
    basis: Sequence[Mapping[str, str]]

    @property
    def total(self) -> Decimal:
        return self.amount + self.corrections


@dataclass(frozen=True, slots=True)
class Showback:
    """A team's month. `previous`: as much of the month before. `charged` by a locked `statement`, else by the rules as
    they stand. `unallocated`: what no rule takes of `spent`. `budgets` as they are now, of the team and its projects;
    `recommendations` that are open, with the largest saving first."""

    team: Team
    month: date
    window: Range
    before: Range
    currency: str
    is_running: bool
    by_project: Sequence[Part]
    by_model: Sequence[Part]
    unpriced_lines: int
    unallocated: Decimal
    charged: Sequence[Charge]
    statement: Statement | None
    other_currencies: Sequence[Foreign]
    budgets: Sequence[BudgetUsage]
    recommendations: Sequence[Recommendation]

    @property
    def spent(self) -> Decimal:
        return sum((part.amount for part in self.by_project), ZERO)

    @property
    def previous(self) -> Decimal:
        return sum((part.previous for part in self.by_project), ZERO)

    @property
    def requests(self) -> int:
        return sum(part.requests for part in self.by_project)

    @property
    def change(self) -> float | None:
        return share(self.spent - self.previous, self.previous)

    @property
    def unallocated_share(self) -> float | None:
        return share(self.unallocated, self.spent)

    @property
    def total_charged(self) -> Decimal:
        return sum((one.total for one in self.charged), ZERO)

    @property
    def notes(self) -> list[tuple[str, str]]:
        found = []
        if words := window_words(self.team.organization, self.month, self.window):
            found.append(("locked_window", words))
        if self.unpriced_lines:
            found.append(("unpriced", f"{self.unpriced_lines:,} lines have no price; they are not in it."))
        for one in self.other_currencies:
            by_rate = f", {one.converted:,.2f} {self.currency} by the rates of the days" if one.converted else ""
            words = f"{one.amount:,.2f} {one.currency} were spent too{by_rate}; that is in no figure here."
            found.append(("other_currency", words))
        return found


def showback(team: Team, month: date, currency: str = "") -> Showback:
    """The month named by its first day: the hours of its locked statement, else by the organization's zone. Whoever
    calls has made sure that the reader may see the team. Raises `TooMuch` when the ledger of the month is too long to
    be read while somebody waits."""
    organization, now = team.organization, timezone.now()
    wanted = (currency or organization.currency).strip().upper()
    window = statement_window(organization, month, wanted)
    before = statement_window(organization, (month - timedelta(days=1)).replace(day=1), wanted)
    is_running = window[0] <= now < window[1]
    if is_running:
        before = (before[0], min(before[1], before[0] + (now - window[0])))
    try:
        with patience(PATIENCE_S):
            projects, models, unpriced = _spent(team, window, before, wanted)
            statement = _locked(organization, month, wanted)
            known = [from_stored(row) for row in statement.rules] if statement else rules_of(organization, window)
            return Showback(
                team=team, month=month, window=window, before=before, currency=wanted, is_running=is_running,
                by_project=projects, by_model=models, unpriced_lines=unpriced,
                unallocated=untaken(organization, window, wanted, known, team.pk),
                charged=_of_statement(statement, team) if statement else _by_rules(team, window, wanted, known),
                statement=statement, other_currencies=foreign(organization.pk, *window, wanted, team=team.pk),
                budgets=budgets_of(team, now), recommendations=recommendations_of(team),
            )  # fmt: skip
    except TookTooLong:
        raise TooMuch("too_much", "That takes too long to read.") from None


def budgets_of(team: Team, at: datetime) -> list[BudgetUsage]:
    """Usage of the team's own budgets and of its projects', most used first."""
    rows = Budget.objects.filter(
        organization=team.organization, team=team, scope__in=TEAM_SCOPES, archived_at=None
    ).order_by("name")  # fmt: skip
    return sorted(usage_of(rows[:MOST], at), key=lambda one: -(one.first.utilization or 0))


def recommendations_of(team: Team) -> list[Recommendation]:
    rows = Recommendation.objects.filter(organization=team.organization, team=team.pk).open()
    return list(rows.order_by("-monthly_saving", "id")[:MOST])


def _spent(team: Team, window: Range, before: Range, currency: str) -> tuple[list[Part], list[Part], int]:
    """By project and by model, largest first, and how many lines of the month have no price. Two queries."""
    parameters: dict[str, Any] = {
        "organization": team.organization_id, "team": team.pk, "currency": currency, "start": window[0],
        "end": window[1], "before": before[0], "until": before[1],
    }  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(_SPENT, parameters)
        rows = cursor.fetchall()
    names = dict(Project.objects.filter(organization=team.organization_id).values_list("pk", "name"))
    projects: dict[UUID, Part] = {}
    models: dict[str | None, Part] = {}
    unpriced = 0
    for project, model, is_now, amount, requests, without in rows:
        unpriced += without
        of_project = projects.setdefault(project, Part(str(project), names.get(project) or str(project)))
        for part in (of_project, models.setdefault(model, Part(model or "", model))):
            part.amount += amount if is_now else ZERO
            part.previous += ZERO if is_now else amount
            part.requests += requests if is_now else 0
    return list(_ranked(projects)), list(_ranked(models)), unpriced


def _ranked(parts: Mapping[Any, Part]) -> Iterator[Part]:
    yield from sorted(parts.values(), key=lambda part: (-part.amount, -part.previous, part.id))


def _locked(organization: Organization, month: date, currency: str) -> Statement | None:
    rows = Statement.objects.filter(organization=organization, month=month, currency=currency)
    return rows.filter(status=StatementStatus.LOCKED).first()


def _of_statement(statement: Statement, team: Team) -> list[Charge]:
    """What a locked month charges to the team's cost centres. Two queries."""
    corrected: dict[UUID, Decimal] = defaultdict(Decimal)
    centers: dict[UUID, CostCenter] = {}
    for correction in statement.corrections.filter(cost_center__team=team).select_related("cost_center"):
        corrected[correction.cost_center_id] += correction.amount
        centers[correction.cost_center_id] = correction.cost_center
    items = {item.cost_center_id: item for item in statement.items.filter(cost_center__team=team).select_related(
        "cost_center")}  # fmt: skip
    centers |= {identity: item.cost_center for identity, item in items.items()}
    charged = [
        Charge(
            center, items[identity].amount if identity in items else ZERO, corrected[identity],
            items[identity].basis if identity in items else (),
        )
        for identity, center in centers.items()
    ]  # fmt: skip
    return sorted(charged, key=lambda one: (-one.total, one.center.code))


def _by_rules(team: Team, window: Range, currency: str, known: Sequence[Rule]) -> list[Charge]:
    """What today's rules charge to the team's cost centres; the ledger is read when it has any."""
    centers = {row.pk: row for row in CostCenter.objects.filter(organization=team.organization, team=team)}
    if not centers:
        return []
    done = compute(team.organization, window, currency, known, [window])
    charged = [
        Charge(centers[identity], amount, ZERO, list(basis(done, identity)))
        for identity, amount in done.amounts.items()
        if identity in centers
    ]
    return sorted(charged, key=lambda one: (-one.total, one.center.code))
