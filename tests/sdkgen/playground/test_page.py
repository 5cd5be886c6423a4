"""The playground's page: who opens it, what it may load, and what a logged request brings into it."""

import json
import re
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from gateway import credentials
from gateway.ledger.ids import uuid7
from gateway.models import AuditEvent, LoggedBody, Model
from sdkgen.ir.nodes import Api
from sdkgen.playground import packages
from tests.factories import Acme

PAGE = "/admin/playground/"
SENT = {
    "model": "gpt-4o", "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}],
    "temperature": 0.2, "tools": [],
}  # fmt: skip


def as_(company: Acme, name: str) -> Client:
    client = Client()
    client.force_login(company.people[name], backend="django.contrib.auth.backends.ModelBackend")
    return client


def facts_of(html: str) -> Any:
    found = re.search(r'<script id="play-facts" type="application/json">(.*?)</script>', html)
    assert found is not None
    return json.loads(found[1])


@pytest.mark.parametrize(("name", "status"), [
    ("alice", 200), ("adam", 200), ("dave", 200), ("bob", 200), ("carol", 403), ("root", 200), ("mallory", 200),
])  # fmt: skip
def test_who_opens_it(company: Acme, name: str, status: int) -> None:
    assert as_(company, name).get(PAGE).status_code == status


def test_the_page_shows_what_the_person_sees_and_no_key(company: Acme) -> None:
    html = as_(company, "bob").get(PAGE).content.decode()

    facts = facts_of(html)
    assert [offer["name"] for offer in facts["offers"]] == ["fast", "gpt-4o"]
    assert ">Assistant</option>" in html
    assert "Banner" not in html  # a project of another team
    assert credentials.KEY_MARK not in html.replace("gw-…", "")
    assert (facts["body"], facts["organization"]) == (None, "acme")


def test_queries_do_not_grow(company: Acme) -> None:
    client = as_(company, "bob")

    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            client.get(PAGE)
        return len(captured)

    first = queries()
    for number in range(5):
        Model.objects.create(
            organization=company.organization, provider=company.provider, name=f"m{number}", upstream_name="m"
        )
    assert queries() == first


def test_the_policies_of_page_and_worker(company: Acme) -> None:
    client = as_(company, "bob")

    page = client.get(PAGE)["Content-Security-Policy"]
    worker = client.get(f"{PAGE}worker.js")
    other = client.get("/admin/keys/")["Content-Security-Policy"]

    assert "worker-src 'self'" in page.split("; ")
    assert "script-src 'self'" in page.split("; ")  # WebAssembly is the worker's alone
    said = set(worker["Content-Security-Policy"].split("; "))
    assert {"default-src 'none'", "script-src 'self' 'wasm-unsafe-eval'", "connect-src 'self'"} <= said
    assert worker["Content-Type"] == "text/javascript; charset=utf-8"
    assert "worker-src blob:" in other.split("; ")
    assert "wasm" not in other


def test_files_of_the_packages(company: Acme) -> None:
    client, served = as_(company, "bob"), packages.served()
    base = f"{PAGE}sdk/{served.version}/"

    code = client.get(f"{base}lib/index.js")
    archive = client.get(f"{base}python.zip")

    assert (code["Content-Type"], code.content) == ("text/javascript; charset=utf-8", served.files["lib/index.js"])
    assert code["Cache-Control"] == "private, max-age=31536000, immutable"
    assert (archive["Content-Type"], archive.content[:2]) == ("application/zip", b"PK")
    assert client.get(f"{base}lib/none.js").status_code == 404
    assert client.get(f"{PAGE}sdk/0000/lib/index.js").status_code == 404
    assert client.get(f"{base}../worker.js").status_code == 404
    assert as_(company, "carol").get(f"{base}lib/index.js").status_code == 403
    assert Client().get(f"{base}lib/index.js").status_code == 302


def test_the_code_is_that_of_a_package_of_the_whole_document(api: Api) -> None:
    whole = packages.made(api)
    mine = packages.served().files

    assert mine.keys() == whole.keys()
    # The client names the document it was made of, as does that in the archive; nothing else differs.
    assert {path for path in mine if mine[path] != whole[path]} == {"lib/client.js", packages.PYTHON_ARCHIVE}
    name, other = (one.document_sha[:12].encode() for one in (packages.representation(), api))
    assert mine["lib/client.js"].replace(name, other) == whole["lib/client.js"]


