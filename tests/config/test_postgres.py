"""The embedded server: first start, restart, kill -9, stale pid files, damaged and foreign data."""

import os
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import psycopg
import pytest

from config.embedded import processes
from config.embedded.binaries import MAJOR, EmbeddedError
from config.embedded.postgres import ORPHANS_S, SHUTDOWN_S, SOCKET_PATH_LIMIT, EmbeddedPostgres

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    """A durable cluster of its own, in a directory with a space in its name that its account can enter."""
    directory = tmp_path_factory.mktemp("data dir")
    for parent in (directory, *directory.parents[:3]):  # one more under pytest-xdist
        if parent != Path(tempfile.gettempdir()):
            parent.chmod(0o755)
    postgres = EmbeddedPostgres(directory, say=lambda line: None)
    yield postgres
    postgres.remove()


def scalar(url: str, query: str) -> object:
    with psycopg.connect(url) as connection:
        row = connection.execute(query).fetchone()  # type: ignore[call-overload]
        assert row is not None
        return row[0]


def test_first_start_serves_a_private_socket_and_no_tcp(server: EmbeddedPostgres) -> None:
    server.start()

    assert scalar(server.url, "SHOW listen_addresses") == ""
    assert scalar(server.url, "SHOW server_encoding") == "UTF8"
    assert scalar(server.url, "SHOW fsync") == "on"
    assert scalar(server.url, "SHOW synchronous_commit") == "on"
    assert scalar(server.url, "SELECT current_database()") == "gateway"
    assert str(scalar(server.url, "SHOW server_version")).startswith(f"{MAJOR}.")
    assert stat.S_IMODE(server.socket_dir.stat().st_mode) == 0o700
    assert len(os.fsencode(server.socket_dir / ".s.PGSQL.5432")) <= SOCKET_PATH_LIMIT
    assert (server.data_dir / "run" / "database.url").read_text() == f"{server.url}\n"


def test_ephemeral_trades_durability_for_speed(tmp_path_factory: pytest.TempPathFactory) -> None:
    directory = tmp_path_factory.mktemp("ephemeral")
    directory.chmod(0o755)
    directory.parent.chmod(0o755)
    postgres = EmbeddedPostgres(directory, ephemeral=True, say=lambda line: None)
    postgres.start()

    settings = {name: scalar(postgres.url, f"SHOW {name}") for name in ("fsync", "synchronous_commit")}
    cluster, sockets = postgres.cluster, postgres.socket_dir
    postgres.remove()

    assert settings == {"fsync": "off", "synchronous_commit": "off"}
    assert not cluster.exists()
    assert not sockets.exists()


def test_ensure_database_can_be_repeated(server: EmbeddedPostgres) -> None:
    server.start()

    server.ensure_database("second one")
    server.ensure_database("second one")

    assert scalar(server.database_url("second one"), "SELECT current_database()") == "second one"


def test_committed_rows_survive_kill_9_of_the_server(server: EmbeddedPostgres) -> None:
    server.start()
    assert server.process is not None
    with psycopg.connect(server.url) as connection:
        connection.execute("CREATE TABLE kept AS SELECT generate_series(1, 1000) AS n")
    os.kill(server.process.pid, signal.SIGKILL)
    server.process.wait()

    server.start()

    assert scalar(server.url, "SELECT sum(n) FROM kept") == 500_500


def test_pid_file_of_an_unrelated_process_is_removed(server: EmbeddedPostgres) -> None:
    server.start()
    server.stop()
    stale = server.cluster / "postmaster.pid"
    stale.write_text(f"{os.getppid()}\n{server.cluster}\n1600000000\n5432\n{server.socket_dir}\n\n")

    server.start()

    assert scalar(server.url, "SELECT 1") == 1


