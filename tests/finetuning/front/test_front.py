"""OpenAI's paths as Django answers them: the key decides, errors have OpenAI's shape, queries are few."""

from collections.abc import Callable
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from finetuning.models import TuningFile
from finetuning.services.files import create_file
from gateway.models import AuditEvent
from gateway.services import keys
from tests.factories import Acme, acme
from tests.finetuning.conftest import chat
from tests.finetuning.services.conftest import jsonl

API = "/api/openai/v1"
pytestmark = pytest.mark.django_db
DATA = jsonl(*(chat(f"Question {number}?", "Yes.") for number in range(3)))
Call = Callable[..., Any]


@pytest.fixture
def company(db: None) -> Acme:
    return acme()


@pytest.fixture
def call(company: Acme) -> Call:
    """`call("get", "files")` as bob's key, which is one of the assistant."""

    def call(method: str, path: str, *args: Any, key: str = "bob", **more: Any) -> Any:
        headers = {"authorization": f"Bearer {company.secrets[key]}"} if key else {}
        return getattr(Client(), method)(f"{API}/{path}", *args, headers=headers, **more)

    return call


def made(company: Acme, **changes: Any) -> TuningFile:
    given = {"project": company.assistant, "name": "t.jsonl", "content": [DATA], "created_by": None, "actor": None}
    return create_file(**given | changes)


@pytest.mark.parametrize(
    ("key", "status", "code", "kind"),
    [("", 401, "invalid_api_key", "authentication_error"), ("write", 403, "scope_missing", "permission_error")],
)
def test_the_key_has_to_be_one_that_calls_models(call, key, status, code, kind):
    for path in ("files", "files/file-ft-x", "files/file-ft-x/content", "uploads/upload_x", "nothing"):
        answer = call("get", path, key=key)
        error = answer.json()["error"]
        assert (answer.status_code, error["code"], error["type"]) == (status, code, kind)
    assert answer.has_header("WWW-Authenticate") is (status == 401)


def test_a_revoked_key_stops_at_once(company, call):
    keys.revoke_key(key=company.keys["bob"], actor=None)

    assert call("get", "files").json()["error"]["code"] == "invalid_api_key"


def test_a_session_is_no_key(company):
    browser = Client()
    browser.force_login(company.people["alice"], backend="django.contrib.auth.backends.ModelBackend")

    assert browser.get(f"{API}/files").status_code == 401


@pytest.mark.parametrize("query", ["metadata[a%00]=b", "metadata[a]=%00", "after=%00"])
def test_parameters_that_no_row_can_have_are_refused(call, query):
    answer = call("get", f"fine_tuning/jobs?{query}")

    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_request")


@pytest.mark.parametrize(
    "more",
    ['"metadata": {"a": "\\u0000"}', '"metadata": {"a": "\\ud800"}', '"suffix": "\\u0000"',
     '"hyperparameters": {"learning_rate_multiplier": 1e400}'],
)  # fmt: skip
def test_a_body_that_no_row_can_have_is_refused(company, call, more):
    body = f'{{"model": "local-head-hash", "training_file": "{made(company).public_id}", {more}}}'

    answer = call("post", "fine_tuning/jobs", body, content_type="application/json")

    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_request")


def test_what_nobody_foresaw_has_openais_shape(call, monkeypatch):
    monkeypatch.setattr("finetuning.front.jobs.limit_of", lambda *args, **more: 1 / 0)

    answer = call("get", "fine_tuning/jobs")

    assert (answer.status_code, answer.json()["error"]["type"], answer.json()["error"]["code"]) == (
        500, "api_error", "server_error"
    )  # fmt: skip


