"""Restoring a backup, into a database made for a check or into an empty one, and whether all of it is there."""

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
import zlib
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import IO, Any, LiteralString

import psycopg
from django.conf import settings
from django.db import DatabaseError
from django.db.migrations.loader import MigrationLoader
from django.utils import timezone

from config import sealed
from config.backup import BACKUP_VERIFIED, control
from config.backup.archive import ArchiveError, Reader
from config.backup.making import DUMP, SPOOL
from config.backup.server import Database, ServerError, program, scratch, server_major
from gateway import keyring
from gateway.keyring import FIELD_KEYS, PEPPERS, pepper_id
from gateway.models import Heartbeat

QUARANTINE = "nothing in quarantine"
"""A check of `verify_ledger` that tells what the source had, not whether the copy is right."""
MANY = 5
Say = Callable[[str], None]


class RestoreError(Exception):
    """What is wrong with the backup or with what was restored; one line for each problem."""


class Steps:
    """Says each step with its time."""

    def __init__(self, say: Say) -> None:
        self.say, self._began, self._last = say, time.monotonic(), time.monotonic()

    def done(self, name: str, detail: str) -> None:
        now = time.monotonic()
        self.say(f"  {name:<14}{detail} ({now - self._last:.1f} s)")
        self._last = now

    @property
    def total_s(self) -> float:
        return time.monotonic() - self._began


@contextlib.contextmanager
def opened(path: Path) -> Iterator[Reader]:
    """Raises `RestoreError`."""
    try:
        reader = Reader(path)
    except ArchiveError as error:
        raise RestoreError(f"{error}.") from None
    try:
        yield reader
    except ArchiveError as error:
        raise RestoreError(f"{path}: {error}.") from None
    finally:
        reader.close()


def verify(path: Path, say: Say, *, server: str = "", jobs: int = 1) -> None:
    """Restore into a database that is dropped again, and compare. Raises `RestoreError` and `ServerError`."""
    steps = Steps(say)
    with opened(path) as reader:
        newer = _readable(reader, steps)
        with scratch(Database.of_url(server) if server else Database.own()) as database:
            _restore(reader, database, jobs, steps)
            _compare(reader.manifest, database, steps)
            if newer:
                _migrate(database)
                steps.done("Migrations", f"{newer} of this release applied to the copy")
            _use(reader.manifest, database, steps)
    with contextlib.suppress(DatabaseError):  # its own may be what is lost
        info = {"file": path.name, "made_at": reader.manifest["made_at"]}
        Heartbeat.objects.update_or_create(name=BACKUP_VERIFIED, defaults={"at": timezone.now(), "info": info})
    say(f"The backup of {_age(reader.manifest)} can be restored: {steps.total_s:.1f} s in all.")


def into(path: Path, url: str, say: Say, *, replace: str = "", spool: str = "", jobs: int = 1) -> None:
    """Restore into the database of `url`, which has to be empty unless `replace` is its name, and compare.

    `spool`: folder that gets the backup's spools, whose lines the ledger writer books then. Raises `RestoreError` and
    `ServerError`.
    """
    steps, database = Steps(say), Database.of_url(url)
    with opened(path) as reader:
        newer = _readable(reader, steps)
        _check_spools(reader, Path(spool) if spool else None)
        _make_room(database, replace)
        _restore(reader, database, jobs, steps)
        _compare(reader.manifest, database, steps)
        if not newer:
            _use(reader.manifest, database, steps)
        if spool:
            steps.done("Spools", f"{_spools(reader, Path(spool))} segments written to {spool}")
    say(f"Restored the backup of {_age(reader.manifest)} into {database.name!r}: {steps.total_s:.1f} s in all.")
    if newer:
        say(f"This release has {newer} migrations more: run `manage.py prepare`, then `manage.py verify_ledger`.")


def _age(manifest: dict[str, Any]) -> str:
    return f"{datetime.fromisoformat(manifest['made_at']):%Y-%m-%d %H:%M:%S} UTC"


# ---- before ------------------------------------------------------------------------------------------------------


