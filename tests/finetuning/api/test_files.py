"""Training files over HTTP: upload, versions, diff, reports, mending, traffic, parts; tenancy, counts of queries."""

import hashlib
from datetime import timedelta
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext

from finetuning.api.views import files as views
from finetuning.front.files import refuse_large
from finetuning.models import TuningFile
from finetuning.services import files
from finetuning.services.files import runs
from finetuning.services.files.uploads import MAX_PART_BYTES
from tests.factories import Acme
from tests.finetuning.conftest import chat
from tests.finetuning.services.conftest import jsonl
from tests.finetuning.services.traffic import NOW, logged

API = "/api/v1/fine-tuning"
pytestmark = pytest.mark.django_db
ROWS = [chat(f"Question {number}?", f"Answer {number}.") for number in range(12)]
BROKEN = b'{"messages": [{"role": "user", "content": "Last?"}, {"role": "assistant", "content": "Yes."}]},'


def sent(caller, company: Acme, data: bytes, role: str = "developer", **fields: Any) -> Any:
    body = {"file": SimpleUploadedFile("train.jsonl", data), "project": str(company.assistant.pk), **fields}
    return caller(role).post(f"{API}/files", body, format="multipart")


def test_a_file_from_upload_to_deletion(caller, company, fits):
    data = jsonl(*ROWS)

    made = sent(caller, company, data)

    body = fits(made)
    assert made["Location"].endswith(f"{API}/files/{body['id']}")
    figures = ("name", "format", "version", "size_bytes", "lines", "sha256", "duplicates", "created_by", "tokens")
    assert {name: body[name] for name in figures} == {
        "name": "train.jsonl", "format": "chat", "version": 1, "size_bytes": len(data), "lines": 12,
        "sha256": hashlib.sha256(data).hexdigest(), "duplicates": [], "created_by": str(company.people["bob"].pk),
        "tokens": [],
    }  # fmt: skip
    analyst = caller("analyst")
    assert fits(analyst.get(f"{API}/files/{body['id']}")) == body
    got = analyst.get(f"{API}/files/{body['id']}/content")
    assert got.getvalue() == data
    assert got["Content-Length"] == str(len(data))
    assert got["Content-Disposition"] == 'attachment; filename="train.jsonl"'
    assert caller("developer").delete(f"{API}/files/{body['id']}").status_code == 204
    assert analyst.get(f"{API}/files/{body['id']}").status_code == 404


def test_the_same_content_again_is_told_and_allowed(caller, company, fits):
    first = fits(sent(caller, company, jsonl(*ROWS)))

    again = fits(sent(caller, company, jsonl(*ROWS)))

    assert again["duplicates"] == [first["id"]]


def test_versions_and_what_changed(caller, company, fits):
    first = fits(sent(caller, company, jsonl(*ROWS)))
    second = fits(sent(caller, company, jsonl(*ROWS[1:], chat("New?", "Yes.")), parent=first["id"]))

    versions = fits(caller("analyst").get(f"{API}/files/{first['id']}/versions"))
    diff = fits(caller("analyst").get(f"{API}/files/{second['id']}/diff"))
    back = fits(caller("analyst").get(f"{API}/files/{first['id']}/diff", {"against": second["id"], "shown": 0}))

    assert [(one["id"], one["version"], one["parent"]) for one in versions] == [
        (first["id"], 1, None), (second["id"], 2, first["id"]),
    ]  # fmt: skip
    assert {name: diff[name] for name in ("added", "removed", "changed", "unchanged")} == {
        "added": 1, "removed": 1, "changed": 0, "unchanged": 11,
    }  # fmt: skip
    assert [one["action"] for one in diff["shown"]] == ["removed", "added"]
    assert (back["added"], back["removed"], back["shown"]) == (1, 1, [])
    alone = caller("analyst").get(f"{API}/files/{first['id']}/diff")
    assert (alone.status_code, alone.json()["code"]) == (400, "nothing_to_compare")


@pytest.mark.parametrize(
    ("data", "fields", "status", "code"),
    [
        (b"a,b\n", {}, 400, "not_jsonl"),
        (b"", {}, 400, "empty_file"),
        (b"{}\n", {"purpose": "batch"}, 400, "invalid"),
        (b"{}\n", {"parent": "0192f0c4-0000-7000-8000-000000000000"}, 400, "invalid"),
        (b"{}\n", {"unknown": "1"}, 400, "invalid"),
    ],
)
def test_what_cannot_be_uploaded(caller, company, data, fields, status, code):
    answer = sent(caller, company, data, **fields)

    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert not TuningFile.objects.exists()


