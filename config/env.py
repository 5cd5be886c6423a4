"""Typed reading of the process environment; the only place that touches `os.environ` for configuration.

Precedence: real environment, then `.env` in the checkout, then `$DATA_DIR/secrets.env` (written once by
`manage.py up`), then the default.
"""

import ipaddress
import json
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import environ
import psutil

from gateway.dataplane import addresses
from gateway.dataplane.proxy import Proxy
from gateway.keyring import FIELD_KEYS, PEPPERS, parse_peppers
from gateway.ledger.archive.stores import Place
from gateway.oidc import configuration as oidc
from gateway.oidc.configuration import Oidc

_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
BASE_DIR = Path(__file__).resolve().parent.parent

# Recognised by `doctor` and the deployment checks: a production install never runs on these.
INSECURE_SECRET_KEY = "insecure-development-key"
INSECURE_PEPPER = "00" * 32
INSECURE_FIELD_KEY = "aW5zZWN1cmUtZGV2ZWxvcG1lbnQtZmllbGQta2V5ISE="
PROFILES = ("development", "test", "production")


@dataclass(frozen=True, slots=True)
class Env:
    """Everything the settings read from outside; sizes in bytes, times in seconds."""

    profile: str
    data_dir: Path
    static_root: Path
    port: int
    debug: bool
    secret_key: str
    key_peppers: dict[int, bytes]
    field_encryption_keys: tuple[str, ...]
    secrets_file: Path
    secrets_from_file: frozenset[str]
    database_url: str
    database_direct_url: str
    database_replica_url: str
    replica_max_lag_s: float
    redis_url: str
    processes: int
    organization_shards: int
    email_url: str
    allowed_hosts: tuple[str, ...]
    csrf_trusted_origins: tuple[str, ...]
    trusted_proxies: tuple[str, ...]
    private_upstreams: tuple[str, ...]
    upstream_proxy: Proxy | None
    console_socket: Path
    console_url: str
    log_json: bool
    head_timeout_s: float
    body_timeout_s: float
    keep_alive_s: int
    max_connections: int
    stale_after_s: float
    ledger_retention_days: int
    archive: Place
    cache_memory_bytes: int
    idempotency_max_bytes: int
    import_limit_bytes: int
    export_retention_days: int
    backup_max_age_hours: int
    prices_url: str
    support_contact: str
    metrics_token: str
    budget_wait_s: float
    default_output_cap: int
    batch_check_s: float
    sudo_minutes: int
    session_idle_minutes: int
    session_max_hours: int
    oidc: Oidc | None
    password_sign_in: bool
    internal_url: str
    narrator_url: str
    narrator_key: str
    narrator_model: str
    otlp_endpoint: str
    otlp_headers: dict[str, str]
    otlp_service_name: str
    otlp_sample_ratio: float
    otlp_metrics_interval_s: float


def embedded_database_url(data_dir: Path) -> str:
    """URL that the embedded server left in `run/database.url`; empty before the first start."""
    pointer = data_dir / "run" / "database.url"
    return pointer.read_text().strip() if pointer.exists() else ""


def running(data_dir: Path) -> dict[str, Any]:
    """What `manage.py up` says of itself in `run/state.json` (`port`, `url`, …); empty while it does not run."""
    try:
        state: dict[str, Any] = json.loads((data_dir / "run" / "state.json").read_text())
        is_alive = psutil.pid_exists(state["pid"])
    except (OSError, ValueError, KeyError, TypeError):
        return {}
    return state if is_alive else {}


def read_dotenv() -> None:
    """Add the checkout's `.env` to the environment; what is set already stays."""
    path = BASE_DIR / ".env"
    if os.access(path, os.R_OK):
        environ.Env.read_env(str(path), overwrite=False)


def parse_private_upstreams(entries: list[str]) -> tuple[str, ...]:
    """`host:port` entries. Raises `ImproperlyConfigured` for link-local addresses and metadata services; names that
    resolve to one are refused when they are dialled.
    """
    for entry in entries:
        address = addresses.literal(entry.rpartition(":")[0])
        if address is not None and addresses.is_never_allowed(address):
            reason = "is a link-local address or a cloud's metadata service, which is never called"
            raise environ.ImproperlyConfigured(f"GATEWAY_PRIVATE_UPSTREAMS: {entry} {reason}.")
    return tuple(entries)


