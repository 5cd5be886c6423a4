"""Backups: whole or not at all, made beside traffic, and refused when anything is missing or differs."""

import json
import os
import re
import secrets
import signal
import subprocess
import sys
import tarfile
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.core.management import CommandError, call_command
from rest_framework_simplejwt.token_blacklist.models import OutstandingToken

from config.backup import server
from config.backup.archive import ArchiveError, Reader, Writer
from config.backup.server import Database, ServerError
from config.demo.seed import seed
from gateway import credentials
from gateway.ledger.booking import book
from gateway.ledger.connect import connect
from gateway.ledger.spool import Spool
from gateway.ledger.writer import Writer as LedgerWriter
from gateway.models import Project, Provider, User
from gateway.services import audit, keys, tokens
from tests.gateway.dataplane.stack import ROOT, no_price
from tests.gateway.ledger.lines import line

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]


@pytest.fixture(autouse=True)
def folder(settings: Any, tmp_path: Path) -> Path:
    settings.SPOOL_DIR = tmp_path / "spool"
    settings.SPOOL_DIR.mkdir()
    return tmp_path


@pytest.fixture
def company() -> None:
    """Three hours of the demo company, its providers' credentials and a sealed audit chain."""
    seed(days=1, until=datetime(2026, 11, 1, 3, tzinfo=UTC))
    Provider.objects.update(credential=credentials.encrypt("sk-upstream-canary"))
    project = Project.objects.filter(organization__slug="demo")[0]
    keys.create_key(organization=project.organization, project=project, actor=None, name="newest pepper")
    audit.seal()


@pytest.fixture
def backup(company: None, folder: Path) -> Path:
    path = folder / "whole.tar"
    call_command("backup", output=str(path))
    return path


@pytest.fixture
def empty() -> Iterator[Database]:
    """Another database on the server."""
    made = Database.own().named(f"restored_{secrets.token_hex(4)}")
    with made.named("postgres").connect() as maintenance:
        maintenance.execute(f"CREATE DATABASE {made.name}")
        yield made
        maintenance.execute(f"DROP DATABASE {made.name} WITH (FORCE)")


def scratches() -> list[str]:
    """Left by somebody: another test process may have one, works in it then or is about to drop it."""
    found: set[str] | None = None
    with connect() as connection:
        for _ in range(3):
            rows = connection.execute(
                "SELECT datname FROM pg_database d WHERE datname LIKE 'gateway_verify_%' "
                "AND NOT EXISTS (SELECT FROM pg_stat_activity a WHERE a.datname = d.datname)"
            ).fetchall()
            names = {name for (name,) in rows}
            found = names if found is None else found & names
            if not found:
                return []
            time.sleep(1)
    return sorted(found or ())


def count(database: Database, query: str) -> Any:
    with database.connect() as connection:
        return connection.execute(query).fetchone()[0]  # type: ignore[index]