def test_too_much_is_refused_by_its_length(caller, company, monkeypatch):
    monkeypatch.setattr(views, "refuse_large", lambda request: refuse_large(request, 10))

    answer = sent(caller, company, b"x" * (2 << 20))

    assert (answer.status_code, answer.json()["code"]) == (413, "file_too_large")


def test_a_report_is_made_and_kept(caller, company, upload, fits):
    file = upload(*ROWS, ROWS[0])
    held = upload(ROWS[1], name="held.jsonl")
    path = f"{API}/files/{file.pk}/report"
    assert caller("analyst").get(path).status_code == 404

    judged = fits(caller("developer").post(f"{API}/validate-data/{file.pk}", {"validation_file": str(held.pk)}))

    report = judged["report"]
    assert report["counts"] == {"exact_dup": 1, "leak_exact": 1}
    assert report["validation"]["path"] == "held.jsonl"
    assert judged["file"]["score"] == report["score"] < 100
    assert fits(caller("analyst").get(path)) == report


def test_mending_says_what_it_did_and_saves(caller, upload, fits):
    file = upload(*ROWS, ROWS[3], BROKEN)

    answer = caller("developer").post(f"{API}/optimize-data/{file.pk}", {"epochs": 2})

    body = fits(answer)
    assert answer.status_code == 201
    assert (body["file"]["version"], body["file"]["parent"], body["file"]["origin"]) == (2, str(file.pk), "mended")
    assert (body["is_new"], body["removed"], body["changed"]) == (True, 1, 1)
    assert [(one["line"], one["action"]) for one in body["changes"]] == [(13, "removed"), (14, "changed")]
    before, after = body["before"], body["after"]
    assert (before["lines"], after["lines"], after["score"]) == (14, 13, 100.0)
    assert body["saved"]["tokens"] == before["billable_tokens"] - after["billable_tokens"]
    # $5 a million tokens of gpt-4.1-mini
    assert before["amount"] == f"{before['billable_tokens'] * 0.000005:.10f}"
    again = caller("developer").post(f"{API}/optimize-data/{body['file']['id']}")
    assert (again.status_code, fits(again)["is_new"]) == (200, False)


def test_an_unknown_price_stays_unknown(caller, upload, fits):
    file = upload(*ROWS, ROWS[3])

    body = fits(caller("developer").post(f"{API}/optimize-data/{file.pk}", {"provider": "nobody", "model": "m"}))

    assert (body["before"]["amount"], body["after"]["amount"], body["saved"]["amount"]) == (None, None, None)


def test_large_files_are_judged_in_the_background(caller, upload, fits, monkeypatch):
    monkeypatch.setattr(runs, "AT_ONCE_BYTES", 10)
    file = upload(*ROWS, ROWS[3])

    queued = caller("developer").post(f"{API}/optimize-data/{file.pk}")

    run = fits(queued)
    assert (queued.status_code, run["action"], run["status"], run["file"]) == (202, "optimize", "queued", None)
    assert queued["Location"].endswith(f"{API}/files/runs/{run['id']}")
    runs.run_waiting()
    done = fits(caller("analyst").get(f"{API}/files/runs/{run['id']}"))
    version = TuningFile.objects.get(version=2)
    assert (done["status"], done["progress"], done["file"]) == ("succeeded", 1.0, str(version.pk))
    assert done["result_url"].endswith(f"{API}/files/{version.pk}/report")


def from_traffic(company: Acme, **changes: Any) -> dict[str, Any]:
    return {
        "project": str(company.assistant.pk), "consent": True, "start": (NOW - timedelta(days=1)).isoformat(),
        "end": NOW.isoformat(), **changes,
    }  # fmt: skip


def test_a_file_of_traffic(caller, company, fits):
    logged(company, "First?", "One.", tag_set={"feature": "support"})
    logged(company, "Second?", "Two.")

    answer = caller("developer").post(
        f"{API}/files/from-traffic", from_traffic(company, tags={"feature": "support"}, name="support.jsonl")
    )

    body = fits(answer)
    assert (answer.status_code, body["name"], body["lines"], body["origin"]) == (201, "support.jsonl", 1, "traffic")
    assert body["lineage"]["filter"]["tags"] == {"feature": "support"}
    assert body["lineage"]["drift"]["traffic"] == 2


