"""Uploads: taken, imported by the background process, reported; refused when they cannot be what they say."""

import csv
import io
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext

from gateway.choices import JobStatus
from gateway.models import AuditEvent, ImportChunk, ImportRun, Job, LedgerLine, RejectedRecord
from gateway.services import imports, jobs
from tests import factories
from tests.gateway.api.conftest import Caller

pytestmark = pytest.mark.django_db(transaction=True)
DATA = Path(__file__).parent.parent / "imports" / "data"
HEAD = "time,input_tokens,output_tokens,model\n"


def upload(client: Any, content: bytes | str, kind: str = "csv", name: str = "usage.csv", **fields: Any) -> Any:
    data = content.encode() if isinstance(content, str) else content
    file = SimpleUploadedFile(name, data, "text/csv")
    return client.post("/api/v1/usage-imports", {"file": file, "format": kind, **fields}, format="multipart")


@pytest.fixture
def admin(caller: Caller) -> Any:
    return caller("admin")


def test_from_upload_to_report(admin, company):
    response = upload(admin, (DATA / "litellm_spendlogs.csv").read_bytes(), "litellm", "spendlogs.csv")

    assert response.status_code == 202
    queued = response.json()
    assert response["Location"].endswith(f"/api/v1/usage-imports/{queued['id']}")
    assert (queued["kind"], queued["status"], queued["progress"], queued["lines"]) == ("usage_import", "queued", 0.0, 7)
    assert queued["requested_by"] == str(company.people["adam"].pk)
    assert ImportChunk.objects.count() == 1
    assert b"chatcmpl" not in bytes(ImportChunk.objects.get().data)

    assert imports.run_waiting() == 1

    done = admin.get(f"/api/v1/usage-imports/{queued['id']}").json()
    assert (done["status"], done["progress"], done["imported"], done["rejected"]) == ("succeeded", 1.0, 5, 1)
    report = admin.get(done["result_url"]).json()
    assert report["usage_import"] == done
    assert report["totals"] == {
        "requests": 5, "input_tokens": 13700, "output_tokens": 200, "cost": "0.0127410000", "unpriced": 1,
        "first_at": "2026-03-02T09:15:01.120000Z", "last_at": "2026-03-02T09:19:00Z",
    }  # fmt: skip
    assert report["reasons"] == [{"reason": "prompt_tokens: … is negative", "count": 1, "first_line": 7}]
    assert [(row["line"], row["reason"]) for row in report["rejected"]] == [(7, "prompt_tokens: '-4' is negative")]
    assert report["notes"] == [{"code": "unpriced", "message": "1 lines have no known price."}]
    rows = list(csv.reader(io.StringIO(b"".join(admin.get(report["rejected_url"])).decode())))
    assert rows[0] == ["line", "reason", "record"]
    assert rows[1][:2] == ["7", "prompt_tokens: '-4' is negative"]
    assert rows[1][2].startswith("chatcmpl-BqA6,acompletion")
    assert LedgerLine.objects.filter(origin="import").count() == 5
    assert (ImportChunk.objects.count(), Job.objects.get().status) == (0, "succeeded")
    assert AuditEvent.objects.filter(verb="usage_import.requested").count() == 1


def test_the_same_file_again_is_the_same_import(admin):
    content = f"{HEAD}2026-05-01,10,2,gpt-4o\n"
    first = upload(admin, content)
    imports.run_waiting()

    again = upload(admin, content, name="other.csv")

    assert (first.status_code, again.status_code) == (202, 200)
    assert again.json()["id"] == first.json()["id"]
    assert imports.run_waiting() == 0
    assert LedgerLine.objects.count() == 1


def test_a_named_file_that_changed_is_read_from_its_start(admin):
    upload(admin, f"{HEAD}2026-05-01,10,2,gpt-4o\n2026-05-02,20,2,gpt-4o\nbad\n", source_name="edge")
    imports.run_waiting()

    response = upload(admin, f"{HEAD}2026-05-02,20,2,gpt-4o\n2026-05-03,30,2,gpt-4o\n", source_name="edge")
    imports.run_waiting()

    done = admin.get(f"/api/v1/usage-imports/{response.json()['id']}").json()
    assert (done["imported"], done["duplicates"], done["rejected"]) == (1, 1, 0)
    assert sorted(LedgerLine.objects.values_list("input_tokens", flat=True)) == [10, 20, 30]
    assert RejectedRecord.objects.count() == 0


def test_a_second_project_would_count_twice(admin, company):
    content = f"{HEAD}2026-05-01,10,2,gpt-4o\n"
    upload(admin, content, project=str(company.assistant.pk))
    imports.run_waiting()

    response = upload(admin, content, project=str(company.banner.pk))

    assert (response.status_code, response.json()["code"]) == (409, "already_imported")


