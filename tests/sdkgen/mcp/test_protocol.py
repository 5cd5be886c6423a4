"""What the server answers to messages, good and bad; hostile documents; bounds of results. No network."""

import json
import re
from dataclasses import replace
from typing import Any

import pytest
from rest_framework.test import APIClient

from sdkgen import builds
from sdkgen.ir.nodes import Api
from sdkgen.mcp import calls
from sdkgen.mcp.protocol import Outcome, Server
from sdkgen.mcp.schema import LARGEST, Schemas
from sdkgen.mcp.tools import Call, tools_of
from tests.factories import Acme
from tests.gateway.api.conftest import company  # noqa: F401  (fixture)
from tests.sdkgen.languages.test_packages import _poisoned


def server_of(api: Api, made: list[Call] | None = None, *, may_write: bool = False) -> Server:
    methods = [method for resource in api.resources for method in resource.methods]
    reads = {one.id for one in methods if one.http == "GET"}

    def caller(call: Call) -> Outcome:
        if made is not None:
            made.append(call)
        return Outcome("ok")

    found = tools_of(api, allowed={one.id for one in methods}, reads=reads, may_write=may_write)
    return Server(version="1", tools=lambda: (found, Schemas({one.name: one for one in api.types})), caller=caller)


def ask(server: Server, method: str, **parameters: Any) -> Any:
    return server.answer({"jsonrpc": "2.0", "id": 7, "method": method, "params": parameters})


def every_tool(server: Server) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    cursor: dict[str, str] = {}
    while True:
        page = ask(server, "tools/list", **cursor)["result"]
        found += page["tools"]
        if "nextCursor" not in page:
            return found
        cursor = {"cursor": page["nextCursor"]}


def test_the_handshake(api: Api) -> None:
    server = server_of(api)

    assert ask(server, "initialize", protocolVersion="2025-06-18")["result"]["protocolVersion"] == "2025-06-18"
    assert ask(server, "initialize", protocolVersion="2099-01-01")["result"]["protocolVersion"] == "2025-11-25"
    assert ask(server, "ping") == {"jsonrpc": "2.0", "id": 7, "result": {}}
    assert server.answer({"jsonrpc": "2.0", "method": "notifications/initialized"}) is None


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ("{", -32700),
        ("[" * 100_000, -32700),
        ("[]", -32600),
        ('{"id": 1, "method": "ping"}', -32600),
        ('{"jsonrpc": "2.0", "id": true, "method": "ping"}', -32600),
        ('{"jsonrpc": "2.0", "id": 1}', -32600),
        ('{"jsonrpc": "2.0", "id": 1, "method": "server/discover"}', -32601),
        ('{"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {"cursor": "zzz"}}', -32602),
        ('{"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": []}', -32602),
        ('{"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "alerts_create"}}', -32602),
        ('"' + "x" * 1_000_001 + '"', -32600),
    ],
)  # fmt: skip
def test_messages_that_are_wrong(api: Api, said: str, code: int) -> None:
    answer = server_of(api).answer_text(said)

    assert answer is not None
    assert json.loads(answer)["error"]["code"] == code


def test_a_call_becomes_a_request(api: Api) -> None:
    made: list[Call] = []
    server = server_of(api, made, may_write=True)

    def call(name: str, /, **arguments: Any) -> Any:
        return ask(server, "tools/call", name=name, arguments=arguments)["result"]

    assert call("teams_retrieve", id="a/../b?c") == {"content": [{"type": "text", "text": "ok"}], "isError": False}
    call("teams_list", page=2, search="a&b")
    call("budgets_create", name="x", scope="organization", amount="1")
    assert call("teams_retrieve", id="..")["isError"]
    assert call("teams_retrieve")["content"][0]["text"] == "Missing: id."
    assert [(one.http, one.path, one.auth) for one in made] == [
        ("GET", "/api/v1/teams/a%2F..%2Fb%3Fc", "management"),
        ("GET", "/api/v1/teams?page=2&search=a%26b", "management"),
        ("POST", "/api/v1/budgets", "management"),
    ]
    assert json.loads(made[2].body or b"") == {"name": "x", "scope": "organization", "amount": "1"}


