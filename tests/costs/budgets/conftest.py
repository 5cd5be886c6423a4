"""A clean ledger for the database's side, and a cluster of real processes for everything together."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.simulator.process import SimulatorProcess
from tests import template
from tests.costs.budgets.cluster import Cluster
from tests.gateway.ledger.conftest import conninfo, ledger  # noqa: F401


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Four data planes and a writer on a database of their own."""
    url = template.create(f"budgets_{os.getpid()}")
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
    url = template.create(f"{name}_{os.getpid()}")
    with SimulatorProcess(latency_ms=20, tokens_per_s=0) as simulator:
        found = Cluster(folder, url, simulator, size=size)
        found.set_clock(seconds_to_midnight=seconds)
        found.start()
        yield found
        found.close()
