"""An ID token, believed or not (OpenID Connect Core 1.0, section 3.1.3.7). Pure."""

import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jwt

LEEWAY_S = 60
MAX_TOKEN_CHARS = 16_384
SUBJECT_CHARS = 255
NEEDED = ["iss", "sub", "aud", "exp", "iat"]


class TokenRefused(Exception):
    """One line for the log; people are told less."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Who the provider says somebody is. `email` empty: unknown. `signed_in_at`: when they proved it there, seconds
    since 1970; None: it did not say."""

    issuer: str
    subject: str
    email: str
    is_verified: bool
    first_name: str
    last_name: str
    signed_in_at: int | None
    claims: Mapping[str, Any]


def key_id(token: str) -> str | None:
    """The key that the header names. Raises `TokenRefused` for what is no token."""
    if len(token) > MAX_TOKEN_CHARS:
        raise TokenRefused("The token is too long.")
    try:
        found = jwt.get_unverified_header(token).get("kid")
    except jwt.PyJWTError as error:
        raise TokenRefused(f"No token: {error}.") from None
    return found if isinstance(found, str) else None


def verify(
    token: str, *, keys: Sequence[Mapping[str, Any]], issuer: str, client_id: str, nonce: str, algorithms: Sequence[str]
) -> dict[str, Any]:
    """The claims of a token that is this issuer's, for this client and this sign-in, and still good. The algorithm is
    one of `algorithms` and of the key's kind: a token does not choose. Raises `TokenRefused`."""
    header_key = key_id(token)
    algorithm = jwt.get_unverified_header(token).get("alg")
    if not isinstance(algorithm, str) or algorithm not in algorithms:
        raise TokenRefused(f"The algorithm {algorithm!r} is not accepted.")
    key = _key(keys, header_key, algorithm)
    try:
        claims: dict[str, Any] = jwt.decode(
            token, key=key, algorithms=[algorithm], audience=client_id, issuer=issuer, leeway=LEEWAY_S,
            options={"require": NEEDED},
        )  # fmt: skip
    except jwt.PyJWTError as error:
        raise TokenRefused(f"{type(error).__name__}: {error}.") from None
    _check_rest(claims, client_id, nonce)
    return claims


def _key(keys: Sequence[Mapping[str, Any]], wanted: str | None, algorithm: str) -> jwt.PyJWK:
    fitting = [key for key in keys if key.get("use", "sig") == "sig" and key.get("alg", algorithm) == algorithm]
    fitting = [key for key in fitting if wanted is None or key.get("kid") == wanted]
    if len(fitting) != 1:
        raise TokenRefused(f"{len(fitting)} of the provider's keys fit, one has to.")
    try:
        return jwt.PyJWK(dict(fitting[0]), algorithm=algorithm)
    except (jwt.PyJWTError, ValueError, TypeError) as error:
        raise TokenRefused(f"The provider's key does not fit: {error}.") from None


def _check_rest(claims: Mapping[str, Any], client_id: str, nonce: str) -> None:
    found = claims.get("nonce")
    if not isinstance(found, str) or not hmac.compare_digest(found.encode(), nonce.encode()):
        raise TokenRefused("The nonce is not the one that was sent.")
    audiences = claims["aud"] if isinstance(claims["aud"], list) else [claims["aud"]]
    if claims.get("azp", client_id if len(audiences) == 1 else None) != client_id:
        raise TokenRefused("The token was made for another client (azp).")
    subject = claims["sub"]
    if not (isinstance(subject, str) and 0 < len(subject) <= SUBJECT_CHARS):
        raise TokenRefused("The subject is no text of 1 to 255 characters.")


def identity_of(claims: Mapping[str, Any], *, trusts_email: bool = False) -> Identity:
    """What the gateway reads of verified claims. `email_verified` is the boolean true (or, from some providers, its
    text); everything else is not."""
    at = claims.get("auth_time")
    return Identity(
        issuer=claims["iss"], subject=claims["sub"], email=_text(claims, "email", 254),
        is_verified=trusts_email or claims.get("email_verified") in (True, "true"),
        first_name=_text(claims, "given_name", 150), last_name=_text(claims, "family_name", 150),
        signed_in_at=at if isinstance(at, int) and not isinstance(at, bool) else None, claims=claims,
    )  # fmt: skip


def _text(claims: Mapping[str, Any], name: str, size: int) -> str:
    value = claims.get(name)
    return value.replace("\0", "").strip()[:size] if isinstance(value, str) else ""
