"""Checks of this machine and its files: interpreter, packages, secrets, disk, ports, Redis, mail."""

import http.client
import importlib.metadata
import os
import shutil
import smtplib
import stat
import sys
import tempfile
from pathlib import Path

import redis
from django.conf import settings

from analytics.console.vendor import check_vendored
from config import env
from config.doctor.finding import Finding, failed, off, ok, skipped, warning
from config.embedded.runtime import port_is_free

LOW_DISK = 1 << 30
NO_DISK = 200 << 20
TIMEOUT_S = 3.0


def python_version() -> Finding:
    """Which interpreter runs; one older than 3.11 does not get as far as this."""
    return ok("Python", f"{'.'.join(map(str, sys.version_info[:3]))}, {sys.executable}")


def packages() -> Finding:
    """The installed versions are the ones of requirements.txt."""
    wanted = dict(
        line.split(" ")[0].split("==", 1)
        for line in (settings.BASE_DIR / "requirements.txt").read_text().splitlines()
        if "==" in line and line[0].isalnum() and _applies(line)
    )
    different = [name for name, version in wanted.items() if _installed(name.split("[")[0]) != version]
    if different:
        some = ", ".join(different[:5]) + (" …" if len(different) > 5 else "")
        return warning("Packages", f"{len(different)} differ from requirements.txt: {some}", "Run `make run`.")
    return ok("Packages", f"{len(wanted)} as in requirements.txt")


def _applies(line: str) -> bool:
    """Lines with an environment marker (other platforms, other Pythons) are not compared."""
    return ";" not in line


def _installed(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return ""


def secrets() -> Finding:
    """Present, not the public defaults, and readable by this user alone."""
    defaults = [
        name
        for name, is_default in {
            "SECRET_KEY": settings.SECRET_KEY == env.INSECURE_SECRET_KEY,
            "KEY_PEPPERS": bytes.fromhex(env.INSECURE_PEPPER) in settings.KEY_PEPPERS.values(),
            "FIELD_ENCRYPTION_KEYS": env.INSECURE_FIELD_KEY in settings.FIELD_ENCRYPTION_KEYS,
        }.items()
        if is_default
    ]
    if defaults:
        return failed(
            "Secrets", f"{', '.join(defaults)}: public development default", "Set them, or start with `make run` once."
        )
    path = settings.DATA_DIR / "secrets.env"
    if path.exists() and stat.S_IMODE(path.stat().st_mode) & 0o077:
        return failed("Secrets", f"{path} can be read by others", f"chmod 600 {path}")
    return ok("Secrets", f"set, {len(settings.KEY_PEPPERS)} pepper(s), {len(settings.FIELD_ENCRYPTION_KEYS)} key(s)")


def data_directory() -> Finding:
    """Writable, with room."""
    return _directory("Data directory", settings.DATA_DIR, "Set DATA_DIR, or start with `make run` once.")


def spool_directory() -> Finding:
    """Writable, with room: without it no call is accepted."""
    return _directory("Spool", settings.SPOOL_DIR, "Start with `make run` once; in containers mount a volume there.")


def _directory(name: str, path: Path, remedy: str) -> Finding:
    if not path.is_dir():
        return failed(name, f"{path} does not exist", remedy)
    try:
        with tempfile.TemporaryFile(dir=path):
            pass
    except OSError as error:
        return failed(name, f"{path} is not writable: {error.strerror}", f"Give this user the right to write {path}.")
    free = shutil.disk_usage(path).free
    detail = f"{path}, {free / (1 << 30):.1f} GiB free"
    if free < NO_DISK:
        return failed(name, detail, "Free disk space: calls are refused when the spool cannot grow.")
    if free < LOW_DISK:
        return warning(name, detail, "Free disk space soon.")
    return ok(name, detail)


def vendored_files() -> Finding:
    """Browser files are what the manifest says."""
    problems = check_vendored()
    if problems:
        return failed("Vendored files", problems[0], "Restore static/vendor from the release (`git checkout static`).")
    return ok("Vendored files", "as in the manifest")


def redis_server() -> Finding:
    """Answers a ping, when there is one."""
    if not settings.REDIS_URL:
        return off("Redis", "REDIS_URL is not set; background work and cache stay on this host")
    client = redis.Redis.from_url(settings.REDIS_URL, socket_timeout=TIMEOUT_S, socket_connect_timeout=TIMEOUT_S)
    try:
        client.ping()
    except (redis.RedisError, OSError) as error:
        return failed("Redis", str(error), "Start Redis, correct REDIS_URL, or unset it: one host needs none.")
    finally:
        client.close()
    return ok("Redis", "answers")


def mail_server() -> Finding:
    """The SMTP server says hello, when mail is configured."""
    if not settings.EMAIL_BACKEND.endswith("smtp.EmailBackend"):
        return warning(
            "E-mail", f"not configured; mails are kept in {settings.DATA_DIR / 'mail'}", "Set EMAIL_URL to send mail."
        )
    where = f"{settings.EMAIL_HOST}:{settings.EMAIL_PORT}"
    kind = smtplib.SMTP_SSL if getattr(settings, "EMAIL_USE_SSL", False) else smtplib.SMTP
    try:
        with kind(settings.EMAIL_HOST, settings.EMAIL_PORT, timeout=TIMEOUT_S) as server:
            server.noop()
    except (smtplib.SMTPException, OSError) as error:
        return failed("E-mail", f"{where}: {error}", "Start the mail server or correct EMAIL_URL.")
    return ok("E-mail", f"{where} answers")


def public_port() -> Finding:
    """Either the gateway is ready on it, or it is free."""
    port = int(env.running(settings.DATA_DIR).get("port") or os.environ.get("PORT") or 8000)
    if port_is_free("127.0.0.1", port):
        return skipped("Public port", f"{port} is free; the gateway does not run here")
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_S)
    try:
        connection.request("GET", "/readyz")
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        return failed("Public port", f"{port} is taken by something else ({error})", "Set PORT to a free port.")
    finally:
        connection.close()
    if status != 200:
        return failed("Public port", f"/readyz on {port} answers {status}", "Read log/dataplane.log; `curl` /readyz.")
    return ok("Public port", f"{port}, the gateway is ready")
