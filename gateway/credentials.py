"""Secrets at rest: virtual-key digests (keyed HMAC-SHA-256) and field encryption (MultiFernet). No ORM.

Key peppers and field keys are separate from `SECRET_KEY` and versioned, so that each can be rotated (rule 24).
"""

import hashlib
import hmac
import secrets
from functools import lru_cache

from cryptography.fernet import Fernet, MultiFernet
from django.conf import settings

KEY_MARK = "gw-"
PREFIX_CHARS = 11


def new_secret() -> str:
    """A fresh virtual key: `gw-` and 256 random bits in URL-safe base 64 (43 characters)."""
    return KEY_MARK + secrets.token_urlsafe(32)


def prefix_of(secret: str) -> str:
    """What the console shows to recognise a key: the mark and 8 characters (48 bits stay public of 256)."""
    return secret[:PREFIX_CHARS]


def digest(secret: str) -> tuple[int, bytes]:
    """`(pepper version, 32 bytes)` under the newest pepper, for storing."""
    version = max(settings.KEY_PEPPERS)
    return version, _hmac(version, secret)


def candidate_digests(secret: str) -> list[bytes]:
    """The digest under every pepper, newest first, for looking a presented key up."""
    return [_hmac(version, secret) for version in sorted(settings.KEY_PEPPERS, reverse=True)]


def _hmac(version: int, secret: str) -> bytes:
    return hmac.digest(settings.KEY_PEPPERS[version], secret.encode("utf-8", "surrogatepass"), "sha256")


@lru_cache(maxsize=4)
def _fernet(keys: tuple[str, ...]) -> MultiFernet:
    return MultiFernet([Fernet(key) for key in keys])


def encrypt(text: str) -> bytes:
    """Ciphertext under the current field key."""
    return _fernet(tuple(settings.FIELD_ENCRYPTION_KEYS)).encrypt(text.encode())


def decrypt(token: bytes) -> str:
    """Plain text; raises `cryptography.fernet.InvalidToken` when no configured key fits."""
    return _fernet(tuple(settings.FIELD_ENCRYPTION_KEYS)).decrypt(bytes(token)).decode()


def encrypt_bytes(data: bytes) -> bytes:
    """Ciphertext of bytes under the current field key."""
    return _fernet(tuple(settings.FIELD_ENCRYPTION_KEYS)).encrypt(data)


def decrypt_bytes(token: bytes) -> bytes:
    """The bytes; raises `cryptography.fernet.InvalidToken` when no configured key fits."""
    return _fernet(tuple(settings.FIELD_ENCRYPTION_KEYS)).decrypt(bytes(token))


def keyed_hash(purpose: str, data: bytes, size: int = 16) -> bytes:
    """Keyed BLAKE2b for values that must be comparable but not readable (IP addresses, request bodies)."""
    pepper = settings.KEY_PEPPERS[min(settings.KEY_PEPPERS)]
    return hashlib.blake2b(data, digest_size=size, key=pepper, person=purpose.encode()[:16]).digest()


def prefix_hashes(data: bytes, ends: range) -> bytes:
    """8 bytes for each prefix `data[:end]`, concatenated; computed in one pass."""
    pepper = settings.KEY_PEPPERS[min(settings.KEY_PEPPERS)]
    running = hashlib.blake2b(digest_size=8, key=pepper, person=b"prefix")
    found, start = [], 0
    for end in ends:
        running.update(data[start:end])
        found.append(running.copy().digest())
        start = end
    return b"".join(found)
