"""What a call's headers say of the library that sent it. Pure."""

import re
from functools import lru_cache
from typing import Any

from gateway.dataplane.call import clean

_PRODUCT = re.compile(r"(?:Async)?(OpenAI|Anthropic)/(\w+) ([\w.\-]+)")
_PART = re.compile(r"(rt|os|spec|try|via)=([A-Za-z0-9._\-]{1,40})")
_NAMES = {"rt": "runtime", "os": "os", "spec": "document", "try": "retry", "via": "helper"}


@lru_cache(maxsize=1024)
def sdk_of(user_agent: bytes, gateway_sdk: bytes | None) -> str | None:
    """Name and version of the caller's library: `X-Gateway-SDK`, else the first product of the user agent."""
    text = (gateway_sdk or user_agent).decode("latin-1").strip()
    if not text:
        return None
    product = _PRODUCT.match(text)
    named = f"{product[1].lower()}-{product[2].lower()}/{product[3]}" if product else re.split(r"[ ;]", text)[0]
    return clean(named, 80)


@lru_cache(maxsize=1024)
def about_of(gateway_sdk: bytes | None) -> dict[str, Any] | None:
    """What follows the name in `X-Gateway-SDK`: `{"runtime": "node-20.11", "os": "linux", "document": "ab12…",
    "retry": 1, "helper": "stream"}`, each when it is there and well-formed. Shared between calls: not to be changed."""
    if not gateway_sdk or b";" not in gateway_sdk:
        return None
    about: dict[str, Any] = {}
    for part in gateway_sdk.decode("latin-1").split(";")[1:9]:
        if found := _PART.fullmatch(part.strip()):
            about.setdefault(_NAMES[found[1]], found[2])
    if "retry" in about:
        number = about.pop("retry")
        if number.isascii() and number.isdigit() and len(number) < 4:
            about["retry"] = int(number)
    return about or None
