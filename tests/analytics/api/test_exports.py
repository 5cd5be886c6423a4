"""Exports and slow questions over HTTP: 202, progress, the file, refusals."""

import json
import random
import tempfile
from pathlib import Path
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.test import AsyncClient

from analytics.exports import service
from analytics.metrics import DIMENSIONS, Dimension, declare
from gateway import credentials
from gateway.downloads import BLOCK_BYTES
from gateway.models import Job
from tests.analytics.api.conftest import URL, Fits, window
from tests.factories import Acme
from tests.gateway.api.conftest import Caller

pytestmark = pytest.mark.usefixtures("busy")
QUESTION = {**window(), "measures": ["requests", "cost"], "dimensions": ["team"]}


def export(caller: Caller, role: str, **body: Any) -> Any:
    return caller(role).post(f"{URL}/analytics/exports", {"format": "csv", "query": QUESTION, **body})


@pytest.mark.slow
def test_from_the_question_to_the_file(caller: Caller, fits: Fits) -> None:
    asked = export(caller, "owner")
    queued = fits(asked)
    assert (asked.status_code, queued["status"], queued["progress"], queued["result_url"]) == (202, "queued", 0.0, None)
    early = caller("owner").get(f"{asked['Location']}/download")
    assert (early.status_code, early.json()["code"]) == (409, "export_not_ready")

    service.run_waiting()

    done = caller("owner").get(asked["Location"]).json()
    assert (done["status"], done["progress"], done["rows"], done["format"]) == ("succeeded", 1.0, 2, "csv")
    file = caller("owner").get(done["result_url"])
    content = b"".join(file.streaming_content).decode("utf-8-sig")
    assert file["Content-Type"] == "text/csv; charset=utf-8"
    assert file["Content-Disposition"] == f'attachment; filename="{done["name"]}"'
    assert int(file["Content-Length"]) == done["size_bytes"]
    assert content.splitlines()[0] == "team,team_name,requests,cost"
    assert [line.split(",")[1:3] for line in content.splitlines()[1:]] == [["search", "6"], ["ads", "3"]]


def test_the_first_piece_of_a_large_file_is_sent_before_the_second_is_read(
    busy: Acme, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "PIECE_BYTES", BLOCK_BYTES)
    alice = busy.people["alice"]
    job = service.request_export(
        organization=busy.organization, user=alice, asked=service.Asked("metrics", "csv", QUESTION)
    )
    service.run_waiting()
    content = random.Random(1).randbytes(40 * BLOCK_BYTES)
    with tempfile.NamedTemporaryFile() as large:
        large.write(content)
        large.flush()
        service.store(job, Path(large.name), name="large.csv", content_type="text/csv", rows=1)
    client = AsyncClient()
    client.force_login(alice)
    opened: list[bytes] = []
    decrypt = credentials.decrypt_bytes
    monkeypatch.setattr(credentials, "decrypt_bytes", lambda data: opened.append(data) or decrypt(data))

    @async_to_sync
    async def arrivals() -> tuple[list[bytes], list[int]]:
        response: Any = await client.get(f"{URL}/analytics/exports/{job.pk}/download")
        blocks, read = [], []
        async for block in response:
            blocks.append(block)
            read.append(len(opened))
        return blocks, read

    blocks, read = arrivals()

    assert b"".join(blocks) == content
    assert read == list(range(1, 41))


def test_the_list_has_ones_own(caller: Caller) -> None:
    export(caller, "owner")
    export(caller, "developer")

    counts = {role: caller(role).get(f"{URL}/analytics/exports").json()["count"] for role in ("owner", "developer")}

    assert counts == {"owner": 2, "developer": 1}


@pytest.mark.parametrize(
    ("body", "field", "code"),
    [
        ({"format": "doc"}, "format", "invalid_choice"),
        ({"dataset": "answer"}, "dataset", "invalid_choice"),
        ({"query": []}, "query", "invalid"),
        ({"query": {**QUESTION, "measures": ["price"]}}, "query", "unknown_measure"),
        ({"query": {**QUESTION, "nothing": 1}}, "nothing", "unknown_field"),
        ({"dataset": "usage_records", "query": {"start": "x"}}, "query.start", "field_invalid"),
        ({"dataset": "usage_records", "query": {"model": ["a"]}}, "query.model", "field_invalid"),
    ],
)
def test_refusals_name_the_field(caller: Caller, body: dict[str, Any], field: str, code: str) -> None:
    refused = export(caller, "owner", **body)

    assert refused.status_code == 400
    assert [(error["field"], error["code"]) for error in refused.json()["errors"]] == [(field, code)]


def test_what_takes_too_long_becomes_a_job_with_the_same_answer(
    caller: Caller, fits: Fits, company: Acme, settings: Any
) -> None:
    slow = Dimension("slow", "Slow", "text", "Takes its time.", "(SELECT rows.model FROM pg_sleep(0.2))", ("model",))
    declare(slow)
    question = {**window(), "measures": ["requests"], "dimensions": ["slow"]}
    try:
        settings.ANALYTICS_PATIENCE_S = 0.05
        asked = caller("owner").post(f"{URL}/admin/analytics/query", question)
        assert (asked.status_code, fits(asked)["dataset"]) == (202, "answer")
        settings.ANALYTICS_PATIENCE_S = 30.0
        at_once = caller("owner").post(f"{URL}/admin/analytics/query", question)
        service.run_waiting()
    finally:
        del DIMENSIONS["slow"]

    assert Job.objects.get(kind=service.KIND).status == "succeeded"
    file = caller("owner").get(f"{asked['Location']}/download")
    late = json.loads(b"".join(file.streaming_content))
    assert at_once.status_code == 200
    for answer in (late, now := at_once.json()):
        for name in ("generated_at", "rollup_lag_s", "data_version"):
            answer.pop(name)
    assert late == now