def parse_proxy(url: str, bypass: list[str]) -> Proxy | None:
    """None without one. Raises `ImproperlyConfigured`, without the URL, which may hold a password."""
    if not url:
        return None
    try:
        return Proxy.of(url, bypass)
    except ValueError as error:
        raise environ.ImproperlyConfigured(f"GATEWAY_UPSTREAM_PROXY: {error}.") from None


def parse_profile(text: str) -> str:
    """Raises `ImproperlyConfigured` for one that there is not."""
    if text not in PROFILES:
        raise environ.ImproperlyConfigured(f"GATEWAY_PROFILE: {text!r} is none of {', '.join(PROFILES)}.")
    return text


def parse_trusted_proxies(entries: list[str]) -> tuple[str, ...]:
    """Addresses and networks. Raises `ImproperlyConfigured` for anything else, and for everybody's."""
    for entry in entries:
        try:
            network = ipaddress.ip_network(entry)
        except ValueError:
            reason = "is no address and no network (10.0.0.5, 10.0.0.0/24)"
            raise environ.ImproperlyConfigured(f"GATEWAY_TRUSTED_PROXIES: {entry} {reason}.") from None
        if network.prefixlen == 0:
            raise environ.ImproperlyConfigured(f"GATEWAY_TRUSTED_PROXIES: {entry} would believe every caller.")
    return tuple(entries)


def refuse_in_production(found: Env) -> None:
    """Raises `ImproperlyConfigured` with all that an installation for others must not run on."""
    wrong = []
    if found.debug:
        wrong.append("DEBUG is on")
    if found.secret_key == INSECURE_SECRET_KEY:
        wrong.append("SECRET_KEY is not set")
    if bytes.fromhex(INSECURE_PEPPER) in found.key_peppers.values():
        wrong.append("KEY_PEPPERS is not set")
    if INSECURE_FIELD_KEY in found.field_encryption_keys:
        wrong.append("FIELD_ENCRYPTION_KEYS is not set")
    if "*" in found.allowed_hosts:
        wrong.append("ALLOWED_HOSTS names no hosts")
    if not found.trusted_proxies:
        wrong.append("GATEWAY_TRUSTED_PROXIES does not name the proxy that ends TLS")
    if wrong:
        raise environ.ImproperlyConfigured(f"GATEWAY_PROFILE=production: {'; '.join(wrong)}.")


def parse_shards(count: int) -> int:
    """Raises `ImproperlyConfigured` for none, and for more than anybody needs."""
    if not 1 <= count <= 64:
        raise environ.ImproperlyConfigured(f"CELERY_ORGANIZATION_SHARDS: {count} is not from 1 to 64.")
    return count


def parse_archive(place: Place) -> Place:
    """Raises `ImproperlyConfigured` for another kind of URL, and for what contradicts itself."""
    wrong = ""
    if place.url and not re.fullmatch(r"s3://[^/]+(/.*)?|file:///.+", place.url):
        wrong = "ARCHIVE_URL is neither s3://bucket/prefix nor file:///folder"
    elif bool(place.access_key) != bool(place.secret_key):
        wrong = "ARCHIVE_S3_ACCESS_KEY and ARCHIVE_S3_SECRET_KEY go together"
    elif place.encryption not in ("", "AES256", "aws:kms"):
        wrong = f"ARCHIVE_S3_ENCRYPTION: {place.encryption!r} is neither AES256 nor aws:kms"
    elif place.encryption_key and place.encryption != "aws:kms":
        wrong = "ARCHIVE_S3_ENCRYPTION_KEY is for ARCHIVE_S3_ENCRYPTION=aws:kms"
    if wrong:
        raise environ.ImproperlyConfigured(f"{wrong}.")
    return place


def parse_headers(text: str) -> dict[str, str]:
    """`"name=value,name=value"`, values percent-encoded, as OTEL_EXPORTER_OTLP_HEADERS has it. Raises
    `environ.ImproperlyConfigured` for anything that is no header."""
    found = {}
    for item in filter(None, (part.strip() for part in text.split(","))):
        name, equals, value = (unquote(part.strip()) for part in item.partition("="))
        if not (equals and _HEADER_NAME.fullmatch(name) and value.isprintable() and value.isascii()):
            raise environ.ImproperlyConfigured(f"{name!r} is no header: name=value, separated by commas, is expected")
        found[name.lower()] = value
    return found


