"""Which fault a request asks for. What each does to the wire is in `delivery.py`."""

import random
from dataclasses import dataclass
from urllib.parse import parse_qs

MODEL_PREFIX = "sim-fault-"

# Kind → default of its argument, written `kind@<argument>`; the comment says what the argument means.
FAULTS: dict[str, int] = {
    "hang": 0,
    "hang-after-first": 1,  # tokens sent before the stream stops
    "slow-first-byte": 3_000,  # ms between the head and the first byte of the body
    "slow-headers": 3_000,  # ms before the head
    "cut-stream": 3,  # tokens sent before the connection closes
    "fail-first": 2,  # requests of the same key and body that get 500 before one is answered
    "unknown-event": 2,  # tokens sent before an event of a kind that no vendor has
    "reset-stream": 3,  # tokens sent before the connection is reset
    "error-in-stream": 3,  # tokens sent before an error event ends the stream
    "cut-body": 0,
    "malformed-chunk": 2,  # tokens sent before the broken line
    "bad-json": 0,
    "lying-length": 0,
    "empty-body": 0,
    "huge-body": 64 * 1024 * 1024,  # bytes
    "content-filter": 3,  # tokens before the vendor's safety filter stops the answer
    "prompt-blocked": 0,
    "no-usage": 0,
    "usage-in-last-choice-chunk": 0,
    "duplicate-usage": 0,
    "running-usage": 0,
    "crlf-lines": 0,
    "split-utf8": 1,  # ms between the pieces
    "close-idle": 0,
    "stale-idle": 0,
    "reset": 0,
}
USAGE_FAULTS = frozenset({"no-usage", "usage-in-last-choice-chunk", "duplicate-usage", "running-usage"})
RANDOM_ERRORS = ("error-429", "error-429", "error-500", "error-503")


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault and its argument; `status` is set for `error-<status>` alone."""

    kind: str
    argument: int
    status: int = 0


def parse_fault(text: str) -> Fault:
    """`"cut-stream@5"` or `"error-429@7"` (argument: seconds of Retry-After). Raises `ValueError` when unknown."""
    kind, _, argument = text.partition("@")
    if argument and not argument.isdecimal():
        raise ValueError(f"fault argument {argument!r} is not a whole number")
    if kind.startswith("error-") and kind[6:].isdecimal() and 400 <= int(kind[6:]) <= 599:
        return Fault(kind, int(argument or 1), int(kind[6:]))
    if kind not in FAULTS:
        raise ValueError(f"unknown fault {kind!r}")
    return Fault(kind, int(argument) if argument else FAULTS[kind])


def asked_fault(header: bytes | None, query: bytes, model: str | None) -> Fault | None:
    """The fault named by the `x-sim-fault` header, else `?sim_fault=`, else the model name; `None` if none is.

    Raises `ValueError` for a fault that does not exist.
    """
    if header:
        return parse_fault(header.decode("latin-1"))
    if query and (named := parse_qs(query.decode("latin-1")).get("sim_fault")):
        return parse_fault(named[-1])
    if model and model.startswith(MODEL_PREFIX):
        return parse_fault(model.removeprefix(MODEL_PREFIX))
    return None


def random_fault(rng: random.Random, error_rate: float) -> Fault | None:
    """With probability `error_rate` an error: half 429, a quarter 500, a quarter 503."""
    if error_rate and rng.random() < error_rate:
        return parse_fault(rng.choice(RANDOM_ERRORS))
    return None
