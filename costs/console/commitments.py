"""Commitments and exchange rates: what was agreed, how it is used, what one currency is worth in another."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import Q
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from analytics.console.format import exact_money, money, percent
from costs.choices import CommitmentKind, CommitmentUnitTime
from costs.commitments.reading import Utilisation, utilisation
from costs.console.prices import PER_PAGE, tabs_of
from costs.models import Commitment, ExchangeRate
from costs.services import commitments, currencies
from gateway.console.registry import ConsoleSite
from gateway.console.scope import actor, frame, may_administer, person
from gateway.models import Organization, Project, Provider
from gateway.services.errors import ServiceError

DAYS = 30
MOST = 100


class CommitmentForm(forms.Form):
    """A commitment as it was agreed."""

    name = forms.CharField(max_length=120)
    kind = forms.ChoiceField(choices=CommitmentKind.choices)
    provider = forms.ChoiceField(choices=())
    model = forms.CharField(max_length=200, help_text="Exact name, or a prefix ending in *; * alone: every model.")
    project = forms.ModelChoiceField(
        Project.objects.none(), empty_label="Choose a project", help_text="Where its daily lines are booked."
    )
    amount = forms.DecimalField(min_value=0, max_digits=20, decimal_places=10, help_text="Of one unit.")
    per = forms.ChoiceField(choices=CommitmentUnitTime.choices)
    units = forms.DecimalField(min_value=Decimal("0.0001"), max_digits=14, decimal_places=4, initial=1)
    unit_name = forms.CharField(max_length=20, required=False, help_text="PTU, GSU, model unit, …")
    currency = forms.CharField(max_length=3, required=False, help_text="Empty: the organization's.")
    tokens_per_minute = forms.IntegerField(min_value=1, required=False, help_text="What all units serve.")
    covers_calls = forms.BooleanField(required=False, initial=True, label="Its calls cost nothing more")
    starts_on = forms.DateField(widget=forms.DateInput(attrs={"type": "date"}))
    ends_on = forms.DateField(
        required=False, widget=forms.DateInput(attrs={"type": "date"}), help_text="First day it is no longer paid."
    )

    def __init__(self, *args: Any, organization: Organization, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        slugs = Provider.objects.filter(Q(organization=organization) | Q(organization=None)).order_by("slug")
        choices = [(slug, slug) for slug in dict.fromkeys(slugs.values_list("slug", flat=True))]
        self.fields["provider"].choices = choices  # type: ignore[attr-defined]
        own = Project.objects.filter(organization=organization, archived_at=None)
        self.fields["project"].queryset = own  # type: ignore[attr-defined]


class OwnerForm(forms.Form):
    """Whom what is stated is for: superusers may state it for every organization."""

    for_everybody = forms.BooleanField(required=False, label="For every organization")

    def __init__(self, *args: Any, is_superuser: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if is_superuser:
            self.order_fields([name for name in self.fields if name != "for_everybody"])
        else:
            del self.fields["for_everybody"]

    def owner(self, organization: Organization) -> Organization | None:
        """None: everybody."""
        return None if self.cleaned_data.pop("for_everybody", False) else organization


class RateForm(OwnerForm):
    """One exchange rate."""

    base = forms.CharField(max_length=3, label="One unit of")
    rate = forms.DecimalField(max_digits=28, decimal_places=14, min_value=Decimal("1e-14"), label="Is worth")
    quote = forms.CharField(max_length=3, label="Units of")
    valid_from = forms.DateField(widget=forms.DateInput(attrs={"type": "date"}), label="From")
    source = forms.CharField(max_length=200, label="Stated by", help_text="A central bank, a contract, the treasury.")


class FileForm(OwnerForm):
    """A file of rates."""

    file = forms.FileField(help_text="CSV: base, quote, rate, valid_from, source.")


@require_http_methods(["GET", "HEAD", "POST"])
def commitment_page(request: HttpRequest, site: ConsoleSite) -> HttpResponse:
    """What was agreed and how it was used in the last 30 days. POST agrees another one. Two queries a commitment."""
    context, organization = frame(request, site, "Commitments")
    _check_reader(request, organization, context)
    may_change = may_administer(request, organization)
    form = CommitmentForm(
        request.POST or None, organization=organization, initial={"starts_on": timezone.now().date().isoformat()}
    )
    if request.method == "POST":
        if not may_change:
            raise PermissionDenied
        if _agreed(request, organization, form):
            messages.success(request, "Agreed. Days that are over are booked within minutes.")
            return HttpResponseRedirect(request.path)
    end = timezone.now()
    rows = Commitment.objects.visible_to(person(request)).filter(organization=organization).select_related("project")
    context |= {
        "tabs": tabs_of(request, organization, "price_commitments"), "days": DAYS, "form": form,
        "rows": [_row(row, end) for row in rows[:MOST]], "may_change": may_change,
        "last_on": (end + timedelta(days=1)).date().isoformat(),
    }  # fmt: skip
    return render(request, "console/prices/commitments.html", context)


@require_POST
def commitment_end(request: HttpRequest, site: ConsoleSite, commitment_id: UUID) -> HttpResponse:
    """It is no longer paid from the day that is posted."""
    _, organization = frame(request, site, "Commitments")
    if not may_administer(request, organization):
        raise PermissionDenied
    rows = Commitment.objects.visible_to(person(request)).filter(organization=organization)
    row = get_object_or_404(rows, pk=commitment_id)
    try:
        ends_on = datetime.strptime(request.POST.get("ends_on", ""), "%Y-%m-%d").replace(tzinfo=UTC).date()
        commitments.end_commitment(commitment=row, actor=actor(request), ends_on=ends_on)
        messages.success(request, f"{row.name} ends on {ends_on}.")
    except ValueError:
        messages.error(request, "Give the day as year-month-day.")
    except ServiceError as error:
        messages.error(request, error.message)
    return redirect("admin:price_commitments")


@require_http_methods(["GET", "HEAD", "POST"])
def rate_page(request: HttpRequest, site: ConsoleSite) -> HttpResponse:
    """Stated exchange rates, newest first. POST states one, or those of a file. Four queries."""
    context, organization = frame(request, site, "Exchange rates")
    is_file, is_superuser = bool(request.FILES), person(request).is_superuser
    rate_form = RateForm(request.POST if request.method == "POST" and not is_file else None, is_superuser=is_superuser)
    file_form = FileForm(
        request.POST if is_file else None,
        request.FILES if is_file else None,
        auto_id="file_%s",
        is_superuser=is_superuser,
    )
    if request.method == "POST":
        if not may_administer(request, organization):
            raise PermissionDenied
        if _stated(request, organization, file_form if is_file else rate_form):
            return HttpResponseRedirect(request.path)
    rows = ExchangeRate.objects.visible_to(person(request)).filter(Q(organization=organization) | Q(organization=None))
    page = Paginator(rows.order_by("-valid_from", "base", "quote", "-created_at"), PER_PAGE).get_page(
        request.GET.get("page")
    )
    context |= {
        "tabs": tabs_of(request, organization, "price_rates"), "page": page, "rate_form": rate_form,
        "file_form": file_form, "may_change": may_administer(request, organization),
        "rows": [(row, f"{row.rate.normalize():f}") for row in page],
    }  # fmt: skip
    return render(request, "console/prices/rates.html", context)


def _check_reader(request: HttpRequest, organization: Organization, context: dict[str, Any]) -> None:
    if not context["console"].scope.sees_all and not may_administer(request, organization):
        raise PermissionDenied


def _agreed(request: HttpRequest, organization: Organization, form: CommitmentForm) -> bool:
    if not form.is_valid():
        return False
    try:
        commitments.create_commitment(organization=organization, actor=actor(request), **form.cleaned_data)
    except ServiceError as error:
        form.add_error(error.field if error.field in form.fields else None, error.message)
        return False
    return True


def _stated(request: HttpRequest, organization: Organization, form: RateForm | FileForm) -> bool:
    if not form.is_valid():
        return False
    owner = form.owner(organization)
    try:
        if isinstance(form, FileForm):
            stated = currencies.read_csv(form.cleaned_data["file"].read(currencies.MOST_BYTES + 1))
        else:
            stated = [currencies.NewRate(**form.cleaned_data)]
        taken = currencies.state_rates(organization=owner, actor=actor(request), stated=stated)
    except ServiceError as error:
        form.add_error(error.field if error.field in form.fields else None, error.message)
        return False
    new = len(taken.rows) - taken.known
    messages.success(request, f"{new:,} rates stated, {taken.known:,} stood already.")
    return True


def _row(row: Commitment, end: datetime) -> dict[str, Any]:
    used = utilisation(row, end - timedelta(days=DAYS), end)
    share = used.used_share
    tone = "" if share is None else "ok" if share >= Decimal("0.8") else "warn" if share >= Decimal("0.5") else "bad"
    return {
        "row": row, "used": used, "tone": tone, "terms": _terms(row), "cost": money(used.cost, used.currency),
        "value": "–" if used.list_value is None else money(used.list_value, used.currency),
        "unused": "–" if used.unused_cost is None else money(used.unused_cost, used.currency),
        "share": None if share is None else float(share), "used_words": _used(share), "tokens": _tokens(used),
        "has_ended": row.ends_on is not None and row.ends_on <= end.date(),
    }  # fmt: skip


def _terms(row: Commitment) -> str:
    """`100 PTU at $1.00 an hour each`."""
    name = row.unit_name or "unit"
    units = f"{row.units.normalize():f} {'units' if name == 'unit' and row.units != 1 else name}"
    price = exact_money(row.amount.normalize(), row.currency)
    each = " each" if row.units != 1 else ""
    return f"{units} at {price} {'an hour' if row.per == CommitmentUnitTime.HOUR else 'a month'}{each}"


def _used(share: Decimal | None) -> str:
    """What the covered calls would have cost, of what is paid."""
    return "" if share is None else f"{percent(share)} of what is paid"


def _tokens(used: Utilisation) -> str:
    """How much of the stated throughput was used; empty where none is stated."""
    if used.token_share is None or used.peak_token_share is None:
        return ""
    return f"{percent(used.token_share)} of its throughput, {percent(used.peak_token_share)} in the busiest hour"