def test_an_upload_is_the_keys(company, call):
    form = {"purpose": "fine-tune", "file": SimpleUploadedFile("t.jsonl", DATA)}

    answer = call("post", "files", form)

    file = TuningFile.objects.get()
    assert answer.json() == {
        "id": file.public_id, "object": "file", "bytes": len(DATA), "created_at": int(file.created_at.timestamp()),
        "filename": "t.jsonl", "purpose": "fine-tune", "status": "processed", "status_details": None,
        "expires_at": None,
    }  # fmt: skip
    assert (file.project, file.created_by) == (company.assistant, company.people["bob"])
    assert AuditEvent.objects.get(verb="tuning_file.created").actor_key_id == company.keys["bob"].pk


@pytest.mark.parametrize(
    ("form", "param"),
    [
        ({"purpose": "fine-tune"}, "file"),
        ({"purpose": "batch", "file": DATA}, "purpose"),
        ({"purpose": "fine-tune", "file": DATA, "expires_after[anchor]": "created_at"}, "expires_after"),
    ],
)
def test_what_an_upload_needs(call, form, param):
    sent = {name: SimpleUploadedFile("t.jsonl", value) if name == "file" else value for name, value in form.items()}

    answer = call("post", "files", sent)

    assert (answer.status_code, answer.json()["error"]["param"]) == (400, param)


def test_files_of_other_projects_do_not_exist(company, call):
    hidden, theirs = made(company, project=company.banner), made(company, project=company.globex_project)
    mine = made(company)

    assert [one["id"] for one in call("get", "files").json()["data"]] == [mine.public_id]
    for other in (hidden, theirs):
        for method, path in (("get", ""), ("get", "/content"), ("delete", "")):
            assert call(method, f"files/{other.public_id}{path}").status_code == 404
    assert TuningFile.objects.live().count() == 3


@pytest.mark.parametrize("name", ["file-ft-", "file-ft-zz", f"file-ft-{'g' * 32}", "file-abc", f"file-ft-{'0' * 32}"])
def test_ids_of_another_shape(call, name):
    answer = call("get", f"files/{name}")

    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")


@pytest.mark.parametrize(
    ("query", "status"), [("limit=0", 400), ("limit=x", 400), ("order=up", 400), ("after=file-ft-x", 404)]
)
def test_pages_that_cannot_be(call, query, status):
    assert call("get", f"files?{query}").status_code == status


def test_pages(company, call):
    found = [made(company).public_id for _ in range(5)]

    first = call("get", "files?limit=2").json()
    second = call("get", f"files?limit=2&after={first['last_id']}").json()
    last = call("get", f"files?limit=2&after={second['last_id']}").json()

    assert [one["id"] for page in (first, second, last) for one in page["data"]] == found[::-1]
    assert [page["has_more"] for page in (first, second, last)] == [True, True, False]
    assert (first["object"], first["first_id"]) == ("list", found[-1])


def test_queries(company, call):
    files = [made(company) for _ in range(5)]

    def queries(path: str) -> int:
        with CaptureQueriesContext(connection) as found:
            assert call("get", path).status_code == 200
        return len(found)

    # the key, its project, the rows
    assert queries("files") == 3
    assert queries(f"files/{files[0].public_id}") == 3


def test_models_that_are_made_here_have_to_be_known(company: Acme, call: Call) -> None:
    file = made(company).public_id
    for model in ("local-head-bogus", "dicl", "dicl:nope", "nope"):
        body = {"model": model, "training_file": file}
        answer = call("post", "fine_tuning/jobs", body, content_type="application/json")
        error = answer.json()["error"]
        assert (answer.status_code, error["code"], error["param"]) == (404, "model_not_found", "model")


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b'{"seed": ' + b"9" * 5_000 + b"}", "a number has more than 4,300 digits"),
        (b'{"a": ' + b"[" * 100_000, "nested too deeply"),
        (b'{"a": "\xff"}', "byte 8 is not UTF-8"),
    ],
)
def test_what_is_no_json_is_told_in_our_words(call: Call, body: bytes, said: str) -> None:
    answer = call("post", "fine_tuning/jobs", body, content_type="application/json")

    assert (answer.status_code, answer.json()["error"]["message"]) == (400, f"JSON parse error - {said}")
