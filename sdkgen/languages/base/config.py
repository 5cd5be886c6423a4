"""How a client is to be: names, address, time-outs, retries. Pure."""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any
from urllib.parse import urlsplit

from sdkgen.ir.codec import canonical

VERSION = re.compile(r"\d{1,6}\.\d{1,6}\.\d{1,6}(?:-[0-9A-Za-z.\-]{1,40})?")


AUTH = ("key", "management")
CREDENTIALS = frozenset({"authorization", "x-api-key", "api-key", "cookie", "proxy-authorization", "x-auth-token"})
OF_EACH_CALL = frozenset({
    "accept-encoding", "connection", "content-encoding", "content-length", "content-type", "expect", "host",
    "idempotency-key", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade", "x-gateway-sdk",
})  # fmt: skip
"""Headers that follow from the call. One value for all of them breaks calls, or gives all of them one answer."""
SECRET = re.compile(
    r"\b(?:gw|sk|gwrun|pk|rk)[-_][A-Za-z0-9_\-]{12,}|\b(?:Bearer|Basic)\s+\S{8,}|\beyJ[\w\-]{8,}\.[\w\-]{8,}"
    r"|\bAKIA[0-9A-Z]{16}\b|\bgh[pousr]_\w{20,}|\bAIza[\w\-]{30,}|\bxox[abprs]-[\w\-]{10,}"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY"
)
"""What keys look like: the gateway's, those of vendors, JSON Web Tokens, private keys."""


class ConfigError(ValueError):
    """A setting that is unknown or wrong; `field` names it."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}" if field else message)
        self.field = field
        self.message = message


@dataclass(frozen=True, slots=True)
class Config:
    """Of one client. Empty names are those of the language. Times are seconds; `operations` are patterns of
    operationIds, of places (`chat.*`) or of resources (`chat`), empty for all. `auth` lists the kinds of keys that
    callers have, empty for those that the operations need. `docs_url` is the page that explains error codes, each at
    its name (`…#budget_exceeded`); errors link to it."""

    package: str = ""
    module: str = ""
    version: str = "1.0.0"
    base_url: str = "http://localhost:8000"
    connect_timeout_s: float = 5.0
    first_byte_timeout_s: float = 120.0
    idle_timeout_s: float = 60.0
    total_timeout_s: float = 600.0
    max_retries: int = 2
    headers: Mapping[str, str] = field(default_factory=dict)
    operations: tuple[str, ...] = ()
    docs_url: str = ""
    auth: tuple[str, ...] = ()

    def sha(self) -> str:
        return hashlib.sha256(canonical(asdict(self)).encode()).hexdigest()


def read(text: str) -> Config:
    """A JSON object. Raises ConfigError."""
    try:
        said = json.loads(text)
    except (ValueError, RecursionError) as error:
        told = error if isinstance(error, json.JSONDecodeError) else "nested too deeply, or a number is too long"
        raise ConfigError("", f"the configuration is not JSON: {told}") from error
    if not isinstance(said, dict):
        raise ConfigError("", "the configuration must be an object")
    return read_fields(said)


def read_fields(said: Mapping[str, Any]) -> Config:
    """Settings as JSON values. Raises ConfigError."""
    known = {one.name for one in fields(Config)}
    for name in said:
        if name not in known:
            raise ConfigError(name, f"unknown; known are {', '.join(sorted(known))}")
    return checked(Config(**{name: _read(name, value) for name, value in said.items()}))


def stored(said: Mapping[str, Any]) -> Config:
    """Settings as they were kept when they were accepted: a later version may have rules that they break, and settings
    of its own."""
    known = {one.name for one in fields(Config)}
    return Config(**{name: _read(name, value) for name, value in said.items() if name in known})


def _read(name: str, value: Any) -> Any:
    if name in ("operations", "auth"):
        if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
            raise ConfigError(name, "a list of texts")
        return tuple(value)
    if name == "headers":
        if not isinstance(value, dict) or not all(isinstance(one, str) for one in value.values()):
            raise ConfigError(name, "an object of texts")
        return dict(sorted(value.items()))
    wanted: type[Any] | tuple[type[Any], ...] = str
    if name.endswith("_s"):
        wanted = (int, float)
    elif name == "max_retries":
        wanted = int
    if isinstance(value, bool) or not isinstance(value, wanted):
        raise ConfigError(name, f"{value!r} is of the wrong type")
    return float(value) if name.endswith("_s") else value


def checked(config: Config) -> Config:
    """Raises ConfigError."""
    if not VERSION.fullmatch(config.version):
        raise ConfigError("version", "not of the form 1.2.3")
    if not re.fullmatch(r"https?://[^\s/?#@]+(?:/[^\s?#@]*)?", config.base_url) or not _has_host(config.base_url):
        raise ConfigError("base_url", "not an http(s) address without query, fragment and credentials")
    if config.docs_url and not re.fullmatch(r"https?://[^\s?#@\"\\]+", config.docs_url):
        raise ConfigError("docs_url", "not an http(s) address without query, fragment and credentials")
    for name in ("connect_timeout_s", "first_byte_timeout_s", "idle_timeout_s", "total_timeout_s"):
        if not 0 < getattr(config, name) <= 86_400:
            raise ConfigError(name, "more than 0 and at most 86400 seconds")
    if not 0 <= config.max_retries <= 20:
        raise ConfigError("max_retries", "0 to 20")
    for name, value in config.headers.items():
        if not re.fullmatch(r"[A-Za-z0-9!#$%&'*+.^_`|~\-]{1,100}", name) or re.search(r"[^\x20-\x7e]", value):
            raise ConfigError("headers", f"{name!r} is no header")
        if name.lower() in OF_EACH_CALL:
            raise ConfigError("headers", f"{name} is of each call: the client sets it itself")
        if holds_secret(name, value):
            raise ConfigError("headers", f"{name} holds a secret, which does not belong into a package")
    if unknown := [one for one in config.auth if one not in AUTH]:
        raise ConfigError("auth", f"{unknown[0]!r} is no kind of key; there are {' and '.join(AUTH)}")
    return config


def _has_host(address: str) -> bool:
    """Whether clients can connect to it: brackets that belong together, a port that there can be."""
    try:
        parts = urlsplit(address)
        return bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def holds_secret(name: str, value: str) -> bool:
    """Whether a header is one that carries credentials, or its value looks like one."""
    is_named = name.lower() in CREDENTIALS or bool(re.search(r"(?i)(?:^|[-_])(?:secret|password|token)$", name))
    return is_named or bool(SECRET.search(value))
