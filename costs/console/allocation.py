"""Allocation: who carries a month's costs, the rules that say so, statements; owners of cost centres see theirs."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from analytics.console.format import local, money, percent
from costs.allocation import answers, documents
from costs.allocation.compute import month_window, this_month
from costs.allocation.rules import DIMENSIONS, METRICS
from costs.allocation.windows import statement_window, window_words
from costs.models import AllocationRule, CostCenter, Statement, StatementItem, StatementStatus
from costs.services import allocation, statementmail, statements
from gateway.choices import Role
from gateway.console.names import names_of
from gateway.console.registry import ConsoleSite
from gateway.console.scope import ADMINISTRATORS, actor, frame, may_administer
from gateway.models import Organization
from gateway.services.errors import Conflict, Invalid, ServiceError

WIDE = ADMINISTRATORS | {Role.ANALYST}
MONTHS_SHOWN = 13
OPS = {"in": "is", "not_in": "is not", "prefix": "begins with"}
MOST_NAMED = 3
SCOPES = {"team": "team", "project": "project", "api_key": "key", "user": "user"}
SHOWN = 24


class MonthForm(forms.Form):
    """What both forms of the page send along: which one it is, and the month that is shown."""

    month = forms.CharField(widget=forms.HiddenInput)


class CenterForm(MonthForm):
    """A new cost centre."""

    code = forms.CharField(max_length=60, help_text="As accounting knows it.")
    name = forms.CharField(max_length=120)
    monthly_budget = forms.DecimalField(required=False, min_value=0, max_digits=20, decimal_places=10)


class RuleForm(MonthForm):
    """A new rule in force from the chosen month on. Tiers, and dimensions whose values name cost centres, are set up
    over the API."""

    name = forms.CharField(max_length=120)
    position = forms.IntegerField(min_value=0, max_value=1_000_000, initial=100, help_text="Asked in this order.")
    method = forms.ChoiceField(
        choices=[
            ("direct", "Direct: all to one cost centre"), ("fixed", "Fixed: by percentages"),
            ("even", "Even: the same to each"), ("proportional", "Proportional: by what each caused"),
        ],
    )  # fmt: skip
    dimension = forms.CharField(
        required=False, max_length=130, label="Charges whose",
        help_text=f"{', '.join(DIMENSIONS)} or tag.&lt;key&gt;; empty: all that are left.",
    )  # fmt: skip
    values = forms.CharField(
        required=False, label="Is one of", widget=forms.Textarea(attrs={"rows": 2}), help_text="A line for each value."
    )
    centers = forms.CharField(
        label="Cost centres", widget=forms.Textarea(attrs={"rows": 3}),
        help_text="A line for each: its code, and for percentages the percentage, as in 4711 62.5.",
    )  # fmt: skip
    metric = forms.ChoiceField(choices=[(name, name.replace("_", " ")) for name in METRICS], required=False)
    monthly_amount = forms.DecimalField(
        required=False, min_value=0, max_digits=20, decimal_places=10, label="Fixed cost a month",
        help_text="Instead of charges: a platform fee, a commitment.",
    )  # fmt: skip

    def asked(self, organization: Organization) -> dict[str, Any]:
        """Fields of `create_rule`. Raises `Invalid`."""
        data = self.cleaned_data
        lines = [line.split() for line in data["centers"].splitlines() if line.strip()]
        known = {
            row.code: str(row.pk) for row in CostCenter.objects.filter(organization=organization, archived_at=None)
        }
        missing = [line[0] for line in lines if line[0] not in known]
        if missing:
            raise Invalid("cost_center_not_found", f"No cost centre {missing[0]}.", field="centers")
        values = [line.strip() for line in data["values"].splitlines() if line.strip()]
        if bool(values) != bool(data["dimension"]):
            raise Invalid("conditions", "Name a dimension and its values, or neither.", field="values")
        met = [{"dimension": data["dimension"], "op": "in", "values": values}] if values else []
        return {
            "name": data["name"], "position": data["position"], "method": data["method"], "conditions": met,
            "targets": self._targets(lines, known), "monthly_amount": data["monthly_amount"],
        }  # fmt: skip

    def _targets(self, lines: list[list[str]], known: dict[str, str]) -> dict[str, Any]:
        ids = [known[line[0]] for line in lines]
        match self.cleaned_data["method"]:
            case "direct":
                if len(ids) != 1:
                    raise Invalid("targets", "A direct rule has one cost centre.", field="centers")
                return {"cost_center": ids[0]}
            case "even":
                return {"cost_centers": ids}
            case "proportional":
                return {"cost_centers": ids, "metric": self.cleaned_data["metric"] or "cost"}
        if any(len(line) != 2 for line in lines):
            raise Invalid("targets", "Each line has a code and a percentage.", field="centers")
        shares = zip(ids, lines, strict=True)
        return {"shares": [{"cost_center": pk, "percent": line[1].rstrip("%")} for pk, line in shares]}


@dataclass(frozen=True, slots=True)
class Bar:
    """A cost centre's line; money in words. `of_budget`: 0–1 and more, None without a budget."""

    code: str
    name: str
    owner: str
    share: float
    share_text: str
    amount: str
    basis: list[tuple[str, str]]
    of_budget: float | None
    budget: str


