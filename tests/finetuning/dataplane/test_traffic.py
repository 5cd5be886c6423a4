"""From a call to a training file: data plane, spool, ledger, logged body, management API; nothing made by hand."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.finetuning.dataplane.conftest import client_of
from tests.gateway.dataplane.conftest import World


@pytest.fixture(scope="module")
def keys(with_console: World) -> dict[str, str]:
    """Secrets of a project that keeps bodies and lets them be learned from; `project`: its id."""
    stack = with_console.stack
    organization = stack.organization("learning")
    project = stack.project(organization)
    stack.insert(
        "gateway_bodypolicy", organization_id=organization, project_id=None, is_enabled=True, retention_days=7,
        max_body_bytes=65_536, allows_training=True,
    )  # fmt: skip
    calls, _ = stack.key(organization, project)
    scopes = ["inference", "manage:read", "manage:write"]
    manages, _ = stack.key(organization, project, scopes=scopes)
    stack.wait_until_current()
    return {"calls": calls, "manages": manages, "project": project}


def kept(world: World, request_id: str) -> bool:
    with world.stack.connect() as connection:
        rows = connection.execute("SELECT 1 FROM gateway_loggedbody WHERE request_id = %s", [request_id]).fetchall()
    return bool(rows)


def test_calls_become_a_file(with_console: World, keys: dict[str, str]) -> None:
    stack = with_console.stack
    asked: dict[str, dict[str, Any]] = {
        "learn-1": {"content": "What is a heron?"}, "learn-2": {"content": "What is a tern?", "stream": True},
        "learn-3": {"content": "Mail jane@corp-mail.io."}, "learn-no": {"content": "Keep this to yourself."},
    }  # fmt: skip
    with client_of(with_console, keys["calls"]) as client:
        for request_id, call in asked.items():
            tags = "consent=no" if request_id == "learn-no" else "feature=birds"
            answer: Any = client.chat.completions.create(
                model="gpt-4o-mini", messages=[{"role": "user", "content": call["content"]}],
                stream=call.get("stream", False),
                extra_headers={"X-Request-ID": request_id, "X-Gateway-Tags": tags},
            )  # fmt: skip
            if call.get("stream"):
                list(answer)
    for request_id in asked:
        stack.wait_for(lambda request_id=request_id: kept(with_console, request_id))
    stack.book()
    now = datetime.now(UTC)
    window = {"start": (now - timedelta(hours=1)).isoformat(), "end": (now + timedelta(hours=1)).isoformat()}

    made = stack.request(
        "POST", "/api/v1/fine-tuning/files/from-traffic",
        {"project": keys["project"], "consent": True, "name": "birds.jsonl", **window}, keys["manages"],
    )  # fmt: skip

    assert made.status == 201, made.body
    file = made.json()
    assert (file["lines"], file["lineage"]["skipped"]) == (3, {"consent_withdrawn": 1})
    content = stack.request("GET", f"/api/v1/fine-tuning/files/{file['id']}/content", None, keys["manages"])
    lines = [json.loads(line)["messages"] for line in content.body.splitlines()]
    assert [messages[0]["content"] for messages in lines] == [
        "What is a heron?", "What is a tern?", "Mail [REDACTED:email].",
    ]  # fmt: skip
    assert all([message["role"] for message in messages] == ["user", "assistant"] for messages in lines)
    assert all(messages[1]["content"] for messages in lines)
    # the same file by OpenAI's path
    with client_of(with_console, keys["calls"]) as client:
        assert client.files.content(file["public_id"]).content == content.body