def _readable(reader: Reader, steps: Steps) -> int:
    """The file is whole, this release knows its schema, the peppers are at hand; how many migrations this one adds."""
    total = reader.check()
    steps.done("Checksums", f"{len(reader.manifest['files'])} files, {total / (1 << 20):.1f} MiB")
    applied = set(reader.manifest["migrations"])
    loader = MigrationLoader(None)
    known = {f"{app}.{name}" for app, name in loader.disk_migrations}
    replaced = {f"{app}.{name}" for one in loader.disk_migrations.values() for app, name in one.replaces}
    if unknown := sorted(applied - known - replaced):
        raise RestoreError(
            f"The backup was made by version {reader.manifest['version']}, whose schema this release does not know "
            f"({unknown[0]}): use that version or a newer one."
        )
    _check_peppers(reader.manifest)
    return len(known - applied)


def _check_peppers(manifest: dict[str, Any]) -> None:
    present = {str(v): pepper_id(pepper) for v, pepper in keyring.current(fresh=True).peppers.items()}
    wanted = manifest["keys"]["peppers"]
    if missing := [version for version in wanted if present.get(version) != wanted[version]]:
        names = ", ".join(f"version {version} ({wanted[version]})" for version in missing)
        raise RestoreError(
            f"{PEPPERS} lacks {names}: virtual keys of the backup would not work. Add it from where it is kept."
        )


def _make_room(database: Database, replace: str) -> None:
    with database.connect() as connection:
        if connection.execute("SHOW server_encoding").fetchone() != ("UTF8",):
            raise ServerError(f"The database {database.name!r} is not in UTF-8: make it with ENCODING 'UTF8'.")
        count = len(control.relations(connection, "rpvmS"))
        if not count:
            return
        if replace != database.name:
            raise RestoreError(
                f"The database {database.name!r} is not empty ({count} tables, views and sequences): name an empty "
                f"one, or add --yes-replace {database.name} to delete all that is in it."
            )
        others = _one(
            connection,
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() "
            "AND backend_type = 'client backend'",
        )
        if others:
            raise RestoreError(f"{others} other connections use {database.name!r}: stop the gateway first.")
        with connection.transaction():
            connection.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")


# ---- restoring ---------------------------------------------------------------------------------------------------


def _restore(reader: Reader, database: Database, jobs: int, steps: Steps) -> None:
    with database.connect() as connection:
        major = server_major(connection)
    where, env = database.for_programs()
    argv = [str(program("pg_restore", major)), "--exit-on-error", "--no-owner", "--no-privileges", "--no-password"]
    argv += [f"--dbname={where}"]
    with tempfile.TemporaryFile() as errors, tempfile.NamedTemporaryFile(prefix="gateway-restore-") as copy:
        if jobs > 1:  # several workers need a file they can seek in
            for chunk in reader.chunks(DUMP):
                copy.write(chunk)
            copy.flush()
            argv += [f"--jobs={jobs}", copy.name]
        with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=errors, stderr=errors, env=env) as child:
            assert child.stdin is not None
            if jobs == 1:
                _feed(reader, child.stdin)
            child.stdin.close()
        if child.returncode != 0:
            errors.seek(0)
            lines = errors.read().decode(errors="replace").splitlines()
            why = next((line for line in lines if "error:" in line), "it does not say why")
            raise RestoreError(f"pg_restore failed: {why}")
    with database.connect() as connection:
        connection.execute("ANALYZE")  # a dump has no statistics, without which the checks take long
    steps.done("Database", f"restored into {database.name!r}")


def _feed(reader: Reader, pipe: IO[bytes]) -> None:
    """A program that ends early says why by itself."""
    with contextlib.suppress(BrokenPipeError):
        for chunk in reader.chunks(DUMP):
            pipe.write(chunk)


def _check_spools(reader: Reader, folder: Path | None) -> None:
    """A spool that is there already is its host's own."""
    spools = {name.split("/")[1] for name in reader.names(SPOOL)}
    if present := sorted(one for one in spools if folder is not None and (folder / one).exists()):
        raise RestoreError(f"{folder} has the spool {present[0]} already: name another folder.")


