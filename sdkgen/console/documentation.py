"""Documentation of one language: the beginning, the reference, examples, the tutorial. Switching the language keeps
the place: ids of methods, use cases and steps are the same in all of them."""

from collections.abc import Iterable
from typing import Any
from urllib.parse import urlencode

from django.core.paginator import Paginator
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
from sdkgen.documentation.types import TypePage
from sdkgen.examples.catalog import USE_CASES
from sdkgen.history import Noted, notes
from sdkgen.languages.registry import LANGUAGES

PARTS = (
    ("sdk_docs", "Getting started"),
    ("sdk_reference", "Reference"),
    ("sdk_types", "Types"),
    ("sdk_examples", "Examples"),
    ("sdk_tutorial", "Tutorial"),
    ("sdk_changelog", "Changelog"),
)
FIRST = "python"
TYPES = 100
"""Types on one page."""
NAMED = 6
"""Members of a type that its line names."""
CHANGES = 20
"""Changes of one kind that a release shows; its page of versions has more."""
KINDS_SAID = {"object": "Object", "words": "List of words", "union": "One of several types"}
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
    above = {"sdk_method": "sdk_reference", "sdk_type": "sdk_types", "sdk_step": "sdk_tutorial"}.get(part, part)
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
    uses = [one for one in found.types if page.id in one.methods]
    context |= {"page": page, "facts": facts, "title": page.call, "types": _links(found, uses)}
    context["arguments"] = sorted(page.arguments, key=lambda one: not one.required)
    return render(request, "console/sdks/method.html", context)


@require_safe
def types(request: HttpRequest, site: ConsoleSite, language: str) -> HttpResponse:
    """All types, or those whose name, description or members hold all words of a search; a part of them at a time."""
    wanted = request.GET.get("q", "").strip()[:100]
    context, found = _frame(request, site, language, "sdk_types", q=wanted)
    words = wanted.lower().split()
    rows = [page for page in found.types if all(word in _words_of(page) for word in words)]
    if words:  # names first: a word is often a part of many descriptions
        rows.sort(key=lambda page: not all(word in page.id.lower() for word in words))
    shown = Paginator(rows, TYPES).get_page(request.GET.get("page"))
    context |= {
        "page": shown, "rows": [(one, _type_url(found, one), KINDS_SAID[one.kind], _parts(one)) for one in shown],
        "q": wanted, "count": len(rows), "url": reverse("admin:sdk_types", args=[found.language]),
    }  # fmt: skip
    return render(request, "console/sdks/types.html", context)


@require_safe
def type_page(request: HttpRequest, site: ConsoleSite, language: str, name: str) -> HttpResponse:
    """One type. Raises Http404."""
    context, found = _frame(request, site, language, "sdk_type", name)
    by_id = {page.id: page for page in found.types}
    page = by_id.get(name)
    if page is None:
        raise Http404("no such type")
    facts = [
        Pair("In the document", page.id, is_code=True),
        Pair("Kind", KINDS_SAID[page.kind]),
        Pair("Goes", _way(page)),
    ]
    if page.discriminator:
        facts.append(Pair("Told by", page.discriminator, is_code=True))
    if page.extra:
        facts.append(Pair("Further fields", page.extra, is_code=True))
    context |= {
        "page": page, "facts": facts, "title": page.name,
        "fields": [(one, _links(found, [by_id[part] for part in one.types])) for one in page.fields],
        "variants": [(one, _links(found, [by_id[part] for part in one.types])) for one in page.variants],
        "methods": [(one, reverse("admin:sdk_method", args=[found.language, one])) for one in page.methods],
        "users": _links(found, [by_id[one] for one in page.types]),
    }  # fmt: skip
    return render(request, "console/sdks/type.html", context)


def _links(found: Documentation, pages: Iterable[TypePage]) -> list[tuple[str, str]]:
    return [(page.name, _type_url(found, page)) for page in pages]


def _type_url(found: Documentation, page: TypePage) -> str:
    return reverse("admin:sdk_type", args=[found.language, page.id])


def _words_of(page: TypePage) -> str:
    parts = [
        *(one.wire for one in page.fields),
        *(one.value for one in page.words),
        *(one.tag for one in page.variants),
    ]
    return f"{page.id} {page.name} {page.doc} {' '.join(parts)}".lower()


def _parts(page: TypePage) -> str:
    names = (
        [one.name for one in page.fields] or [one.value for one in page.words] or [one.type for one in page.variants]
    )
    return ", ".join(names[:NAMED]) + (" …" if len(names) > NAMED else "")


def _way(page: TypePage) -> str:
    if page.is_sent and page.is_received:
        return "Both ways"
    return "To the gateway" if page.is_sent else "From the gateway" if page.is_received else "Neither way"


@require_safe
def changelog(request: HttpRequest, site: ConsoleSite, language: str) -> HttpResponse:
    """What changed in each stored release, the newest first."""
    context, found = _frame(request, site, language, "sdk_changelog")
    context["releases"] = [
        (one, [(heading, len(rows), rows[:CHANGES]) for heading, rows in one.groups()], _versions_url(found, one))
        for one in notes(found.language)
    ]
    return render(request, "console/sdks/changelog.html", context)


def _versions_url(found: Documentation, one: Noted) -> str:
    query = urlencode({"language": found.language, "to": one.version})
    return f"{reverse('admin:sdk_versions')}?{query}"


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