def test_server_dies_with_the_process_that_started_it(server: EmbeddedPostgres) -> None:
    program = (
        "import sys, time; from pathlib import Path; from config.embedded.postgres import EmbeddedPostgres\n"
        "p = EmbeddedPostgres(Path(sys.argv[1])); p.start(); print('pid', p.process.pid, flush=True); time.sleep(60)"
    )
    argv = [sys.executable, "-c", program, str(server.data_dir)]
    with subprocess.Popen(argv, cwd=ROOT, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        lines = iter(parent.stdout.readline, "")
        pid = next(int(line.split()[1]) for line in lines if line.startswith("pid "))
        parent.kill()

    assert processes.wait_until(lambda: not psutil.pid_exists(pid), 10)
    server.start()
    assert scalar(server.url, "SELECT 1") == 1


def test_busy_backends_without_a_server_are_not_waited_for_as_a_shutdown_is(
    server: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.start()
    assert server.process is not None
    assert server._patience() == SHUTDOWN_S
    waits: list[float] = []
    real = processes.wait_until

    def wait_until(condition: Callable[[], bool], timeout: float, *, interval: float = 0.01) -> bool:
        waits.append(timeout)
        return real(condition, timeout, interval=interval)

    busy = psycopg.connect(server.url, autocommit=True)
    busy.pgconn.send_query(b"SELECT count(*) FROM generate_series(1, 1000000000000)")
    server.process.kill()
    server.process.wait()
    monkeypatch.setattr(processes, "wait_until", wait_until)

    server.start()

    assert waits[:2] == [ORPHANS_S, 5.0]  # SIGQUIT came between them
    assert scalar(server.url, "SELECT 1") == 1
    busy.close()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("15\n", f"made by PostgreSQL 15, this release runs {MAJOR}"),
        ("\x00rubbish", "damaged (PG_VERSION)"),
        (None, "is no database (PG_VERSION is missing)"),
    ],
)
def test_damaged_data_gives_one_line_with_the_remedy(
    server: EmbeddedPostgres, content: str | None, message: str
) -> None:
    server.cluster.mkdir()
    if os.geteuid() == 0:
        os.chown(server.cluster, 65534, 65534)
    if content is not None:
        (server.cluster / "PG_VERSION").write_text(content)

    with pytest.raises(EmbeddedError) as caught:
        server.prepare()

    assert message in str(caught.value)
    assert f"move {server.cluster} away" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_broken_configuration_names_the_log(server: EmbeddedPostgres) -> None:
    server.prepare()
    (server.cluster / "global" / "pg_control").write_bytes(b"\0" * 8192)

    with pytest.raises(EmbeddedError, match=r"PostgreSQL did not start: .*(PANIC|FATAL).*postgres\.log"):
        server.start()


def test_interrupted_initdb_is_begun_again(server: EmbeddedPostgres) -> None:
    half = server.cluster.with_name("postgres.new")
    half.mkdir()
    (half / "PG_VERSION").write_text("18\n")

    server.start()

    assert scalar(server.url, "SELECT 1") == 1
    assert not half.exists()


def test_socket_directory_of_someone_else_is_not_used(server: EmbeddedPostgres) -> None:
    server.socket_dir.mkdir(mode=0o777)
    server.socket_dir.chmod(0o777)
    taken = server.socket_dir

    server.start()

    assert server.socket_dir != taken
    assert scalar(server.url, "SELECT 1") == 1
    taken.rmdir()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root changes its user")
def test_closed_home_moves_the_data_and_leaves_a_pointer(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    said: list[str] = []
    postgres = EmbeddedPostgres(closed / "var", say=said.append)
    try:
        postgres.start()

        pointer = (closed / "var" / "postgres.location").read_text().strip()
        assert pointer == str(postgres.cluster)
        assert Path(pointer).is_relative_to("/var/lib/llmgateway")
        assert any(pointer in line for line in said)
        postgres.stop()
        again = EmbeddedPostgres(closed / "var", say=said.append)
        assert again.cluster == postgres.cluster
    finally:
        postgres.remove()
    assert not postgres.cluster.parent.exists()
