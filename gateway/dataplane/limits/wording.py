"""What callers are told of limits: OpenAI's headers, and why a call was refused. Pure.

Source: OpenAI API documentation, "Rate limits", "Rate limits in headers".
"""

from collections.abc import Collection, Sequence
from math import ceil

from gateway.dataplane.errors import Denied
from gateway.dataplane.limits.meters import Meter
from gateway.dataplane.limits.views import CONCURRENCY, REQUESTS, TOKENS
from gateway.scopes import END_USER, MODEL, TAG, USER

UNITS = {REQUESTS: "requests per minute", TOKENS: "tokens per minute", CONCURRENCY: "concurrent requests"}
VALUES = {END_USER: "end user", TAG: "tag", MODEL: "model"}
"""Scopes whose value the caller knows."""
NAMES = {
    kind: tuple(b"x-ratelimit-%b-%b" % (what, kind.encode()) for what in (b"limit", b"remaining", b"reset"))
    for kind in (REQUESTS, TOKENS)
}
NONE: Collection[Meter] = ()


def headers(meters: Sequence[Meter], now: float, dry: Collection[Meter] = NONE) -> list[tuple[bytes, bytes]]:
    """`x-ratelimit-{limit,remaining,reset}-{requests,tokens}` of the limit of each kind that is nearest to its end.
    Nothing remains of those in `dry`."""
    found = []
    for kind, (of_limit, of_remaining, of_reset) in NAMES.items():
        nearest, least = None, 0
        for meter in meters:
            if meter.kind == kind:
                remaining = 0 if meter in dry else meter.remaining
                if nearest is None or remaining < least:
                    nearest, least = meter, remaining
        if nearest is not None:
            found += [
                (of_limit, b"%d" % nearest.cap),
                (of_remaining, b"%d" % least),
                (of_reset, b"%.3fs" % nearest.resets_in(now)),
            ]
    return found


def denied(meter: Meter, now: float) -> Denied:
    """The 429 that names the limit which binds. A slot may come free at any time; a window has its end."""
    wait = ceil(meter.resets_in(now)) if meter.window_s else 1
    message = f"Rate limit{_name(meter)} of {meter.cap} {UNITS[meter.kind]} reached for {_about(meter)}."
    return Denied(429, "rate_limit_exceeded", message, kind="rate_limit_error",
                  headers={"Retry-After": str(max(1, wait))})  # fmt: skip


def _name(meter: Meter) -> str:
    return f" '{meter.view.name}'" if meter.view.name else ""


def _about(meter: Meter) -> str:
    scope = meter.view.scope
    if scope in VALUES:
        return f"the {VALUES[scope]} '{meter.subject or meter.view.value}'"
    return "this person" if scope == USER else f"this {scope}"
