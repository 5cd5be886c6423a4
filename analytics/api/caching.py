"""Lifetimes and validators of answers: who asks again with the ETag gets 304 when nothing changed (RFC 9110 §13).

The tag is weak and made of what the answer says, without when it was made. Answers are private to their caller.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from typing import Any

import orjson
from django.utils.http import parse_etags
from rest_framework.request import Request
from rest_framework.response import Response

CLOSED_S, OPEN_S, REALTIME_S = 600, 30, 2
SETTLED_AFTER = timedelta(minutes=15)
"""A period counts as closed so long after its end: calls that began in it may run still."""
VOLATILE = frozenset({"generated_at", "rollup_lag_s", "data_version"})
VARY = "Accept, Authorization, Cookie, X-Api-Key, X-Organization"


def is_fresh_wanted(request: Request) -> bool:
    """Whether the caller asked for figures past every cache."""
    words = [word.strip() for word in request.headers.get("Cache-Control", "").lower().split(",")]
    return "no-cache" in words or "no-store" in words or request.headers.get("Pragma", "").lower() == "no-cache"


def lifetime_s(end: datetime) -> int:
    """How long an answer about a window that ends there may be kept."""
    return CLOSED_S if end + SETTLED_AFTER <= datetime.now(UTC) else OPEN_S


def etag_of(body: Mapping[str, Any]) -> str:
    said = {name: value for name, value in body.items() if name not in VOLATILE}
    text = orjson.dumps(said, default=str, option=orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS)
    return f'W/"{blake2b(text, digest_size=16).hexdigest()}"'


def cached(request: Request, body: Mapping[str, Any], seconds: int) -> Response:
    """The answer with its validator and lifetime, or 304."""
    tag = etag_of(body)
    asked = parse_etags(request.headers.get("If-None-Match", ""))
    is_known = "*" in asked or tag in asked or tag.removeprefix("W/") in asked
    response = Response(status=304) if is_known else Response(body)
    response["ETag"] = tag
    response["Cache-Control"] = f"private, max-age={seconds}"
    response["Vary"] = VARY
    return response