def test_much_traffic_is_read_in_the_background(caller, company, fits, monkeypatch):
    monkeypatch.setattr(runs, "AT_ONCE_REQUESTS", 1)
    for number in range(2):
        logged(company, f"Question {number}?", "Yes.")

    run = fits(caller("developer").post(f"{API}/files/from-traffic", from_traffic(company, size=1, seed=4)))
    runs.run_waiting()

    done = fits(caller("developer").get(f"{API}/files/runs/{run['id']}"))
    assert (run["action"], done["status"]) == ("from-traffic", "succeeded")
    assert done["result_url"].endswith(f"{API}/files/{done['file']}")
    assert TuningFile.objects.get(pk=done["file"]).lines == 1


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"consent": False}, 400, "consent_required"),
        ({"end": (NOW - timedelta(days=2)).isoformat()}, 400, "invalid"),
        ({"min_score": "1.5"}, 400, "invalid"),
        ({"stratify_by": ["colour"]}, 400, "invalid"),
        ({"size": 0}, 400, "invalid"),
        ({}, 409, "nothing_found"),
    ],
)
def test_what_from_traffic_refuses(caller, company, changes, status, code):
    answer = caller("developer").post(f"{API}/files/from-traffic", from_traffic(company, **changes))

    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_parts(caller, company, fits):
    data = jsonl(*ROWS)
    client = caller("developer")
    begun = fits(
        client.post(
            f"{API}/files/uploads",
            {"project": str(company.assistant.pk), "name": "long.jsonl", "size_bytes": len(data)},
        )
    )
    path = f"{API}/files/uploads/{begun['id']}"

    for number, part in ((2, data[500:]), (1, b"broken"), (1, data[:500])):
        answer = client.put(f"{path}/parts/{number}", {"data": SimpleUploadedFile("p", part)}, format="multipart")
        assert answer.json() == {"number": number, "size_bytes": len(part)}
    waiting = fits(client.get(path))
    done = fits(client.post(f"{path}/complete", {"sha256": hashlib.sha256(data).hexdigest()}))

    assert (begun["status"], begun["part_bytes"], begun["parts"]) == ("pending", MAX_PART_BYTES, [])
    assert waiting["parts"] == [{"number": 1, "size_bytes": 500}, {"number": 2, "size_bytes": len(data) - 500}]
    assert (done["status"], done["file"]["lines"], done["parts"]) == ("completed", 12, [])
    assert fits(client.post(f"{path}/complete", {}))["file"]["id"] == done["file"]["id"]
    assert client.delete(path).json()["code"] == "upload_over"


def test_files_of_others_do_not_exist(caller, company, upload):
    hidden = files.create_file(
        project=company.globex_project, name="theirs.jsonl", content=[jsonl(*ROWS)], created_by=None, actor=None
    )
    mine = upload(*ROWS)

    assert [one["id"] for one in caller("mallory").get(f"{API}/files").json()["results"]] == [str(hidden.pk)]
    assert [one["id"] for one in caller("owner").get(f"{API}/files").json()["results"]] == [str(mine.pk)]
    for path in (f"files/{hidden.pk}", f"files/{hidden.pk}/content", f"files/{mine.pk}/diff?against={hidden.pk}"):
        assert caller("owner").get(f"{API}/{path}").status_code in (400, 404)
    answer = caller("owner").post(f"{API}/validate-data/{mine.pk}", {"validation_file": str(hidden.pk)})
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid")
    foreign = caller("developer").post(
        f"{API}/files/from-traffic", from_traffic(company, project=str(company.globex_project.pk))
    )
    assert (foreign.status_code, foreign.json()["errors"][0]["field"]) == (400, "project")


def test_lists_filter_and_search(caller, company, upload):
    upload(*ROWS)
    upload(*ROWS, name="other.jsonl", project=company.banner)
    client = caller("owner")

    assert client.get(f"{API}/files", {"search": "other"}).json()["count"] == 1
    assert client.get(f"{API}/files", {"project": str(company.banner.pk)}).json()["count"] == 1
    assert client.get(f"{API}/files", {"file_format": "preference"}).json()["count"] == 0
    assert client.get(f"{API}/files", {"colour": "red"}).status_code == 400


def test_queries(caller, company, upload):
    made = [upload(*ROWS, name=f"{number}.jsonl") for number in range(5)]
    client = caller("developer")

    def queries(path: str) -> int:
        with CaptureQueriesContext(
            connection,
        ) as found:
            assert client.get(f"{API}/{path}").status_code == 200
        return len(found)

    # session, person, memberships; count and rows
    assert queries("files") == 5
    # session, person, memberships; the file, its duplicates
    assert queries(f"files/{made[0].pk}") == 5
    assert queries(f"files/{made[0].pk}/versions") == 5
