"""What the database can keep of what JSON can say."""

import re
from collections.abc import Mapping
from math import isfinite
from typing import Any

UNCLEAN = re.compile("[\x00\ud800-\udfff]")


def is_storable(value: Any) -> bool:
    """Whether no text of it, names too, holds a NUL or a lone surrogate, and every number is one (`1e400` is none)."""
    match value:
        case str():
            return UNCLEAN.search(value) is None
        case float():
            return isfinite(value)
        case Mapping():
            return all(is_storable(name) and is_storable(inner) for name, inner in value.items())
        case list() | tuple():
            return all(map(is_storable, value))
        case _:
            return True