@pytest.mark.parametrize(
    ("content", "fields", "status", "code"),
    [
        (b"", {}, 400, "empty_file"),
        (b"a", {"kind": "xml"}, 400, "invalid"),
        (b"a", {"mapping": ["input_tokens"]}, 400, "invalid"),
        (b"a", {"colour": "red"}, 400, "invalid"),
        (b"x" * 2_000, {}, 413, "file_too_large"),
    ],
)
def test_refusals(admin, settings, content, fields, status, code):
    settings.GATEWAY_IMPORT_LIMIT_BYTES = 1_000

    response = upload(admin, content, fields.pop("kind", "csv"), **fields)

    assert (response.status_code, response.json()["code"]) == (status, code)
    assert (ImportRun.objects.count(), Job.objects.count()) == (0, 0)


def test_a_project_of_somebody_else_is_unknown(admin, company):
    elsewhere = factories.ProjectFactory()

    response = upload(admin, HEAD, project=str(elsewhere.pk))

    assert response.status_code == 400
    assert response.json()["errors"][0]["field"] == "project"


def test_a_file_that_makes_no_sense_fails_with_its_reason(admin):
    response = upload(admin, "when,what\n1,2\n")

    imports.run_waiting()

    done = admin.get(f"/api/v1/usage-imports/{response.json()['id']}").json()
    assert done["status"] == "failed"
    assert done["error"].startswith("no column for started_at; the file has when, what.")
    assert ImportChunk.objects.count() == 0


def test_a_broken_file_can_be_sent_again_with_a_mapping(admin):
    content = "when,in,out\n2026-05-01,1,2\n"
    upload(admin, content)
    imports.run_waiting()

    response = upload(
        admin, content, mapping=["started_at=when", "input_tokens=in", "output_tokens=out", "model==gpt-4o"]
    )
    imports.run_waiting()

    assert response.status_code == 202
    assert response.json()["mapping"][0] == {"field": "input_tokens", "column": "in"}
    assert LedgerLine.objects.get().cost == Decimal("0.0000225")


def test_a_killed_import_is_taken_up_where_it_was(admin, monkeypatch):
    rows = "".join(f"2026-05-01,{index},2,gpt-4o\n" for index in range(40))
    upload(admin, HEAD + rows)
    run = ImportRun.objects.get()
    monkeypatch.setattr(imports, "import_file", partial(imports.import_file, batch_records=10))
    extend = jobs.extend

    def die_halfway(job: Job, lease_s: float, progress: float) -> None:
        if progress > 0.5:
            raise KeyboardInterrupt
        extend(job, lease_s, progress)

    monkeypatch.setattr(jobs, "extend", die_halfway)
    with pytest.raises(KeyboardInterrupt):
        imports.run_waiting()
    monkeypatch.setattr(jobs, "extend", extend)

    assert imports.run_waiting() == 0  # the claim of the dead one still holds
    Job.objects.update(claimed_until="2026-01-01T00:00:00Z")
    run.refresh_from_db()
    assert 10 <= run.imported < 40
    assert imports.run_waiting() == 1

    run.refresh_from_db()
    assert (run.imported, run.duplicates, run.status) == (40, 0, JobStatus.SUCCEEDED)
    assert LedgerLine.objects.count() == 40


def test_one_import_at_a_time(admin):
    upload(admin, f"{HEAD}2026-05-01,1,2,gpt-4o\n")
    upload(admin, f"{HEAD}2026-05-01,2,2,gpt-4o\n")
    first = jobs.claim(imports.KIND, jobs.waiting(imports.KIND)[0], 60)

    assert first is not None
    assert imports.run_waiting() == 0
    jobs.fail(first, "")
    assert imports.run_waiting() == 1


def test_the_list_is_filtered_by_format(admin, company):
    for form in ("csv", "litellm", "csv"):
        ImportRun.objects.create(organization=company.organization.pk, source=f"sha256:{uuid4()}", format=form)

    found = admin.get("/api/v1/usage-imports?format=litellm")

    assert (found.status_code, [run["format"] for run in found.json()["results"]]) == (200, ["litellm"])


def test_lists_and_reports_cost_a_fixed_number_of_queries(admin, company):
    for index in range(3):
        run = ImportRun.objects.create(organization=company.organization.pk, source=f"sha256:{index}", format="csv")
        RejectedRecord.objects.create(run=run, line=2, reason="bad", raw="")

    counts = []
    for path in ("/api/v1/usage-imports", f"/api/v1/usage-imports/{run.pk}/report"):
        with CaptureQueriesContext(
            connection,
        ) as captured:
            assert admin.get(path).status_code == 200
        counts.append(len(captured))

    assert counts == [5, 6]