def logged(company: Acme, body: str, endpoint: str = "/v1/chat/completions") -> str:
    row = LoggedBody(id=uuid7(), organization=company.organization.pk, request_id=f"req_{uuid7().hex}")
    row.logged_at, row.expires_at = timezone.now(), timezone.now() + timedelta(days=1)
    row.project, row.api_key = company.assistant.pk, company.keys["bob"].pk
    row.endpoint, row.is_truncated = endpoint, False
    row.request, row.response = (credentials.encrypt(text) for text in (body, "{}"))
    row.save(force_insert=True)
    return row.request_id


def test_a_logged_request_is_opened_by_who_may_read_its_body(company: Acme) -> None:
    request_id = logged(company, json.dumps(SENT))
    url = f"{PAGE}request/"

    opened = as_(company, "alice").post(url, {"request_id": request_id})

    assert facts_of(opened.content.decode())["body"] == SENT
    event = AuditEvent.objects.get(verb="bodies.read")
    assert event.after is not None
    assert (event.actor, event.after["request_id"]) == (company.people["alice"], request_id)
    assert as_(company, "bob").post(url, {"request_id": request_id}).status_code == 404
    strange = as_(company, "mallory").post(url, {"request_id": request_id}).content.decode()
    assert facts_of(strange)["body"] is None
    assert "No bodies of this request are kept." in strange
    assert as_(company, "alice").get(url).status_code == 405


DEEP = "[" * 5_000 + "]" * 5_000


@pytest.mark.parametrize("body", ["not JSON", "[1]", '{"messages": "Hi"}', f'{{"messages": {DEEP}}}'])
def test_what_is_no_conversation_is_refused_in_words(company: Acme, body: str) -> None:
    answer = as_(company, "alice").post(f"{PAGE}request/", {"request_id": logged(company, body)})

    assert "is no whole conversation" in answer.content.decode()
    assert facts_of(answer.content.decode())["body"] is None


def test_the_request_as_code_in_every_language(company: Acme) -> None:
    client = as_(company, "bob")

    def ask(**said: Any) -> Any:
        return client.post(f"{PAGE}code/", json.dumps(said), content_type="application/json")

    body = {"model": "fast", "messages": [{"role": "user", "content": 'Say "hi"'}], "temperature": 0.5}
    found = ask(body=body, retries=4, cache="no-cache").json()["samples"]

    assert [one["language"] for one in found] == ["TypeScript", "Python", "Java", "Go", "C#", "curl"]
    assert [one["output"] is not None for one in found] == [False, False, True, True, True, False]
    codes = {one["language"]: one["code"] for one in found}
    assert "{ maxRetries: 4, gateway: { cache: 'no-cache' } }" in codes["TypeScript"]
    assert 'messages=[{"role": "user", "content": "Say \\"hi\\""}],' in codes["Python"]
    assert 'ChatUserMessage.of("Say \\"hi\\"")' in codes["Java"]
    assert "gateway.Float(0.5)" in codes["Go"]
    assert "Temperature = 0.5," in codes["C#"]
    for text in codes.values():
        assert credentials.KEY_MARK not in text
    assert "cannot be written as code" in ask(body={"model": "fast"}, retries=2, cache="").json()["problem"]
    for wrong in ({}, {"body": [], "retries": 2, "cache": ""}, {"body": body, "retries": 2, "cache": "x"}):
        assert ask(**wrong).status_code == 400


@pytest.mark.parametrize(
    "said",
    [
        f'{{"body": {DEEP}, "retries": 2, "cache": ""}}',
        '{"body": {"model": "fast", "messages": [], "temperature": NaN}, "retries": 2, "cache": ""}',
        '{"body": {"model": "fast", "messages": [], "temperature": 1e999}, "retries": 2, "cache": ""}',
        '{"body": {"model": "fast", "messages": [], "max_tokens": 9223372036854775808}, "retries": 2, "cache": ""}',
        '{"body": {"model": "fast", "messages": []}, "retries": -1, "cache": ""}',
        '{"body": {"model": "fast", "messages": []}, "retries": 21, "cache": ""}',
        '{"body": {"model": "fast", "messages": []}, "retries": true, "cache": ""}',
    ],
)
def test_what_no_program_can_say_is_refused(company: Acme, said: str) -> None:
    answer = as_(company, "bob").post(f"{PAGE}code/", said, content_type="application/json")

    assert (answer.status_code, list(answer.json())) == (400, ["problem"])


def test_without_a_model_there_is_nothing_to_run(company: Acme) -> None:
    page = as_(company, "mallory").get(PAGE).content.decode()

    assert ("No model answers conversations" in page, "data-play-run" in page) == (True, False)
    assert "data-play-run" in as_(company, "bob").get(PAGE).content.decode()
