"""An OpenID provider over HTTP that signs what a test tells it to, truths and lies alike."""

import base64
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

CLIENT = "the-gateway"
CLIENT_SECRET = "s3cret/with:signs"
SUBJECT = "subject-1"


class Provider:
    """`claims` override those of a good token (None removes one); `sign` makes the token of them. What was sent to the
    token endpoint is in `redeemed`; a code works once."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.keys = {"first": rsa.generate_private_key(65537, 2048)}
        self.claims: dict[str, Any] = {}
        self.userinfo: dict[str, Any] = {}
        self.metadata: dict[str, Any] = {}
        self.sign = self.signed_well
        self.nonces: dict[str, str] = {}
        self.redeemed: list[dict[str, str]] = []
        self.authorizations: list[str] = []
        self.asked: list[str] = []

    def good_claims(self, nonce: str) -> dict[str, Any]:
        now = int(time.time())
        good = {
            "iss": self.url, "sub": SUBJECT, "aud": CLIENT, "iat": now, "exp": now + 300, "auth_time": now,
            "nonce": nonce, "email": "eve@acme.example", "email_verified": True, "given_name": "Eve",
            "family_name": "Evans",
        }  # fmt: skip
        return {name: value for name, value in (good | self.claims).items() if value is not None}

    def signed_well(self, claims: dict[str, Any]) -> str:
        kid, key = list(self.keys.items())[-1]
        return jwt.encode(claims, key, algorithm="RS256", headers={"kid": kid})

    def public_pem(self) -> bytes:
        encoding, form = serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        return self.keys["first"].public_key().public_bytes(encoding, form)

    def document(self, path: str) -> Any:
        self.asked.append(path)
        if path == "/.well-known/openid-configuration":
            return {
                "issuer": self.url, "authorization_endpoint": f"{self.url}/authorize", "token_endpoint":
                f"{self.url}/token", "jwks_uri": f"{self.url}/jwks", "userinfo_endpoint": f"{self.url}/userinfo",
                **self.metadata,
            }  # fmt: skip
        if path == "/userinfo":
            return self.userinfo
        algorithm = jwt.algorithms.RSAAlgorithm
        keys = [
            {**json.loads(algorithm.to_jwk(key.public_key())), "kid": kid, "use": "sig"}
            for kid, key in self.keys.items()
        ]
        return {"keys": keys}

    def token(self, form: dict[str, str], authorization: str) -> tuple[int, Any]:
        self.redeemed.append(form)
        self.authorizations.append(authorization)
        nonce = self.nonces.pop(form.get("code", ""), None)
        if nonce is None:
            return 400, {"error": "invalid_grant"}
        return 200, {"access_token": "at", "token_type": "Bearer", "id_token": self.sign(self.good_claims(nonce))}


def other_key(claims: dict[str, Any]) -> str:
    """Signed by somebody else's key under the provider's key id."""
    return jwt.encode(claims, rsa.generate_private_key(65537, 2048), algorithm="RS256", headers={"kid": "first"})


def elliptic(claims: dict[str, Any]) -> str:
    """An accepted algorithm, of another kind than the key."""
    return jwt.encode(claims, ec.generate_private_key(ec.SECP256R1()), algorithm="ES256", headers={"kid": "first"})


def unsigned(claims: dict[str, Any]) -> str:
    """`alg: none`."""
    return jwt.encode(claims, None, algorithm="none", headers={"kid": "first"})


def with_public_key(provider: Provider) -> Any:
    """HS256 with the public key as the secret (which PyJWT refuses to make)."""

    def sign(claims: dict[str, Any]) -> str:
        import hashlib
        import hmac

        parts = [{"alg": "HS256", "typ": "JWT", "kid": "first"}, claims]
        text = ".".join(_b64(json.dumps(part).encode()) for part in parts)
        return f"{text}.{_b64(hmac.digest(provider.public_pem(), text.encode(), hashlib.sha256))}"

    return sign


def _b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


@contextmanager
def running() -> Iterator[Provider]:
    """Served on a free port of this host."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    provider = Provider(f"http://127.0.0.1:{server.server_port}")

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer(200, provider.document(self.path))

        def do_POST(self) -> None:
            text = self.rfile.read(int(self.headers["Content-Length"])).decode()
            form = {name: values[0] for name, values in parse_qs(text).items()}
            self._answer(*provider.token(form, self.headers.get("Authorization", "")))

        def _answer(self, status: int, document: Any) -> None:
            body = json.dumps(document).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments: Any) -> None:
            pass

    server.RequestHandlerClass = Handler
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield provider
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