def test_hostile_documents_stay_bounded_text(api: Api) -> None:
    poisoned = _poisoned(api)
    long = replace(poisoned, resources=tuple(
        replace(one, methods=tuple(replace(method, doc="x" * 100_000) for method in one.methods))
        for one in poisoned.resources
    ))  # fmt: skip
    for hostile in (poisoned, long):
        for tool in every_tool(server_of(hostile, may_write=True)):
            assert re.fullmatch(r"[A-Za-z0-9_\-]{1,64}", tool["name"])
            assert len(tool["description"]) <= 800
            assert len(json.dumps(tool["inputSchema"])) <= LARGEST
            said = json.dumps(tool, ensure_ascii=False)
            assert not re.search(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2066-\u2069]", said), tool["name"]


def test_tools_do_not_write_unless_asked(api: Api) -> None:
    reading, writing = ({tool["name"]: tool for tool in every_tool(server_of(api, may_write=w))} for w in (False, True))

    assert set(reading) < set(writing)
    new = [tool for name, tool in writing.items() if name not in reading]
    assert {tool["annotations"]["readOnlyHint"] for tool in new} == {False}
    assert {name for name, tool in reading.items() if not tool["annotations"]["readOnlyHint"]} == {
        "chat_completions_create", "embeddings_create",
    }  # fmt: skip
    assert "paid for" in reading["chat_completions_create"]["description"]


def test_results_and_errors_are_bounded_texts() -> None:
    cut = calls.result_text(json.dumps({"a": "\u202e" + "x" * 100_000}).encode())
    assert len(cut) < calls.LONGEST + 200
    assert "[cut: 60000 of 100008 characters" in cut
    assert "\u202e" not in cut
    assert calls.result_text(b"") == "Done."

    problem = {"code": "invalid", "detail": "1 input is wrong.", "request_id": "req_1",
               "errors": [{"field": "name", "message": "This field is required."}]}  # fmt: skip
    said = calls.error_text(400, json.dumps(problem).encode(), "")
    assert said == "invalid: 1 input is wrong. (status 400, request req_1)\n- name: This field is required."
    openai = {"error": {"message": "No such model.", "type": "invalid_request_error", "code": "model_not_found"}}
    assert calls.error_text(404, json.dumps(openai).encode(), "req_2") == (
        "model_not_found: No such model. (status 404, request req_2)"
    )
    assert calls.error_text(502, b"<html>", "") == "error: The gateway answered 502. (status 502)"
    gone = calls.Gateway("http://127.0.0.1:9")(Call("GET", "/x", None, "key"))
    assert (gone.is_error, gone.text.partition(";")[0]) == (True, "The gateway at http://127.0.0.1:9 cannot be reached")


def test_the_endpoint_refuses(company: Acme, api: Api, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    monkeypatch.setattr(builds, "representation", lambda: api)
    ping = {"jsonrpc": "2.0", "id": 1, "method": "ping"}

    def post(secret: str | None = None, **headers: str) -> Any:
        given = {"HTTP_AUTHORIZATION": f"Bearer {secret}"} if secret else {}
        return APIClient().post("/mcp", ping, format="json", **given, **headers)

    assert post(company.secrets["read"]).json() == {"jsonrpc": "2.0", "id": 1, "result": {}}
    assert post(company.secrets["bob"]).status_code == 200
    for refused in (post(), post("gw-wrong")):
        assert (refused.status_code, refused["WWW-Authenticate"]) == (401, 'Bearer realm="mcp"')
    assert post(company.secrets["read"], HTTP_ORIGIN="https://evil.example").status_code == 403
    assert post(company.secrets["read"], HTTP_ORIGIN="http://testserver").status_code == 200
    assert post(company.secrets["read"], HTTP_MCP_PROTOCOL_VERSION="2099-01-01").status_code == 400
    assert APIClient().get("/mcp").status_code == 405
    notification = APIClient().post(
        "/mcp", {"jsonrpc": "2.0", "method": "notifications/initialized"}, format="json",
        HTTP_AUTHORIZATION=f"Bearer {company.secrets['read']}",
    )  # fmt: skip
    assert (notification.status_code, notification.content) == (202, b"")
