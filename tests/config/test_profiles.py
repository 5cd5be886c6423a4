"""Profiles: what production refuses to run on, and that it leaves nothing for Django's deployment checks to say."""

import os
import subprocess
import sys
from pathlib import Path

import environ
import pytest

from config import env

ROOT = Path(__file__).resolve().parents[2]
PRODUCTION = {
    "GATEWAY_PROFILE": "production", "SECRET_KEY": "k" * 25 + "abcdefghijklmnopqrstuvwxyz",
    "KEY_PEPPERS": f"1:{'ab' * 32}", "FIELD_ENCRYPTION_KEYS": "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3I=",
    "ALLOWED_HOSTS": "gateway.example.com", "GATEWAY_TRUSTED_PROXIES": "10.0.0.5,10.0.1.0/24", "DEBUG": "false",
}  # fmt: skip


@pytest.fixture
def production(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    for name, value in (PRODUCTION | {"DATA_DIR": str(tmp_path)}).items():
        monkeypatch.setenv(name, value)
    return monkeypatch


def test_production_as_it_should_be(production: pytest.MonkeyPatch) -> None:
    found = env.load()

    assert (found.profile, found.trusted_proxies) == ("production", ("10.0.0.5", "10.0.1.0/24"))


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("DEBUG", "true", "DEBUG is on"),
        ("SECRET_KEY", env.INSECURE_SECRET_KEY, "SECRET_KEY is not set"),
        ("KEY_PEPPERS", f"2:{'ab' * 32},1:{env.INSECURE_PEPPER}", "KEY_PEPPERS is not set"),
        ("FIELD_ENCRYPTION_KEYS", env.INSECURE_FIELD_KEY, "FIELD_ENCRYPTION_KEYS is not set"),
        ("ALLOWED_HOSTS", "*", "ALLOWED_HOSTS names no hosts"),
        ("GATEWAY_TRUSTED_PROXIES", "", "GATEWAY_TRUSTED_PROXIES does not name the proxy that ends TLS"),
    ],
)
def test_what_production_refuses(production: pytest.MonkeyPatch, name: str, value: str, said: str) -> None:
    production.setenv(name, value)

    with pytest.raises(environ.ImproperlyConfigured) as refused:
        env.load()

    assert str(refused.value) == f"GATEWAY_PROFILE=production: {said}."


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("GATEWAY_PROFILE", "prod", "GATEWAY_PROFILE: 'prod' is none of development, test, production."),
        ("GATEWAY_TRUSTED_PROXIES", "10.0.0.300", "10.0.0.300 is no address and no network"),
        ("GATEWAY_TRUSTED_PROXIES", "10.0.0.1,lb.example.com", "lb.example.com is no address and no network"),
        ("GATEWAY_TRUSTED_PROXIES", "::/0", "::/0 would believe every caller"),
    ],
)
def test_values_that_are_none(monkeypatch: pytest.MonkeyPatch, name: str, value: str, said: str) -> None:
    monkeypatch.setenv(name, value)

    with pytest.raises(environ.ImproperlyConfigured, match=said.replace("(", r"\(").replace(".", r"\.")):
        env.load()


def test_deployment_checks_have_nothing_to_say(tmp_path: Path) -> None:
    command = [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"]
    environment = {**os.environ, **PRODUCTION, "DATA_DIR": str(tmp_path), "GATEWAY_PROCESSES": "1"}

    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)

    assert (done.returncode, done.stdout.strip()) == (0, "System check identified no issues (2 silenced)."), done.stderr


def test_cookies_of_production_belong_to_its_host_alone(tmp_path: Path) -> None:
    """RFC 6265bis, 4.1.3.2: Secure, no Domain, Path=/."""
    program = """
from config import settings
from django.conf import global_settings
for kind in ("SESSION", "CSRF"):
    for name in ("NAME", "SECURE", "DOMAIN", "PATH"):
        default = getattr(global_settings, f"{kind}_COOKIE_{name}")
        print(getattr(settings, f"{kind}_COOKIE_{name}", default))
"""
    environment = {**os.environ, **PRODUCTION, "DATA_DIR": str(tmp_path), "GATEWAY_PROCESSES": "1"}

    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )

    assert done.stdout.split() == [
        "__Host-sessionid", "True", "None", "/", "__Host-csrftoken", "True", "None", "/",
    ], done.stderr  # fmt: skip


@pytest.mark.parametrize(
    "command",
    [
        ["manage.py", "doctor"],
        ["manage.py", "check", "--deploy"],
        ["-m", "config.embedded.serve", "config.asgi:application", "--listen", "127.0.0.1:0"],
    ],
)
def test_what_is_wrong_is_said_in_one_line(command: list[str], tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if name not in PRODUCTION}
    environment |= {"GATEWAY_PROFILE": "production", "DATA_DIR": str(tmp_path)}

    done = subprocess.run(
        [sys.executable, *command], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )

    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        "GATEWAY_PROFILE=production: SECRET_KEY is not set; KEY_PEPPERS is not set; FIELD_ENCRYPTION_KEYS is not set; "
        "ALLOWED_HOSTS names no hosts; GATEWAY_TRUSTED_PROXIES does not name the proxy that ends TLS."
    ]
