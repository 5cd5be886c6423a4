"""Rotation of secrets: everything encrypted follows, nothing that runs stops, a kill loses nothing."""

import hashlib
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from cryptography.fernet import Fernet, InvalidToken
from django.apps import apps
from django.core.management import CommandError, call_command
from django.db import models
from django.utils import timezone
from psycopg import sql

from config import rotation, sealed
from config.backup.server import Database
from config.env import parse_peppers
from gateway import credentials, keyring
from gateway.keyring import field_key_id
from gateway.ledger.connect import connect
from gateway.ledger.ids import uuid7
from gateway.models import Heartbeat, Provider, VirtualKey
from gateway.services import identity, keys
from tests import factories
from tests.gateway.dataplane.stack import ROOT

pytestmark = [pytest.mark.django_db(transaction=True)]

OLD = "b2xkLWZpZWxkLWVuY3J5cHRpb24ta2V5LW9sZCEhISE="
PEPPER = "33" * 32
FILLERS: dict[str, Any] = {
    "uuid": lambda: str(uuid7()), "text": lambda: "x", "character varying": lambda: "x", "boolean": lambda: False,
    "integer": lambda: 1, "bigint": lambda: 1, "smallint": lambda: 1, "numeric": lambda: 1,
    "double precision": lambda: 0.5,
    "timestamp with time zone": timezone.now, "date": lambda: timezone.now().date(), "jsonb": lambda: "{}",
    "bytea": lambda: credentials.encrypt("filler"), "ARRAY": list,
}  # fmt: skip


@pytest.fixture
def home(settings: Any, tmp_path: Path) -> Path:
    """A data folder whose `secrets.env` this process follows, with one pepper and one field key."""
    text = f"# kept\nSECRET_KEY=unchanged\nKEY_PEPPERS=1:{PEPPER}\nFIELD_ENCRYPTION_KEYS={OLD}\n"
    (tmp_path / "secrets.env").write_text(text)
    settings.DATA_DIR, settings.SECRETS_FILE = tmp_path, tmp_path / "secrets.env"
    settings.SECRETS_FROM_FILE = frozenset({"KEY_PEPPERS", "FIELD_ENCRYPTION_KEYS"})
    settings.KEY_PEPPERS, settings.FIELD_ENCRYPTION_KEYS = parse_peppers(f"1:{PEPPER}"), [OLD]
    return tmp_path


@pytest.fixture
def raw() -> Iterator[psycopg.Connection[Any]]:
    """Rows without their parents: what they point at does not matter here."""
    with connect() as connection:
        connection.execute("SET session_replication_role = replica")
        yield connection


def insert(connection: psycopg.Connection[Any], column: sealed.Column, token: bytes) -> None:
    """One row with that ciphertext, all else being filler."""
    needed = connection.execute(
        "SELECT column_name, data_type FROM information_schema.columns WHERE table_name = %s AND is_nullable = 'NO' "
        "AND is_identity = 'NO'", [column.table],
    ).fetchall()  # fmt: skip
    values = {name: FILLERS[kind]() for name, kind in needed}
    values[column.name] = psycopg.types.json.Json({column.key: token.decode()}) if column.key else token
    if column.digest:
        values |= {"backend": "dicl", column.digest: hashlib.sha256(token).hexdigest()}
    names = sql.SQL(", ").join(map(sql.Identifier, values))
    marks = sql.SQL(", ").join([sql.Placeholder()] * len(values))
    query = sql.SQL("INSERT INTO {} ({}) VALUES ({})").format(sql.Identifier(column.table), names, marks)
    connection.execute(query, list(values.values()))


def under() -> Counter[str]:
    """Values by the key they are under, newest first in the ring."""
    with connect() as connection:
        found = sealed.use(connection, keyring.current(fresh=True).field_keys)
    total: Counter[str] = Counter()
    for (_, key), count in found.counts.items():
        total[key] += count
    return total


