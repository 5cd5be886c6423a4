"""PATCH (RFC 7644, section 3.5.2) as Okta and Microsoft Entra ID send it, brought to one form. Pure.

Both differ from the letter: operations are `Add` and `Replace`, booleans arrive as "False", the path may be missing and
the value then is an object, whose names may be paths themselves (`"name.givenName"`); members are removed by a path
with a filter or by a list of values.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from gateway.scim.errors import ScimError

SCHEMA = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
MAX_OPERATIONS = 1_000
COMPLEX = ("name", "emails")
"""Attributes whose parts are kept."""
_CORE = re.compile(r"urn:ietf:params:scim:schemas:core:2\.0:(user|group)", re.IGNORECASE)
_URN = re.compile(r"^urn:ietf:params:scim:schemas:[a-z:]+:2\.0:(user|group):", re.IGNORECASE)
_FILTERED = re.compile(r'^(\w+)\[\s*(\w+)\s+eq\s+"((?:[^"\\]|\\.)*)"\s*\](?:\.(\w+))?$', re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Change:
    """`verb`: add, remove, replace. `path` in lower case, without filter. `among`: the value that the path's filter
    names, as in `members[value eq "…"]`; None without."""

    verb: str
    path: str
    value: Any = None
    among: str | None = None


def changes(document: Any) -> list[Change]:
    """One for each attribute. Raises `ScimError`."""
    operations = _get(document, "operations")
    if not isinstance(operations, list) or not operations or len(operations) > MAX_OPERATIONS:
        raise ScimError(400, f"Operations has to be a list of 1 to {MAX_OPERATIONS} operations.", "invalidSyntax")
    return [change for operation in operations for change in _of(operation)]


def _of(operation: Any) -> Iterator[Change]:
    verb, path, value = (_get(operation, name) for name in ("op", "path", "value"))
    if not isinstance(verb, str) or verb.lower() not in ("add", "remove", "replace"):
        raise ScimError(400, "op is one of add, remove, replace.", "invalidSyntax")
    if path is not None and not isinstance(path, str):
        raise ScimError(400, "path is a text.", "invalidPath")
    if path:
        yield _change(verb.lower(), path, value)
    elif verb.lower() == "remove":
        raise ScimError(400, "A remove needs a path.", "noTarget")
    elif isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _flat(verb.lower(), str(name), inner)
    else:
        raise ScimError(400, "Without a path the value is an object of attributes.", "invalidValue")


def _flat(verb: str, name: str, value: Any) -> Iterator[Change]:
    """`{"name": {"givenName": …}}` is the same as `{"name.givenName": …}`."""
    is_schema = _CORE.fullmatch(name) is not None
    if isinstance(value, Mapping) and (is_schema or _URN.sub("", name).lower() in COMPLEX):
        for inner, one in value.items():
            yield from _flat(verb, f"{name}{':' if is_schema else '.'}{inner}", one)
    else:
        yield _change(verb, name, value)


def _change(verb: str, path: str, value: Any) -> Change:
    plain = _URN.sub("", path.strip())
    filtered = _FILTERED.match(plain)
    if filtered is None:
        if "[" in plain:
            raise ScimError(400, f"The path {path!r} is not supported.", "invalidPath")
        return Change(verb, plain.lower(), value)
    name, _, among, rest = filtered.groups()
    return Change(verb, f"{name}.{rest}".lower() if rest else name.lower(), value, among)


def _get(document: Any, name: str) -> Any:
    """Names of attributes are not case-sensitive (RFC 7643, section 2.1)."""
    if not isinstance(document, Mapping):
        raise ScimError(400, "The body is no JSON object.", "invalidSyntax")
    return next((value for key, value in document.items() if str(key).lower() == name), None)