@require_http_methods(["GET", "HEAD", "POST"])
def allocation_page(request: HttpRequest, site: ConsoleSite) -> HttpResponse:
    """A month's costs by cost centre, read from the ledger; rules and statements. POST makes a cost centre or a rule.
    Who may not see all of the organization sees what locked statements charge to their own cost centres."""
    context, organization = frame(request, site, "Allocation")
    if not _is_wide(request, organization):
        return render(request, "console/allocation/own.html", context | _own(request, organization))
    month = month_of(request, organization)
    made, center_form, rule_form = _forms(request, organization, month)
    if made:
        return redirect(f"{reverse('admin:allocation')}?month={month:%Y-%m}")
    context |= {
        "month": month, "months": months_of(organization), "may_change": may_administer(request, organization),
        "center_form": center_form, "rule_form": rule_form, "rules": _rules(organization),
        "statements": [
            (row, _when(organization, row.computed_at))
            for row in Statement.objects.visible_to(request.user).filter(organization=organization)[:SHOWN]
        ],
        "centers": CostCenter.objects.filter(organization=organization, archived_at=None).count(),
    }  # fmt: skip
    try:
        context |= _figures(organization, month)
    except ServiceError as error:
        context["problem"] = error.message
    return render(request, "console/allocation/page.html", context)


@require_POST
def statement_make(request: HttpRequest, site: ConsoleSite) -> HttpResponse:
    """Compute the month's statement, or its draft anew."""
    _, organization = frame(request, site, "Statement")
    _check_may(request, organization)
    month = month_of(request, organization)
    made = statements.compute_statement(organization=organization, month=month, actor=actor(request))
    return redirect("admin:statement", made.pk)


@require_POST
def statement_mail(request: HttpRequest, site: ConsoleSite, statement_id: UUID) -> HttpResponse:
    """Mail the locked statement to the owners of its cost centres and the managers of their teams."""
    _, organization = frame(request, site, "Statement")
    _check_may(request, organization)
    row = _statement(request, organization, statement_id)
    try:
        people = statementmail.mail_statement(statement=row, actor=actor(request))
        messages.success(request, f"Mailed to {people} {'person' if people == 1 else 'people'}, each once.")
    except ServiceError as error:
        messages.error(request, error.message)
    return redirect("admin:statement", row.pk)