def test_a_whole_backup_verifies(backup: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    call_command("restore", str(backup), verify=True)

    said = capsys.readouterr().out.splitlines()
    assert [row.split()[0] for row in said] == ["Checksums", "Database", "Figures", "Secrets", "Ledger", "The"]
    assert "18 checks of verify_ledger passed" in said[4]
    assert re.fullmatch(r"The backup of .* UTC can be restored: \d+\.\d s in all\.", said[-1])
    assert scratches() == []


def test_the_manifest_says_what_is_in_it_and_no_key_is(backup: Path, settings: Any) -> None:
    reader = Reader(backup)
    manifest = reader.manifest
    with connect() as connection:
        lines, cost = connection.execute("SELECT count(*), sum(cost)::text FROM gateway_ledgerline").fetchone()  # type: ignore[misc]

    (group,) = manifest["sums"]["ledger"]
    assert (group["currency"], group["lines"], group["cost"]) == ("USD", lines, cost)
    assert manifest["tables"]["public.gateway_provider"] == Provider.objects.count()
    assert set(manifest["keys"]) == {"peppers", "field_keys"}
    assert set(manifest["keys"]["peppers"]) == {"1", "2"}
    assert manifest["product"] == "llm-gateway"
    assert manifest["version"] == "1.0.0"
    assert backup.stat().st_mode & 0o777 == 0o600
    content = backup.read_bytes()
    for secret in (*settings.FIELD_ENCRYPTION_KEYS, *(p.hex() for p in settings.KEY_PEPPERS.values())):
        assert secret.encode() not in content
    reader.close()


def test_sessions_and_refresh_tokens_are_left_out(company: None, folder: Path, empty: Database) -> None:
    tokens.issue(user=User.objects.first())
    with connect() as connection:
        connection.execute("INSERT INTO django_session VALUES ('secret-session', 'x', now())")
    assert OutstandingToken.objects.count() == 1

    call_command("backup", output=str(folder / "b.tar"))
    call_command("restore", str(folder / "b.tar"), into=empty.url())

    assert count(empty, "SELECT count(*) FROM django_session") == 0
    assert count(empty, "SELECT count(*) FROM token_blacklist_outstandingtoken") == 0


def flip(path: Path, at: int) -> None:
    with path.open("r+b") as file:
        file.seek(at)
        (byte,) = file.read(1)
        file.seek(at)
        file.write(bytes([byte ^ 1]))


@pytest.mark.parametrize("member", ["database.dump", "manifest.json"])
def test_a_flipped_byte_is_noticed(backup: Path, member: str) -> None:
    with tarfile.open(backup) as tar:
        found = tar.getmember(member)
    flip(backup, found.offset_data + found.size // 2)

    with pytest.raises(CommandError, match=r"(database.dump|the manifest) is damaged: its checksum is another one"):
        call_command("restore", str(backup), verify=True)
    assert scratches() == []


@pytest.mark.parametrize("bytes_left", [100, 700, -1500, -100])
def test_a_truncated_file_is_noticed(backup: Path, bytes_left: int) -> None:
    """At its beginning, in the dump, in the manifest's checksum, in the end mark."""
    os.truncate(backup, bytes_left % backup.stat().st_size)

    with pytest.raises(CommandError, match="cut short"):
        call_command("restore", str(backup), verify=True)


def test_another_file_is_no_backup(folder: Path) -> None:
    (folder / "notes.txt").write_text("notes" * 1000)
    for name in ("notes.txt", "missing.tar"):
        with pytest.raises(CommandError, match=r"no backup|does not exist"):
            call_command("restore", str(folder / name), verify=True)


def test_a_missing_field_key_is_named(backup: Path, settings: Any) -> None:
    (wanted,) = Reader(backup).manifest["keys"]["field_keys"]
    settings.FIELD_ENCRYPTION_KEYS = ["MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="]

    with pytest.raises(CommandError, match=rf"gateway_provider.credential: \d+.*missing key ids: {wanted}"):
        call_command("restore", str(backup), verify=True)
    assert scratches() == []


def test_a_missing_or_another_pepper_is_named(backup: Path, settings: Any) -> None:
    wanted = Reader(backup).manifest["keys"]["peppers"]["2"]
    for peppers in ({1: settings.KEY_PEPPERS[1]}, {**settings.KEY_PEPPERS, 2: bytes(32)}):
        settings.KEY_PEPPERS = peppers
        with pytest.raises(CommandError, match=rf"KEY_PEPPERS lacks version 2 \({wanted}\)"):
            call_command("restore", str(backup), verify=True)


def test_figures_that_differ_from_the_manifest_fail(backup: Path, folder: Path) -> None:
    """A manifest of another state, with right checksums: what was restored is counted, not believed."""
    reader, forged = Reader(backup), folder / "forged.tar"
    manifest = {k: v for k, v in reader.manifest.items() if k not in ("format", "files")}
    manifest["sums"]["ledger"][0]["cost"] = "1.0000000000"
    with Writer(forged) as writer:
        writer.add("database.dump", reader.chunks("database.dump"))
        writer.finish(manifest)
    reader.close()

    with pytest.raises(CommandError, match=r"What was restored differs: sums\.ledger"):
        call_command("restore", str(forged), verify=True)
    assert scratches() == []


def test_a_newer_schema_is_refused(backup: Path, folder: Path) -> None:
    reader, newer = Reader(backup), folder / "newer.tar"
    manifest = {k: v for k, v in reader.manifest.items() if k not in ("format", "files")}
    with Writer(newer) as writer:
        writer.add("database.dump", reader.chunks("database.dump"))
        writer.finish({**manifest, "version": "9.0.0", "migrations": [*manifest["migrations"], "gateway.9999_later"]})
    reader.close()

    with pytest.raises(CommandError, match=r"version 9.0.0.*gateway.9999_later"):
        call_command("restore", str(newer), verify=True)


def test_into_an_empty_database_only(backup: Path, empty: Database, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("restore", str(backup), into=empty.url(), jobs=2)
    lines = count(empty, "SELECT count(*) FROM gateway_ledgerline")
    assert lines == sum(group["lines"] for group in Reader(backup).manifest["sums"]["ledger"]) > 0

    with pytest.raises(CommandError, match=rf"is not empty.*--yes-replace {empty.name}"):
        call_command("restore", str(backup), into=empty.url())
    with pytest.raises(CommandError, match="is not empty"):
        call_command("restore", str(backup), into=empty.url(), yes_replace="another")
    with empty.connect(), pytest.raises(CommandError, match="1 other connections use"):
        call_command("restore", str(backup), into=empty.url(), yes_replace=empty.name)
    assert count(empty, "SELECT count(*) FROM gateway_ledgerline") == lines

    call_command("restore", str(backup), into=empty.url(), yes_replace=empty.name)
    assert count(empty, "SELECT count(*) FROM gateway_ledgerline") == lines


def test_what_an_extension_brought_does_not_fill_a_database(backup: Path, empty: Database) -> None:
    """As Citus does, whose coordinator has tables and views of its own before anything is restored."""
    with empty.connect() as connection:
        for kind, made in (("TABLE", "stripe AS SELECT 1 AS id"), ("VIEW", "cluster_tables AS SELECT 1 AS id")):
            connection.execute(f"CREATE {kind} {made}")
            connection.execute(f"ALTER EXTENSION plpgsql ADD {kind} {made.split()[0]}")

    call_command("restore", str(backup), into=empty.url())

    assert count(empty, "SELECT count(*) FROM stripe, cluster_tables") == 1
    assert count(empty, "SELECT count(*) FROM gateway_ledgerline") > 0


def test_lines_that_are_not_booked_yet_come_along(folder: Path, settings: Any, empty: Database) -> None:
    spool = Spool(settings.SPOOL_DIR, "0198c000-0000-7000-8000-000000000001", segment_bytes=1 << 20)
    for _ in range(3):
        body = line()
        spool.line(body["id"], json.dumps(body).encode())
    path, spools = folder / "b.tar", folder / "elsewhere"
    call_command("backup", output=str(path))
    spool.close()

    call_command("restore", str(path), into=empty.url(), spool=str(spools))
    assert count(empty, "SELECT count(*) FROM gateway_ledgerline") == 0
    for _ in range(2):  # booking the same spool again books nothing twice
        writer = LedgerWriter(spools, empty.url(), no_price)
        while writer.run_once():
            pass
        writer._disconnect()
    assert count(empty, "SELECT count(*) FROM gateway_ledgerline") == 3

    (spools / "0198c000-0000-7000-8000-000000000001").mkdir(exist_ok=True)
    with pytest.raises(CommandError, match="has the spool 0198c000"):
        call_command("restore", str(path), into=empty.url(), yes_replace=empty.name, spool=str(spools))
    assert count(empty, "SELECT count(*) FROM gateway_ledgerline") == 3


def test_a_backup_taken_while_lines_are_written_is_one_moment(company: None, folder: Path) -> None:
    """A writer books on while the dump runs; figures and dump are of the same snapshot."""
    ended = threading.Event()
    booked = [0]

    def write() -> None:
        with connect() as connection:
            while not ended.is_set():
                with connection.transaction():
                    booked[0] += book(connection, [line() for _ in range(20)]).new

    thread = threading.Thread(target=write)
    thread.start()
    try:
        call_command("backup", output=str(folder / "busy.tar"))
    finally:
        ended.set()
        thread.join()

    assert booked[0] > 0
    call_command("restore", str(folder / "busy.tar"), verify=True)


def test_a_killed_backup_leaves_nothing_that_looks_like_one(company: None, folder: Path, settings: Any) -> None:
    """pg_dump waits for a table that is locked, so the kill comes half-way."""
    url = Database.own().url()
    env = {**os.environ, "DATABASE_URL": url, "DATABASE_DIRECT_URL": url, "DATA_DIR": str(folder)}
    target = folder / "backups"
    target.mkdir()
    with connect() as connection, connection.transaction():
        connection.execute("LOCK TABLE gateway_provider IN ACCESS EXCLUSIVE MODE")
        argv = [sys.executable, "manage.py", "backup", "--output", str(target)]
        with subprocess.Popen(argv, cwd=ROOT, env=env, stdout=subprocess.DEVNULL) as child:
            while not list(target.iterdir()):
                assert child.poll() is None
            child.send_signal(signal.SIGKILL)
    (left,) = target.iterdir()
    assert re.fullmatch(r"\.llm-gateway-\d{8}T\d{6}Z\.tar\.\d+\.gateway-backup", left.name)

    call_command("backup", output=str(target))
    (made,) = target.iterdir()
    assert re.fullmatch(r"llm-gateway-\d{8}T\d{6}Z\.tar", made.name)
    with pytest.raises(CommandError, match="exists: name another file"):
        call_command("backup", output=str(made))


def test_a_dump_that_fails_leaves_nothing(company: None, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = folder / "pg_dump"
    broken.write_text("#!/bin/sh\necho half\necho 'pg_dump: error: no room' >&2\nexit 1\n")
    broken.chmod(0o755)
    monkeypatch.setattr("config.backup.making.program", lambda name, major: broken)

    with pytest.raises(CommandError, match="pg_dump failed: pg_dump: error: no room"):
        call_command("backup", output=str(folder / "b.tar"))
    assert not list(folder.glob("*.tar*")) + list(folder.glob(".*"))


def test_scratch_databases_of_killed_runs_are_dropped(backup: Path) -> None:
    with Database.own().named("postgres").connect() as maintenance:
        maintenance.execute("CREATE DATABASE gateway_verify_left")
    call_command("restore", str(backup), verify=True)
    assert scratches() == []


def test_programs_of_the_servers_version_come_first(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def place(name: str, version: str) -> None:
        (folder / name).mkdir(exist_ok=True)
        (folder / name / "pg_dump").write_text(f"#!/bin/sh\necho 'pg_dump (PostgreSQL) {version}'\n")
        (folder / name / "pg_dump").chmod(0o755)

    monkeypatch.setattr(server, "DEBIAN", folder / "none")
    place("fifteen", "15.9")
    place("seventeen", "17.2")
    monkeypatch.setenv("PATH", f"{folder / 'fifteen'}:{folder / 'seventeen'}")

    assert server.program("pg_dump", 15) == folder / "fifteen" / "pg_dump"
    assert server.program("pg_dump", 16) == folder / "seventeen" / "pg_dump"
    assert server.program("pg_dump", 18).parent.parent.name == "pginstall18"
    with pytest.raises(ServerError, match=r"No pg_dump for a PostgreSQL 19 server.*postgresql-client-19"):
        server.program("pg_dump", 19)


def test_a_database_that_is_away_is_one_line(folder: Path, settings: Any) -> None:
    settings.DATABASE_DIRECT_URL = "postgresql://gateway@/gone?host=/nowhere"
    with pytest.raises(CommandError, match="does not answer"):
        call_command("backup", output=str(folder / "b.tar"))


def test_addresses_go_to_programs_without_the_password() -> None:
    database = Database.of_url("postgresql://us%40er:s%3Acret@db.example:5433/name?sslmode=require")
    where, env = database.for_programs()

    assert "s:cret" not in where
    assert env["PGPASSWORD"] == "s:cret"
    assert psycopg.conninfo.conninfo_to_dict(database.url()) == database.parameters
    assert database.named("other").url() == "postgresql://us%40er:s%3Acret@db.example:5433/other?sslmode=require"


def test_a_name_too_long_is_refused(folder: Path) -> None:
    with pytest.raises(ArchiveError), Writer(folder / "x.tar") as writer:
        writer.add("n" * 200, [b""])
    assert not list(folder.glob("*.tar"))
