"""Five minutes of Schemathesis over both APIs of a running gateway, always the same ones."""

from pathlib import Path

import pytest

from tests.fuzz_api import fuzz, prepared, turns
from tests.gateway.dataplane.stack import free_port


@pytest.mark.slow
def test_nothing_is_found_in_five_minutes(tmp_path: Path) -> None:
    assert fuzz(5, 1, tmp_path, free_port()) == []


def test_every_caller_has_its_share_in_turns_that_a_token_outlives() -> None:
    shares: dict[str, int] = {}
    for turn, seconds in turns(60):
        assert seconds <= 600
        shares[turn.caller] = shares.get(turn.caller, 0) + seconds

    assert shares == {"write key": 1440, "virtual key": 720, "owner": 720, "analyst": 360, "read key": 360}


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