@require_http_methods(["GET", "HEAD", "POST"])
def statement_page(request: HttpRequest, site: ConsoleSite, statement_id: UUID) -> HttpResponse:
    """One statement; POST locks it."""
    context, organization = frame(request, site, "Statement")
    row = _statement(request, organization, statement_id)
    if request.method == "POST":
        _check_may(request, organization)
        try:
            statements.lock_statement(statement=row, actor=actor(request))
            return redirect("admin:statement", row.pk)
        except ServiceError as error:
            context["problem"] = error.message
    rows, total, corrected = documents.charged_rows(row)
    context |= {
        "statement": row, "title": f"Statement {row.month:%B %Y}",
        "rows": [
            (code, name, *(money(amount, row.currency) for amount in amounts), share, percent(share))
            for code, name, *amounts, share in rows
        ],
        "total": money(total, row.currency), "corrected": money(corrected, row.currency),
        "of_month": money(row.total - row.unallocated, row.currency),
        "unallocated": money(row.unallocated, row.currency),
        "corrections": [
            (f"{item.corrects.month:%B %Y}", item.cost_center.code if item.cost_center else documents.NOBODY,
             money(item.amount, row.currency))
            for item in row.corrections.all()
        ],
        "computed_at": _when(organization, row.computed_at), "locked_at": _when(organization, row.locked_at),
        "is_locked": row.status == StatementStatus.LOCKED, "is_over": row.end <= timezone.now(),
        "may_change": may_administer(request, organization), "formats": documents.FORMATS,
        "others": documents.other_rows(row),
    }  # fmt: skip
    return render(request, "console/allocation/statement.html", context)


@require_safe
def statement_file(request: HttpRequest, site: ConsoleSite, statement_id: UUID, form: str) -> HttpResponse:
    """The statement as PDF, workbook or CSV."""
    _, organization = frame(request, site, "Statement")
    return documents.response(_statement(request, organization, statement_id), form)


@require_POST
def rule_end(request: HttpRequest, site: ConsoleSite, rule_id: UUID) -> HttpResponse:
    """The rule is no longer in force from now on."""
    _, organization = frame(request, site, "Allocation")
    _check_may(request, organization)
    rule = get_object_or_404(
        AllocationRule.objects.visible_to(request.user).filter(organization=organization), pk=rule_id
    )
    with suppress(Conflict):  # it has ended meanwhile, which is what was wanted
        allocation.end_rule(rule=rule, actor=actor(request))
    return redirect("admin:allocation")


def _when(organization: Organization, at: datetime | None) -> str:
    """`2026-06-30 18:15` in the reporting time zone."""
    return f"{local(at, organization.reporting_timezone):%Y-%m-%d %H:%M}" if at else ""


def _is_wide(request: HttpRequest, organization: Organization) -> bool:
    user: Any = request.user
    return bool(user.is_superuser or getattr(organization, "role", None) in WIDE)


def _check_may(request: HttpRequest, organization: Organization) -> None:
    if not may_administer(request, organization):
        raise Http404


def _statement(request: HttpRequest, organization: Organization, statement_id: UUID) -> Statement:
    rows = Statement.objects.visible_to(request.user).filter(organization=organization)
    related = ("items__cost_center", "corrections__cost_center", "corrections__corrects")
    return get_object_or_404(rows.prefetch_related(*related).select_related("organization"), pk=statement_id)


def month_of(request: HttpRequest, organization: Organization) -> date:
    """The month that is asked for: `?month=2026-11`; the running one by default, and for what is none."""
    today = this_month(organization)
    posted = next((request.POST[name] for name in ("month", "rule-month", "center-month") if name in request.POST), "")
    wanted = posted or request.GET.get("month", "")
    try:
        return min(datetime.strptime(wanted, "%Y-%m").replace(tzinfo=UTC).date(), today)
    except ValueError:
        return today


def months_of(organization: Organization) -> list[date]:
    """The last months by their first day, newest first."""
    found = [this_month(organization)]
    while len(found) < MONTHS_SHOWN:
        found.append((found[-1] - timedelta(days=1)).replace(day=1))
    return found


