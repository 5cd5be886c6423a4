"""Documentation of one language: the beginning, the reference, examples, the tutorial. Switching the language keeps
the place: ids of methods, use cases and steps are the same in all of them."""

from typing import Any
from urllib.parse import urlencode

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from gateway.console import ConsoleSite
from gateway.console.parts import Pair, Sample, Tab
from gateway.services.errors import ServiceError
from sdkgen import reading
from sdkgen.api.documentation import origin
from sdkgen.documentation.pages import Documentation, ExamplePage, MethodPage, summary
from sdkgen.examples.catalog import USE_CASES
from sdkgen.languages.registry import LANGUAGES

PARTS = (
    ("sdk_docs", "Getting started"),
    ("sdk_reference", "Reference"),
    ("sdk_examples", "Examples"),
    ("sdk_tutorial", "Tutorial"),
)
FIRST = "python"
KEYS = {"key": "A virtual key", "management": "A management key", "none": "None"}


@require_safe
def first(request: HttpRequest, site: ConsoleSite) -> HttpResponse:
    """Where the entry of the navigation leads."""
    return start(request, site, FIRST)


def _frame(
    request: HttpRequest, site: ConsoleSite, language: str, part: str, place: str = "", **query: str
) -> tuple[dict[str, Any], Documentation]:
    """The frame with the tabs of languages and parts. `place` is the rest of the address, kept by a switch of the
    language as `query` is. Raises Http404."""
    try:
        found = reading.documentation(language, base_url=origin(request))
    except ServiceError as error:
        raise Http404(str(error)) from error
    asked = {name: value for name, value in query.items() if value}
    kept = f"?{urlencode(asked)}" if asked else ""
    name, more = (f"admin:{part}", (place,)) if place else (f"admin:{part}", ())
    languages = [
        Tab(one.about.display_name, reverse(name, args=[one.about.id, *more]) + kept, one.about.id == found.language)
        for one in LANGUAGES.values()
    ]
    above = {"sdk_method": "sdk_reference", "sdk_step": "sdk_tutorial"}.get(part, part)
    parts = [Tab(label, reverse(f"admin:{url}", args=[found.language]), url == above) for url, label in PARTS]
    title = f"{found.display_name}: {dict(PARTS)[above].lower()}"
    context = {**site.each_context(request), "title": title, "languages": languages, "parts": parts, "found": found}
    return context, found


@require_safe
def start(request: HttpRequest, site: ConsoleSite, language: str) -> HttpResponse:
    """Install, key, first call; questions; where else to read."""
    context, _ = _frame(request, site, language, "sdk_docs")
    return render(request, "console/sdks/start.html", context)


@require_safe
def reference(request: HttpRequest, site: ConsoleSite, language: str) -> HttpResponse:
    """All methods by resource, or those that hold all words of a search."""
    wanted = request.GET.get("q", "").strip()[:100]
    context, found = _frame(request, site, language, "sdk_reference", q=wanted)
    words = wanted.lower().split()
    groups = []
    for resource in found.reference:
        rows = [_row(found, page) for page in resource.methods if all(word in _searched(page) for word in words)]
        if rows:
            groups.append({"id": resource.id, "doc": resource.doc, "rows": rows})
    count = sum(len(group["rows"]) for group in groups)
    context |= {"groups": groups, "q": wanted, "count": count, "url": reverse("admin:sdk_reference", args=[language])}
    return render(request, "console/sdks/reference.html", context)


def _searched(page: MethodPage) -> str:
    return f"{page.id} {page.call} {page.http} {page.path} {page.doc} {page.operation_id}".lower()


def _row(found: Documentation, page: MethodPage) -> dict[str, Any]:
    url = reverse("admin:sdk_method", args=[found.language, page.id])
    return {"page": page, "url": url, "summary": summary(page)}


@require_safe
def method(request: HttpRequest, site: ConsoleSite, language: str, method: str) -> HttpResponse:
    """One method. Raises Http404."""
    context, found = _frame(request, site, language, "sdk_method", method)
    page = next((one for resource in found.reference for one in resource.methods if one.id == method), None)
    if page is None:
        raise Http404("no such method")
    facts = [
        Pair("HTTP", f"{page.http} {page.path}", is_code=True),
        Pair("Returns", page.returns or "Nothing", is_code=bool(page.returns)),
        Pair("Key", KEYS[page.key]),
        Pair("Repeated", "Safely: billed once" if page.is_idempotent or page.http == "GET" else "Not by itself"),
    ]
    return render(request, "console/sdks/method.html", {**context, "page": page, "facts": facts, "title": page.call})


@require_safe
def examples(request: HttpRequest, site: ConsoleSite, language: str) -> HttpResponse:
    """All, or those of one use case."""
    wanted = request.GET.get("use_case", "")
    wanted = wanted if wanted in USE_CASES else ""
    context, found = _frame(request, site, language, "sdk_examples", use_case=wanted)
    here = reverse("admin:sdk_examples", args=[found.language])
    cases = [Tab("All", here, not wanted)]
    cases += [Tab(_words(one), f"{here}?use_case={one}", one == wanted) for one in USE_CASES]
    rows = [
        {"page": page, "samples": _samples(found, page), "use_case": _words(page.use_case)}
        for page in found.examples
        if wanted in ("", page.use_case)
    ]
    return render(request, "console/sdks/examples.html", {**context, "cases": cases, "rows": rows})


def _samples(found: Documentation, page: ExamplePage) -> list[Sample]:
    return [Sample(found.display_name, page.code), Sample("curl", page.curl)]


def _words(name: str) -> str:
    return name.replace("-", " ").capitalize()


@require_safe
def tutorial(request: HttpRequest, site: ConsoleSite, language: str, step: str = "") -> HttpResponse:
    """One step; the first when none is said. Raises Http404."""
    part = "sdk_step" if step else "sdk_tutorial"
    context, found = _frame(request, site, language, part, step)
    steps = {one.id: one for one in found.tutorials}
    current = steps.get(step or next(iter(steps), ""))
    if current is None:
        raise Http404("no such step")
    urls = {name: reverse("admin:sdk_step", args=[found.language, name]) for name in steps}
    numbers = list(steps)
    at = numbers.index(current.id)
    following = steps[numbers[at + 1]] if at + 1 < len(numbers) else None
    context |= {
        "step": current, "count": len(steps), "following": following,
        "following_url": urls[following.id] if following else "",
        "previous_url": urls[numbers[at - 1]] if at else "",
        "steps": [{"page": one, "url": urls[one.id], "is_current": one is current} for one in steps.values()],
    }  # fmt: skip
    return render(request, "console/sdks/tutorial.html", context)