def read_oidc(env: environ.Env) -> Oidc | None:
    """The OpenID provider; None without `OIDC_ISSUER`. Raises `ImproperlyConfigured`, without the secret."""
    issuer = env.str("OIDC_ISSUER", default="")
    if not issuer:
        return None
    default = env.str("OIDC_DEFAULT_ROLE", default="")
    try:
        roles = oidc.parse_pairs(env.list("OIDC_ROLES", default=[]))
        return oidc.checked(
            Oidc(
                issuer=issuer,
                client_id=env.str("OIDC_CLIENT_ID", default=""),
                client_secret=env.str("OIDC_CLIENT_SECRET", default=""),
                name=env.str("OIDC_NAME", default="single sign-on"),
                scopes=tuple(env.str("OIDC_SCOPES", default="openid email profile").split()),
                algorithms=tuple(env.list("OIDC_ALGORITHMS", default=["RS256", "ES256"])),
                domains={
                    name.lower(): slug for name, slug in oidc.parse_pairs(env.list("OIDC_DOMAINS", default=[])).items()
                },
                default=oidc.parse_grant(default) if default else None,
                role_claim=env.str("OIDC_ROLE_CLAIM", default="groups"),
                roles={value: oidc.parse_grant(grant) for value, grant in roles.items()},
                trusts_email=env.bool("OIDC_TRUSTS_EMAIL", default=False),
                asks_code=env.bool("OIDC_ASKS_CODE", default=False),
            )
        )
    except ValueError as error:
        raise environ.ImproperlyConfigured(f"Single sign-on: {error}.") from None


def where_data_is() -> Path:
    """`DATA_DIR`, for which `.env` must have been read."""
    env = environ.Env()
    return Path(env.str("DATA_DIR", default=str(BASE_DIR / "var"))).absolute()


