"""Attempts as columns: one numpy array a field, one element an attempt. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

OK, CLIENT_ERROR, UPSTREAM_ERROR, TIMEOUT, CANCELLED, DENIED = range(6)
STATUSES = ("ok", "client_error", "upstream_error", "timeout", "cancelled", "denied")
HTTP = (200, 400, 503, None, None, 402)
ERRORS = (None, "upstream_400", "upstream_503", "first_byte_timeout", "client_gone", "budget_exceeded")
STOP, LENGTH, TOOL_CALLS, NO_FINISH = range(4)
FINISHES = ("stop", "length", "tool_calls", None)
NONE = -1


@dataclass(slots=True)
class Calls:
    """`ms`: Unix milliseconds. `request`: which request of the day's workload it belongs to. `key`, `user`,
    `end_user`, `served`, `tag`: indexes, -1 for none. `output` includes `reasoning`, `input` includes `cached` and
    `written`. `duration` and `ttft` are milliseconds. `ids`, `hmac`: 16 random bytes a row as two integers each."""

    ms: Ints
    request: Ints
    final: Flags
    attempt: Ints
    key: Ints
    user: Ints
    end_user: Ints
    tag: Ints
    stream: Flags
    served: Ints
    status: Ints
    input: Ints
    cached: Ints
    written: Ints
    output: Ints
    reasoning: Ints
    tool_calls: Ints
    duration: Floats
    ttft: Floats
    finish: Ints
    messages: Ints
    shared: Ints
    hmac: Ints
    salt: Ints

    def __len__(self) -> int:
        return len(self.ms)

    def take(self, which: Any) -> Self:
        """Rows by mask or index, copied."""
        return type(self)(**{field.name: getattr(self, field.name)[which] for field in fields(self)})

    def changed(self, **columns: Any) -> Self:
        """A copy with columns replaced; a scalar fills its column."""
        full = {
            name: np.full(len(self), value, dtype=getattr(self, name).dtype) if np.isscalar(value) else value
            for name, value in columns.items()
        }
        return replace(self, **full)

    def without_usage(self) -> Self:
        """Failed before anything was consumed."""
        nothing = dict.fromkeys(("input", "cached", "written", "output", "reasoning", "tool_calls"), 0)
        return self.changed(**nothing, finish=NO_FINISH)


def join(parts: Sequence[Calls]) -> Calls:
    """One block of all rows, in the order given."""
    return Calls(**{f.name: np.concatenate([getattr(part, f.name) for part in parts]) for f in fields(Calls)})
