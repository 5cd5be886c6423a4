"""The official MCP client against the server: over stdio and over HTTP, with real views and a real data plane."""

import json
import os
import subprocess
import sys
from typing import Any

import pytest
from django.db import connection

from costs.models import Budget
from sdkgen import builds
from sdkgen.ir.nodes import Api
from tests import factories
from tests.gateway.dataplane.conftest import World
from tests.gateway.dataplane.stack import ROOT

pytestmark = pytest.mark.slow
PYTHON = ROOT / ".toolchains/mcp/bin/python"
BUDGET = {"name": "From an assistant", "scope": "organization", "amount": "10"}


def run(said: dict[str, Any]) -> dict[str, Any]:
    """What the client saw."""
    if not PYTHON.exists():
        missing = "no MCP client: scripts/toolchains/install.sh mcp"
        if os.environ.get("CI"):
            pytest.fail(missing)
        pytest.skip(missing)
    done = subprocess.run(
        [str(PYTHON), str(ROOT / "tests/sdkgen/mcp/client.py.txt")], input=json.dumps(said), capture_output=True,
        text=True, timeout=400, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-4000:]
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def stdio(*arguments: str, **environment: str) -> dict[str, Any]:
    return {
        "command": [sys.executable, "manage.py", "mcp_server", *arguments], "cwd": str(ROOT),
        "env": {**os.environ, **environment},
    }  # fmt: skip


def database_url() -> str:
    """Of the tests' own database, which the command reads scopes from."""
    said = connection.settings_dict
    base = os.environ["DATABASE_URL"]
    head, _, _ = base.partition("?")
    return base.replace(head, f"{head.rpartition('/')[0]}/{said['NAME']}", 1)


@pytest.mark.django_db(transaction=True)
def test_management_over_http_and_stdio(live_server: Any, settings: Any, api: Api,
                                        monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    monkeypatch.setattr(builds, "representation", lambda: api)
    settings.GATEWAY_INTERNAL_URL = live_server.url
    company = factories.acme()
    calls = [
        ["teams_list", {"page_size": 1}],
        ["budgets_create", BUDGET],
        ["teams_retrieve", {"id": str(company.globex_team.pk)}],
        ["teams_list", {"nothing": 1}],
    ]

    def http(name: str, query: str = "") -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {company.secrets[name]}"}
        return run({"url": f"{live_server.url}/mcp{query}", "headers": headers, "calls": calls})

    reading = http("read")
    assert reading["version"] == "2025-11-25"
    assert reading["pages"] == 2
    names = {tool["name"]: tool for tool in reading["tools"]}
    assert len(names) > 150
    assert "budgets_create" not in names
    assert names["teams_list"]["annotations"]["readOnlyHint"] is True
    assert names["teams_list"]["inputSchema"]["properties"]["page_size"]["type"] == "integer"
    listed, refused, foreign, unknown = reading["results"]
    assert not listed["is_error"]
    assert [one["name"] for one in json.loads(listed["text"])["results"]] == ["Ads"]
    assert "There is no tool 'budgets_create' for this key" in refused["raised"]
    assert foreign["is_error"]
    assert foreign["text"].startswith("not_found: ")
    assert "request req_" in foreign["text"]
    assert unknown == {"text": unknown["text"], "is_error": True}
    assert unknown["text"].startswith("Unknown: nothing. Known are ")

    assert "raised" in http("write")["results"][1]  # not without being asked for
    writing = http("write", "?write=true&only=manage.budgets.*&only=manage.teams.*")
    assert {tool["title"].rpartition(".")[0] for tool in writing["tools"]} == {"manage.budgets", "manage.teams"}
    assert json.loads(writing["results"][1]["text"])["amount"] == "10.0000000000"
    assert Budget.objects.get().name == "From an assistant"

    command = stdio(
        "--base-url", live_server.url, "--only", "manage.teams.*", GATEWAY_MANAGEMENT_KEY=company.secrets["read"],
        DATABASE_URL=database_url(), DATABASE_DIRECT_URL=database_url(),
    )  # fmt: skip
    by_stdio = run({**command, "calls": calls})
    assert {tool["name"] for tool in by_stdio["tools"]} == {name for name in names if name.startswith("teams_")}
    assert by_stdio["results"][0] == listed
    assert "raised" in by_stdio["results"][1]


def test_calls_of_models_over_stdio(world: World) -> None:
    environment = world.stack.environment() | {"GATEWAY_API_KEY": world.secret}
    command = stdio("--base-url", f"http://127.0.0.1:{world.stack.port}", **environment)
    messages = [{"role": "user", "content": "Hi"}]
    said = run({**command, "calls": [
        ["chat_completions_create", {"model": "gpt-4o-mini", "messages": messages}],
        ["chat_completions_create", {"model": "no-such-model", "messages": messages}],
        ["embeddings_create", {"model": "text-embedding-3-small", "input": "a", "dimensions": 4}],
        ["chat_completions_create", {"model": "gpt-4o-mini"}],
    ]})  # fmt: skip

    assert {tool["name"] for tool in said["tools"]} == {
        "chat_completions_create", "embeddings_create", "v1_models_list", "v1_models_retrieve",
    }  # fmt: skip
    answer, unknown, vector, missing = said["results"]
    assert json.loads(answer["text"])["choices"][0]["message"]["content"]
    assert unknown["is_error"]
    assert unknown["text"].startswith("model_not_found: ")
    assert len(json.loads(vector["text"])["data"][0]["embedding"]) == 4
    assert missing == {"text": "Missing: messages.", "is_error": True}