def load() -> Env:
    """Read the environment once. Raises `environ.ImproperlyConfigured` on a malformed value."""
    env = environ.Env()
    read_dotenv()
    data_dir = where_data_is()
    secrets = data_dir / "secrets.env"
    unset = {name for name in (PEPPERS, FIELD_KEYS) if name not in os.environ}
    if os.access(secrets, os.R_OK):
        env.read_env(str(secrets), overwrite=False)
    database_url = env.str("DATABASE_URL", default="") or embedded_database_url(data_dir)
    found = Env(
        profile=parse_profile(env.str("GATEWAY_PROFILE", default="development")),
        data_dir=data_dir,
        static_root=Path(env.str("GATEWAY_STATIC_ROOT", default="") or data_dir / "static"),
        port=env.int("PORT", default=8000),
        debug=env.bool("DEBUG", default=False),
        secret_key=env.str("SECRET_KEY", default=INSECURE_SECRET_KEY),
        key_peppers=parse_peppers(env.str("KEY_PEPPERS", default=f"1:{INSECURE_PEPPER}")),
        field_encryption_keys=tuple(env.list("FIELD_ENCRYPTION_KEYS", default=[INSECURE_FIELD_KEY])),
        secrets_file=secrets,
        secrets_from_file=frozenset(name for name in unset if name in os.environ),
        database_url=database_url,
        database_direct_url=env.str("DATABASE_DIRECT_URL", default="") or database_url,
        database_replica_url=env.str("DATABASE_REPLICA_URL", default=""),
        replica_max_lag_s=env.float("REPLICA_MAX_LAG_SECONDS", default=5.0),
        redis_url=env.str("REDIS_URL", default=""),
        processes=env.int("GATEWAY_PROCESSES", default=env.int("WEB_CONCURRENCY", default=1)),
        organization_shards=parse_shards(env.int("CELERY_ORGANIZATION_SHARDS", default=1)),
        email_url=env.str("EMAIL_URL", default=""),
        allowed_hosts=tuple(env.list("ALLOWED_HOSTS", default=["*"])),
        csrf_trusted_origins=tuple(env.list("CSRF_TRUSTED_ORIGINS", default=[])),
        trusted_proxies=parse_trusted_proxies(env.list("GATEWAY_TRUSTED_PROXIES", default=[])),
        private_upstreams=parse_private_upstreams(env.list("GATEWAY_PRIVATE_UPSTREAMS", default=[])),
        upstream_proxy=parse_proxy(
            env.str("GATEWAY_UPSTREAM_PROXY", default=""), env.list("GATEWAY_UPSTREAM_NO_PROXY", default=[])
        ),
        console_socket=Path(env.str("CONSOLE_SOCKET", default="") or data_dir / "run" / "console.sock"),
        console_url=env.str("CONSOLE_URL", default="") or running(data_dir).get("url", ""),
        log_json=env.bool("LOG_JSON", default=False),
        head_timeout_s=env.float("GATEWAY_HEAD_TIMEOUT_S", default=10.0),
        keep_alive_s=env.int("GATEWAY_KEEP_ALIVE_S", default=75),
        max_connections=env.int("GATEWAY_MAX_CONNECTIONS", default=4096),
        body_timeout_s=env.float("GATEWAY_BODY_TIMEOUT_S", default=30.0),
        ledger_retention_days=env.int("LEDGER_RETENTION_DAYS", default=0),
        archive=parse_archive(
            Place(
                url=env.str("ARCHIVE_URL", default=""),
                endpoint=env.str("ARCHIVE_S3_ENDPOINT", default=""),
                region=env.str("ARCHIVE_S3_REGION", default=""),
                access_key=env.str("ARCHIVE_S3_ACCESS_KEY", default=""),
                secret_key=env.str("ARCHIVE_S3_SECRET_KEY", default=""),
                encryption=env.str("ARCHIVE_S3_ENCRYPTION", default=""),
                encryption_key=env.str("ARCHIVE_S3_ENCRYPTION_KEY", default=""),
            )
        ),
        stale_after_s=env.float("GATEWAY_STALE_AFTER_S", default=60.0),
        cache_memory_bytes=env.int("GATEWAY_CACHE_MEMORY_BYTES", default=64 * 1024 * 1024),
        idempotency_max_bytes=env.int("GATEWAY_IDEMPOTENCY_MAX_BYTES", default=1024 * 1024),
        metrics_token=env.str("METRICS_TOKEN", default=""),
        internal_url=env.str("GATEWAY_INTERNAL_URL", default="").rstrip("/"),
        narrator_url=env.str("NARRATOR_URL", default="").rstrip("/"),
        narrator_key=env.str("NARRATOR_KEY", default=""),
        narrator_model=env.str("NARRATOR_MODEL", default=""),
        otlp_endpoint=env.str("GATEWAY_OTLP_ENDPOINT", default="").rstrip("/"),
        otlp_headers=parse_headers(env.str("GATEWAY_OTLP_HEADERS", default="")),
        otlp_service_name=env.str("GATEWAY_OTLP_SERVICE_NAME", default="llm-gateway"),
        otlp_sample_ratio=env.float("GATEWAY_OTLP_SAMPLE_RATIO", default=1.0),
        otlp_metrics_interval_s=env.float("GATEWAY_OTLP_METRICS_INTERVAL_S", default=30.0),
        import_limit_bytes=env.int("GATEWAY_IMPORT_LIMIT_BYTES", default=256 * 1024 * 1024),
        prices_url=env.str("PRICES_URL", default=""),
        support_contact=env.str("SUPPORT_CONTACT", default=""),
        export_retention_days=env.int("EXPORT_RETENTION_DAYS", default=7),
        backup_max_age_hours=env.int("BACKUP_MAX_AGE_HOURS", default=0),
        budget_wait_s=env.float("GATEWAY_BUDGET_WAIT_S", default=2.0),
        default_output_cap=env.int("GATEWAY_DEFAULT_OUTPUT_CAP", default=4096),
        batch_check_s=env.float("GATEWAY_BATCH_CHECK_S", default=300.0),
        sudo_minutes=env.int("SUDO_MINUTES", default=15),
        session_idle_minutes=env.int("SESSION_IDLE_MINUTES", default=0),
        session_max_hours=env.int("SESSION_MAX_HOURS", default=14 * 24),
        oidc=read_oidc(env),
        password_sign_in=env.bool("PASSWORD_SIGN_IN", default=True),
    )
    if not found.password_sign_in and found.oidc is None:
        raise environ.ImproperlyConfigured("PASSWORD_SIGN_IN is off, and there is no OIDC_ISSUER to sign in with.")
    if found.session_idle_minutes < 0 or found.session_max_hours < 1:
        raise environ.ImproperlyConfigured("SESSION_IDLE_MINUTES is at least 0, SESSION_MAX_HOURS at least 1.")
    if found.profile == "production":
        refuse_in_production(found)
    return found
