"""The callers of the management API, and the document that every answer must fit."""

from collections.abc import Callable
from typing import Any

import pytest

from finetuning.models import TuningFile
from finetuning.services.files import create_file
from tests.analytics.api.conftest import document, fits  # noqa: F401
from tests.factories import Acme
from tests.finetuning.services.conftest import jsonl
from tests.gateway.api.conftest import caller, company  # noqa: F401


@pytest.fixture
def upload(company: Acme) -> Callable[..., TuningFile]:  # noqa: F811
    """A file of records in the assistant's project."""

    def upload(*records: Any, **changes: Any) -> TuningFile:
        given = {"project": company.assistant, "name": "train.jsonl", "content": [jsonl(*records)],
                 "created_by": company.people["bob"], "actor": company.people["bob"]}  # fmt: skip
        return create_file(**given | changes)

    return upload
