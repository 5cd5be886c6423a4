"""The playground's page, the generated code that it runs, and the worker that runs it."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from csp.constants import NONE, SELF
from csp.decorators import csp_replace
from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.templatetags.static import static
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from gateway.console import ConsoleSite
from gateway.console.scope import frame, may_administer, person
from gateway.models import Organization, Project
from gateway.services import bodies
from gateway.services.errors import ServiceError
from sdkgen.playground import code, packages, sessions
from sdkgen.playground.offers import offers

CHAT = "/v1/chat/completions"
WORKER = Path(settings.BASE_DIR) / "static" / "js" / "playground-worker.js"
FOR_EVER = "private, max-age=31536000, immutable"
CACHE = ("", "no-cache", "no-store")
PYODIDE = "vendor/pyodide/"


@csp_replace({"worker-src": [SELF]})  # type: ignore[arg-type]  # its types know views of a request alone
@require_safe
def page(request: HttpRequest, site: ConsoleSite) -> HttpResponse:
    """The playground, empty. Four queries besides the frame's."""
    context, organization = frame(request, site, "Playground")
    return _page(request, context, organization)


@csp_replace({"worker-src": [SELF]})  # type: ignore[arg-type]  # its types know views of a request alone
@require_POST
def from_request(request: HttpRequest, site: ConsoleSite) -> HttpResponse:
    """The playground with what a logged request sent, for whom its body is visible to; the reading is an audit event.
    A POST, so that no link reads anything."""
    context, organization = frame(request, site, "Playground")
    if not may_administer(request, organization):
        raise Http404
    said = request.POST.get("request_id", "")
    try:
        found = bodies.read_bodies(organization=organization, request_id=said, actor=person(request))
    except ServiceError as error:
        return _page(request, context, organization, problem=error.message)
    sent = next((one.request for one in found if one.endpoint == CHAT and one.request and not one.is_truncated), None)
    body = _conversation(sent)
    if body is None:
        problem = "The request is no whole conversation in the format of Chat Completions, or cannot be read any more."
        return _page(request, context, organization, problem=problem)
    return _page(request, context, organization, body=body)


@require_POST
def as_code(request: HttpRequest, site: ConsoleSite) -> JsonResponse:
    """A request in the languages of the SDKs: `{body, retries, cache}` → `{samples}`, or `{problem}`. No query."""
    try:
        said = code.read(request.body)
        body, retries, cached = said["body"], said["retries"], said["cache"]
    except (ValueError, KeyError, TypeError):
        return JsonResponse({"problem": "The request is no JSON of the page."}, status=400)
    if not isinstance(body, dict) or type(retries) is not int or cached not in CACHE:
        return JsonResponse({"problem": "The request is no JSON of the page."}, status=400)
    if not 0 <= retries <= code.MAX_RETRIES:
        return JsonResponse({"problem": f"Repeats are 0 to {code.MAX_RETRIES}."}, status=400)
    try:
        found = code.samples(body, retries=retries, cache=cached)
    except ServiceError as error:
        return JsonResponse({"problem": error.message})
    return JsonResponse({"samples": [asdict(one) for one in found]})


def _page(
    request: HttpRequest, context: dict[str, Any], organization: Organization, *, body: Any = None, problem: str = ""
) -> HttpResponse:
    projects = Project.objects.visible_to(person(request)).active().filter(organization=organization).order_by("name")
    names = offers(organization)
    version = packages.served().version
    context |= {
        "projects": projects, "offers": names, "problem": problem, "budget": sessions.BUDGET,
        "minutes": sessions.MINUTES, "max_minutes": sessions.MAX_MINUTES, "max_budget": sessions.MAX_BUDGET,
        "currency": organization.currency,
        "facts": {
            "person": str(person(request).pk), "organization": organization.slug,
            "offers": [{"name": one.name, "by": one.by, "isSandbox": one.is_sandbox} for one in names],
            "sessions": reverse("sdk-api:playground-list"), "worker": reverse("admin:playground_worker"),
            "sdk": reverse("admin:playground_sdk", args=[version, "lib/index.js"]),
            "python": reverse("admin:playground_sdk", args=[version, packages.PYTHON_ARCHIVE]),
            "caller": static("js/playground/caller.py"),
            "pyodide": static(f"{PYODIDE}pyodide.mjs"), "pyodideFolder": f"{settings.STATIC_URL}{PYODIDE}",
            "request": reverse("admin:request", args=["REQUEST"]), "code": reverse("admin:playground_code"),
            "recorded": f"“{code.RECORDED['messages'][0]['content']}” to {code.RECORDED['model']}",
            "currency": organization.currency, "body": body,
        },
    }  # fmt: skip
    return render(request, "console/playground.html", context)


def _conversation(text: str | None) -> dict[str, Any] | None:
    try:
        body = code.read(text or "")
    except ValueError:
        return None
    is_one = isinstance(body, dict) and isinstance(body.get("messages"), list)
    return body if is_one else None


@csp_replace({  # type: ignore[arg-type]  # as above
    "default-src": [NONE], "script-src": [SELF, "'wasm-unsafe-eval'"], "connect-src": [SELF], "style-src": None,
    "img-src": None, "worker-src": None,
})  # fmt: skip
@require_safe
def worker(request: HttpRequest, site: ConsoleSite) -> HttpResponse:
    """The module that runs the SDKs, under a policy of its own: it may fetch from here alone, and only here may
    WebAssembly (Python) be compiled."""
    response = HttpResponse(WORKER.read_bytes(), content_type="text/javascript; charset=utf-8")
    response["Cache-Control"] = "private, no-cache"
    return response


@require_safe
def package_file(request: HttpRequest, site: ConsoleSite, version: str, path: str) -> HttpResponse:
    """A file of the generated SDKs. Another version's is not found: its page is loaded again."""
    served = packages.served()
    content = served.files.get(path)
    if version != served.version or content is None:
        raise Http404
    response = HttpResponse(content, content_type=served.kind(path))
    response["Cache-Control"] = FOR_EVER
    return response
