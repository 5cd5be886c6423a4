"""Exports: ask for a file, watch it being made, download it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from rest_framework.exceptions import ValidationError

from analytics.api.serializers.questions import FIRST, LAST
from analytics.api.views.exports import file_response
from analytics.console.measures import MeasuresField
from analytics.exports import service
from analytics.exports.datasets import DATASETS
from analytics.exports.formats import FORMATS, unavailable
from analytics.metrics import DIMENSIONS, MEASURES
from gateway.choices import JobStatus
from gateway.console.registry import ConsoleSite
from gateway.console.scope import frame, person
from gateway.models import Job, Organization
from gateway.services.errors import Conflict, Forbidden, Gone, ServiceError

SHOWN = 50
TONES = {"succeeded": "ok", "failed": "bad"}
FIGURES = "metrics"
GRAINS = (("", "The whole period"), ("hour", "Hour"), ("day", "Day"), ("week", "Week"), ("month", "Month"))
USUAL = ("requests", "errors", "total_tokens", "cost")


class ExportForm(forms.Form):
    """What to export: figures, or all rows of a dataset in a window."""

    dataset = forms.ChoiceField(label="What", choices=[])
    start = forms.DateField(label="From", widget=forms.DateInput(attrs={"type": "date", "class": "input"}))
    end = forms.DateField(label="Until and with", widget=forms.DateInput(attrs={"type": "date", "class": "input"}))
    measures = MeasuresField(error_messages={"required": "Choose at least one."})
    dimension = forms.ChoiceField(
        label="By", required=False,
        choices=[("", "In total"), *((name, item.label) for name, item in DIMENSIONS.items())],
    )  # fmt: skip
    granularity = forms.ChoiceField(label="For each", choices=GRAINS, required=False)
    format = forms.ChoiceField(choices=[])

    def __init__(self, *args: Any, zone: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.zone = ZoneInfo(zone)
        self.fields["dataset"].choices = [  # type: ignore[attr-defined]
            (name, item.label) for name, item in DATASETS.items() if name == FIGURES or item.asks_window
        ]
        self.fields["measures"].required = self.data.get("dataset", FIGURES) == FIGURES
        here = [(name, item.label) for name, item in FORMATS.items() if not unavailable(item)]
        self.fields["format"].choices = here  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or {}
        for name in ("start", "end"):
            if data.get(name) and not FIRST.date() < data[name] < LAST.date():
                self.add_error(name, f"Days lie between {FIRST.year} and {LAST.year}.")
        if data.get("start") and data.get("end") and data["start"] > data["end"]:
            self.add_error("end", "The end lies before the start.")
        return data

    def asked(self) -> service.Asked:
        """The question; days are those of the organization's zone."""
        data = self.cleaned_data
        start, end = self._midnight(data["start"]), self._midnight(data["end"] + timedelta(days=1))
        question: dict[str, Any] = {"start": start, "end": end}
        if data["dataset"] == FIGURES:
            question |= {
                "measures": data["measures"], "dimensions": [data["dimension"]] if data["dimension"] else [],
                "granularity": data["granularity"] or None, "timezone": str(self.zone), "limit": 1_000,
            }  # fmt: skip
        return service.Asked(data["dataset"], data["format"], question)

    def _midnight(self, day: Any) -> str:
        return datetime.combine(day, time(), self.zone).astimezone(UTC).isoformat()


@dataclass(frozen=True, slots=True)
class Row:
    """One export as the list shows it."""

    job: Job
    what: str
    format: str
    tone: str
    size: str
    is_open: bool
    is_there: bool


