import json
from collections.abc import Callable
from typing import Any

import pytest

from finetuning.models import TuningFile
from finetuning.services.files import create_file
from gateway.models import Project
from tests.factories import ProjectFactory, UserFactory


def jsonl(*records: Any) -> bytes:
    """Records, or lines as they are."""
    lines = [record if isinstance(record, bytes) else json.dumps(record).encode() for record in records]
    return b"".join(line + b"\n" for line in lines)


@pytest.fixture
def project(db: None) -> Project:
    return ProjectFactory()


@pytest.fixture
def upload(project: Project) -> Callable[..., TuningFile]:
    """A file of records in `project`."""

    def upload(*records: Any, **changes: Any) -> TuningFile:
        user = UserFactory()
        given = {"project": project, "name": "train.jsonl", "content": [jsonl(*records)], "created_by": user,
                 "actor": user}  # fmt: skip
        return create_file(**given | changes)

    return upload
