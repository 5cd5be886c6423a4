"""Acme with a secret of every kind."""

import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import leaks
from tests.analytics.alerts.receiver import Receiver, receiving
from tests.canaries.planting import Planted, plant


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as found:
        yield found


@pytest.fixture
def planted(db: None, settings: Any, tmp_path: Path, plain_static_files: None, receiver: Receiver) -> Planted:
    settings.DATA_DIR = tmp_path
    settings.SPOOL_DIR = tmp_path / "spool"
    settings.GATEWAY_PRIVATE_UPSTREAMS = [f"127.0.0.1:{receiver.port}"]
    return plant(settings, webhook=receiver.url)


@pytest.fixture
def sweep(planted: Planted, logged: Callable[[], bytes]) -> Iterator[leaks.Sweep]:
    """The search; what was logged in a test is searched in its end."""
    search = leaks.Sweep(planted.secrets)
    yield search
    search.look("log", logged(), "")
    assert not search.wrong, "\n".join(search.wrong)


@pytest.fixture
def logged(caplog: pytest.LogCaptureFixture) -> Callable[[], bytes]:
    """All that was logged since, with tracebacks."""
    caplog.set_level(logging.INFO)
    plain = logging.Formatter()
    return lambda: "\n".join(plain.format(record) for record in caplog.records).encode()
