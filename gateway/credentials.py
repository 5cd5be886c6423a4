"""Secrets at rest: virtual-key digests (keyed HMAC-SHA-256) and field encryption (MultiFernet). No ORM.

Key peppers and field keys are separate from `SECRET_KEY` and versioned, so that each can be rotated (rule 24).
"""

import base64
import binascii
import hashlib
import hmac
import secrets
from collections.abc import Sequence
from functools import lru_cache

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from gateway import keyring

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
    peppers = keyring.current().peppers
    version = max(peppers)
    return version, _hmac(peppers[version], secret)


def candidate_digests(secret: str) -> list[bytes]:
    """The digest under every pepper, newest first, for looking a presented key up."""
    peppers = keyring.current(fresh=True).peppers
    return [_hmac(peppers[version], secret) for version in sorted(peppers, reverse=True)]


def _hmac(pepper: bytes, secret: str) -> bytes:
    return hmac.digest(pepper, secret.encode("utf-8", "surrogatepass"), "sha256")


@lru_cache(maxsize=4)
def _fernet(keys: tuple[str, ...]) -> MultiFernet:
    return MultiFernet([Fernet(key) for key in keys])


def encrypt(text: str) -> bytes:
    """Ciphertext under the current field key."""
    return encrypt_bytes(text.encode())


def decrypt(token: bytes) -> str:
    """Plain text; raises `cryptography.fernet.InvalidToken` when no configured key fits."""
    return decrypt_bytes(token).decode()


def encrypt_bytes(data: bytes) -> bytes:
    """Ciphertext of bytes under the current field key."""
    return _fernet(keyring.current().field_keys).encrypt(data)


def decrypt_bytes(token: bytes) -> bytes:
    """The bytes; raises `cryptography.fernet.InvalidToken` when no configured key fits."""
    keys = keyring.current().field_keys
    try:
        return _fernet(keys).decrypt(bytes(token))
    except InvalidToken:
        newer = keyring.current(fresh=True).field_keys
        if newer == keys:
            raise
        return _fernet(newer).decrypt(bytes(token))


def reencrypt(token: bytes, keys: tuple[str, ...]) -> bytes:
    """The same under `keys[0]`, with its time. Raises `cryptography.fernet.InvalidToken` when none of `keys` fits."""
    return _fernet(keys).rotate(bytes(token))


def sealed_by(token: bytes, keys: Sequence[str]) -> str | None:
    """Which of `keys` a ciphertext is under; None: none of them, or no ciphertext, or a damaged one. Checks the
    signature alone (Fernet: version, time, IV, ciphertext, HMAC-SHA-256 under the first half of the key)."""
    try:
        raw = base64.urlsafe_b64decode(bytes(token))
    except (binascii.Error, ValueError):
        return None
    for key in keys:
        signing = base64.urlsafe_b64decode(key)[:16]
        if hmac.compare_digest(hmac.digest(signing, raw[:-32], "sha256"), raw[-32:]):
            return key
    return None


def keyed_hash(purpose: str, data: bytes, size: int = 16) -> bytes:
    """Keyed BLAKE2b for values that must be comparable but not readable (IP addresses, request bodies)."""
    pepper = _oldest_pepper()
    return hashlib.blake2b(data, digest_size=size, key=pepper, person=purpose.encode()[:16]).digest()


def prefix_hashes(data: bytes, ends: range) -> bytes:
    """8 bytes for each prefix `data[:end]`, concatenated; computed in one pass."""
    pepper = _oldest_pepper()
    running = hashlib.blake2b(digest_size=8, key=pepper, person=b"prefix")
    found, start = [], 0
    for end in ends:
        running.update(data[start:end])
        found.append(running.copy().digest())
        start = end
    return b"".join(found)


def _oldest_pepper() -> bytes:
    """Hashes that are compared with the past stay the same when newer peppers come."""
    peppers = keyring.current().peppers
    return peppers[min(peppers)]