def _forms(request: HttpRequest, organization: Organization, month: date) -> tuple[bool, CenterForm, RuleForm]:
    """Whether something was made, and the forms with what was wrong."""
    which = "center" if "center-month" in request.POST else "rule"
    initial = {"month": f"{month:%Y-%m}"}
    is_post = request.method == "POST"
    center = CenterForm(request.POST if is_post and which == "center" else None, prefix="center", initial=initial)
    rule = RuleForm(request.POST if is_post and which == "rule" else None, prefix="rule", initial=initial)
    if not is_post:
        return False, center, rule
    _check_may(request, organization)

    def make_center() -> None:
        fields: Any = {name: value for name, value in center.cleaned_data.items() if name != "month"}
        allocation.create_cost_center(organization=organization, actor=actor(request), **fields)

    def make_rule() -> None:
        allocation.create_rule(
            organization=organization, actor=actor(request), valid_from=month_window(organization, month)[0],
            **rule.asked(organization),
        )  # fmt: skip

    return (_made(center, make_center) if which == "center" else _made(rule, make_rule)), center, rule


def _made(form: forms.Form, make: Callable[[], None]) -> bool:
    if not form.is_valid():
        return False
    try:
        make()
    except ServiceError as error:
        form.add_error(error.field if error.field in form.fields else None, error.message)
        return False
    return True


def _figures(organization: Organization, month: date) -> dict[str, Any]:
    start, end = statement_window(organization, month, organization.currency)
    body = answers.allocation(organization, start, end, is_month=True)
    currency = body["currency"]
    return {
        "total": money(body["total"], currency), "allocated": money(body["allocated"], currency),
        "unallocated": money(body["unallocated"], currency), "fixed": money(body["fixed"], currency),
        "unallocated_share": body["unallocated_share"], "has_fixed": bool(body["fixed"]), "notes": body["notes"],
        "bars": [_bar(item, currency) for item in body["items"]],
        "window_words": window_words(organization, month, (start, end)),
        "taken": {one["rule"]: (one["lines"], money(one["amount"], currency)) for one in body["rules_applied"]},
    }  # fmt: skip


def _bar(item: dict[str, Any], currency: str) -> Bar:
    row, budget = item["cost_center"], item["budget"]
    return Bar(
        code=row.code, name=row.name, owner=item["owner"] or "", share=item["share"] or 0.0,
        share_text=percent(item["share"]), amount=money(item["amount"], currency),
        basis=[(part["name"], money(Decimal(part["amount"]), currency)) for part in item["basis"]],
        of_budget=float(item["amount"] / budget) if budget else None, budget=money(budget, currency) if budget else "",
    )  # fmt: skip


def _rules(organization: Organization) -> list[tuple[AllocationRule, str]]:
    """Rules that have not ended, each with its conditions in words. One query, and one for each kind of thing named."""
    now = timezone.now()
    rows = AllocationRule.objects.filter(organization=organization)
    kept = [row for row in rows if row.valid_to is None or row.valid_to > now]
    met = [condition for row in kept for condition in row.conditions]
    names = names_of((SCOPES.get(one["dimension"], ""), value) for one in met for value in one["values"])
    return [(row, "; ".join(_words(one, names) for one in row.conditions)) for row in kept]


def _words(condition: dict[str, Any], names: Mapping[tuple[str, str], str]) -> str:
    dimension, values = condition["dimension"], condition["values"]
    known = [names.get((SCOPES.get(dimension, ""), value), value) for value in values]
    listed = ", ".join(known) if len(known) <= MOST_NAMED else f"one of {len(known)}"
    return f"{dimension} {OPS[condition['op']]} {listed}"


def _own(request: HttpRequest, organization: Organization) -> dict[str, Any]:
    """What locked statements charge to the cost centres that the person sees, newest first. Two queries."""
    items = StatementItem.objects.visible_to(request.user).filter(
        statement__organization=organization, statement__status=StatementStatus.LOCKED
    )
    rows = items.select_related("statement", "cost_center").order_by("-statement__month", "cost_center__code")
    return {
        "items": [
            (f"{item.statement.month:%B %Y}", item.cost_center.code, item.cost_center.name,
             money(item.amount, item.statement.currency),
             [(part["name"], money(Decimal(part["amount"]), item.statement.currency)) for part in item.basis])
            for item in rows[: SHOWN * 4]
        ],
        "centers": CostCenter.objects.visible_to(request.user).filter(organization=organization, archived_at=None),
    }  # fmt: skip
