"""PostgreSQL as backups see it: the server's address for its programs, databases made and dropped, the programs."""

import contextlib
import os
import re
import secrets
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import psycopg
from django.conf import settings
from django.db import connection as django_connection
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from config.embedded.binaries import MAJOR, PACKAGE

SCRATCH = "gateway_verify_"
DEBIAN = Path("/usr/lib/postgresql")


class ServerError(Exception):
    """One line with the remedy."""


@dataclass(frozen=True, slots=True)
class Database:
    """An address in libpq's terms."""

    parameters: dict[str, Any]

    @classmethod
    def of_url(cls, url: str) -> "Database":
        """Raises `ServerError`."""
        try:
            return cls({key: value for key, value in conninfo_to_dict(url).items() if value is not None})
        except psycopg.Error:
            raise ServerError("That is no PostgreSQL URL: postgresql://user:password@host/name is expected.") from None

    @classmethod
    def own(cls) -> "Database":
        """The gateway's, past a PgBouncer. Raises `ServerError`."""
        if not settings.DATABASE_DIRECT_URL:
            raise ServerError("No database is configured, and the embedded one was never started: `make run`.")
        return cls.of_url(settings.DATABASE_DIRECT_URL).named(django_connection.settings_dict["NAME"])

    @property
    def name(self) -> str:
        return str(self.parameters.get("dbname") or self.parameters.get("user") or "")

    def named(self, name: str) -> "Database":
        """Another one on the same server."""
        return Database({**self.parameters, "dbname": name})

    def connect(self, *, autocommit: bool = True) -> psycopg.Connection[Any]:
        """Raises `ServerError` when the server is away or refuses."""
        try:
            return psycopg.connect(
                make_conninfo(**self.parameters), autocommit=autocommit, prepare_threshold=None, connect_timeout=10
            )
        except psycopg.Error as error:
            reason = str(error).strip().splitlines()[0]
            raise ServerError(f"The database {self.name!r} does not answer: {reason}") from None

    def url(self) -> str:
        """As `DATABASE_URL` takes it. Holds the password."""
        known = dict(self.parameters)
        user, password = known.pop("user", ""), known.pop("password", "")
        host, port, name = known.pop("host", ""), known.pop("port", ""), known.pop("dbname", "")
        account = quote(user, "") + (f":{quote(password, '')}" if password else "") + ("@" if user else "")
        place = "" if host.startswith("/") else host
        known |= {"host": host} if host.startswith("/") else {}
        query = f"?{urlencode(known)}" if known else ""
        return f"postgresql://{account}{place}{f':{port}' if port else ''}/{quote(name)}{query}"

    def for_programs(self) -> tuple[str, dict[str, str]]:
        """`(connection string, environment)`: the password is in the environment, since others see command lines."""
        visible = {key: value for key, value in self.parameters.items() if key != "password"}
        env = dict(os.environ)
        if self.parameters.get("password"):
            env["PGPASSWORD"] = str(self.parameters["password"])
        return make_conninfo(**visible), env


def server_major(connection: psycopg.Connection[Any]) -> int:
    return connection.info.server_version // 10_000


def program(name: str, major: int) -> Path:
    """`pg_dump` or `pg_restore` of the server's version, else of the nearest newer one: PATH, Debian's folders, the
    wheel. Raises `ServerError`."""
    found = {version: path for path in reversed(_candidates(name, major)) if (version := _version(path)) >= major}
    if not found:
        raise ServerError(
            f"No {name} for a PostgreSQL {major} server is on PATH: install the client programs of version {major} "
            f"(package postgresql-client-{major} on Debian and Ubuntu)."
        )
    return found[min(found)]


def _candidates(name: str, major: int) -> list[Path]:
    """Best first."""
    on_path = [Path(folder) / name for folder in os.get_exec_path() if folder]
    spec = find_spec(PACKAGE)
    wheel = [Path(spec.origin).parent / f"pginstall{MAJOR}" / "bin" / name] if spec and spec.origin else []
    paths = [*on_path, DEBIAN / str(major) / "bin" / name, *wheel]
    return [path for path in paths if shutil.which(path)]


def _version(path: Path) -> int:
    """Major version; 0 for what does not run."""
    try:
        done = subprocess.run([str(path), "--version"], capture_output=True, text=True, timeout=30)
    except (OSError, subprocess.SubprocessError):
        return 0
    match = re.search(r"(\d+)(?:\.\d+|devel|beta\d+|rc\d+)", done.stdout)
    return int(match[1]) if match else 0


@contextlib.contextmanager
def scratch(server: Database) -> Iterator[Database]:
    """A new empty database on that server, dropped at the end; what killed runs left is dropped too. Each is marked by
    an advisory lock of its name for as long as its run lives. Raises `ServerError`."""
    name = SCRATCH + secrets.token_hex(6)
    with server.named("postgres").connect() as connection:
        _sweep(connection)
        connection.execute("SELECT pg_advisory_lock(hashtextextended(%s, 0))", [name])
        make = sql.SQL("CREATE DATABASE {} TEMPLATE template0 ENCODING 'UTF8'").format(sql.Identifier(name))
        try:
            connection.execute(make)
        except psycopg.errors.InsufficientPrivilege:
            role = connection.info.user
            raise ServerError(
                f"The role {role!r} may not make a database to check in: ALTER ROLE {role} CREATEDB, or give the "
                "address of another server with --server."
            ) from None
        try:
            yield server.named(name)
        finally:
            _drop(connection, name)


def _sweep(connection: psycopg.Connection[Any]) -> None:
    rows = connection.execute(
        "SELECT datname FROM pg_database WHERE starts_with(datname, %s) "
        "AND pg_try_advisory_lock(hashtextextended(datname, 0))", [SCRATCH]
    ).fetchall()  # fmt: skip
    for (name,) in rows:
        _drop(connection, name)


def _drop(connection: psycopg.Connection[Any], name: str) -> None:
    connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
