"""Peppers and field keys as they are now: of the settings, or of `secrets.env`, which running processes follow.

A rotation replaces the file; processes look at it at most every half second, and at once when they meet something that
no key of theirs fits. What the environment sets stays as it is until a restart. No ORM.
"""

import hashlib
import os
import time
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from django.conf import settings

PEPPERS, FIELD_KEYS = "KEY_PEPPERS", "FIELD_ENCRYPTION_KEYS"
LOOK_EVERY_S = 0.5


@dataclass(frozen=True, slots=True)
class Keyring:
    """`peppers`: version → bytes, the highest is for new keys. `field_keys`: the first encrypts, all decrypt."""

    peppers: dict[int, bytes]
    field_keys: tuple[str, ...]


@dataclass(slots=True)
class _Followed:
    """The file as it was read last: `(inode, modification, size)` and what it said."""

    path: Path | None = None
    stamp: tuple[int, int, int] | None = None
    values: dict[str, str] | None = None
    looked_at: float = 0.0


_followed = _Followed()


def parse_peppers(text: str) -> dict[int, bytes]:
    """`"1:hex,2:hex"` → `{1: bytes, 2: bytes}`; the highest version signs new keys."""
    pairs = (item.split(":", 1) for item in text.split(",") if item.strip())
    return {int(version): bytes.fromhex(value) for version, value in pairs}


@lru_cache(maxsize=4)
def parse_field_keys(text: str) -> tuple[str, ...]:
    """`"key,key"` → keys."""
    return tuple(item.strip() for item in text.split(",") if item.strip())


_peppers = lru_cache(maxsize=4)(parse_peppers)


def values_of(text: str) -> dict[str, str]:
    """`NAME=value` lines of a secrets file; comments and quotes go."""
    pairs = (line.split("=", 1) for line in text.splitlines() if "=" in line and not line.lstrip().startswith("#"))
    return {name.strip(): value.strip().strip("'\"") for name, value in pairs}


def pepper_id(pepper: bytes) -> str:
    """16 hex digits by which a pepper is known without being told."""
    return hashlib.sha256(b"llm-gateway pepper\0" + pepper).hexdigest()[:16]


def field_key_id(key: str) -> str:
    """16 hex digits by which a field key is known without being told."""
    return hashlib.sha256(b"llm-gateway field key\0" + key.encode()).hexdigest()[:16]


def known_ids() -> list[str]:
    """Ids of the field keys that this process can use now, the one that encrypts first; its heartbeat tells them."""
    return [field_key_id(key) for key in current(fresh=True).field_keys]


def current(*, fresh: bool = False) -> Keyring:
    """What holds now. `fresh`: look at the file even when it was looked at a moment ago."""
    peppers, field_keys = settings.KEY_PEPPERS, tuple(settings.FIELD_ENCRYPTION_KEYS)
    if settings.SECRETS_FROM_FILE:
        values = _values(settings.SECRETS_FILE, fresh)
        if PEPPERS in settings.SECRETS_FROM_FILE and values.get(PEPPERS):
            peppers = _peppers(values[PEPPERS])
        if FIELD_KEYS in settings.SECRETS_FROM_FILE and values.get(FIELD_KEYS):
            field_keys = parse_field_keys(values[FIELD_KEYS])
    return Keyring(peppers, field_keys)


def _values(path: Path, fresh: bool) -> dict[str, str]:
    """A file that cannot be read leaves what was known."""
    now = time.monotonic()
    if path != _followed.path:
        _followed.path, _followed.stamp, _followed.values = path, None, None
    if _followed.values is not None and not fresh and now - _followed.looked_at < LOOK_EVERY_S:
        return _followed.values
    try:
        status = os.stat(path)
        stamp = (status.st_ino, status.st_mtime_ns, status.st_size)
        if stamp != _followed.stamp or _followed.values is None:
            _followed.values, _followed.stamp = values_of(path.read_text()), stamp
    except OSError:
        _followed.values = _followed.values or {}
    _followed.looked_at = now
    return _followed.values