@require_http_methods(["GET", "HEAD", "POST"])
def export_list(request: HttpRequest, site: ConsoleSite) -> HttpResponse:
    """The newest exports, and the form that asks for one (POST). Two queries; `?part=list` refreshes itself."""
    context, organization = frame(request, site, "Exports")
    zone = ZoneInfo(organization.reporting_timezone)
    context["rows"] = rows = [_row(job, zone) for job in _visible(request, organization)[:SHOWN]]
    context["is_running"] = any(row.is_open for row in rows)
    if request.GET.get("part") == "list":
        return render(request, "console/exports/list.html", context)
    today = timezone.now().astimezone(zone).date()
    initial = {"start": today - timedelta(days=30), "end": today - timedelta(days=1), "measures": USUAL,
               "granularity": "day", "format": "csv"}  # fmt: skip
    form = ExportForm(request.POST or None, initial=initial, zone=organization.reporting_timezone)
    if request.method == "POST" and form.is_valid():
        try:
            service.request_export(organization=organization, user=person(request), asked=form.asked())
            return redirect("admin:exports")
        except ServiceError as error:
            form.add_error(error.field if error.field in form.fields else None, error.message)
        except ValidationError as error:
            form.add_error(None, str(error))
    return render(request, "console/exports.html", context | {"form": form})


@require_safe
def export_file(request: HttpRequest, site: ConsoleSite, job_id: UUID) -> HttpResponseBase:
    """The file, or why there is none."""
    context, organization = frame(request, site, "Export")
    job = get_object_or_404(_visible(request, organization), pk=job_id)
    try:
        return file_response(*service.open_export(job=job, user=person(request)))
    except (Conflict, Forbidden, Gone) as error:
        return render(
            request, "console/exports/refused.html", context | {"refusal": error.message}, status=error.status
        )


@require_POST
def export_cancel(request: HttpRequest, site: ConsoleSite, job_id: UUID) -> HttpResponse:
    """End one that waits or is made."""
    _, organization = frame(request, site, "Export")
    job = get_object_or_404(_visible(request, organization), pk=job_id)
    try:
        service.cancel_export(job=job, user=person(request))
        messages.success(request, "The export is cancelled; there is no file of it.")
    except Conflict as error:
        messages.error(request, error.message)
    return redirect("admin:exports")


def _visible(request: HttpRequest, organization: Organization) -> Any:
    rows: Any = Job.objects.visible_to(person(request))
    return rows.filter(kind=service.KIND, organization=organization).select_related("requested_by")


def _days(question: Mapping[str, Any], zone: ZoneInfo) -> str:
    """First and last day of the window in the organization's zone; as asked where the calendar ends."""
    start, end = str(question.get("start", "")), str(question.get("end", ""))
    try:
        first, past = (_aware(parse_datetime(text)) for text in (start, end))
        days = (first.astimezone(zone).date(), (past - timedelta(microseconds=1)).astimezone(zone).date())
    except (ValueError, OverflowError):
        return f"{start[:10]} – {end[:10]}"
    return " – ".join(map(str, dict.fromkeys(days)))


def _aware(at: datetime | None) -> datetime:
    if at is None:
        raise ValueError("not a time")
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _row(job: Job, zone: ZoneInfo) -> Row:
    dataset, result = DATASETS.get(job.parameters.get("dataset", "")), job.result or {}
    question = job.parameters.get("question", {})
    days = _days(question, zone)
    measures = [MEASURES[name].label for name in question.get("measures", ()) if name in MEASURES]
    more = f": {', '.join(measures[:4])}" if measures else ""
    is_there = job.status == JobStatus.SUCCEEDED and job.expires_at is not None and job.expires_at > timezone.now()
    return Row(
        job=job, what=f"{dataset.label if dataset else 'Export'}{more}, {days}",
        format=_format(job.parameters.get("format", "")), tone=TONES.get(job.status, ""),
        size=f"{result['rows']:,} row{'' if result['rows'] == 1 else 's'}" if "rows" in result else "",
        is_open=job.status in (JobStatus.QUEUED, JobStatus.RUNNING), is_there=is_there,
    )  # fmt: skip


def _format(name: str) -> str:
    return FORMATS[name].label if name in FORMATS else name
