"""Calls to the OpenID provider: its metadata, its keys, codes for tokens. By `gateway.outbound` alone, which resolves
once, refuses private addresses that are not listed, follows no redirect and bounds size and time.

Metadata and keys are remembered in this process, under the whole issuer and client; an unknown key is looked for at
most twice a minute, so that forged tokens cannot make us call.
"""

import base64
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from gateway import outbound
from gateway.oidc import claims
from gateway.oidc.claims import Identity, TokenRefused
from gateway.oidc.configuration import LOOPBACK, Oidc

KEEP_S = 3600.0
LOOK_AGAIN_S = 30.0
TIMEOUT_S = 10.0
MAX_BYTES = 512 * 1024
FORM = "application/x-www-form-urlencoded"


class ProviderError(Exception):
    """The provider did not answer as it has to; one line for the log, without secrets."""


@dataclass(frozen=True, slots=True)
class Metadata:
    """What of OpenID Connect Discovery 1.0 is used."""

    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str
    takes_basic: bool
    names_issuer: bool


@dataclass(slots=True)
class _Known:
    metadata: Metadata
    keys: list[dict[str, Any]]
    at: float
    keys_at: float


_known: dict[str, _Known] = {}


def forget() -> None:
    """Ask again at the next need."""
    _known.clear()


def metadata(oidc: Oidc) -> Metadata:
    """Raises `ProviderError`."""
    return _of(oidc).metadata


def _of(oidc: Oidc) -> _Known:
    known = _known.get(oidc.reach)
    if known is None or time.monotonic() - known.at > KEEP_S:
        found = _discovered(oidc)
        now = time.monotonic()
        known = _known[oidc.reach] = _Known(found, _keys(found), now, now)
    return known


def keys_for(oidc: Oidc, wanted: str | None) -> list[dict[str, Any]]:
    """The provider's keys; asked again when `wanted` is not among them, which is how it rotates. Raises
    `ProviderError`."""
    known = _of(oidc)
    is_there = wanted is None or any(key.get("kid") == wanted for key in known.keys)
    if not is_there and time.monotonic() - known.keys_at >= LOOK_AGAIN_S:
        known.keys_at = time.monotonic()
        known.keys = _keys(known.metadata)
    return known.keys


def _discovered(oidc: Oidc) -> Metadata:
    document = _json("GET", f"{oidc.issuer.rstrip('/')}/.well-known/openid-configuration")
    if document.get("issuer") != oidc.issuer:
        raise ProviderError(f"The metadata is of the issuer {document.get('issuer')!r}, not of {oidc.issuer!r}.")
    methods = document.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
    return Metadata(
        _address(document, "authorization_endpoint"), _address(document, "token_endpoint"),
        _address(document, "jwks_uri"),
        _address(document, "userinfo_endpoint") if document.get("userinfo_endpoint") else "",
        "client_secret_basic" in methods,
        document.get("authorization_response_iss_parameter_supported") is True,
    )  # fmt: skip


def _address(document: Mapping[str, Any], name: str) -> str:
    """TLS, but for a provider on this host, which developers and tests have."""
    url = document.get(name)
    parts = urlsplit(url) if isinstance(url, str) else None
    if parts is None or not (parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK)):
        raise ProviderError(f"The metadata has no {name} with https://.")
    return str(url)


def _keys(found: Metadata) -> list[dict[str, Any]]:
    keys = _json("GET", found.jwks_uri).get("keys")
    if not isinstance(keys, list):
        raise ProviderError("The provider's keys are no list.")
    return [key for key in keys if isinstance(key, dict)]


def authorization_url(oidc: Oidc, *, redirect_uri: str, state: str, nonce: str, challenge: str, is_fresh: bool) -> str:
    """Where the browser is sent. `is_fresh`: the person has to prove it again there. Raises `ProviderError`."""
    endpoint = metadata(oidc).authorization_endpoint
    asked = {
        "response_type": "code", "client_id": oidc.client_id, "redirect_uri": redirect_uri,
        "scope": " ".join(oidc.scopes), "state": state, "nonce": nonce,
        "code_challenge": challenge, "code_challenge_method": "S256",
    }  # fmt: skip
    if is_fresh:
        asked |= {"prompt": "login", "max_age": "0"}
    return f"{endpoint}{'&' if urlsplit(endpoint).query else '?'}{urlencode(asked)}"


def identity(oidc: Oidc, *, code: str, redirect_uri: str, nonce: str, verifier: str) -> Identity:
    """Who the code stands for. Raises `ProviderError`, `TokenRefused`."""
    found = metadata(oidc)
    answer = _redeemed(oidc, found, code, redirect_uri, verifier)
    token = answer.get("id_token")
    if not isinstance(token, str):
        raise ProviderError("The provider answered without an ID token.")
    keys = keys_for(oidc, claims.key_id(token))
    verified = claims.verify(
        token, keys=keys, issuer=oidc.issuer, client_id=oidc.client_id, nonce=nonce, algorithms=oidc.algorithms
    )
    if "email" not in verified and found.userinfo_endpoint:
        verified = {**_userinfo(found, answer, verified["sub"]), **verified}
    return claims.identity_of(verified, trusts_email=oidc.trusts_email)


def _redeemed(oidc: Oidc, found: Metadata, code: str, redirect_uri: str, verifier: str) -> dict[str, Any]:
    sent = {
        "grant_type": "authorization_code", "code": code, "redirect_uri": redirect_uri, "code_verifier": verifier,
        "client_id": oidc.client_id,
    }  # fmt: skip
    headers = {"Content-Type": FORM}
    if oidc.client_secret and found.takes_basic:  # RFC 6749, section 2.3.1: both parts are encoded first
        pair = f"{quote(oidc.client_id, safe='')}:{quote(oidc.client_secret, safe='')}"
        headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
    elif oidc.client_secret:
        sent["client_secret"] = oidc.client_secret
    return _json("POST", found.token_endpoint, headers=headers, body=urlencode(sent).encode())


def _userinfo(found: Metadata, answer: Mapping[str, Any], subject: str) -> dict[str, Any]:
    """Of the same person, or of nobody."""
    headers = {"Authorization": f"Bearer {answer.get('access_token', '')}"}
    info = _json("GET", found.userinfo_endpoint, headers=headers)
    if info.get("sub") != subject:
        raise TokenRefused("The user info is of somebody else.")
    return info


def _json(method: str, url: str, *, headers: Mapping[str, str] | None = None, body: bytes | None = None) -> Any:
    sent = {"Accept": "application/json", **(headers or {})}
    try:
        answer = outbound.request(method, url, headers=sent, body=body, timeout_s=TIMEOUT_S, max_bytes=MAX_BYTES)
        found = answer.json() if answer.status == 200 else None
    except outbound.OutboundError as error:
        raise ProviderError(error.message) from None
    if not isinstance(found, dict):
        raise ProviderError(f"{urlsplit(url).netloc} answered {answer.status}, or with no JSON object.")
    return found
