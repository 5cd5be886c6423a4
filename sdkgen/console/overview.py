"""The languages, with their packages: asked for, watched, downloaded."""

from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from analytics.exports.models import StoredFile
from gateway import downloads
from gateway.choices import JobStatus
from gateway.console import ConsoleSite
from gateway.console.parts import Pair
from gateway.console.scope import frame, person
from gateway.models import Job, Organization, User
from gateway.services.errors import ServiceError
from sdkgen import builds
from sdkgen.api.documentation import origin
from sdkgen.languages.base.config import Config
from sdkgen.languages.registry import LANGUAGES
from sdkgen.models import Release

BUILDS = 10
TONES = {JobStatus.SUCCEEDED: "ok", JobStatus.FAILED: "bad", JobStatus.CANCELLED: "warn"}
OPEN = (JobStatus.QUEUED, JobStatus.RUNNING)


@dataclass(frozen=True, slots=True)
class Card:
    """One language."""

    id: str
    name: str
    maturity: str
    pairs: list[Pair]
    install: str
    quick_start: str


@dataclass(frozen=True, slots=True)
class Row:
    """One package that was asked for."""

    job: Job
    language: str
    package: str
    tone: str
    is_open: bool
    is_there: bool


@require_safe
def overview(request: HttpRequest, site: ConsoleSite) -> HttpResponse:
    """The page, or its list of packages while one is made."""
    context, organization = frame(request, site, "SDKs")
    rows = _rows(person(request), organization)
    context |= {"rows": rows, "is_running": any(row.is_open for row in rows)}
    if request.GET.get("part") == "builds":
        return render(request, "console/sdks/builds.html", context)
    latest = Release.objects.values_list("version", flat=True).first()
    cards = [_card(language, latest, origin(request)) for language in LANGUAGES]
    return render(request, "console/sdks/overview.html", {**context, "cards": cards})


def _card(name: str, latest: str | None, base_url: str) -> Card:
    language = LANGUAGES[name]
    config = language.checked(replace(Config(), base_url=base_url))
    package = builds.Package(language, config)
    about = language.about
    pairs = [
        Pair("Package", config.package, is_code=True),
        Pair("Version", latest or f"{config.version}, not released yet"),
        Pair("Needs", about.minimum_runtime),
        Pair("Dependencies", ", ".join(about.dependencies) or "None"),
    ]
    return Card(
        name, about.display_name, about.maturity, pairs, package.filled(about.install),
        package.filled(about.quick_start),
    )  # fmt: skip


def _jobs(user: User, organization: Organization) -> Any:
    return Job.objects.visible_to(user).filter(organization=organization, kind=builds.KIND)


def _rows(user: User, organization: Organization) -> list[Row]:
    """The newest, in two queries."""
    jobs = list(_jobs(user, organization).select_related("requested_by").order_by("-created_at", "-id")[:BUILDS])
    kept = set(
        StoredFile.objects.filter(job__in=jobs, expires_at__gt=timezone.now()).values_list("job_id", flat=True)
    )  # fmt: skip
    return [_row(job, is_kept=job.pk in kept) for job in jobs]


def _row(job: Job, *, is_kept: bool) -> Row:
    status = JobStatus(job.status)
    package = builds.package_of(job)
    return Row(
        job, package.language.about.display_name, f"{package.config.package} {package.config.version}",
        TONES.get(status, ""), status in OPEN, status == JobStatus.SUCCEEDED and is_kept,
    )  # fmt: skip


@require_POST
def build(request: HttpRequest, site: ConsoleSite) -> HttpResponse:
    """Ask for a package with the language's own names, which knows this gateway's address."""
    _, organization = frame(request, site, "SDKs")
    try:
        builds.request_build(
            organization=organization, user=person(request), language=request.POST.get("language", ""),
            said={"base_url": origin(request)},
        )  # fmt: skip
        messages.success(request, "The package is being made; it is in the list below in some seconds.")
    except ServiceError as error:
        messages.error(request, str(error))
    return redirect("admin:sdks")


@require_safe
def download(request: HttpRequest, site: ConsoleSite, job_id: UUID) -> HttpResponseBase:
    """The archive. Raises Http404 for a package of somebody else."""
    _, organization = frame(request, site, "SDKs")
    job = _jobs(person(request), organization).filter(pk=job_id).first()
    if job is None:
        raise Http404("no such package")
    try:
        file, pieces = builds.open_build(job=job, user=person(request))
    except ServiceError as error:
        messages.error(request, str(error))
        return redirect("admin:sdks")
    return downloads.Download(pieces, name=file.name, content_type=file.content_type, size_bytes=file.size_bytes)
