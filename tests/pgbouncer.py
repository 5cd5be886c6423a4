"""A real PgBouncer in transaction mode, before the tests' server."""

import os
import shutil
import socket
import subprocess
import time
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import psycopg

PROGRAM = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")  # Debian's place, for root alone
CONFIGURATION = """
[databases]
* = host={host}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = trust
auth_file = {folder}/users.txt
admin_users = gateway
pool_mode = transaction
max_client_conn = 200
default_pool_size = 10
{user}
"""


class PgBouncer:
    """Before the server that listens in `url`'s socket directory; starts at once, `close()` ends it.

    It runs as the server's account, which peer authentication lets in. Its pool is small, so that sessions of clients
    share connections: what outlives a transaction in one of them is somebody else's in the next.
    """

    def __init__(self, folder: Path, url: str) -> None:
        assert PROGRAM is not None
        host = Path(parse_qs(urlsplit(url).query)["host"][0])
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        user = f"user = {host.owner()}" if os.geteuid() == 0 else ""
        folder.mkdir(mode=0o755)
        (folder / "users.txt").write_text('"gateway" ""\n')
        configuration = folder / "pgbouncer.ini"
        configuration.write_text(CONFIGURATION.format(host=host, port=self.port, folder=folder, user=user))
        self.log = folder / "pgbouncer.log"
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen([PROGRAM, str(configuration)], stdout=log, stderr=log)
        self._wait()

    def url(self, name: str) -> str:
        """Of the database `name` by way of it."""
        return f"postgresql://gateway@127.0.0.1:{self.port}/{name}"

    def transactions(self, name: str) -> int:
        """How many it has brought to the database so far."""
        with psycopg.connect(self.url("pgbouncer"), autocommit=True) as console:
            rows = console.execute("SHOW STATS_TOTALS").fetchall()
        return sum(row[1] for row in rows if row[0] == name)

    def close(self) -> None:
        self.process.terminate()
        self.process.wait(10)

    def _wait(self) -> None:
        deadline = time.monotonic() + 20
        while True:
            try:
                self.transactions("")
                return
            except psycopg.Error:
                assert self.process.poll() is None, self.log.read_text()
                assert time.monotonic() < deadline, self.log.read_text()
                time.sleep(0.05)
