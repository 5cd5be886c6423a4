"""SDKs → Custom client: choose operations, see names and size, have it made."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.template.defaultfilters import filesizeformat
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from analytics.api.views.exports import file_response
from gateway.choices import JobStatus
from gateway.console import ConsoleSite
from gateway.console.scope import frame, person
from gateway.models import Job, Organization, VirtualKey
from gateway.services.errors import ServiceError
from sdkgen import builds
from sdkgen.console.customform import CustomForm
from sdkgen.custom import service
from sdkgen.custom.access import reads
from sdkgen.custom.making import Size
from sdkgen.ir.nodes import Method
from sdkgen.languages.base.escaping import sentence
from sdkgen.languages.base.lint import Finding
from sdkgen.languages.base.readme import count
from sdkgen.languages.preview import Called
from sdkgen.languages.registry import LANGUAGES

MOST_KEYS = 200
MOST_BUILDS = 10
MOST_CHOSEN = 500
MOST_NAMES = 60
TONES = {JobStatus.SUCCEEDED: "ok", JobStatus.FAILED: "bad", JobStatus.CANCELLED: "warn"}
LEVELS = {"error": ("bad", "Error"), "warning": ("warn", "Warning"), "suggestion": ("", "Suggestion")}


@dataclass(frozen=True, slots=True)
class Choice:
    """One operation. `is_shown`: the search finds it; others stay in the page, so that their marks are kept."""

    id: str
    name: str
    request: str
    doc: str
    reads: bool
    is_chosen: bool
    is_shown: bool


@dataclass(frozen=True, slots=True)
class Group:
    """A resource with its operations."""

    place: str
    doc: str
    choices: list[Choice]

    @property
    def chosen(self) -> int:
        return sum(one.is_chosen for one in self.choices)

    @property
    def shown(self) -> int:
        return sum(one.is_shown for one in self.choices)


@dataclass(frozen=True, slots=True)
class Row:
    """A client that was asked for. `stale`: what it no longer agrees with."""

    job: Job
    language: str
    name: str
    subject: str
    size: Mapping[str, int]
    tone: str
    is_open: bool
    stale: list[tuple[str, str]]


@require_http_methods(["GET", "HEAD", "POST"])
def custom_client(request: HttpRequest, site: ConsoleSite) -> HttpResponse:
    """The page; `?part=builds` its clients; POST asks for one."""
    context, organization = frame(request, site, "Custom client")
    if request.GET.get("part") == "builds":
        return render(request, "console/sdks/custom_builds.html", context | _builds(request, organization))
    sent = request.POST if request.method == "POST" else None
    form = CustomForm(_keys(request, organization), sent)
    if sent is not None and form.is_valid() and _ask(request, organization, form):
        return redirect(f"{reverse('admin:sdk_custom')}#clients")
    context |= {"form": form, **_operations(sent or QueryDict()), **_builds(request, organization)}
    return render(request, "console/sdks/custom.html", context)


def _ask(request: HttpRequest, organization: Organization, form: CustomForm) -> Job | None:
    said = form.config(_chosen(request.POST))
    said.setdefault("base_url", _address(request))
    try:
        return service.request_client(
            organization=organization, user=person(request), language=form.cleaned_data["language"], said=said,
            shape=form.shape_said(),
        )  # fmt: skip
    except ServiceError as error:
        form.add_finding(error.field.removeprefix("config.").partition(".")[0], error.message)
        return None


@require_POST
def custom_operations(request: HttpRequest, site: ConsoleSite) -> HttpResponse:
    """The list of operations for the search in the form, with what is chosen. A fragment for htmx."""
    return render(request, "console/sdks/custom_operations.html", _operations(request.POST))


@require_POST
def custom_check(request: HttpRequest, site: ConsoleSite) -> HttpResponse:
    """What is to be said of the form as it stands, its size and its names. A fragment for htmx; nothing is kept."""
    context, organization = frame(request, site, "Custom client")
    form = CustomForm(_keys(request, organization), request.POST)
    chosen = _chosen(request.POST)
    context |= {"chosen": len(chosen), "findings": [], "languages": [one.about for one in LANGUAGES.values()]}
    if not form.is_valid():
        context["findings"] = [
            (*LEVELS["error"], form.fields[name].label or name.capitalize(), " ".join(map(str, errors)), "")
            for name, errors in form.errors.items()
            if name in form.fields
        ]
        return render(request, "console/sdks/custom_check.html", context)
    said, language = form.config(chosen), form.cleaned_data["language"]
    said.setdefault("base_url", _address(request))
    try:
        found = builds.findings(language, said)
        shape = service.shape_of(user=person(request), organization=organization, said=form.shape_said())
        is_wanted = bool(chosen) or shape is not None
        context["findings"] = [_finding(one, form) for one in found if is_wanted or one.code != "everything"]
        if is_wanted and not any(one.level == "error" for one in found):
            drafted = service.draft(language=language, said=said, shape=shape)
            context["size"] = _size(drafted.size)
            preview = service.previewed(said=said, shape=shape)
            if preview is not None:
                context["names"] = [_names(one) for one in preview.operations[:MOST_NAMES]]
                context["more"] = max(0, drafted.size.operations - MOST_NAMES)
    except ServiceError as error:
        context["findings"] = [(*LEVELS["error"], error.field.removeprefix("config."), error.message, "")]
    return render(request, "console/sdks/custom_check.html", context)


@require_safe
def custom_download(request: HttpRequest, site: ConsoleSite, job_id: UUID) -> HttpResponseBase:
    """The archive; the page again while it is not done, or when it has expired."""
    _, organization = frame(request, site, "Custom client")
    job = _jobs(request, organization).filter(pk=job_id).first()
    if job is None:
        raise Http404("no such client")
    try:
        file, content = builds.open_build(job=job, user=person(request))
    except ServiceError:
        return redirect("admin:sdk_custom")
    return file_response(file, content)


# ---- parts ---------------------------------------------------------------------------------------------------------
def _address(request: HttpRequest) -> str:
    return request.build_absolute_uri("/").rstrip("/")


def _keys(request: HttpRequest, organization: Organization) -> QuerySet[VirtualKey]:
    rows = VirtualKey.objects.visible_to(person(request)).filter(organization=organization)
    return rows.usable(timezone.now()).order_by("name", "id")[:MOST_KEYS]


def _chosen(sent: QueryDict) -> list[str]:
    return list(dict.fromkeys(sent.getlist("operation")))[:MOST_CHOSEN]


def _operations(sent: QueryDict) -> dict[str, Any]:
    """Groups by resource, with what is chosen marked and what the search does not find hidden. No queries."""
    api = builds.representation()
    chosen, query = set(_chosen(sent)), " ".join(sent.get("q", "").replace("\0", "").split())[:100]
    wanted = query.lower().split()
    groups = []
    for resource in sorted(api.resources, key=lambda one: (one.path[0] == "manage", one.path)):
        place = ".".join(resource.path)
        choices = [_choice(place, method, chosen, wanted) for method in resource.methods]
        groups.append(Group(place, resource.doc, choices))
    shown = sum(group.shown for group in groups)
    return {"groups": groups, "q": query, "shown": shown, "total": count(api)}


def _choice(place: str, method: Method, chosen: set[str], wanted: list[str]) -> Choice:
    text = f"{place}.{method.name} {method.id} {method.http} {method.path} {method.doc}".lower()
    doc = sentence(method.doc)
    return Choice(
        method.id, method.name, f"{method.http} {method.path}", doc if len(doc) <= 160 else doc[:159] + "…",
        reads(method), method.id in chosen, all(word in text for word in wanted),
    )  # fmt: skip


def _finding(one: Finding, form: CustomForm) -> tuple[str, str, str, str, str]:
    field = form.fields.get(one.field)
    label = (field.label or one.field.replace("_", " ").capitalize()) if field is not None else one.field.capitalize()
    return (*LEVELS[one.level], str(label), one.message, one.fix)


def _size(size: Size) -> dict[str, Any]:
    """The size, its share of everything, and how many bytes that is in words."""
    return {"size": size, "share": size.bytes / size.bytes_of, "whole": filesizeformat(size.bytes_of)}


def _names(one: Called) -> tuple[str, list[str]]:
    return one.id, [one.names.get(language, "–") for language in LANGUAGES]


def _jobs(request: HttpRequest, organization: Organization) -> QuerySet[Job]:
    rows = Job.objects.visible_to(person(request)).filter(kind=builds.KIND, organization=organization)
    return rows.exclude(parameters__custom=None).filter(parameters__has_key="custom")


def _builds(request: HttpRequest, organization: Organization) -> dict[str, Any]:
    """The newest ones, each with what has moved since."""
    jobs = _jobs(request, organization).select_related("requested_by", "organization").order_by("-created_at", "-id")
    rows = [_row(job) for job in jobs[:MOST_BUILDS]]
    return {"rows": rows, "is_running": any(row.is_open for row in rows)}


def _row(job: Job) -> Row:
    package = builds.package_of(job)
    custom = job.parameters["custom"]
    status = JobStatus(job.status)
    is_open = status in (JobStatus.QUEUED, JobStatus.RUNNING)
    return Row(
        job, package.language.about.display_name, f"{package.config.package} {package.config.version}",
        custom["shape"]["subject"] if custom["shape"] else "", custom["size"], TONES.get(status, ""), is_open,
        [] if is_open else service.stale(job),
    )  # fmt: skip
