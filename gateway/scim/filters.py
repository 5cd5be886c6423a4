"""Filters of lists (RFC 7644, section 3.4.2.2): comparisons with `eq`, joined by `and`. Attribute names, operators and
the prefix of a schema are not case-sensitive. Pure."""

import json
import re
from collections.abc import Collection
from dataclasses import dataclass

from gateway.scim.errors import ScimError
from gateway.scim.texts import is_storable

MAX_CHARS = 1_000
_COMPARISON = re.compile(r'\s*([\w.:$-]+)\s+([a-z]+)\s+("(?:[^"\\]|\\.)*"|true|false)\s*(?:(and)\s|$)', re.IGNORECASE)
_SCHEMA = re.compile(r"^urn:ietf:params:scim:schemas:[\w:.]+:(?=[^:]+$)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Equals:
    """`attribute` in lower case."""

    attribute: str
    value: str | bool


def parse(text: str, allowed: Collection[str]) -> list[Equals]:
    """All of these have to hold; empty text: none. `allowed` in lower case. Raises `ScimError` (`invalidFilter`)."""
    if len(text) > MAX_CHARS:
        raise _invalid("it is too long")
    found, at, goes_on = [], 0, bool(text.strip())
    while goes_on:
        match = _COMPARISON.match(text, at)
        if match is None:
            raise _invalid('only comparisons such as userName eq "bob" are, joined by and')
        name, operator, value, joint = match.groups()
        attribute = _SCHEMA.sub("", name).lower()
        if operator.lower() != "eq" or attribute not in allowed:
            raise _invalid(f"eq with one of {', '.join(sorted(allowed))} is")
        found.append(Equals(attribute, _value(value)))
        at, goes_on = match.end(), joint is not None
    return found


def _value(text: str) -> str | bool:
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    try:
        found = str(json.loads(text))
    except ValueError:
        raise _invalid("strings are as in JSON") from None
    if not is_storable(found):
        raise _invalid("strings have neither NUL nor halves of surrogate pairs")
    return found


def _invalid(what: str) -> ScimError:
    return ScimError(400, f"This filter is not supported: {what}.", "invalidFilter")
