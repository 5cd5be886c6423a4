"""Identity of ledger lines: UUIDv7, its millisecond, and the shard.

Pure; used by the data plane, the writer, the importers and the demo company alike.
"""

import os
import time
import uuid
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zlib import crc32

SHARDS = 64
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def uuid7(ms: int | None = None, random_bits: int | None = None) -> uuid.UUID:
    """UUIDv7 (RFC 9562 §5.7) of the Unix millisecond `ms` (now by default).

    An id of now carries its fraction of the millisecond in the next 12 bits (§6.2, method 3), so rows made one after
    another sort as they were made. `random_bits`: 74 bits to use instead of fresh randomness, for ids that must be
    derived from a record.
    """
    bits = int.from_bytes(os.urandom(10), "big") if random_bits is None else random_bits
    high, low = (bits >> 62) & 0xFFF, bits & 0x3FFFFFFFFFFFFFFF
    if ms is None:
        stamp, fraction = divmod(time.time_ns(), 1_000_000)
        if random_bits is None:
            high = fraction * 4096 // 1_000_000
    else:
        stamp = ms
    return uuid.UUID(int=(stamp & 0xFFFFFFFFFFFF) << 80 | 0x7 << 76 | high << 64 | 0x2 << 62 | low)


def uuid7_hex() -> str:
    """32 hexadecimal digits of a new UUIDv7, without building the `UUID`."""
    bits = int.from_bytes(os.urandom(10), "big")
    ms, low = time.time_ns() // 1_000_000, 0x8000000000000000 | (bits & 0x3FFFFFFFFFFFFFFF)
    return f"{ms:012x}7{(bits >> 62) & 0xFFF:03x}{low:016x}"


def uuid7_ms(value: uuid.UUID) -> int:
    """The Unix millisecond inside a UUIDv7."""
    return value.int >> 80


def started_at(value: uuid.UUID) -> datetime:
    """`started_at` of a line is derived from its id, so that the same id can never have two keys (rule 7)."""
    return EPOCH + timedelta(milliseconds=uuid7_ms(value))


def ms_of(at: datetime) -> int:
    """Unix millisecond of an aware time, truncated; exact (no floats)."""
    delta = at - EPOCH
    return (delta.days * 86_400 + delta.seconds) * 1000 + delta.microseconds // 1000


@lru_cache(maxsize=4096)
def _second(seconds: int) -> str:
    return (EPOCH + timedelta(seconds=seconds)).isoformat()[:19]


def ms_of_text(identity: str) -> int:
    """The Unix millisecond of an id in its canonical text form. Raises `ValueError`."""
    return int(identity[:8] + identity[9:13], 16)


def time_text(ms: int) -> str:
    """A Unix millisecond as `datetime.isoformat` writes it. Raises `OverflowError` beyond the year 9999."""
    seconds, rest = divmod(ms, 1000)
    return f"{_second(seconds)}.{rest:03d}000+00:00" if rest else f"{_second(seconds)}+00:00"


def started_at_text(identity: str) -> str:
    """`started_at(UUID(identity)).isoformat()` for an id in its canonical text form. Raises `ValueError`."""
    return time_text(ms_of_text(identity))


@lru_cache(maxsize=4096)
def ledger_shard(organization: str, project: str) -> int:
    """0 … 63, stable across processes and versions: CRC-32 of the two ids (rule 7)."""
    return crc32(f"{organization}/{project}".encode()) % SHARDS
