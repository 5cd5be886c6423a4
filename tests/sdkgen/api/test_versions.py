"""Releases, the changelog between two, the guide, and whose changes they are, over HTTP and in one story."""

import copy
import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from pytest_django import DjangoAssertNumQueries

from analytics.rollups.refresh import refresh
from gateway.services.errors import Conflict, Invalid
from sdkgen import history, releases
from sdkgen.concern import OBJECTS
from sdkgen.ir import build
from sdkgen.ir.codec import sha
from sdkgen.ir.nodes import Api
from sdkgen.models import Release
from sdkgen.services import store_release
from sdkgen.versions import compare
from tests import factories
from tests.factories import Acme
from tests.gateway.api.conftest import Caller

URL = "/api/v1/sdk"
REF = "#/components/schemas/"


def document() -> dict[str, Any]:
    """A call of a model, and a list of the management API."""
    answer = {"200": {"description": "", "content": {"application/json": {"schema": {"$ref": REF + "Answer"}}}}}
    sent = {"required": True, "content": {"application/json": {"schema": {"$ref": REF + "Ask"}}}}
    return {
        "openapi": "3.1.0", "info": {"title": "Small", "version": "1"}, "x-sdk": {"errors": []},
        "paths": {
            "/v1/chat/completions": {"post": {
                "operationId": "chat", "x-sdk": {"resource": ["chat"], "method": "create"}, "requestBody": sent,
                "responses": answer}},
            "/v1/embeddings": {"post": {
                "operationId": "embed", "x-sdk": {"resource": ["embeddings"], "method": "create"},
                "parameters": [{"name": "dry", "in": "query", "schema": {"type": "boolean"}}], "responses": answer}},
            "/api/v1/budgets": {"post": {
                "operationId": "budgets", "x-sdk": {"resource": ["manage", "budgets"], "method": "create"},
                "parameters": [{"name": "note", "in": "query", "schema": {"type": "string"}}], "responses": answer}},
            "/api/v1/teams": {"get": {
                "operationId": "teams", "x-sdk": {"resource": ["manage", "teams"], "method": "look"},
                "parameters": [{"name": "old", "in": "query", "schema": {"type": "string"}}], "responses": answer}},
        },
        "components": {"schemas": {
            "Ask": {"type": "object", "required": ["text"],
                    "properties": {"text": {"type": "string"}, "tone": {"type": "string"}}},
            "Answer": {"type": "object", "required": ["id"], "properties": {"id": {"type": "string"}}},
        }},
    }  # fmt: skip


def changed() -> dict[str, Any]:
    """Four fields and parameters gone, one deprecation, one field more."""
    said = copy.deepcopy(document())
    del said["components"]["schemas"]["Ask"]["properties"]["tone"]
    for path in ("/v1/embeddings", "/api/v1/budgets", "/api/v1/teams"):
        for operation in said["paths"][path].values():
            operation["parameters"].clear()
    said["paths"]["/v1/embeddings"]["post"]["deprecated"] = True
    said["components"]["schemas"]["Answer"]["properties"]["more"] = {"type": "string"}
    return said


@pytest.fixture
def stored(db: None) -> tuple[Release, Release]:
    old, new = build(document()), build(changed())
    first = store_release(version="1.0.0", document=document(), api=old)
    second = store_release(version="2.0.0", document=changed(), api=new, previous=first, changes=compare(old, new))
    return first, second


