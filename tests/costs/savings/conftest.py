"""An organization whose calls go through a real data plane to a simulated provider."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.models import Organization
from gateway.simulator.process import SimulatorProcess
from tests.costs.savings.live import Live
from tests.gateway.dataplane.stack import Stack
from tests.gateway.ledger.conftest import conninfo  # noqa: F401


@pytest.fixture
def live(conninfo: str, tmp_path: Path) -> Iterator[Live]:  # noqa: F811
    with SimulatorProcess(latency_ms=0, tokens_per_s=0, any_model=True) as simulator:
        stack = Stack(tmp_path, conninfo, simulator)
        stack.start()
        try:
            organization = stack.organization("acme")
            project = stack.project(organization)
            secret, _ = stack.key(organization, project)
            yield Live(stack, Organization.objects.get(pk=organization), project, secret)
        finally:
            stack.close()
