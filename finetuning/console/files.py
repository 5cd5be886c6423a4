"""Training files: the list, one with its quality report, its mended version, two versions compared, new ones."""

from collections.abc import Mapping
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from analytics.console.format import DASH, compact, money, number, percent
from finetuning.choices import FileOrigin, FilePurpose
from finetuning.console.access import file_of, files_of, may_make, projects_of, require_maker
from finetuning.models import TuningFile
from finetuning.quality.kinds import KINDS, PARTS, SEVERITIES
from finetuning.services import files
from finetuning.services.files import runs
from finetuning.services.files.storing import PART_BYTES
from finetuning.services.files.traffic import Chosen, Sampling
from finetuning.traffic import TRAITS
from gateway.choices import JobStatus
from gateway.console import ConsoleSite
from gateway.console.parts import Pair
from gateway.console.scope import actor, frame, person
from gateway.models import Job, Project
from gateway.services.errors import ServiceError

PER_PAGE = 25
LINES_NAMED = 5
TONES = {"error": "bad", "warning": "warn", "info": ""}
GOOD_SCORE, FAIR_SCORE = 90, 60
DAY = timedelta(days=1)


class UploadForm(forms.Form):
    """A file of examples, and where it belongs."""

    file = forms.FileField(help_text="JSON lines, up to 512 MiB: chat, preference pairs, or reinforcement.")
    project = forms.ModelChoiceField(Project.objects.none())

    def __init__(self, projects: QuerySet[Project], *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["project"] = forms.ModelChoiceField(projects, empty_label=None)


class TrafficForm(forms.Form):
    """Which logged requests become examples."""

    project = forms.ModelChoiceField(Project.objects.none())
    name = forms.CharField(max_length=255, initial="traffic.jsonl", label="Name of the file")
    first_on = forms.DateField(label="From", widget=forms.DateInput(attrs={"type": "date"}))
    last_on = forms.DateField(
        label="Up to and with", widget=forms.DateInput(attrs={"type": "date"}), help_text="UTC days."
    )
    models = forms.CharField(
        required=False, max_length=600, help_text="That answered, separated by commas; empty: all."
    )
    min_score = forms.DecimalField(
        required=False, min_value=0, max_value=1, decimal_places=5, max_digits=6, label="Least score",
        help_text="Of the average of a request's scores; empty: any, and those without.",
    )  # fmt: skip
    size = forms.IntegerField(required=False, min_value=1, max_value=100_000, label="At most", help_text="Empty: all.")
    consent = forms.BooleanField(label="Those whose words these are have agreed to their use for training.")

    def __init__(self, projects: QuerySet[Project], *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["project"] = forms.ModelChoiceField(projects, empty_label=None)

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        if given.get("first_on") and given.get("last_on") and given["last_on"] < given["first_on"]:
            self.add_error("last_on", "The window must end after it begins.")
        return given

    @property
    def chosen(self) -> Chosen:
        given = self.cleaned_data
        start, end = (datetime.combine(day, time.min, UTC) for day in (given["first_on"], given["last_on"] + DAY))
        names = [name.strip() for name in given["models"].split(",") if name.strip()]
        return Chosen(start=start, end=end, models=names, min_score=given["min_score"])


@require_http_methods(["GET", "HEAD", "POST"])
def file_list(request: HttpRequest, site: ConsoleSite) -> HttpResponse:
    """Files of the projects that the person sees, newest first; POST with a file uploads it, without builds one."""
    context, organization = frame(request, site, "Training files")
    may_change, projects = may_make(request, organization), projects_of(request, organization)
    form, traffic = UploadForm(projects), TrafficForm(projects)
    if request.method == "POST":
        require_maker(request, organization)
        if "first_on" in request.POST:
            traffic = TrafficForm(projects, request.POST)
            if traffic.is_valid() and (answer := _from_traffic(request, traffic)):
                return answer
        else:
            form = UploadForm(projects, request.POST, request.FILES)
            if form.is_valid() and (made := _upload(request, form)):
                return redirect("admin:tuning_file", made.pk)
    rows = files_of(request, organization).filter(purpose=FilePurpose.FINE_TUNE).defer("report")
    page = Paginator(rows, PER_PAGE).get_page(request.GET.get("page"))
    context |= {
        "page": page, "rows": [_row(file) for file in page.object_list], "form": form, "traffic": traffic,
        "may_change": may_change,
    }  # fmt: skip
    return render(request, "console/tuning/files.html", context)


@require_safe
def file_page(request: HttpRequest, site: ConsoleSite, file_id: UUID) -> HttpResponse:
    """One version: what it is, what its report found, and its other versions."""
    context, organization = frame(request, site, "Training files")
    file = file_of(request, organization, file_id)
    waiting = Job.objects.filter(
        kind=runs.KIND, organization=organization, parameters__file=str(file.pk),
        status__in=(JobStatus.QUEUED, JobStatus.RUNNING),
    )  # fmt: skip
    context |= {
        "title": str(file), **_row(file), "tokens": _tokens(file), "facts": _facts(file),
        "report": _report(file.report),
        "versions": [_row(one) for one in files_of(request, organization).filter(family=file.family).defer("report")],
        "may_change": may_make(request, organization) and file.purpose == FilePurpose.FINE_TUNE,
        "is_waiting": waiting.exists(),
    }  # fmt: skip
    return render(request, "console/tuning/file.html", context)


@require_safe
def file_diff(request: HttpRequest, site: ConsoleSite, file_id: UUID) -> HttpResponse:
    """What became of the lines of the version before, or of `?against=`, in this one."""
    context, organization = frame(request, site, "Training files")
    file = file_of(request, organization, file_id)
    against = request.GET.get("against") or (str(file.parent_id) if file.parent_id else "")
    try:
        old = file_of(request, organization, UUID(against))
    except ValueError as error:
        raise Http404 from error
    if old.project_id != file.project_id:
        raise Http404
    context |= {"title": f"{old} → {file}", "file": file, "old": old, "found": None}
    try:
        context["found"] = files.diff_versions(old, file)
    except ServiceError as error:
        messages.error(request, error.message)
    return render(request, "console/tuning/diff.html", context)


@require_POST
def file_do(request: HttpRequest, site: ConsoleSite, file_id: UUID) -> HttpResponse:
    """POST `verb`: check, mend, or delete. Large files are read in the background."""
    _, organization = frame(request, site, "Training files")
    require_maker(request, organization)
    file, verb = file_of(request, organization, file_id), request.POST.get("verb", "")
    if verb not in ("check", "mend", "delete"):
        raise Http404
    try:
        if verb == "delete":
            files.delete_file(file=file, actor=actor(request))
            messages.success(request, f"{file} is deleted.")
            return redirect("admin:tuning_files")
        return redirect("admin:tuning_file", _judged(request, file, verb).pk)
    except ServiceError as error:
        messages.error(request, error.message)
        return redirect("admin:tuning_file", file.pk)


def _judged(request: HttpRequest, file: TuningFile, verb: str) -> TuningFile:
    """Check or mend it, now or in the background; the version to look at then."""
    wanted, today = runs.Wanted(), timezone.now().date()
    if not runs.is_small(file):
        action = runs.VALIDATE if verb == "check" else runs.OPTIMIZE
        runs.request_judging(action=action, file=file, validation=None, wanted=wanted, actor=actor(request))
        messages.info(request, "It is large, so it is read in the background; reload in a moment.")
        return file
    if verb == "check":
        runs.validate_file(file=file, validation=None, wanted=wanted, at=today)
        return file
    version, mending = runs.optimize_file(
        file=file, validation=None, wanted=wanted, at=today, actor=actor(request), created_by=person(request)
    )
    if version is file:
        messages.info(request, "Nothing can be mended without guessing; the file stays as it is.")
    else:
        changes = len(mending.done.changes)
        messages.success(request, f"{version} is made: {changes} line{'' if changes == 1 else 's'} mended or left out.")
    return version


def _upload(request: HttpRequest, form: UploadForm) -> TuningFile | None:
    given = form.cleaned_data
    try:
        return files.create_file(
            project=given["project"], name=given["file"].name or "data.jsonl", purpose=FilePurpose.FINE_TUNE,
            content=given["file"].chunks(PART_BYTES), created_by=person(request), actor=actor(request),
        )  # fmt: skip
    except ServiceError as error:
        form.add_error("file", error.message)
        return None


def _from_traffic(request: HttpRequest, form: TrafficForm) -> HttpResponse | None:
    given, chosen = form.cleaned_data, form.chosen
    sampling = Sampling(given["size"], list(TRAITS))
    wish = {
        "project": given["project"], "name": given["name"], "chosen": chosen, "consent": given["consent"],
        "sampling": sampling, "parent": None, "actor": actor(request),
    }  # fmt: skip
    try:
        if runs.is_much(given["project"], chosen):
            runs.request_from_traffic(**wish)
            messages.info(request, "There are many requests, so it is built in the background; reload in a moment.")
            return redirect("admin:tuning_files")
        return redirect("admin:tuning_file", files.build_from_traffic(**wish, created_by=person(request)).pk)
    except ServiceError as error:
        form.add_error(error.field if error.field in form.fields else None, error.message)
        return None


def _row(file: TuningFile) -> dict[str, Any]:
    """A version in words, as list and page show it."""
    score = file.score
    tone = "" if score is None else "ok" if score >= GOOD_SCORE else "warn" if score >= FAIR_SCORE else "bad"
    return {
        "file": file, "tone": tone, "score": "not checked" if score is None else f"{score:g} of 100",
        "lines": number(file.lines), "tokens": _counted(file), "origin": FileOrigin(file.origin).label,
        "format": file.get_format_display(), "url": reverse("admin:tuning_file", args=[file.pk]),
    }  # fmt: skip


def _counted(file: TuningFile) -> str:
    """Tokens of an epoch as a tokenizer counted them, an exact one first."""
    counted = max(file.tokens.values(), key=lambda one: bool(one["is_exact"]), default=None)
    return DASH if counted is None else f"{'' if counted['is_exact'] else '≈ '}{compact(counted['tokens'])}"


def _tokens(file: TuningFile) -> str:
    """The same; else as the report counted them."""
    if file.tokens or file.report is None:
        return _counted(file)
    tokens = file.report["tokens"]
    return f"{'' if tokens['exact'] else '≈ '}{compact(tokens['total'])}"


def _facts(file: TuningFile) -> list[Pair]:
    lineage = {
        name: value for name, value in file.lineage.items() if isinstance(value, str | int | float) and value != ""
    }
    return [
        Pair("Id", file.public_id, is_code=True, copy=file.public_id), Pair("Project", file.project.name),
        Pair("Size", f"{number(file.size_bytes)} bytes"), Pair("SHA-256", file.sha256, is_code=True, copy=file.sha256),
        *(Pair(name.replace("_", " ").capitalize(), str(value)) for name, value in lineage.items()),
    ]  # fmt: skip


def _report(report: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """The stored report, its findings by kind, what vendors refuse first, the first lines of each. What is stored has
    lost its order: the database sorts keys."""
    if report is None:
        return None
    by_kind: dict[str, list[Mapping[str, Any]]] = {}
    for finding in report["findings"]:
        by_kind.setdefault(finding["kind"], []).append(finding)
    tokens = report["tokens"]
    parts = [Pair(part.capitalize(), percent(report["parts"][part])) for part in PARTS if part in report["parts"]]
    kinds = [_kind(name, report["counts"][name], by_kind.get(name, [])) for name in KINDS if report["counts"].get(name)]
    return {
        "kinds": sorted(kinds, key=lambda kind: SEVERITIES.index(kind["severity"].lower())),
        "parts": parts,
        "observations": [
            (one["message"], {"error": "bad", "warning": "warn"}.get(one["severity"], ""))
            for one in report["observations"]
        ],
        "skipped": sorted((name.replace("_", " "), why) for name, why in report["skipped"].items()),
        "examples": number(report["examples"]), "model": report["model"],
        "billable": compact(tokens["billable"]), "epochs": tokens["epochs"], "wasted": compact(tokens["wasted"]),
        "amount": money(_decimal(report["amount"])), "is_valid": report["valid"],
    }  # fmt: skip


def _kind(name: str, count: int, findings: list[Mapping[str, Any]]) -> dict[str, Any]:
    kind = KINDS[name]
    severity = findings[0]["severity"] if findings else kind.severity
    amounts = [_decimal(one["amount"]) for one in findings]
    known = [amount for amount in amounts if amount is not None]
    is_whole = len(findings) == count and len(known) == count
    return {
        "title": kind.title, "fix": kind.fix, "severity": severity.capitalize(), "tone": TONES[severity],
        "count": number(count), "is_heuristic": kind.is_heuristic, "lines": findings[:LINES_NAMED],
        "left": count - len(findings[:LINES_NAMED]),
        "amount": f"{'' if is_whole else 'at least '}{money(sum(known, Decimal(0)))}" if known else "—",
    }  # fmt: skip


def _decimal(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)