def test_every_binary_column_is_declared_as_sealed_or_plain() -> None:
    binary = {
        f"{model._meta.db_table}.{field.column}"
        for model in apps.get_models()
        for field in model._meta.local_fields
        if isinstance(field, models.BinaryField)
    }
    declared = {f"{column.table}.{column.name}" for column in sealed.COLUMNS if not column.key}
    assert declared & sealed.PLAIN == set()
    assert declared | sealed.PLAIN == binary


def test_every_column_is_put_under_the_new_key(home: Path, raw: psycopg.Connection[Any]) -> None:
    for column in sealed.COLUMNS:
        insert(raw, column, credentials.encrypt(f"what {column} says"))
    count = len(sealed.COLUMNS) + 3  # rows of two columns, of which the other is needed
    assert under() == {field_key_id(OLD): count}

    call_command("rotate_secrets")

    new = keyring.current(fresh=True).field_keys[0]
    assert new != OLD
    assert under() == {field_key_id(new): count}
    for column in sealed.COLUMNS:
        texts = {Fernet(new).decrypt(token).decode() for rows in sealed._batches(raw, column) for _, token in rows}
        assert texts - {"filler"} == {f"what {column} says"}
    artifact, digest = raw.execute("SELECT artifact, artifact_sha256 FROM finetuning_tunedmodel").fetchone()  # type: ignore[misc]
    assert hashlib.sha256(artifact).hexdigest() == digest


def test_weights_are_left_as_they_are(home: Path, raw: psycopg.Connection[Any]) -> None:
    column = next(column for column in sealed.COLUMNS if column.table == "finetuning_tunedmodel")
    insert(raw, column, b"weights")
    raw.execute("UPDATE finetuning_tunedmodel SET backend = 'local_head'")

    call_command("rotate_secrets")

    assert raw.execute("SELECT artifact FROM finetuning_tunedmodel").fetchone() == (b"weights",)


