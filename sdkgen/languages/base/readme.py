"""The README of a client that was made to order: what it holds, and nothing about what it has not. Pure."""

import re
from collections.abc import Iterator

from sdkgen.ir.names import snake
from sdkgen.ir.nodes import Api
from sdkgen.ir.select import place_of
from sdkgen.languages.base.escaping import markdown

MOST_LISTED = 100
_CALL = re.compile(r"\b(?:client|gateway)(?:\(\))?\.(\w+)(?:\(\))?\.(\w+)")
KEYS = {
    "key": "a virtual key with the scope `inference` (`GATEWAY_API_KEY`)",
    "management": "a management key (`GATEWAY_MANAGEMENT_KEY`)",
}


def tailored(readme: str, whole: Api, part: Api, auth: tuple[str, ...], more: str = "") -> str:
    """`readme` is a language's, for all operations. Sections that call what `part` has not are left out; one that says
    what it holds, and `more` (Markdown), come first."""
    known, there = set(_doors(whole)), set(_doors(part))
    head, *sections = re.split(r"(?m)^(?=## )", readme)
    kept = [
        one
        for one in sections
        if not any(door in known - there for call in _CALL.findall(one) for door in _calls(*call))
    ]
    return head + "".join(_holds(whole, part, auth)) + (f"{more.rstrip()}\n\n" if more else "") + "".join(kept)


def _doors(api: Api) -> Iterator[tuple[str, ...]]:
    """The first two words of each place."""
    for resource in api.resources:
        yield resource.path[:1]
        for method in resource.methods:
            yield (*resource.path, method.name)[:2]


def _calls(first: str, second: str) -> tuple[tuple[str, ...], ...]:
    return (snake(first),), (snake(first), snake(second.removesuffix("Async")))


def _holds(whole: Api, part: Api, auth: tuple[str, ...]) -> Iterator[str]:
    methods = [(resource, method) for resource in part.resources for method in resource.methods]
    yield "## This client\n\n"
    yield f"Made to order: {len(methods)} of {count(whole)} operations, {len(part.types)} of {len(whole.types)} types. "
    needed = auth or needed_auth(part)
    yield f"It needs {' and '.join(KEYS[one] for one in needed) or 'no key'}.\n\n"
    yield "| operation | request | |\n|---|---|---|\n"
    for resource, method in methods[:MOST_LISTED]:
        doc = markdown(method.doc)
        yield f"| `{place_of(resource, method)}` | `{method.http} {method.path}` | {doc[:200]} |\n"
    if len(methods) > MOST_LISTED:
        yield f"\n{len(methods) - MOST_LISTED} more are in the reference.\n"
    yield "\n"


def count(api: Api) -> int:
    return sum(len(resource.methods) for resource in api.resources)


def needed_auth(api: Api) -> tuple[str, ...]:
    """The kinds of keys that the operations take."""
    found = {method.auth for resource in api.resources for method in resource.methods}
    return tuple(one for one in KEYS if one in found)
