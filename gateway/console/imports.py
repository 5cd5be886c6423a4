"""Imports: upload usage that was recorded elsewhere, watch it come in, look at what was rejected."""

from typing import Any
from uuid import UUID

from django import forms
from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from gateway.api.views.imports import rejected_csv
from gateway.console.parts import Pair
from gateway.console.registry import ConsoleSite
from gateway.console.scope import actor, frame
from gateway.imports.fields import parse_mapping
from gateway.imports.formats import FORMATS
from gateway.models import ImportRun, Project
from gateway.services import imports
from gateway.services.errors import ServiceError

SHOWN = 50
TONES = {"succeeded": "ok", "failed": "bad", "cancelled": "warn"}


class UploadForm(forms.Form):
    """A file and how to read it."""

    file = forms.FileField(help_text="CSV, JSON or JSON lines; may be compressed if its format is.")
    format = forms.ChoiceField(choices=[(name, name) for name in sorted(FORMATS)])
    project = forms.ModelChoiceField(
        queryset=Project.objects.none(), required=False, help_text="Empty: the project “default”."
    )
    mapping = forms.CharField(
        required=False, max_length=2_000,
        help_text="FIELD=COLUMN or FIELD==VALUE, separated by commas, as in model==gpt-4o.",
    )  # fmt: skip

    def clean_mapping(self) -> dict[str, str]:
        try:
            return parse_mapping(item for item in self.cleaned_data["mapping"].split(",") if item.strip())
        except ValueError as error:
            raise forms.ValidationError(str(error), code="mapping") from error


@require_http_methods(["GET", "HEAD", "POST"])
def import_list(request: HttpRequest, site: ConsoleSite) -> HttpResponse:
    """The newest imports, and the form that takes a file (POST)."""
    context, organization = frame(request, site, "Imports")
    form = UploadForm(request.POST or None, request.FILES or None)
    projects: Any = form.fields["project"]
    projects.queryset = Project.objects.visible_to(request.user).active().filter(organization=organization)
    if request.method == "POST" and form.is_valid():
        try:
            run = _take(request, organization, form.cleaned_data)
            return redirect("admin:import", run_id=run.pk)
        except ServiceError as error:
            form.add_error(error.field if error.field in form.fields else None, error.message)
    rows = ImportRun.objects.visible_to(request.user).filter(organization=organization.pk)
    context |= {"form": form, "rows": [_row(run) for run in rows[:SHOWN]]}
    return render(request, "console/imports.html", context)


def _take(request: HttpRequest, organization: Any, data: dict[str, Any]) -> ImportRun:
    file = data["file"]
    upload = imports.Upload(file, file.name or "upload", data["format"], data["mapping"])
    run, is_queued = imports.request_import(
        organization=organization, actor=actor(request), upload=upload, project=data["project"],
        limit_bytes=settings.GATEWAY_IMPORT_LIMIT_BYTES,
    )  # fmt: skip
    if not is_queued:
        messages.info(request, "This very file was taken before; nothing is imported twice.")
    return run


@require_safe
def import_page(request: HttpRequest, site: ConsoleSite, run_id: UUID) -> HttpResponse:
    """One import: progress (the part `?part=progress` refreshes itself while it runs), sums, rejected records."""
    context, organization = frame(request, site, "Import")
    run = get_object_or_404(_visible(request, organization.pk), pk=run_id)
    report = imports.report(run, limit=SHOWN)
    context |= {"title": run.file_name, **_row(run), "report": report, "pairs": _pairs(run)}
    is_part = request.GET.get("part") == "progress"
    return render(request, "console/imports/progress.html" if is_part else "console/import.html", context)


@require_safe
def import_rejected(request: HttpRequest, site: ConsoleSite, run_id: UUID) -> HttpResponseBase:
    """Every rejected record with its line and reason, as CSV."""
    _, organization = frame(request, site, "Rejected")
    return rejected_csv(get_object_or_404(_visible(request, organization.pk), pk=run_id))


def _visible(request: HttpRequest, organization: UUID) -> Any:
    return ImportRun.objects.visible_to(request.user).filter(organization=organization)


def _row(run: ImportRun) -> dict[str, Any]:
    share = run.line / run.total_lines if run.total_lines else (1.0 if run.status == "succeeded" else 0.0)
    total = f" of {run.total_lines:,}" if run.total_lines else ""
    return {
        "run": run, "tone": TONES.get(run.status, ""), "share": share, "text": f"{run.line:,}{total} records",
        "is_running": run.status in ("queued", "running"),
    }  # fmt: skip


def _pairs(run: ImportRun) -> list[Pair]:
    window = (
        f"{run.first_at:%Y-%m-%d %H:%M} – {run.last_at:%Y-%m-%d %H:%M} UTC" if run.first_at and run.last_at else "–"
    )
    return [
        Pair("Format", run.format),
        Pair("Added", f"{run.imported:,} lines, {run.requests:,} requests"),
        Pair("Known already", f"{run.duplicates:,}"),
        Pair("Rejected", f"{run.rejected:,}"),
        Pair("No usage", f"{run.skipped:,}"),
        Pair("Tokens", f"{run.input_tokens:,} in, {run.output_tokens:,} out"),
        Pair("Cost", f"{run.cost.normalize():f}"),
        Pair("Without a price", f"{run.unpriced:,}"),
        Pair("Time of the usage", window),
    ]