def _spools(reader: Reader, folder: Path) -> int:
    """Write the segments; how many."""
    names = reader.names(SPOOL)
    for name in names:
        _, spool, segment = name.split("/")
        target = folder / Path(spool).name
        target.mkdir(mode=0o700, parents=True, exist_ok=True)
        (target / "lock").touch(mode=0o600)
        unpacked = zlib.decompressobj(wbits=31)
        with (target / Path(segment.removesuffix(".gz")).name).open("wb") as file:
            for chunk in reader.chunks(name):
                file.write(unpacked.decompress(chunk))
            file.write(unpacked.flush())
    return len(names)


# ---- after -------------------------------------------------------------------------------------------------------


def _compare(manifest: dict[str, Any], database: Database, steps: Steps) -> None:
    """Rows, figures, audit heads and migrations are the manifest's."""
    with database.connect() as connection:
        found = {
            "tables": control.tables(connection), "sums": control.sums(connection),
            "migrations": control.migrations(connection),
        }  # fmt: skip
    wrong = [one for name, value in found.items() for one in control.differences(name, manifest[name], value)]
    if wrong:
        more = f" and {len(wrong) - MANY} more" if len(wrong) > MANY else ""
        raise RestoreError(f"What was restored differs: {'; '.join(map(str, wrong[:MANY]))}{more}.")
    rows, chains = sum(manifest["tables"].values()), len(manifest["sums"]["audit_chains"])
    lines = sum(group["lines"] for group in manifest["sums"]["ledger"])
    steps.done("Figures", f"{rows:,} rows, {lines:,} ledger lines, {chains} audit chains as in the manifest")


def _use(manifest: dict[str, Any], database: Database, steps: Steps) -> None:
    """The present keys read it, and the ledger agrees with itself."""
    ring = keyring.current(fresh=True)
    with database.connect() as connection:
        found = sealed.use(connection, ring.field_keys)
    if unreadable := found.under(sealed.UNREADABLE):
        present = {keyring.field_key_id(key) for key in ring.field_keys}
        missing = (
            ", ".join(one for one in manifest["keys"]["field_keys"] if one not in present) or "none of the manifest's"
        )
        raise RestoreError(
            f"{FIELD_KEYS} cannot read {unreadable} of {found.total} encrypted values "
            f"({found.where(sealed.UNREADABLE)}); missing key ids: {missing}. Add the key behind the others."
        )
    steps.done("Secrets", f"{found.total:,} encrypted values can be read")
    checks = _verify_ledger(database)
    wrong = [check["name"] for check in checks if check["status"] == "failed"]
    if failed := [name for name in wrong if name != QUARANTINE]:
        raise RestoreError(f"verify_ledger fails on the restored database: {'; '.join(failed)}.")
    note = "; lines were in quarantine" if wrong else ""
    steps.done("Ledger", f"{len(checks)} checks of verify_ledger passed{note}")


def _verify_ledger(database: Database) -> list[dict[str, Any]]:
    done = _manage(database, "verify_ledger", "--json")
    try:
        checks: list[dict[str, Any]] = json.loads(done.stdout)["checks"]
    except (ValueError, KeyError):
        raise RestoreError(f"verify_ledger broke: {_last(done.stderr)}") from None
    return checks


def _migrate(database: Database) -> None:
    done = _manage(database, "migrate", "--verbosity=0")
    if done.returncode != 0:
        raise RestoreError(f"The migrations of this release fail on the copy: {_last(done.stderr)}")


def _last(output: str) -> str:
    return next((line for line in reversed(output.splitlines()) if line.strip()), "it does not say why")


def _manage(database: Database, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A management command on that database, with our secrets and a data folder of its own."""
    ring = keyring.current()
    with tempfile.TemporaryDirectory(prefix="gateway-restore-") as folder:
        url = database.url()
        env = {
            **os.environ, "DATABASE_URL": url, "DATABASE_DIRECT_URL": url, "DATA_DIR": folder,
            "SECRET_KEY": settings.SECRET_KEY, FIELD_KEYS: ",".join(ring.field_keys),
            PEPPERS: ",".join(f"{version}:{pepper.hex()}" for version, pepper in ring.peppers.items()),
        }  # fmt: skip
        argv = [sys.executable, str(settings.BASE_DIR / "manage.py"), *arguments]
        return subprocess.run(argv, env=env, capture_output=True, text=True)


def _one(connection: psycopg.Connection[Any], query: LiteralString) -> Any:
    row = connection.execute(query).fetchone()
    assert row is not None
    return row[0]