@pytest.fixture
def running(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Sets the code that runs, which takes seconds to describe."""

    def set_to(said: dict[str, Any]) -> Api:
        api = build(said)
        monkeypatch.setattr(releases, "current", lambda: (said, api))
        return api

    return set_to


def evidence(old: Api, new: Api, **verdicts: str) -> dict[str, Any]:
    languages = {
        name: {"verdict": verdict, "tool": f"{name} 1", "files": 5, "calls": 4, "failed": int(verdict == "breaks"),
               "left_out": 0, "errors": []}
        for name, verdict in verdicts.items()
    }  # fmt: skip
    return {"from": {"version": "1.0.0", "ir_sha256": sha(old)}, "to": {"ir_sha256": sha(new)},
            "made_at": "2026-11-20T09:00:00+00:00", "languages": languages}  # fmt: skip


# ---- releases ------------------------------------------------------------------------------------------------------
@pytest.mark.django_db
def test_from_the_first_release_to_the_next(running: Any, tmp_path: Path) -> None:
    old = running(document())
    first = releases.ensure_first_release()
    assert first is not None
    assert (first.version, first.previous, first.changes, first.evidence) == ("1.0.0", None, [], None)
    assert releases.ensure_first_release() is None
    assert not releases.propose().is_new
    call_command("release_sdk")
    assert Release.objects.count() == 1

    more = copy.deepcopy(document())
    more["components"]["schemas"]["Answer"]["properties"]["more"] = {"type": "string"}
    new = running(more)
    assert releases.propose().version == "1.1.0"
    assert releases.propose(evidence(old, new, python="compiles")).version == "1.1.0"
    assert releases.propose(evidence(old, new, go="breaks")).version == "2.0.0"
    with pytest.raises(Invalid, match="of other code"):
        releases.propose(evidence(new, old, go="breaks"))
    with pytest.raises(Invalid, match="no evidence"):
        releases.propose({"languages": 3})

    file = tmp_path / "evidence.json"
    file.write_text(json.dumps(evidence(old, new, go="breaks", python="compiles")))
    with pytest.raises(CommandError, match=r"ask for 2\.0\.0 at least"):
        call_command("release_sdk", evidence=str(file), release_version="1.1.0")
    call_command("release_sdk", evidence=str(file), dry_run=True)
    assert Release.objects.count() == 1
    call_command("release_sdk", evidence=str(file))
    call_command("release_sdk", evidence=None)
    kept = Release.objects.get(version="2.0.0")
    assert (Release.objects.count(), kept.previous) == (2, first)
    assert [change["rule"] for change in kept.changes] == ["value.added"]
    assert kept.evidence["languages"]["go"]["verdict"] == "breaks"  # type: ignore[index]


@pytest.mark.django_db
def test_a_release_in_between_is_noticed(running: Any) -> None:
    running(document())
    releases.ensure_first_release()
    running(changed())
    late, same = releases.propose(), releases.propose()
    made = releases.release(late)

    assert releases.release(same) == made  # of two processes with the same code
    running({**changed(), "x-sdk": {"errors": [{"code": "gone", "status": 410, "name": "Gone", "doc": ""}]}})
    other = releases.propose()
    store_release(version="9.0.0", document={}, api=build(document()))
    with pytest.raises(Conflict, match="meanwhile"):
        releases.release(other)


@pytest.mark.django_db(transaction=True)
def test_two_at_once_store_one_first_release(running: Any) -> None:
    running(document())

    def store(_: int) -> str:
        try:
            made = releases.ensure_first_release()
            return made.version if made else ""
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(store, range(4))) <= {"1.0.0", ""}
    assert list(Release.objects.values_list("version", flat=True)) == ["1.0.0"]


# ---- the changelog -------------------------------------------------------------------------------------------------
def test_the_changelog_of_a_language(
    caller: Caller, stored: tuple[Release, Release], django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    client = caller("analyst")
    said = client.get(f"{URL}/changelog/py").json()

    assert (said["from_version"], said["to_version"], said["level"]) == ("1.0.0", "2.0.0", "major")
    assert said["counts"] == {"breaking": 4, "deprecated": 1, "added": 1, "changed": 0, "texts": 0}
    assert said["evidence"] is None
    assert said["evidence_text"].startswith("Not checked by compiling: ")
    first = next(one for one in said["changes"] if one["subject"] == "Ask.tone")
    assert (first["rule"], first["level"], first["is_wire_breaking"]) == ("value.removed", "major", True)
    assert first["operations"] == ["chat"]
    assert 'client.chat.create(text="example", tone="example")' in first["code"]["before"]
    assert 'client.chat.create(text="example")' in first["code"]["after"]
    assert first["code"]["is_noticed"]
    assert said["changes"][-1]["kind"] == "added"
    assert said["changes"][-1]["code"] is None
    assert "## [2.0.0] - " in said["markdown"]
    assert "* Ask.tone is gone." in said["markdown"]

    go = client.get(f"{URL}/changelog/golang?from_version=1.0.0&to_version=2.0.0")
    asked = 'gateway.Ask{\n\t\tText: "example",\n\t\tTone: gateway.String("example"),\n\t}'
    assert asked in go.json()["changes"][0]["code"]["before"]
    with django_assert_num_queries(4):  # session, person, organization, releases; what was compared is kept
        again = client.get(f"{URL}/changelog/golang", HTTP_IF_NONE_MATCH=go["ETag"])
    assert (again.status_code, go["Cache-Control"]) == (304, "private, max-age=3600")

    only = client.get(f"{URL}/changelog/go?to_version=1.0.0").json()
    assert (only["from_version"], only["level"], only["changes"]) == (None, None, [])
    assert "the first release" in only["evidence_text"]
    same = client.get(f"{URL}/changelog/go?from_version=2.0.0&to_version=2.0.0").json()
    assert (same["level"], same["changes"]) == (None, [])


def test_evidence_is_told_for_the_pair_it_is_of(caller: Caller, stored: tuple[Release, Release]) -> None:
    old, new = build(document()), build(changed())
    Release.objects.filter(version="2.0.0").update(evidence=evidence(old, new, python="compiles", go="breaks"))

    python, go, java = (caller("developer").get(f"{URL}/changelog/{one}").json() for one in ("python", "go", "java"))
    assert python["evidence_text"] == (
        "Checked by compiling: 5 examples and tests and 4 calls of 1.0.0 compile against 2.0.0 (python 1)."
    )
    assert "of 5 examples and tests and 4 calls of 1.0.0, 1 no longer compile" in go["evidence_text"]
    assert go["evidence"] == {
        "verdict": "breaks", "tool": "go 1", "files": 5, "calls": 4, "failed": 1, "made_at": "2026-11-20T09:00:00Z",
    }  # fmt: skip
    assert (java["evidence"], java["evidence_text"][:25]) == (None, "Not checked by compiling:")


def test_refusals(caller: Caller, company: Acme) -> None:
    client = caller("developer")

    def code(path: str) -> tuple[int, str]:
        answer = client.get(f"{URL}/changelog/{path}")
        return answer.status_code, answer.json()["code"]

    assert code("python") == (404, "no_release")
    store_release(version="1.0.0", document=document(), api=build(document()))
    store_release(version="2.0.0", document=changed(), api=build(changed()))
    assert code("cobol") == (400, "unknown_language")
    assert code("python?from_version=3.0.0") == (404, "unknown_version")
    assert code("python?from_version=2.0.0&to_version=1.0.0") == (400, "versions_reversed")
    assert client.post(f"{URL}/migration-guide", {"language": "python", "nothing": 1}).status_code == 400
    Release.objects.filter(version="1.0.0").update(representation={"format": 0})
    for kept in (history._api, history._compared, history._steps):
        kept.cache_clear()
    assert code("python") == (400, "release_unreadable")


# ---- the guide -----------------------------------------------------------------------------------------------------
def test_the_guide_says_what_is_yours(
    caller: Caller, company: Acme, stored: tuple[Release, Release], django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    at = datetime.now(UTC) - timedelta(days=2)
    mine = {"endpoint": "/v1/chat/completions", "sdk": "python/1.0.0", "at": at}
    factories.book_lines(
        *(factories.line(company, **mine) for _ in range(3)),
        factories.line(company, project=company.banner, **mine),  # type: ignore[arg-type]
        factories.line(company, **{**mine, "sdk": "python/2.0.0"}),  # type: ignore[arg-type]
        factories.line(company, **{**mine, "sdk": "openai-python/1.0.0", "endpoint": "/v1/embeddings"}),  # type: ignore[arg-type]
    )
    refresh(company.organization.pk, at - timedelta(days=1), at + timedelta(days=1))
    budget = {"name": "B", "scope": "team", "scope_value": str(company.search.pk), "amount": "5", "period": "month"}
    assert caller("key_write").post("/api/v1/budgets", budget, format="json").status_code == 201

    def ask(role: str, **wanted: Any) -> Any:
        answer = caller(role).post(f"{URL}/migration-guide", {"language": "python", **wanted}, format="json")
        assert answer.status_code == 200, answer.json()
        return answer.json()

    plain = ask("admin")
    assert plain["personal"] is None
    assert [(one["subject"], one["kind"], one["concern"]) for one in plain["steps"]] == [
        ("Ask.tone", "breaking", None), ("embeddings.create(dry)", "breaking", None),
        ("manage.budgets.create(note)", "breaking", None), ("manage.teams.look(old)", "breaking", None),
        ("embeddings.create", "deprecated", None),
    ]  # fmt: skip
    assert plain["markdown"].startswith("# Python: from 1.0.0 to 2.0.0\n\n4 changes break code, 1 is a deprecation.\n")
    assert "```python\n" in plain["markdown"]

    said = ask("admin", personal=True)
    states = [one["concern"]["state"] for one in said["steps"]]
    assert states == ["concerns", "not_seen", "maybe", "unknown", "not_seen"]
    chat = said["steps"][0]["concern"]
    assert (chat["requests"], chat["versions"], chat["endpoints"]) == (4, ["1.0.0"], ["/v1/chat/completions"])
    assert (chat["models"], chat["last_seen"]) == (["gpt-4o"], f"{at:%Y-%m-%d}T00:00:00Z")
    assert sorted(chat["keys"]) == sorted({company.keys["bob"].name, company.keys["ads"].name})
    assert said["steps"][2]["concern"]["text"].startswith("Management keys changed such objects 1 times")
    assert said["personal"]["concerns"] == 1
    assert "not its fields" in said["personal"]["limits"][0]
    assert f"{chat['text']}" in said["markdown"].replace("\\", "")

    bob = ask("developer", personal=True)
    assert bob["steps"][0]["concern"]["requests"] == 3  # his own calls alone
    assert bob["steps"][2]["concern"]["state"] == "unknown"
    assert bob["personal"]["limits"][-1].startswith("You may not read the audit trail")
    mallory = ask("mallory", personal=True)
    assert mallory["steps"][0]["concern"]["state"] == "not_seen"

    client = caller("admin")
    with django_assert_num_queries(7):  # who asks, releases, the scope, the audit trail, keys; figures are kept
        client.post(f"{URL}/migration-guide", {"language": "python", "personal": True}, format="json")


@pytest.mark.slow
def test_objects_of_the_audit_trail_are_places_of_a_client(api: Api) -> None:
    places = {one.path[1] for one in api.resources if one.path[0] == "manage" and len(one.path) > 1}

    assert set(OBJECTS.values()) <= places
