"""Artifacts are loaded once for all that wait, kept by their hash; the one that was used least recently goes first."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from finetuning.dataplane import serving
from finetuning.dataplane.serving import Served, TunedModels
from gateway.dataplane.errors import UpstreamError


class Fetched:
    """What was asked of the database; an artifact is its hash, of 100 bytes."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def __call__(self, served: Served) -> Any:
        self.asked.append(served.sha256)
        if served.sha256 == "torn":
            raise ValueError("its artifact is gone")
        return SimpleNamespace(name=served.sha256, size=100)


@pytest.fixture
def fetched(monkeypatch: pytest.MonkeyPatch) -> Fetched:
    found = Fetched()
    monkeypatch.setattr(serving, "_fetch", found)
    monkeypatch.setattr(serving, "MEMORY_BYTES", 250)
    return found


@pytest.fixture
def models() -> TunedModels:
    runtime: Any = SimpleNamespace(adapters={})
    return TunedModels(runtime)


def of(sha256: str) -> Served:
    return Served("1", "local-head", sha256)


async def test_one_load_for_all_that_wait(fetched: Fetched, models: TunedModels) -> None:
    first, second = await asyncio.gather(models.load(of("a")), models.load(of("a")))

    assert first is second is models.held(of("a"))
    assert fetched.asked == ["a"]


async def test_the_least_recently_used_goes_first(fetched: Fetched, models: TunedModels) -> None:
    await models.load(of("a"))
    await models.load(of("b"))
    models.held(of("a"))
    await models.load(of("c"))

    assert [models.held(of(name)) is not None for name in "abc"] == [True, False, True]
    assert "gateway_tuned_models_bytes 200" in models.metrics()


async def test_a_failure_is_told_to_all_and_not_kept(fetched: Fetched, models: TunedModels) -> None:
    results = await asyncio.gather(models.load(of("torn")), models.load(of("torn")), return_exceptions=True)

    assert [isinstance(each, UpstreamError) and each.reason for each in results] == ["artifact_unavailable"] * 2
    with pytest.raises(UpstreamError):
        await models.load(of("torn"))
    assert fetched.asked == ["torn", "torn"]
