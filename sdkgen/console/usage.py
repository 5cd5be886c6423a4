"""Who calls with which library: versions, errors, repeats, runtimes, how soon new keys work."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from analytics.answers.questions import Questions
from analytics.console import format
from analytics.console.periods import LABELS, read_period
from analytics.console.questions import answered
from analytics.query import Query
from gateway.console import ConsoleSite
from gateway.console.scope import frame, person
from sdkgen import builds
from sdkgen.languages.registry import LANGUAGES
from sdkgen.telemetry import FirstSuccess, Used, named_sdk, telemetry

STANDINGS = {"latest": ("Latest", "ok"), "older": ("Older", "warn"), "newer": ("Own version", ""), "other": ("", "")}
SHORTER = "shorter_window"


@require_safe
def usage_page(request: HttpRequest, site: ConsoleSite) -> HttpResponse:
    """The page."""
    context, organization = frame(request, site, "SDKs in use")
    period = read_period(request.GET, timezone.now(), organization.reporting_timezone)
    questions = Questions(person(request), organization)
    query = Query(measures=(), start=period.start, end=period.end, organization=organization)
    sha = builds.representation().document_sha
    found, problem = answered("sdk usage", lambda: _content(telemetry(questions, query, sha)))
    context |= {"period": period, "ranges": LABELS.items(), "problem": problem, "failed": found is None and not problem}
    return render(request, "console/sdks/usage.html", context | (found or {}))


def _content(body: dict[str, Any]) -> dict[str, Any]:
    used: list[Used] = body["sdks"]
    ours = [one for one in used if one.language]
    return {
        "tiles": [
            ("Calls by your SDKs", format.compact(sum(one.requests for one in ours)),
             f"of {format.compact(sum(one.requests for one in used))} by any library"),
            ("Clients", format.compact(sum(one.clients for one in ours)), "keys at addresses, of your SDKs"),
            ("Repeats", format.percent(_repeats(ours)), "of your SDKs' calls"),
            ("First success", _seconds(body["time_to_first_success"].p50_s), _of_keys(body["time_to_first_success"])),
        ],
        "used": [
            (one, named(one.sdk), *STANDINGS[one.standing], format.percent(one.error_rate),
             format.DASH if one.retries is None else format.percent(one.retry_rate))
            for one in used
        ],
        "storms": [(one, named(one.sdk), format.percent(one.share)) for one in body["retry_storms"]],
        "runtimes": [(one, named(one.sdk)) for one in body["runtimes"]],
        "documents": body["documents"], "downloads": body["downloads"],
        "latest": body["latest"],
        "shorter": next((note.message for note in body["notes"] if note.code == SHORTER), ""),
    }  # fmt: skip


def named(sdk: str | None) -> str:
    """`csharp/1.0.0` → `C# 1.0.0`; other libraries by the name that they give."""
    language, version = named_sdk(sdk)
    return f"{LANGUAGES[language].about.display_name} {version or ''}".strip() if language else sdk or "Not told"


def _repeats(ours: list[Used]) -> float | None:
    calls = sum(one.requests + one.denied for one in ours)
    return sum(one.retries or 0 for one in ours) / calls if calls else None


def _seconds(value: float | None) -> str:
    return format.DASH if value is None else format.duration(value * 1000)


def _of_keys(found: FirstSuccess) -> str:
    if not found.keys:
        return "no key was made in this time"
    return f"after the key was made; {found.succeeded} of {found.keys} new keys, {found.failed_only} failed only"
