"""Versions of the SDKs: releases, what changed between two of them, what to do about it and whose it is."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from analytics.query import QueryError
from gateway.console import ConsoleSite
from gateway.console.parts import Tab
from gateway.console.scope import frame, person
from gateway.services.errors import ServiceError
from sdkgen.api.versions import guide_of, limits_of
from sdkgen.concern import WINDOW, Concern, Records, concerns, records
from sdkgen.history import Between, between, releases
from sdkgen.languages.registry import LANGUAGES, named
from sdkgen.models import Release
from sdkgen.versions.guide import KINDS, Entry, Step

SHOWN = 50
"""Changes of one kind on the page; the changelog of the API has all."""
STATES = {
    "concerns": ("Concerns you", "warn"), "maybe": ("May concern you", ""), "not_seen": ("Not called", "ok"),
    "unknown": ("Not recorded", ""),
}  # fmt: skip
VERDICTS = {"compiles": ("Compiles", "ok"), "breaks": ("Breaks", "bad"), "not_run": ("Not tried", "")}


@dataclass(frozen=True, slots=True)
class Shown:
    """A step with its mark."""

    step: Step
    concern: Concern | None
    state: str
    tone: str


@dataclass(frozen=True, slots=True)
class Group:
    """Changes of a kind: the first of them, and how many there are."""

    heading: str
    count: int
    entries: Sequence[Entry]


@require_safe
def version_page(request: HttpRequest, site: ConsoleSite) -> HttpResponse:
    """`?language=&from=&to=`; without them Python, and the newest release against the one before it."""
    context, organization = frame(request, site, "SDK versions")
    language = _language(request)
    known = releases()
    context |= {
        "organization": organization, "language": language.about, "releases": [_row(one, known) for one in known],
        "languages": _tabs(request, language.about.id), "window_days": WINDOW.days,
    }  # fmt: skip
    try:
        found = between(language, request.GET.get("from", ""), request.GET.get("to", ""))
        records_known = records(person(request), organization, language.about.id)
    except (ServiceError, QueryError) as error:
        context["problem"] = "" if not known else error.message
        return render(request, "console/sdks/versions.html", context)
    return render(request, "console/sdks/versions.html", context | _content(request, found, records_known))


@require_safe
def guide_file(request: HttpRequest, site: ConsoleSite) -> HttpResponse:
    """The personal guide as a Markdown file."""
    _, organization = frame(request, site, "SDK versions")
    language = _language(request)
    try:
        found = between(language, request.GET.get("from", ""), request.GET.get("to", ""))
    except ServiceError as error:
        return HttpResponse(error.message, status=error.status, content_type="text/plain; charset=utf-8")
    said = guide_of(found, records(person(request), organization, language.about.id))
    response = HttpResponse(said["markdown"], content_type="text/markdown; charset=utf-8")
    name = "-".join(["migrate", language.about.id, *(one for one in found.versions if one)])
    response["Content-Disposition"] = f'attachment; filename="{name}.md"'
    return response


def _language(request: HttpRequest) -> Any:
    try:
        return named(request.GET.get("language", "python"))
    except KeyError:
        return LANGUAGES["python"]


def _content(request: HttpRequest, found: Between, known: Records) -> dict[str, Any]:
    told, apis = found.steps, found.apis
    said = concerns([step.change for step in told], apis, known, found.new.version) if apis is not None else []
    shown = [Shown(step, one, *STATES[one.state]) for step, one in zip(told, said, strict=True)]
    groups = []
    for kind, heading in KINDS.items():
        entries = [one for one in found.entries if one.kind == kind]
        if entries:
            groups.append(Group(heading, len(entries), entries[:SHOWN]))
    counts = {group.heading: group.count for group in groups}
    query = urlencode([*_kept(request), ("from", found.versions[0]), ("to", found.versions[1])])
    return {
        "found": found, "steps": shown, "groups": groups, "records": known, "limits": limits_of(known),
        "uses": [(use, [known.key_names[key] for key in use.keys if key in known.key_names]) for use in known.uses],
        "figures": [(heading, counts.get(heading, 0)) for heading in list(KINDS.values())[:4]],
        "concerned": sum(one.state == "concerns" for one in said),
        "guide_url": f"{reverse('admin:sdk_guide')}?{query}",
    }  # fmt: skip


def _tabs(request: HttpRequest, current: str) -> list[Tab]:
    rest = [(name, value) for name in ("organization", "from", "to") if (value := request.GET.get(name))]
    return [
        Tab(one.about.display_name, f"?{urlencode([('language', name), *rest])}", name == current)
        for name, one in LANGUAGES.items()
    ]


def _kept(request: HttpRequest) -> list[tuple[str, str]]:
    return [(name, value) for name in ("organization", "language") if (value := request.GET.get(name))]


def _row(release: Release, known: Sequence[Release]) -> dict[str, Any]:
    """A line of the table: its verdicts, or that nothing was compiled."""
    before = next((one.version for one in known if one.pk == release.previous_id), "")
    languages = (release.evidence or {}).get("languages", {})
    verdicts = [
        (LANGUAGES[name].about.display_name, *VERDICTS[said["verdict"]])
        for name, said in languages.items() if name in LANGUAGES
    ]  # fmt: skip
    return {"release": release, "before": before, "changes": getattr(release, "change_count", 0), "verdicts": verdicts}
