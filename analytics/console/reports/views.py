"""Reports: the list with ready-made ones, the builder with a preview, a report with its runs, a run with its mails."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.safestring import SafeString
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from analytics.api.views.reports import READERS, WRITERS, run_file, with_mails
from analytics.console.reports.editor import USUAL, ReportEditor, SectionRow
from analytics.exports.formats import FORMATS
from analytics.reports import running, schedule, service
from analytics.reports.catalog import TEMPLATES
from analytics.reports.models import RecipientKind, Report, ReportRun
from analytics.reports.recipients import Addressee, reader_of
from analytics.reports.render import mail
from analytics.reports.render.images import charts_of, png
from analytics.reports.service import Writer
from gateway.choices import JobStatus, Role
from gateway.console.parts import Pair
from gateway.console.registry import ConsoleSite
from gateway.console.scope import frame, may_administer, person
from gateway.models import Organization
from gateway.querysets import memberships_of
from gateway.services.errors import Conflict, NotFound, ServiceError

RUNS_SHOWN = 30
LABELS = {form.name: form.label for form in FORMATS.values()}
RUN_TONES = {"succeeded": "ok", "failed": "bad"}
MAIL_TONES = {"sent": "ok", "failed": "bad", "queued": "warn", "skipped": ""}


@require_safe
def report_list(request: HttpRequest, site: ConsoleSite) -> HttpResponse:
    """Reports in sight with when they are due next, and the ready-made ones. Four queries."""
    context, organization = frame(request, site, "Reports")
    reports = list(_visible(request, organization).select_related("team", "owner").prefetch_related("recipients__team"))
    newest = {
        run.report_id: run
        for run in ReportRun.objects.filter(report__in=reports).order_by("report_id", "-due_at").distinct("report_id")
        .select_related("job")
    }  # fmt: skip
    context["rows"] = [
        {
            "report": report, "when": when(report), "to": recipients_words(report), "run": newest.get(report.pk),
            "tone": RUN_TONES.get(newest[report.pk].job.status, "") if report.pk in newest else "",
        }
        for report in reports
    ]  # fmt: skip
    context |= {"templates": list(TEMPLATES.values()), "may_write": _writer(request, organization) is not None}
    return render(request, "console/reports.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def report_add(request: HttpRequest, site: ConsoleSite) -> HttpResponse:
    """The builder of a new report; `?template=` begins with a ready-made one."""
    context, organization = frame(request, site, "New report")
    return _edited(request, context, _editor(request, organization, None))


@require_http_methods(["GET", "HEAD", "POST"])
def report_edit(request: HttpRequest, site: ConsoleSite, report_id: UUID) -> HttpResponse:
    """The builder of a report that exists."""
    context, organization = frame(request, site, "Change report")
    report = get_object_or_404(_visible(request, organization), pk=report_id)
    _check_writes(request, organization, report)
    return _edited(request, context | {"report": report}, _editor(request, organization, report))


@require_POST
def report_preview(request: HttpRequest, site: ConsoleSite) -> HttpResponse:
    """The posted report as the person would get it today, as a part of the builder; nothing is kept."""
    _, organization = frame(request, site, "Preview")
    editor = _editor(request, organization, None)
    wanted, problem, page = editor.sections(), "", ""
    zone, period = request.POST.get("timezone", "UTC"), request.POST.get("period", "previous_week")
    try:
        if wanted is None:
            raise ServiceError("section", " ".join(error for row in editor.rows for error in row.errors))
        service.check_sections(organization, wanted, zone)
        report = Report(organization=organization, name=request.POST.get("name") or "Preview", sections=wanted,
                        timezone=zone, period=period)  # fmt: skip
        start, end = schedule.window_of(period, timezone.now(), zone)
        page = _page(running.Asked(report, start, end), reader_of(person(request), report))
    except ServiceError as error:
        problem = error.message
    except schedule.BadSchedule as error:
        problem = str(error)
    return render(request, "console/reports/preview.html", {"page": page, "problem": problem})


@require_safe
def section_row(request: HttpRequest, site: ConsoleSite) -> HttpResponse:
    """An empty section for the builder, to be put behind the others."""
    context, _ = frame(request, site, "Section")
    return render(request, "console/reports/section.html", context | {"row": SectionRow()})


@require_safe
def report_page(request: HttpRequest, site: ConsoleSite, report_id: UUID) -> HttpResponse:
    """What a report says of itself, and its newest runs. Six queries."""
    context, organization = frame(request, site, "Report")
    rows = _visible(request, organization).select_related("team", "owner").prefetch_related("recipients__team")
    report = get_object_or_404(rows, pk=report_id)
    runs = with_mails(ReportRun.objects.filter(report=report))[:RUNS_SHOWN]
    context |= {
        "title": report.name, "report": report, "pairs": _pairs(report), "runs": [_run(run) for run in runs],
        "may_write": _may_write(request, organization, report),
    }  # fmt: skip
    context["is_running"] = any(run["is_open"] for run in context["runs"])
    part = request.GET.get("part") == "runs"
    return render(request, "console/reports/runs.html" if part else "console/report.html", context)


@require_POST
def report_run_now(request: HttpRequest, site: ConsoleSite, report_id: UUID) -> HttpResponse:
    """Have it made now; `sends` mails it too."""
    _, organization = frame(request, site, "Run")
    report = get_object_or_404(_visible(request, organization), pk=report_id)
    sends = bool(request.POST.get("sends"))
    if sends:
        _check_writes(request, organization, report)
    try:
        service.run_now(report=report, actor=person(request), person=person(request), sends=sends)
        messages.success(request, "The report is being made; it is in the list below in a moment.")
    except ServiceError as error:
        messages.error(request, error.message)
    return redirect("admin:report", report_id=report.pk)


@require_POST
def report_archive(request: HttpRequest, site: ConsoleSite, report_id: UUID) -> HttpResponse:
    """Put it away."""
    _, organization = frame(request, site, "Put away")
    report = get_object_or_404(_visible(request, organization), pk=report_id)
    service.archive_report(report=report, writer=_check_writes(request, organization, report))
    messages.success(request, f"The report {report.name} is put away; nothing of it is sent any more.")
    return redirect("admin:reports")


@require_safe
def report_run(request: HttpRequest, site: ConsoleSite, run_id: UUID) -> HttpResponse:
    """A run as the person sees it, with its mails."""
    context, organization = frame(request, site, "Report")
    run = _visible_run(request, organization, run_id)
    context |= {
        "title": run.report.name, "run": run, **_run(run), "may_write": _may_write(request, organization, run.report),
        "mails": [(one, MAIL_TONES[one.state]) for one in run.deliveries.all()],
    }  # fmt: skip
    if run.job.status == JobStatus.SUCCEEDED:
        one = reader_of(person(request), run.report)
        context["page"] = _page(running.Asked(run.report, run.start, run.end), one)
    return render(request, "console/report_run.html", context)


@require_safe
def report_run_file(request: HttpRequest, site: ConsoleSite, run_id: UUID, form: str) -> HttpResponse:
    """A document of a run, as the person sees it, or why there is none."""
    context, organization = frame(request, site, "Report")
    run = _visible_run(request, organization, run_id)
    try:
        return run_file(run, person(request), form)
    except (Conflict, NotFound) as error:
        context |= {"run": run, "refusal": error.message}
        return render(request, "console/reports/refused.html", context, status=error.status)


@require_POST
def report_send_again(request: HttpRequest, site: ConsoleSite, run_id: UUID, delivery_id: UUID) -> HttpResponse:
    """Send a mail once more."""
    _, organization = frame(request, site, "Send again")
    run = _visible_run(request, organization, run_id)
    writer = _check_writes(request, organization, run.report)
    delivery = get_object_or_404(run.deliveries, pk=delivery_id)
    try:
        service.send_again(delivery=delivery, actor=person(request), writer=writer)
        messages.success(request, f"It is sent to {delivery.address} once more.")
    except ServiceError as error:
        messages.error(request, error.message)
    return redirect("admin:report_run", run_id=run.pk)


# ---- who -----------------------------------------------------------------------------------------------------------
def _visible(request: HttpRequest, organization: Organization) -> Any:
    return Report.objects.visible_to(person(request)).filter(organization=organization, archived_at=None)


def _visible_run(request: HttpRequest, organization: Organization, run_id: UUID) -> ReportRun:
    rows = with_mails(ReportRun.objects.visible_to(person(request))).filter(organization=organization)
    found: ReportRun = get_object_or_404(rows, pk=run_id)
    return found


def _writer(request: HttpRequest, organization: Organization) -> Writer | None:
    """What the person may write; None for nothing. At most one query."""
    user = person(request)
    if may_administer(request, organization):
        return Writer(user, is_admin=True)
    own = memberships_of(user, Role.MANAGER).filter(organization=organization).first()
    return Writer(user, is_admin=False, team=own.team_id) if own is not None else None


def _may_write(request: HttpRequest, organization: Organization, report: Report) -> bool:
    writer = _writer(request, organization)
    return writer is not None and (writer.is_admin or writer.team == report.team_id)


def _check_writes(request: HttpRequest, organization: Organization, report: Report) -> Writer:
    writer = _writer(request, organization)
    if writer is None or not (writer.is_admin or writer.team == report.team_id):
        raise PermissionDenied
    return writer


# ---- shown ---------------------------------------------------------------------------------------------------------
def _editor(request: HttpRequest, organization: Organization, report: Report | None) -> ReportEditor:
    writer = _writer(request, organization)
    if writer is None:
        raise PermissionDenied
    data = request.POST if request.method == "POST" else None
    return ReportEditor(organization, person(request), writer, report, data, request.GET.get("template", ""))


def _edited(request: HttpRequest, context: dict[str, Any], editor: ReportEditor) -> HttpResponse:
    if request.method == "POST":
        if "more" in request.POST:
            editor.rows.append(SectionRow())
        elif (saved := editor.save()) is not None:
            messages.success(request, f"The report {saved.name} is saved.")
            return redirect("admin:report", report_id=saved.pk)
    return render(request, "console/report_edit.html", context | {"editor": editor})


def _page(asked: running.Asked, one: Addressee) -> SafeString:
    """The report as a part of a page, its pictures inside. Its words were escaped by the template that drew it; only
    the addresses of pictures are put in afterwards."""
    import base64

    drawn = running.draw(asked, one)
    page: str = mail.html(drawn, "chart:{}", is_mail=False)
    for number, chart in enumerate(charts_of(drawn.parts)):
        picture = base64.b64encode(png(chart, drawn.zone)).decode()
        page = page.replace(f'"chart:{number}"', f'"data:image/png;base64,{picture}"')
    return SafeString(page)


def when(report: Report) -> str:
    """The schedule in words."""
    if not report.cron:
        return "Only by hand"
    words = dict(USUAL).get(report.cron, report.cron)
    return f"{words}, {report.timezone}" if report.is_enabled else f"Switched off ({words})"


def recipients_words(report: Report) -> str:
    words = []
    for one in report.recipients.all():
        if one.kind == RecipientKind.TEAM:
            words.append(f"team {one.team.name}" if one.team else "a team")
        elif one.kind == RecipientKind.ROLE:
            words.append(f"{one.get_role_display().lower()}s")
        else:
            words.append(one.address)
    return ", ".join(words) or "nobody"


def _run(run: ReportRun) -> dict[str, Any]:
    states = [one.state for one in run.deliveries.all()]
    counts = [f"{states.count(state)} {state}" for state in ("sent", "queued", "failed", "skipped") if state in states]
    return {
        "run": run, "tone": RUN_TONES.get(run.job.status, ""), "state": run.job.get_status_display(),
        "period": schedule.period_words(run.start, run.end, run.report.timezone),
        "mails_words": ", ".join(counts) or "none",
        "is_open": run.job.status in (JobStatus.QUEUED, JobStatus.RUNNING) or "queued" in states,
    }  # fmt: skip


def _pairs(report: Report) -> list[Pair]:
    outside = "what its owner sees" if report.shares_outside else "nothing"
    return [
        Pair("About", report.get_period_display()),
        Pair("When", when(report)),
        Pair("Next", f"{report.next_at:%Y-%m-%d %H:%M} UTC" if report.next_at else "–"),
        Pair("To", recipients_words(report)),
        Pair("Addresses outside get", outside),
        Pair("Attachments", ", ".join(LABELS.get(name, name) for name in report.formats) or "none"),
        Pair("Whose", report.team.name if report.team else "The whole organization's"),
        Pair("Owner", str(report.owner) if report.owner else "nobody"),
        Pair("Sections", ", ".join(one.get("title") or one["kind"] for one in report.sections)),
    ]


__all__ = ["READERS", "WRITERS"]
