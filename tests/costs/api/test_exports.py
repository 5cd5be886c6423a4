"""`POST cost/exports`: FOCUS unless something else is asked for, and the same files as of analytics."""

import csv
import io
from datetime import UTC, datetime
from typing import Any

import pytest

from analytics.exports import service
from costs.focus.validator import validate
from tests.factories import Acme, book_lines, line
from tests.gateway.api.conftest import Caller

URL = "/api/v1/cost/exports"
WINDOW = {"start": "2026-03-10T00:00:00Z", "end": "2026-03-11T00:00:00Z"}


@pytest.fixture(autouse=True)
def acme(company: Acme) -> Acme:
    book_lines(line(company, at=datetime(2026, 3, 10, 9, tzinfo=UTC)))
    return company


def test_from_the_question_to_the_file(caller: Caller) -> None:
    asked = caller("analyst").post(URL, {"format": "csv", "query": WINDOW})

    service.run_waiting()

    done = caller("analyst").get(asked["Location"]).json()
    file: Any = caller("analyst").get(done["result_url"])
    rows = list(csv.DictReader(io.StringIO(b"".join(file.streaming_content).decode("utf-8-sig"))))
    assert (asked.status_code, done["dataset"], done["status"], done["rows"]) == (202, "focus", "succeeded", 2)
    assert [row["BilledCost"] for row in rows] == ["0.0025", "0.0010"]
    assert validate(list(rows[0]), rows).violations == []


def test_other_datasets_are_the_same_as_of_analytics(caller: Caller) -> None:
    asked = caller("analyst").post(URL, {"dataset": "usage_records", "format": "csv", "query": WINDOW})

    assert (asked.status_code, asked.json()["dataset"]) == (202, "usage_records")


@pytest.mark.parametrize(
    ("body", "field", "code"),
    [
        ({"format": "doc", "query": WINDOW}, "format", "invalid_choice"),
        ({"format": "xlsx", "query": WINDOW}, "format", "unknown_format"),
        ({"format": "csv", "query": {**WINDOW, "team": "x"}}, "query.team", "filter_unknown"),
        ({"format": "csv", "query": {"start": "yesterday", "end": WINDOW["end"]}}, "query.start", "field_invalid"),
    ],
)
def test_refusals(caller: Caller, body: dict[str, object], field: str, code: str) -> None:
    answer = caller("owner").post(URL, body)

    assert (answer.status_code, [(one["field"], one["code"]) for one in answer.json()["errors"]]) == (
        400, [(field, code)]
    )  # fmt: skip