def test_the_file_keeps_its_other_lines_and_rights(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("rotate_secrets")

    path = home / "secrets.env"
    lines = path.read_text().splitlines()
    assert lines[:2] == ["# kept", "SECRET_KEY=unchanged"]
    peppers = parse_peppers(lines[2].removeprefix("KEY_PEPPERS="))
    assert (sorted(peppers), peppers[1]) == ([1, 2], bytes.fromhex(PEPPER))
    assert lines[3].startswith("FIELD_ENCRYPTION_KEYS=")
    assert lines[3].endswith(f",{OLD}")
    assert path.stat().st_mode & 0o777 == 0o600
    said = capsys.readouterr().out
    assert OLD not in said
    assert peppers[2].hex() not in said

    before = path.read_text()
    call_command("rotate_secrets")  # the same rotation goes on
    assert path.read_text() == before


def test_retire_removes_what_nothing_needs(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    organization = identity.create_organization(actor=None, slug="acme", name="Acme")
    project = identity.create_project(organization=organization, actor=None, slug="assistant", name="Assistant")
    old = keys.create_key(organization=organization, project=project, actor=None, name="old")
    provider = factories.ProviderFactory()
    Provider.objects.filter(pk=provider.pk).update(credential=credentials.encrypt("sk-secret"))
    with pytest.raises(CommandError, match="There is nothing to retire"):
        call_command("rotate_secrets", retire=True)

    call_command("rotate_secrets")
    new = keys.create_key(organization=organization, project=project, actor=None, name="new")
    assert (old.key.pepper_version, new.key.pepper_version) == (1, 2)
    assert keys.authenticate(old.secret) == old.key
    call_command("rotate_secrets", retire=True)

    assert "Pepper version 1 stays: 1 key uses it, such as 'old'" in capsys.readouterr().out
    ring = keyring.current(fresh=True)
    assert (sorted(ring.peppers), len(ring.field_keys)) == ([1, 2], 1)
    assert OLD not in ring.field_keys
    assert OLD in (home / "secrets.retired.env").read_text()
    assert (home / "secrets.retired.env").stat().st_mode & 0o777 == 0o600
    provider.refresh_from_db()
    assert credentials.decrypt(bytes(provider.credential)) == "sk-secret"
    assert keys.authenticate(old.secret) == old.key

    VirtualKey.objects.filter(pk=old.key.pk).update(revoked_at=timezone.now())
    with pytest.raises(CommandError, match="nothing to retire"):
        call_command("rotate_secrets", retire=True)
    assert "hashes of addresses" in capsys.readouterr().out
    call_command("rotate_secrets", retire=True, forget_hashes=True)
    assert sorted(keyring.current(fresh=True).peppers) == [2]
    assert keys.authenticate(new.secret) == new.key


def test_retire_is_refused_while_a_value_is_under_an_old_key(home: Path) -> None:
    provider = factories.ProviderFactory()
    call_command("rotate_secrets")
    Provider.objects.filter(pk=provider.pk).update(credential=Fernet(OLD).encrypt(b"late"))
    before = (home / "secrets.env").read_text()

    with pytest.raises(CommandError, match=r"still under an old field key \(gateway_provider.credential: 1\)"):
        call_command("rotate_secrets", retire=True)
    assert (home / "secrets.env").read_text() == before

    call_command("rotate_secrets")
    call_command("rotate_secrets", retire=True)
    provider.refresh_from_db()
    assert credentials.decrypt(bytes(provider.credential)) == "late"


def test_retire_waits_for_transactions_that_are_older_than_the_key(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rotation, "PATIENCE_S", 0)
    with connect() as other, other.transaction():
        other.execute("SELECT 1")
        call_command("rotate_secrets")
        with pytest.raises(CommandError, match="1 transactions are older than the newest key"):
            call_command("rotate_secrets", retire=True)


def test_what_no_key_reads_is_told_and_left(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    provider, lost = factories.ProviderFactory(), Fernet(Fernet.generate_key()).encrypt(b"lost")
    Provider.objects.filter(pk=provider.pk).update(credential=lost)

    call_command("rotate_secrets")

    assert "none did before: gateway_provider.credential: 1" in capsys.readouterr().out
    provider.refresh_from_db()
    assert bytes(provider.credential) == lost


@pytest.mark.parametrize(
    "name", ["dataplane:elsewhere", "writer:elsewhere:1", "background:elsewhere:2", "console:elsewhere:1", "beat:x:1"]
)
def test_a_process_that_does_not_know_the_key_stops_the_rotation(home: Path, name: str) -> None:
    provider = factories.ProviderFactory()
    Provider.objects.filter(pk=provider.pk).update(credential=credentials.encrypt("sk-secret"))
    ahead = timezone.now() + timedelta(minutes=1)  # it beats on
    Heartbeat.objects.create(name=name, at=ahead, info={"pid": 7, "field_keys": [field_key_id(OLD)]})

    with pytest.raises(CommandError, match=rf"{name} \(process 7\) does not know field key"):
        call_command("rotate_secrets")
    assert under() == {field_key_id(OLD): 1}

    Heartbeat.objects.update(info={"field_keys": keyring.known_ids()})
    call_command("rotate_secrets")
    assert under()[field_key_id(OLD)] == 0


def test_secrets_of_the_environment_are_not_written(settings: Any, tmp_path: Path, capsys: Any) -> None:
    settings.DATA_DIR = tmp_path
    first, second = settings.FIELD_ENCRYPTION_KEYS[0], Fernet.generate_key().decode()
    provider = factories.ProviderFactory()
    Provider.objects.filter(pk=provider.pk).update(credential=credentials.encrypt("sk-secret"))
    with pytest.raises(CommandError, match="are set by the environment"):
        call_command("rotate_secrets")

    settings.FIELD_ENCRYPTION_KEYS = [second, first]
    call_command("rotate_secrets")
    assert under() == {field_key_id(second): 1}
    call_command("rotate_secrets", retire=True)

    said = capsys.readouterr().out
    assert f"remove them from the environment: field key {field_key_id(first)}" in said
    assert [path.name for path in tmp_path.iterdir()] == ["secrets.lock"]


def test_a_process_follows_the_file(home: Path) -> None:
    """It reads what was written under a key that came later, and no longer what is under one that is gone."""
    token = credentials.encrypt("before")
    new = Fernet.generate_key().decode()
    (home / "secrets.env").write_text(f"KEY_PEPPERS=1:{PEPPER}\nFIELD_ENCRYPTION_KEYS={new},{OLD}\n")
    assert credentials.decrypt(Fernet(new).encrypt(b"later")) == "later"
    assert credentials.decrypt(token) == "before"

    (home / "secrets.env").write_text(f"KEY_PEPPERS=1:{PEPPER}\nFIELD_ENCRYPTION_KEYS={new}\n")
    keyring.current(fresh=True)
    with pytest.raises(InvalidToken):
        credentials.decrypt(token)

    (home / "secrets.env").unlink()  # what was known stays known
    assert keyring.current(fresh=True).field_keys == (new,)


# ---- real processes ----------------------------------------------------------------------------------------------


@pytest.fixture
def rotate(home: Path) -> Callable[[], subprocess.Popen[str]]:
    """Starts the command in a process of its own on this database and folder."""
    url = Database.own().url()
    env = {**os.environ, "DATABASE_URL": url, "DATABASE_DIRECT_URL": url, "DATA_DIR": str(home)}
    env = {name: value for name, value in env.items() if name not in ("KEY_PEPPERS", "FIELD_ENCRYPTION_KEYS")}
    argv = [sys.executable, "manage.py", "rotate_secrets"]
    return lambda: subprocess.Popen(
        argv, cwd=ROOT, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def waits(connection: psycopg.Connection[Any], many: int) -> bool:
    """So many sessions of this database wait for the locked row."""
    row = connection.execute(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    ).fetchone()
    return row == (many,)


def hold(raw: psycopg.Connection[Any], children: list[subprocess.Popen[str]]) -> None:
    """Until all of them have done the providers and wait for the last table."""
    while not waits(raw, len(children)):
        assert all(child.poll() is None for child in children), children[0].communicate()


@pytest.mark.slow
def test_a_killed_rotation_goes_on(home: Path, raw: psycopg.Connection[Any], rotate: Any) -> None:
    for column in (sealed.COLUMNS[0], sealed.COLUMNS[-1]):
        insert(raw, column, credentials.encrypt("kept"))
    with connect() as locker, locker.transaction():
        locker.execute("SELECT FROM finetuning_tunedmodel FOR UPDATE")
        child = rotate()
        hold(raw, [child])
        child.send_signal(signal.SIGKILL)
        child.communicate()
    ring = keyring.current(fresh=True)
    assert under() == {field_key_id(ring.field_keys[0]): 1, field_key_id(OLD): 1}

    again = rotate()
    said, _ = again.communicate()

    assert again.returncode == 0, said
    assert f"Goes on with the rotation to field key {field_key_id(ring.field_keys[0])}" in said
    assert keyring.current(fresh=True) == ring
    assert under() == {field_key_id(ring.field_keys[0]): 2}


@pytest.mark.slow
def test_two_at_once_are_one_rotation(home: Path, raw: psycopg.Connection[Any], rotate: Any) -> None:
    for column in sealed.COLUMNS:
        insert(raw, column, credentials.encrypt("kept"))
    with connect() as locker, locker.transaction():
        locker.execute("SELECT FROM finetuning_tunedmodel FOR UPDATE")
        children = [rotate(), rotate()]
        hold(raw, children)
    said = [child.communicate()[0] for child in children]

    assert [child.returncode for child in children] == [0, 0], said
    ring = keyring.current(fresh=True)
    assert (len(ring.field_keys), sorted(ring.peppers)) == (2, [1, 2])
    assert under() == {field_key_id(ring.field_keys[0]): len(sealed.COLUMNS) + 3}
    assert rotation.pepper_needs(ring.peppers).keys() == {1, 2}
