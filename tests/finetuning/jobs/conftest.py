"""Acme with training files and the simulated provider under each vendor's name."""

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from finetuning.models import TuningFile, TuningJob
from finetuning.services import files, jobs
from gateway.choices import ProviderKind
from gateway.models import Provider
from gateway.services import catalog
from gateway.simulator.process import SimulatorProcess
from tests import factories

BASES = {
    "openai": "gpt-4.1-mini-2025-04-14", "azure": "gpt-4o-mini-2024-07-18",
    "together": "meta-llama/Meta-Llama-3.1-8B-Instruct-Reference",
    "fireworks": "accounts/fireworks/models/llama-v3p1-8b-instruct", "vertex": "gemini-2.5-flash",
}  # fmt: skip
PATHS = {
    "openai": "/v1", "azure": "/openai/v1", "together": "/v1", "fireworks": "/inference/v1",
    "vertex": "/v1/projects/acme/locations/us-central1",
}  # fmt: skip
KINDS = {"vertex": ProviderKind.GOOGLE.value}
Make = Callable[..., TuningJob]


def chats(count: int, answer: str = "Track it") -> list[dict[str, Any]]:
    return [
        {
            "messages": [
                {"role": "system", "content": "Answer briefly."},
                {"role": "user", "content": f"Where is parcel number {number} that I sent last week?"},
                {"role": "assistant", "content": f"{answer} with code {number * 7919}."},
            ]
        }
        for number in range(count)
    ]


def stored(acme: factories.Acme, rows: list[dict[str, Any]], name: str = "train.jsonl") -> TuningFile:
    content = b"".join(json.dumps(row).encode() + b"\n" for row in rows)
    bob = acme.people["bob"]
    return files.create_file(project=acme.assistant, name=name, content=[content], created_by=bob, actor=bob)


@pytest.fixture
def acme() -> factories.Acme:
    return factories.acme()


@pytest.fixture
def upstream(fresh_simulator: SimulatorProcess, settings: Any) -> SimulatorProcess:
    """The simulated provider, which the console may call."""
    settings.GATEWAY_PRIVATE_UPSTREAMS = [fresh_simulator.url.removeprefix("http://")]
    return fresh_simulator


@pytest.fixture
def provider(acme: factories.Acme, upstream: SimulatorProcess) -> Callable[[str], Provider]:
    """The provider of a backend."""

    def of(backend: str) -> Provider:
        options = {"bucket": "training"} if backend == "vertex" else {}
        return catalog.create_provider(
            organization=acme.organization, actor=None, slug=backend, name=backend.title(),
            kind=KINDS.get(backend, backend), base_url=f"{upstream.url}{PATHS[backend]}", credential="sk-test",
            options=options,
        )  # fmt: skip

    return of


@pytest.fixture
def make(acme: factories.Acme, provider: Callable[[str], Provider]) -> Make:
    """A job of a backend over 20 chats, made by bob."""

    def job(backend: str = "openai", rows: int = 20, held_out: int = 10, **fields: Any) -> TuningJob:
        found = Provider.objects.filter(slug=backend).first() or provider(backend)
        training = fields.pop("training_file", None) or stored(acme, chats(rows))
        validation = stored(acme, chats(held_out, "Look it up"), "valid.jsonl") if held_out else None
        asked = {
            "project": acme.assistant, "backend": backend, "provider": found, "base_model": BASES[backend],
            "method": "supervised", "training_file": training, "validation_file": validation,
            "actor": acme.people["bob"], "hyperparameters": {"n_epochs": 4, "batch_size": 5},
        }  # fmt: skip
        return jobs.create_job(**(asked | fields))

    return job


def follow(job: TuningJob, rounds: int = 12) -> TuningJob:
    """Rounds until the job is over."""
    for _ in range(rounds):
        job = jobs.sync_job(job)
        if job.finished_at is not None:
            return job
    raise AssertionError(f"still {job.status} after {rounds} rounds")


ZERO = Decimal(0)
