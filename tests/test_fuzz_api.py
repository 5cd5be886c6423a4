"""Five minutes of Schemathesis over both APIs of a running gateway, always the same ones."""

from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import schemathesis
from schemathesis.checks import CHECKS
from schemathesis.config import SchemathesisConfig

from tests import conftest
from tests.fuzz_api import LINKS, Turn, faults_of, fuzz, prepared, settings_of, turns, untried
from tests.fuzz_bodies import Bodies
from tests.gateway.dataplane.stack import free_port


@pytest.mark.slow(always=True)
def test_nothing_is_found_in_five_minutes(tmp_path: Path) -> None:
    assert fuzz(5, 1, tmp_path, free_port()) == []


@pytest.mark.parametrize(("mark", "is_skipped"), [(pytest.mark.slow, True), (pytest.mark.slow(always=True), False)])
def test_it_runs_whatever_the_time_is(
    mark: pytest.MarkDecorator, is_skipped: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLOW_UNTIL", "1")
    item: Any = SimpleNamespace(get_closest_marker=lambda name: mark.mark)

    with pytest.raises(pytest.skip.Exception) if is_skipped else nullcontext():
        conftest.pytest_runtest_setup(item)
    assert test_nothing_is_found_in_five_minutes.pytestmark == [pytest.mark.slow(always=True).mark]  # type: ignore[attr-defined]


SCHEMA = {
    "type": "object", "required": ["count", "id"],
    "properties": {
        "id": {"type": "string", "readOnly": True}, "count": {"type": "integer"}, "is_on": {"type": "boolean"},
        "name": {"type": ["string", "null"], "maxLength": 3}, "kind": {"type": "string", "enum": ["a"]},
        "price": {"oneOf": [{"type": "string", "format": "decimal", "pattern": "^[0-9]+$"}, {"type": "null"}]},
        "type": {"type": "array", "items": {"$ref": "#/components/schemas/One"}},
    },
}  # fmt: skip
BODY = {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/One"}}}}
OPERATION = {"post": {"requestBody": BODY}}
DOCUMENT = {
    "openapi": "3.1.0", "components": {"schemas": {"One": SCHEMA}},
    "paths": {"/api/v1/ones/{id}/do": OPERATION, "/v1/chat/completions": OPERATION},
}  # fmt: skip


@pytest.mark.parametrize(
    ("body", "is_refused"),
    [({"count": 1}, False), ({"count": "1"}, False), ({"count": 1, "is_on": "Yes"}, False),
     ({"count": 1, "id": []}, False), ({"count": 1, "name": 7}, False), ({"count": 1, "other": {}}, False),
     ({"count": 1, "type": [{"count": "2"}]}, False), ({"count": 1, "name": " abc "}, False),
     ({"count": 1, "price": "1e2"}, False), ({"count": 1, "price": True}, True),
     ({}, True), ([], True), ({"count": "x"}, True), ({"count": 1, "is_on": "si"}, True),
     ({"count": 1, "name": []}, True), ({"count": 1, "name": "abcd"}, True), ({"count": 1, "kind": "b"}, True),
     ({"count": 1, "type": [{}]}, True)],
)  # fmt: skip
def test_what_a_schema_refuses_though_it_is_read_generously(body: Any, is_refused: bool) -> None:
    bodies = Bodies(DOCUMENT)

    assert (bodies.fault("POST", "/api/v1/ones/{id}/do", body) is not None) == is_refused
    assert bodies.fault("POST", "/v1/chat/completions", body) is None
    assert bodies.fault("GET", "/api/v1/ones/{id}/do", body) is None


def test_every_caller_has_its_share_in_turns_that_a_token_outlives() -> None:
    shares: dict[str, int] = {}
    for turn, seconds in turns(60):
        assert seconds <= 600
        shares[turn.name] = shares.get(turn.name, 0) + seconds

    assert shares == {
        "write key": 1080, "write key, links": 720, "virtual key": 720, "owner, links": 360, "analyst": 360,
        "read key": 360,
    }  # fmt: skip


PLAIN, LINKED = Turn("owner", "/api/", 1), Turn("owner", "/api/", 1, LINKS)


def report(**changes: Any) -> dict[str, Any]:
    """As Schemathesis 4.32 writes it."""
    phases = {name: {"status": "success", "skip_reason": None} for name in ("examples", "coverage", "fuzzing", LINKS)}
    return {
        "complete": True, "stop_reason": "max_time", "exit_code": 0, "phases": phases, "failures": [], "errors": [],
        "operations": {"total": 100, "selected": 100, "tested": 100}, "test_cases": {"generated": 7},
    } | changes  # fmt: skip


@pytest.mark.parametrize(
    ("turn", "changes", "expected"),
    [
        (PLAIN, {}, []),
        (PLAIN, {"failures": [{"title": "Server error", "operations": ["GET /a", "GET /b"]}], "exit_code": 1},
         ["owner: Server error: GET /a, GET /b"]),
        (PLAIN, {"errors": [{"title": "Network Error", "count": 3}], "exit_code": 1},
         ["owner: error: Network Error, 3 times"]),
        (PLAIN, {"complete": False, "stop_reason": "error"}, ["owner: stopped early: error"]),
        (PLAIN, {"exit_code": 2}, ["owner: exit status 2"]),
        (PLAIN, {"test_cases": {"generated": 0}}, ["owner: no call was made"]),
        (PLAIN, {"phases": {LINKS: {"status": "skip", "skip_reason": None}}}, []),
        (LINKED, {}, []),
        (LINKED, {"phases": {LINKS: {"status": "skip", "skip_reason": None}}}, ["owner, links: no link was followed"]),
        (LINKED, {"phases": None}, ["owner, links: no link was followed"]),
    ],
)  # fmt: skip
def test_a_turn_that_did_not_look_is_a_fault(turn: Turn, changes: dict[str, Any], expected: list[str]) -> None:
    assert faults_of(turn, report(**changes)) == expected


def test_a_twentieth_may_be_left_out_in_all_turns_together() -> None:
    def tried(prefix: str, tested: int) -> tuple[Turn, dict[str, Any]]:
        return Turn("owner", prefix, 1), report(operations={"total": 100, "selected": 100, "tested": tested})

    assert untried([tried("/api/", 40), tried("/api/", 95), tried("/v1/", 95)]) == []
    assert untried([tried("/api/", 94), tried("/v1/", 100)]) == ["/api/: 94 of 100 operations were tried"]
    assert untried([(PLAIN, report(operations=None))]) == ["/api/: 0 of 1 operations were tried"]


def test_the_document_names_the_company_and_leaves_out_what_would_end_the_run() -> None:
    operation = {"parameters": [{"name": "X-Organization", "in": "header", "examples": {}}], "responses": {}}
    archive = {"/api/v1/organizations/{id}/archive": {"post": {**operation}}}
    document = {"paths": {**archive, "/api/v1/teams": {"get": operation}}}

    assert prepared(document, "demo")["paths"] == {
        "/api/v1/teams": {
            "get": {
                "parameters": [
                    {"name": "X-Organization", "in": "header", "schema": {"type": "string", "enum": ["demo"]}}
                ],
                "responses": {},
            }
        }
    }


@pytest.mark.slow
def test_two_checks_say_nothing_where_a_body_or_a_query_is_taken_and_all_others_run(tmp_path: Path) -> None:
    number = {"required": True, "schema": {"type": "integer"}}
    one, page = ({"in": "path", "name": "id", **number}, {"in": "query", "name": "page", **number})
    body = {"content": {"application/json": {"schema": {"type": "object"}}}}
    answers = {"responses": {"200": {"description": "Well."}}}
    paths = {
        "/a": {"get": answers, "post": {"requestBody": body, **answers}},
        "/b/{id}": {"get": {"parameters": [one, page], **answers}, "delete": {"parameters": [one], **answers}},
    }
    file = tmp_path / "schemathesis.toml"
    file.write_text(settings_of({"paths": paths}))
    document = {"openapi": "3.1.0", "info": {"title": "a", "version": "1"}, "paths": paths}
    schema = schemathesis.openapi.from_dict(document, config=SchemathesisConfig.from_path(file))

    left_out = {}
    for found in schema.get_all_operations():
        checks = schema.config.checks_config_for(operation=found.ok())
        left_out[found.ok().label] = {name for name in CHECKS.get_all_names() if not getattr(checks, name).enabled}

    unsaid = {"positive_data_acceptance", "negative_data_rejection"}
    assert left_out == {"GET /a": set(), "POST /a": unsaid, "GET /b/{id}": unsaid, "DELETE /b/{id}": set()}
