"""Logged bodies: off by default; redacted and encrypted before they are stored; whole streams too."""

import json
from typing import Any

import pytest

from gateway import credentials
from gateway.dataplane.bodies import redaction
from tests.gateway.dataplane.conftest import World
from tests.gateway.dataplane.stack import Stack

MAIL = "bob@example.com"


class Logged:
    """An organization that keeps bodies."""

    def __init__(self, stack: Stack, slug: str, **policy: Any) -> None:
        self.stack = stack
        self.organization = stack.organization(slug)
        self.secret, self.key_id = stack.key(self.organization, stack.project(self.organization))
        base = {
            "organization_id": self.organization, "project_id": None, "is_enabled": True, "retention_days": 7,
            "max_body_bytes": 65_536,
        }  # fmt: skip
        stack.insert("gateway_bodypolicy", **base | policy)
        stack.wait_until_current()

    def chat(self, content: str, request_id: str, **fields: Any) -> Any:
        body = {"model": "gpt-4o", "messages": [{"role": "user", "content": content}], "max_tokens": 12, **fields}
        return self.stack.request("POST", "/v1/chat/completions", body, self.secret, X_Request_ID=request_id)

    def stored(self, request_id: str) -> dict[str, Any]:
        def rows() -> list[dict[str, Any]]:
            with self.stack.connect() as connection:
                return connection.execute(
                    "SELECT * FROM gateway_loggedbody WHERE request_id = %s", [request_id]
                ).fetchall()

        self.stack.wait_for(rows)
        return rows()[0]


@pytest.fixture
def logged(world: World, request: pytest.FixtureRequest) -> Logged:
    return Logged(world.stack, f"bodies-{request.node.name.removeprefix('test_').replace('_', '-')}"[:50])


def test_a_call_is_kept_redacted_and_encrypted(logged: Logged) -> None:
    answer = logged.chat(f"write to {MAIL}", "bodies-1")

    row = logged.stored("bodies-1")
    request = json.loads(credentials.decrypt(bytes(row["request"])))
    assert MAIL.encode() not in bytes(row["request"])
    assert request["messages"][0]["content"] == "write to [REDACTED:email]"
    assert json.loads(credentials.decrypt(bytes(row["response"]))) == answer.json()
    assert str(row["organization"]) == logged.organization
    assert str(row["api_key"]) == logged.key_id
    assert (row["expires_at"] - row["logged_at"]).days == 7
    assert row["is_truncated"] is False


def test_a_stream_is_kept_as_its_events(logged: Logged) -> None:
    logged.chat("tell", "bodies-2", stream=True)

    kept = credentials.decrypt(bytes(logged.stored("bodies-2")["response"]))
    chunks = [json.loads(line[6:]) for line in kept.splitlines() if line.startswith("data: {")]
    assert chunks[-1]["choices"][0]["finish_reason"] == "length"


def test_long_bodies_are_cut_and_marked(world: World) -> None:
    logged = Logged(world.stack, "bodies-cut", max_body_bytes=256)

    logged.chat("word " * 500, "bodies-3")

    row = logged.stored("bodies-3")
    assert row["is_truncated"] is True
    assert len(credentials.decrypt(bytes(row["request"]))) == 256


def test_nothing_is_kept_without_a_policy(world: World, logged: Logged) -> None:
    world.stack.chat(world.secret, "gpt-4o", "not kept", max_tokens=3)
    logged.chat("kept", "bodies-4")
    logged.stored("bodies-4")

    with world.stack.connect() as connection:
        row = connection.execute(
            "SELECT count(*) AS n FROM gateway_loggedbody WHERE organization = %s", [world.organization]
        ).fetchone()
    assert row is not None
    assert row["n"] == 0


def test_what_is_split_between_two_events_is_redacted() -> None:
    def chunk(content: str) -> bytes:
        return b"data: " + json.dumps({"choices": [{"index": 0, "delta": {"content": content}}]}).encode() + b"\n\n"

    kept = redaction.response_text(chunk("to bob@exa") + chunk("mple.com"), "openai-chat", is_stream=True)

    contents = [json.loads(line[6:])["choices"][0]["delta"]["content"] for line in kept.splitlines() if line]
    assert "".join(contents) == "to [REDACTED:email]"


@pytest.mark.parametrize("dialect", ["openai-embeddings", "unheard-of"])
def test_streams_of_other_kinds_are_redacted_as_text(dialect: str) -> None:
    assert (
        redaction.response_text(b"data: bob@example.com\n\n", dialect, is_stream=True) == "data: [REDACTED:email]\n\n"
    )


def test_personal_data_beside_the_texts_is_redacted_too() -> None:
    mail = "eve@example.com"
    fields = {
        "model": "m", "user": mail, "metadata": {"by": mail}, "n": 1,
        "messages": [{"role": "user", "name": mail, "content": [
            {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": f"from {mail}"}}]}],
        "tools": [{"name": "f", "description": f"Writes to {mail}."}],
    }  # fmt: skip
    answer = {"output": [], "user": mail, "metadata": {"by": mail}}
    event = {"type": "response.created", "response": answer}
    stream = b"event: response.created\ndata: " + json.dumps(event).encode() + b"\n\n"

    text, _ = redaction.request_text(fields, 10_000)
    whole = redaction.response_text(json.dumps(answer).encode(), "openai-responses", is_stream=False)
    streamed = redaction.response_text(stream, "openai-responses", is_stream=True)

    assert [found.count(mail) for found in (text, whole, streamed)] == [0, 0, 0]
    assert [found.count("[REDACTED:email]") for found in (text, whole, streamed)] == [5, 2, 2]
    assert json.loads(text)["n"] == 1
