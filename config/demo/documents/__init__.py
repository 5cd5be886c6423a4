"""Documents of older releases of this project's API, for the demo. Pure."""

import hashlib
import json
import lzma
from datetime import timedelta
from functools import cache
from importlib import resources
from typing import Any

from sdkgen.ir.codec import canonical

BEFORE = {"0.8.0": timedelta(days=75), "0.9.0": timedelta(days=33)}
"""How long before the first release of the installation, oldest first."""


def document(version: str) -> dict[str, Any]:
    """The kept document of an older release."""
    packed = resources.files("config.demo.documents").joinpath(f"{version}.json.xz").read_bytes()
    found: dict[str, Any] = json.loads(lzma.decompress(packed))
    return found


@cache
def sha_of(version: str) -> str:
    """Of the canonical document, in hex, as packages made of it say."""
    return hashlib.sha256(canonical(document(version)).encode()).hexdigest()
