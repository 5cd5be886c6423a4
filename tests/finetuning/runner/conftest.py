"""Callers of the management API, and a runner job of Acme's project Assistant, its file stored as services store it."""

import hashlib
import json
from collections.abc import Sequence
from typing import Any

import pytest

from finetuning.backends.runner import RunnerBackend
from finetuning.models import FilePart, TuningFile, TuningJob
from gateway import credentials
from gateway.ledger.ids import uuid7
from gateway.models import Project
from tests import factories
from tests.finetuning.conftest import chat
from tests.gateway.api.conftest import caller, company  # noqa: F401

ROWS = [chat("Where is my invoice?", "Under Billing."), chat("How do I pay?", "By card.")]


def stored_file(project: Project, rows: Sequence[Any] = ROWS, name: str = "train.jsonl") -> TuningFile:
    content = b"".join(json.dumps(row).encode() + b"\n" for row in rows)
    file = TuningFile.objects.create(
        organization=project.organization, project=project, name=name, status="processed", family=uuid7(),
        format="chat", size_bytes=len(content), sha256=hashlib.sha256(content).hexdigest(),
    )  # fmt: skip
    FilePart.objects.create(file=file, number=0, size_bytes=len(content), data=credentials.encrypt_bytes(content))
    return file


def runner_job(project: Project, **fields: Any) -> TuningJob:
    base = {
        "organization": project.organization, "project": project, "name": "Support", "backend": "runner",
        "base_model": "Qwen/Qwen3-8B", "method": "supervised", "hyperparameters": {"n_epochs": 2},
    }  # fmt: skip
    if "training_file" not in fields:
        base["training_file"] = stored_file(project)
    return TuningJob.objects.create(**base | fields)


@pytest.fixture
def job(company: factories.Acme) -> TuningJob:  # noqa: F811
    made = runner_job(company.assistant, validation_file=stored_file(company.assistant, ROWS[:1], "valid.jsonl"))
    RunnerBackend().start(made)
    return made
