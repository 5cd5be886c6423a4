"""Checks of AWS Signature Version 4, written from its specification, apart from any signer.

Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

import hmac
import re
from hashlib import sha256
from urllib.parse import parse_qsl, quote

from gateway.simulator.calls import ProviderError
from gateway.simulator.server import Exchange

CHECKED_PREFIX = "AKIASIM"
"""Access keys that begin like this have the secret `SECRET`, and their signatures are computed again."""
SECRET = "sim-secret-access-key"  # noqa: S105
SERVICE = "bedrock"
_AUTHORIZATION = re.compile(
    r"^AWS4-HMAC-SHA256 Credential=(?P<key>[^/,\s]+)/(?P<day>\d{8})/(?P<region>[a-z0-9-]+)/(?P<service>[a-z0-9-]+)/"
    r"aws4_request, ?SignedHeaders=(?P<signed>[a-z0-9;-]+), ?Signature=(?P<signature>[0-9a-f]{64})$"
)


def check_signature(exchange: Exchange) -> str:
    """The access key of a signed request. Raises 400 or 403 `ProviderError` whose code is the exception's name."""
    text = exchange.headers.get(b"authorization", b"").decode("latin-1")
    match = _AUTHORIZATION.match(text)
    if match is None:
        message = "Authorization header requires 'Credential', 'SignedHeaders' and 'Signature' parameters."
        raise ProviderError(403, message, code="IncompleteSignatureException")
    stamp = exchange.headers.get(b"x-amz-date", b"").decode("latin-1")
    if not re.fullmatch(r"\d{8}T\d{6}Z", stamp) or stamp[:8] != match["day"]:
        message = "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP."
        raise ProviderError(403, message, code="InvalidSignatureException")
    if match["service"] != SERVICE:
        message = f"Credential should be scoped to correct service: '{SERVICE}'."
        raise ProviderError(403, message, code="InvalidSignatureException")
    signed = match["signed"].split(";")
    if "host" not in signed or signed != sorted(signed):
        raise ProviderError(403, "'Host' must be a 'SignedHeader' in the AWS Authorization.", code="SignatureException")
    if match["key"] == "sk-invalid":
        message = "The security token included in the request is invalid."
        raise ProviderError(403, message, code="UnrecognizedClientException")
    if match["key"].startswith(CHECKED_PREFIX) and _expected(exchange, match, stamp, signed) != match["signature"]:
        message = (
            "The request signature we calculated does not match the signature you provided. Check your AWS Secret "
            "Access Key and signing method."
        )
        raise ProviderError(403, message, code="InvalidSignatureException")
    return match["key"]


def _expected(exchange: Exchange, match: re.Match[str], stamp: str, signed: list[str]) -> str:
    """The signature of the canonical request (steps 1 to 4 of the specification)."""
    scope = f"{match['day']}/{match['region']}/{SERVICE}/aws4_request"
    canonical = "\n".join(
        [
            exchange.method.decode(),
            _canonical_path(exchange.path.decode("latin-1")),
            _canonical_query(exchange.query.decode("latin-1")),
            "".join(f"{name}:{_value(exchange, name)}\n" for name in signed),
            ";".join(signed),
            exchange.headers.get(b"x-amz-content-sha256", b"").decode() or sha256(exchange.body).hexdigest(),
        ]
    )
    to_sign = f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{sha256(canonical.encode()).hexdigest()}"
    key = b"AWS4" + SECRET.encode()
    for part in (match["day"], match["region"], SERVICE, "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return hmac.digest(key, to_sign.encode(), "sha256").hex()


def _canonical_path(path: str) -> str:
    """The path as sent, encoded once more (every service but S3)."""
    return quote(path, safe="/-_.~")


def _canonical_query(query: str) -> str:
    pairs = sorted((quote(name, safe="-_.~"), quote(value, safe="-_.~")) for name, value in parse_qsl(query, True))
    return "&".join(f"{name}={value}" for name, value in pairs)


def _value(exchange: Exchange, name: str) -> str:
    return " ".join(exchange.headers.get(name.encode(), b"").decode("latin-1").split())
