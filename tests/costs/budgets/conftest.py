"""A clean ledger for the database's side, and a cluster of real processes for everything together."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from django.conf import settings

from gateway.simulator.process import SimulatorProcess
from tests.costs.budgets.cluster import Cluster
from tests.gateway.dataplane.stack import ROOT
from tests.gateway.ledger.conftest import conninfo, ledger  # noqa: F401


def migrated_database(name: str) -> str:
    """URL of a new database with every migration."""
    base = settings.DATABASE_DIRECT_URL
    with psycopg.connect(base, autocommit=True, dbname="postgres") as connection:
        connection.execute(f"CREATE DATABASE {name}")
    url = base.replace("/gateway?", f"/{name}?")
    migrate = [sys.executable, "manage.py", "migrate", "--verbosity", "0"]
    subprocess.run(migrate, cwd=ROOT, env={**os.environ, "DATABASE_URL": url}, check=True)
    return url


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Four data planes and a writer on a database of their own."""
    url = migrated_database(f"budgets_{os.getpid()}")
    with SimulatorProcess(latency_ms=50, tokens_per_s=0) as simulator:
        found = Cluster(Path(tmp_path_factory.mktemp("cluster")), url, simulator)
        found.start()
        yield found
        found.close()


@pytest.fixture
def before_midnight(tmp_path: Path) -> Iterator[Cluster]:
    """Two data planes that believe it is a few seconds to midnight, as the database's clock says."""
    yield from _near_midnight(tmp_path, "midnight", size=2, seconds=25)


@pytest.fixture
def three_before_midnight(tmp_path: Path) -> Iterator[Cluster]:
    """Three data planes, a minute before midnight."""
    yield from _near_midnight(tmp_path, "scopes", size=3, seconds=75)


def _near_midnight(folder: Path, name: str, *, size: int, seconds: float) -> Iterator[Cluster]:
    url = migrated_database(f"{name}_{os.getpid()}")
    with SimulatorProcess(latency_ms=20, tokens_per_s=0) as simulator:
        found = Cluster(folder, url, simulator, size=size)
        found.set_clock(seconds_to_midnight=seconds)
        found.start()
        yield found
        found.close()
