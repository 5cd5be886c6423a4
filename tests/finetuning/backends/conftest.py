"""Stored files and jobs, as the services make them."""

import hashlib
import json
from collections.abc import Callable, Iterable
from typing import Any

import pytest

from finetuning.models import FilePart, TuningFile, TuningJob
from gateway import credentials
from gateway.ledger.ids import uuid7
from gateway.models import Project
from tests import factories
from tests.finetuning.conftest import chat

COLORS = [
    chat("a deep sea", "blue"), chat("the clear sky", "blue"), chat("sea and sky", "blue"),
    chat("a ripe tomato", "red"), chat("the fire burns", "red"), chat("fire and tomato", "red"),
]  # fmt: skip
HELD_OUT = [chat("deep sky", "blue"), chat("ripe fire", "red"), chat("the clear sea", "blue"), chat("sky", "red")]
MakeFile = Callable[..., TuningFile]
MakeJob = Callable[..., TuningJob]


@pytest.fixture
def project(db: None) -> Project:
    return factories.ProjectFactory(organization__slug="acme")


@pytest.fixture
def stored(project: Project) -> MakeFile:
    """Stores records, or bytes as they are, in parts of `part_bytes`."""

    def store(rows: Iterable[Any] | bytes, name: str = "train.jsonl", part_bytes: int = 1 << 20) -> TuningFile:
        content = rows if isinstance(rows, bytes) else b"".join(json.dumps(row).encode() + b"\n" for row in rows)
        file = TuningFile.objects.create(
            organization=project.organization, project=project, name=name, status="processed", family=uuid7(),
            format="chat", size_bytes=len(content), sha256=hashlib.sha256(content).hexdigest(),
        )  # fmt: skip
        for number, start in enumerate(range(0, len(content), part_bytes)):
            piece = content[start : start + part_bytes]
            FilePart.objects.create(
                file=file, number=number, size_bytes=len(piece), data=credentials.encrypt_bytes(piece)
            )
        return file

    return store


@pytest.fixture
def make_job(project: Project, stored: MakeFile) -> MakeJob:
    """A job of `backend` over the colours; files are given as records."""

    def make(backend: str, training: Any = COLORS, validation: Any = None, **fields: Any) -> TuningJob:
        return TuningJob.objects.create(
            **{
                "organization": project.organization, "project": project, "name": "colours", "backend": backend,
                "base_model": "local-head-hash", "method": "supervised", "suffix": "Colours",
                "training_file": stored(training),
                "validation_file": None if validation is None else stored(validation, "valid.jsonl"), **fields,
            }
        )  # fmt: skip

    return make
