"""What JSON's grammar allows and UTF-8 or a 64-bit number cannot hold: where in a request it stands. Pure."""

import re
from collections.abc import Iterator
from typing import Any

MAX_INTEGER = 2**63 - 1
_SURROGATE = re.compile("[\ud800-\udfff]")


def unwritable_at(fields: dict[str, Any], *, dotted: bool) -> str:
    """The path of the first value (or of the object with the name) that cannot be written to a provider; "" when there
    is none. `dotted`: Anthropic's way of writing paths ("messages.0.content"), else "messages[0].content"."""
    return next(_found(fields, "", "{}.{}" if dotted else "{}[{}]"), "")


def _found(value: Any, at: str, element: str) -> Iterator[str]:
    if isinstance(value, str):
        if not value.isascii() and _SURROGATE.search(value):
            yield at
    elif isinstance(value, int):
        if abs(value) > MAX_INTEGER:
            yield at
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _found(item, element.format(at, index), element)
    elif isinstance(value, dict):
        for name, item in value.items():
            if _SURROGATE.search(name):
                yield at
            yield from _found(item, f"{at}.{name}" if at else name, element)
