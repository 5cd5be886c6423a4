"""Reconciliation: what providers billed against the ledger; upload, causes in words, a map of days and models."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django import forms
from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from analytics.console.format import NARROW, compact, money, money_column
from costs.invoices import answers, documents
from costs.invoices.answers import Summed
from costs.invoices.effects import CAUSES
from costs.invoices.formats import AUTO, FORMATS
from costs.invoices.words import TITLES
from costs.models import DriftPolicy, Invoice, InvoiceState
from costs.services import invoices
from gateway.choices import Role
from gateway.console.registry import ConsoleSite
from gateway.console.scope import ADMINISTRATORS, actor, frame, may_administer
from gateway.imports.fields import parse_mapping
from gateway.models import Organization
from gateway.services.errors import ServiceError

READERS = ADMINISTRATORS | {Role.ANALYST}
SHOWN = 50
MOST_DAYS = 62
MOST_MODELS = 30
TONES = {InvoiceState.QUEUED: "", InvoiceState.READY: "ok", InvoiceState.FAILED: "bad"}
LABELS = {
    "openai": "OpenAI: costs or usage (API, dashboard)", "anthropic": "Anthropic: cost or usage (API, console)",
    "focus": "FOCUS 1.0–1.4", "aws": "AWS Cost and Usage Report", "azure": "Azure cost details",
    "table": "Any CSV or JSON, with a mapping",
}  # fmt: skip


class UploadForm(forms.Form):
    """A file, and what it does not say itself."""

    file = forms.FileField(help_text="CSV, JSON or JSON lines; may be gzip.")
    format = forms.ChoiceField(
        choices=[(AUTO, "Find out from the file"), *((name, LABELS[name]) for name in FORMATS)], required=False
    )
    providers = forms.CharField(
        required=False,
        max_length=600,
        help_text="Of the ledger, separated by commas; empty: all that this vendor bills.",
    )
    mapping = forms.CharField(
        required=False, max_length=2_000,
        help_text="Of the last format: FIELD=COLUMN or FIELD==VALUE, as in day=Date, currency==USD.",
    )  # fmt: skip

    def clean_mapping(self) -> dict[str, str]:
        try:
            return parse_mapping(item for item in self.cleaned_data["mapping"].split(",") if item.strip())
        except ValueError as error:
            raise forms.ValidationError(str(error), code="mapping") from error

    def clean_providers(self) -> tuple[str, ...]:
        return tuple(name.strip() for name in self.cleaned_data["providers"].split(",") if name.strip())


class PolicyForm(forms.Form):
    """From which drift on the organization is told."""

    percent = forms.DecimalField(
        min_value=0, max_value=100, decimal_places=3, label="More than, in percent of the bill"
    )
    minimum = forms.DecimalField(min_value=0, decimal_places=10, max_digits=20, label="And more than, in its currency")


@dataclass(frozen=True, slots=True)
class HeatCell:
    """A day and model of the map. `level` 0 to 1; `side`: over or under, empty without drift."""

    text: str
    level: float
    side: str
    title: str
    url: str


@require_http_methods(["GET", "HEAD", "POST"])
def invoice_list(request: HttpRequest, site: ConsoleSite) -> HttpResponse:
    """The newest invoices, the form that takes a file (POST), the threshold (POST `percent`)."""
    context, organization = frame(request, site, "Invoices")
    may_change = may_administer(request, organization)
    policy = invoices.drift_policy_of(organization)
    form, policy_form = UploadForm(), PolicyForm(initial=_plain(policy))
    if request.method == "POST":
        if not may_change:
            raise Http404
        if "percent" in request.POST:
            policy_form = PolicyForm(request.POST)
            if policy_form.is_valid():
                invoices.set_drift_policy(organization=organization, actor=actor(request), **policy_form.cleaned_data)
                return redirect("admin:invoices")
        else:
            form = UploadForm(request.POST, request.FILES)
            if form.is_valid() and (made := _take(request, organization, form)):
                return redirect("admin:invoice", made.pk)
    rows = Invoice.objects.visible_to(request.user).filter(organization=organization)[:SHOWN]
    context |= {
        "form": form, "policy_form": policy_form, "may_change": may_change, "policy": _plain(policy),
        "rows": [_row(row, policy) for row in rows],
    }  # fmt: skip
    return render(request, "console/invoices/list.html", context)


@require_safe
def invoice_page(request: HttpRequest, site: ConsoleSite, invoice_id: UUID) -> HttpResponse:
    """One invoice: figures, ranked causes, the map, and the meters of a chosen day and model."""
    context, organization = frame(request, site, "Invoices")
    row = _get(request, organization, invoice_id)
    policy = invoices.drift_policy_of(organization)
    context |= {
        "title": row.file_name, **_row(row, policy), "may_change": may_administer(request, organization),
        "formats": documents.FORMATS,
    }  # fmt: skip
    if row.computed_at is not None:
        context |= _detail(request, row)
    return render(request, "console/invoices/invoice.html", context)


@require_safe
def invoice_file(request: HttpRequest, site: ConsoleSite, invoice_id: UUID, form: str) -> HttpResponse:
    """The reconciliation as CSV, workbook or PDF."""
    _, organization = frame(request, site, "Invoices")
    return documents.response(_get(request, organization, invoice_id), form)


@require_POST
def invoice_reconcile(request: HttpRequest, site: ConsoleSite, invoice_id: UUID) -> HttpResponse:
    """Compare it with the ledger and the prices of now."""
    _, organization = frame(request, site, "Invoices")
    row = _changeable(request, organization, invoice_id)
    try:
        invoices.reconcile_invoice(invoice=row)
    except ServiceError as error:
        messages.error(request, error.message)
    return redirect("admin:invoice", row.pk)


@require_POST
def invoice_delete(request: HttpRequest, site: ConsoleSite, invoice_id: UUID) -> HttpResponse:
    """Forget it."""
    _, organization = frame(request, site, "Invoices")
    row = _changeable(request, organization, invoice_id)
    invoices.delete_invoice(invoice=row, actor=actor(request))
    messages.success(request, f"{row.file_name} is deleted; the ledger is not touched.")
    return redirect("admin:invoices")


def _get(request: HttpRequest, organization: Organization, invoice_id: UUID) -> Invoice:
    rows = Invoice.objects.visible_to(request.user).filter(organization=organization).select_related("organization")
    return get_object_or_404(rows, pk=invoice_id)


def _changeable(request: HttpRequest, organization: Organization, invoice_id: UUID) -> Invoice:
    if not may_administer(request, organization):
        raise Http404
    return _get(request, organization, invoice_id)


def _take(request: HttpRequest, organization: Organization, form: UploadForm) -> Invoice | None:
    data = form.cleaned_data
    upload = invoices.Upload(
        data["file"], data["file"].name or "upload", data["format"] or AUTO, data["mapping"] or None, data["providers"]
    )
    try:
        row, is_new = invoices.upload_invoice(
            organization=organization, actor=actor(request), upload=upload,
            limit_bytes=settings.GATEWAY_IMPORT_LIMIT_BYTES,
        )  # fmt: skip
    except ServiceError as error:
        form.add_error(error.field if error.field in form.fields else None, error.message)
        return None
    if not is_new:
        messages.info(request, "This very file was taken before.")
    return row


def _plain(policy: DriftPolicy) -> dict[str, str]:
    return {"percent": f"{policy.percent.normalize():f}", "minimum": f"{policy.minimum.normalize():f}"}


def _row(row: Invoice, policy: DriftPolicy) -> dict[str, Any]:
    """An invoice with its badge and its money in words."""
    is_over = invoices.exceeds(row, policy)
    unforeseen = invoices.unforeseen(row)
    if row.computed_at is None:
        badge, tone = row.get_state_display(), TONES[InvoiceState(row.state)]
    elif is_over:
        badge, tone = "Drift above the threshold", "bad"
    elif unforeseen:
        badge, tone = "Within the threshold", "ok"
    else:
        badge, tone = "Agrees", "ok"
    return {
        "invoice": row, "badge": badge, "tone": tone, "billed": _money(row.billed, row.currency),
        "ledger": _money(row.ledger, row.currency), "drift": _signed(row.drift, row.currency),
        "percent": None if row.drift_percent is None else _percent(row.drift_percent),
        "last_on": row.end - timedelta(days=1) if row.end else None,
    }  # fmt: skip


def _percent(share: Decimal) -> str:
    return f"{share:+.1f}{NARROW}%".replace("-", "\N{MINUS SIGN}")


def _money(amount: Decimal | None, currency: str) -> str:
    return "–" if amount is None else money(amount, currency)


def _signed(amount: Decimal | None, currency: str) -> str:
    return "–" if amount is None else f"{'+' if amount > 0 else ''}{money(amount, currency)}"


def _detail(request: HttpRequest, row: Invoice) -> dict[str, Any]:
    cause = request.GET.get("cause", "")
    found = answers.cells(row, cause=cause if cause in CAUSES else "")
    day, model = _chosen(request)
    chosen = answers.cells(row, by="meter", day=day, model=model) if day and model is not None else []
    models = list(answers.by_model(found))
    kept = set(models[:MOST_MODELS])
    return {
        "causes": [
            {**one, "amount_text": _signed(Decimal(one["amount"]), row.currency), "is_chosen": one["kind"] == cause}
            for one in row.causes
        ],
        "heat": _heat(row, [one for one in found if one.model in kept], [name for name in models if name in kept]),
        "left_out": max(0, len(models) - MOST_MODELS), "unpriced_share": row.unpriced_share,
        "chosen": [_meter(one, row) for one in chosen], "chosen_day": day, "chosen_model": model or "all models",
        "chosen_causes": [
            (TITLES[kind], _signed(amount, row.currency)) for kind, amount in _sum(chosen).items() if amount
        ],
        "rows_url": _rows_url(row, day, model) if chosen and day else "",
        "cause_chosen": TITLES.get(cause, ""),
    }  # fmt: skip


def _chosen(request: HttpRequest) -> tuple[date | None, str | None]:
    try:
        day = datetime.strptime(request.GET.get("day", ""), "%Y-%m-%d").date()  # noqa: DTZ007  (a date alone)
    except ValueError:
        return None, None
    return day, request.GET.get("model", "")


def _sum(found: list[Summed]) -> dict[str, Decimal]:
    sums: dict[str, Decimal] = {}
    for one in found:
        for kind, amount in one.causes.items():
            sums[kind] = sums.get(kind, Decimal(0)) + amount
    return dict(sorted(sums.items(), key=lambda item: -abs(item[1])))


def _heat(row: Invoice, found: list[Summed], models: list[str]) -> dict[str, Any]:
    """Models in rows, days in columns: the last `MOST_DAYS` of them."""
    assert row.start is not None
    assert row.end is not None
    first = max(row.start, row.end - timedelta(days=MOST_DAYS))
    days = [first + timedelta(days=index) for index in range((row.end - first).days)]
    at = {(one.model, one.day): one for one in found}
    top = max((abs(one.drift) for one in found), default=Decimal(0))
    base = f"{reverse('admin:invoice', args=[row.pk])}"
    lines = [
        (name or "all models", [_heat_cell(at.get((name, day)), day, top, base, row) for day in days])
        for name in models
    ]
    return {"days": days, "rows": lines, "is_cut": first > row.start}


def _heat_cell(one: Summed | None, day: date, top: Decimal, base: str, row: Invoice) -> HeatCell:
    if one is None:
        return HeatCell("", 0, "", f"{day:%Y-%m-%d}: nothing on either side", "")
    level = float(abs(one.drift) / top) if top else 0.0
    side = "" if not one.drift else "over" if one.drift > 0 else "under"
    billed = "no money" if one.billed_cost is None else money(one.billed_cost, row.currency)
    because = f", {TITLES[one.cause].lower()}" if one.cause else ""
    title = (
        f"{day:%Y-%m-%d}, {one.model or 'all models'}: {billed} billed, {money(one.ledger_cost, row.currency)} in the "
        f"ledger, {_signed(one.drift, row.currency)}{because}"
    )
    is_shown = level >= 0.01
    text = _short(one.drift) if is_shown else ""
    query = urlencode({"day": day.isoformat(), "model": one.model})
    return HeatCell(text, level, side if is_shown else "", title, f"{base}?{query}#chosen")


def _short(amount: Decimal) -> str:
    """Few enough characters for a cell: +0.4, −12, +3k."""
    size = abs(amount)
    text = f"{size:.1f}" if size < 10 else f"{size:.0f}" if size < 1_000 else f"{size / 1_000:.0f}k"
    return f"{'+' if amount > 0 else '−'}{'' if text == '0.0' else text}"


def _meter(one: Summed, row: Invoice) -> dict[str, Any]:
    return {
        "meter": (one.meter or "all meters").replace("_", " "), "billed_quantity": compact(one.billed_quantity),
        "ledger_quantity": compact(one.ledger_quantity), "cause": TITLES.get(one.cause, ""),
        "billed": "–" if one.billed_cost is None else money_column(one.billed_cost, row.currency),
        "ledger": money_column(one.ledger_cost, row.currency), "drift": _signed(one.drift, row.currency),
    }  # fmt: skip


def _rows_url(row: Invoice, day: date, model: str | None) -> str:
    """The day's requests of that model; of all when the ledger has several names for it."""
    names = row.ledger_models.get(model or "", [])
    pairs = [
        ("organization", row.organization.slug), ("start", f"{day}T00:00:00Z"),
        ("end", f"{day + timedelta(days=1)}T00:00:00Z"),
    ]  # fmt: skip
    if len(names) == 1:
        pairs.append(("model", names[0]))
    return f"{reverse('admin:requests')}?{urlencode(pairs)}"
