"""Access tokens of Google for a service account's key.

Source: https://developers.google.com/identity/protocols/oauth2/service-account ("Preparing to make an authorized API
call", HTTP/REST): a JWT signed with RS256 is exchanged for a token that is good for an hour.
"""

import base64
import json
import time
from typing import Any
from urllib.parse import urlencode

from cryptography.fernet import InvalidToken
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from django.core.cache import cache

from gateway import credentials, outbound
from gateway.models import Provider

SCOPE = "https://www.googleapis.com/auth/cloud-platform"
GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
TOKEN_URI = "https://oauth2.googleapis.com/token"  # noqa: S105  (an address)
LIFETIME_S = 3_600
EARLY_S = 300
"""A token is not used in its last minutes."""


def authorization(provider: Provider, url: str) -> dict[str, str]:
    """A bearer token: the credential itself, or one that is exchanged for the key of a service account (JSON), kept
    until shortly before its end. Raises `OutboundError`."""
    secret = credentials.decrypt(bytes(provider.credential)) if provider.credential else ""
    if not secret.lstrip().startswith("{"):
        return {"Authorization": f"Bearer {secret}"} if secret else {}
    key = f"finetuning.google.{provider.pk}.{provider.updated_at.timestamp()}"
    sealed = cache.get(key)
    try:
        token = credentials.decrypt(sealed) if sealed is not None else None
    except InvalidToken:  # kept under a field key that is retired
        token = None
    if token is None:
        token, lifetime = _exchanged(secret)
        cache.set(key, credentials.encrypt(token), max(1, lifetime - EARLY_S))
    return {"Authorization": f"Bearer {token}"}


def _exchanged(secret: str) -> tuple[str, int]:
    try:
        account = json.loads(secret)
        address = str(account.get("token_uri") or TOKEN_URI)
        assertion = _signed(account["client_email"], account["private_key"], address, int(time.time()))
    except (ValueError, RecursionError, KeyError, TypeError, AttributeError):
        raise outbound.OutboundError(
            "credential_unusable", "The credential is no key of a service account: it needs client_email, private_key."
        ) from None
    body = urlencode({"grant_type": GRANT, "assertion": assertion}).encode()
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = outbound.request("POST", address, headers=headers, body=body)
    found = answer.json() if answer.status == 200 else {}
    if "access_token" not in found:
        raise outbound.OutboundError("credential_refused", f"Google gave no access token (HTTP {answer.status}).")
    return str(found["access_token"]), int(found.get("expires_in") or LIFETIME_S)


def _signed(email: str, private_key: str, audience: str, now: int) -> str:
    claims = {"iss": email, "scope": SCOPE, "aud": audience, "iat": now, "exp": now + LIFETIME_S}
    unsigned = f"{_part({'alg': 'RS256', 'typ': 'JWT'})}.{_part(claims)}"
    key = serialization.load_pem_private_key(private_key.encode(), None)
    if not isinstance(key, rsa.RSAPrivateKey):
        raise TypeError("not an RSA key")
    signature = key.sign(unsigned.encode(), padding.PKCS1v15(), hashes.SHA256())
    return f"{unsigned}.{_text(signature)}"


def _part(value: dict[str, Any]) -> str:
    return _text(json.dumps(value, separators=(",", ":")).encode())


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
