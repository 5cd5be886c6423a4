"""The time that ids carry: this host's monotonic clock, set by the database's, so that all processes agree (rule 4).

A wall clock that is wrong or steps would put a line into another budget period than the hold made for it.
"""

import time

AGREEMENT_NS = 2_000_000
"""A measurement moves the clock when it is off by more than this and its own uncertainty."""
_offset_ns = time.time_ns() - time.monotonic_ns()


def now_ms() -> int:
    """Unix milliseconds."""
    return (time.monotonic_ns() + _offset_ns) // 1_000_000


def agree(database_ns: int, sent_ns: int, received_ns: int) -> None:
    """The database's clock stood at `database_ns` (Unix) some time between the two readings of the monotonic clock."""
    global _offset_ns
    measured = database_ns - (sent_ns + received_ns) // 2
    if abs(measured - _offset_ns) > (received_ns - sent_ns) // 2 + AGREEMENT_NS:
        _offset_ns = measured
