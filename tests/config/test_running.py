"""What commands in another shell know of the gateway that runs here."""

import json
import os
import socket
import stat
from pathlib import Path
from typing import Any

import pytest
from django.core import mail

from config import env
from config.doctor import host
from config.doctor.finding import Outcome
from config.embedded.postgres import EmbeddedPostgres

DEAD = 2**22 + 1  # beyond the largest process id


def write_state(data_dir: Path, **values: Any) -> None:
    path = data_dir / "run" / "state.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(values))


@pytest.mark.parametrize(
    ("is_running", "variable", "url"),
    [
        (True, "", "http://127.0.0.1:8123"),
        (True, "https://gateway.example.com", "https://gateway.example.com"),
        (False, "", ""),
    ],
)
def test_links_lead_to_the_gateway_that_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_running: bool, variable: str, url: str
) -> None:
    write_state(tmp_path, pid=os.getpid() if is_running else DEAD, port=8123, url="http://127.0.0.1:8123")
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    monkeypatch.setenv("CONSOLE_URL", variable)

    assert env.load().console_url == url


@pytest.mark.parametrize("text", ["", "[]", "{", '{"pid": "x"}'])
def test_a_damaged_state_is_none(tmp_path: Path, text: str) -> None:
    write_state(tmp_path)
    (tmp_path / "run" / "state.json").write_text(text)

    assert env.running(tmp_path) == {}


def test_doctor_looks_where_the_gateway_runs(tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.DATA_DIR = tmp_path
    monkeypatch.setattr(host, "TIMEOUT_S", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        write_state(tmp_path, pid=os.getpid(), port=port)

        finding = host.public_port()

    assert finding.outcome is Outcome.FAILED
    assert finding.detail.startswith(f"{port} is taken by something else")


def test_a_clean_stop_leaves_no_socket_directory(tmp_path: Path) -> None:
    postgres = EmbeddedPostgres(tmp_path)
    postgres.socket_dir = tmp_path / "sockets"
    postgres.socket_dir.mkdir()

    (postgres.socket_dir / "in-use").touch()
    postgres.leave()
    assert postgres.socket_dir.exists()

    (postgres.socket_dir / "in-use").unlink()
    postgres.leave()
    assert not postgres.socket_dir.exists()
    postgres.leave()


def test_mails_are_their_owners_alone(tmp_path: Path, settings: Any) -> None:
    settings.EMAIL_BACKEND = "config.mailfiles.PrivateFileBackend"
    settings.EMAIL_FILE_PATH = tmp_path / "mail"
    settings.EMAIL_FILE_PATH.mkdir(mode=0o755)

    mail.send_mail("Join", "https://gateway.example.com/join/secret", None, ["alice@acme.example"])

    (written,) = settings.EMAIL_FILE_PATH.iterdir()
    assert stat.S_IMODE(settings.EMAIL_FILE_PATH.stat().st_mode) == 0o700
    assert stat.S_IMODE(written.stat().st_mode) == 0o600
    assert "/join/secret" in written.read_text()
