"""Files and jobs made directly, as rows."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from finetuning.models import TunedModel, TuningFile, TuningJob
from gateway.ledger.ids import uuid7
from tests.factories import Acme, acme

NOW = datetime(2026, 11, 29, 9, tzinfo=UTC)
Make = Callable[..., Any]


@pytest.fixture
def company(db: None) -> Acme:
    return acme()


@pytest.fixture
def make_file(company: Acme) -> Make:
    def make(**values: Any) -> TuningFile:
        project = values.pop("project", company.assistant)
        defaults = {
            "organization": project.organization, "name": "train.jsonl", "status": "processed", "format": "chat",
            "sha256": "a" * 64, "family": uuid7(), "lines": 10,
        }  # fmt: skip
        return TuningFile.objects.create(project=project, **{**defaults, **values})

    return make


@pytest.fixture
def make_job(company: Acme, make_file: Make) -> Make:
    def make(**values: Any) -> TuningJob:
        project = values.pop("project", company.assistant)
        created = values.pop("created_at", None)
        file = values.pop("training_file", None) or make_file(project=project)
        defaults = {
            "organization": project.organization, "name": "Tickets", "backend": "azure",
            "base_model": "gpt-4.1-mini-2025-04-14", "method": "supervised", "status": "succeeded",
        }  # fmt: skip
        job = TuningJob.objects.create(project=project, training_file=file, **{**defaults, **values})
        if created is not None:
            TuningJob.objects.filter(pk=job.pk).update(created_at=created)
        return job

    return make


@pytest.fixture
def make_tuned(company: Acme) -> Make:
    def make(name: str, **values: Any) -> TunedModel:
        project = values.pop("project", company.assistant)
        defaults = {
            "organization": project.organization, "backend": "openai", "base_model": "gpt-4o-mini-2024-07-18",
        }  # fmt: skip
        return TunedModel.objects.create(project=project, name=name, **{**defaults, **values})

    return make
