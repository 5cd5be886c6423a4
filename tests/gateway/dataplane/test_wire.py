"""What the official clients do not show: bytes, headers, broken streams, caps and fallbacks in every dialect."""

import json
from typing import Any

import pytest

from tests.gateway.dataplane.conftest import Recorder, World
from tests.gateway.dataplane.stack import Answer

CHAT, RESPONSES, MESSAGES, TEXT = "/v1/chat/completions", "/v1/responses", "/v1/messages", "/v1/completions"
BODIES: dict[str, dict[str, Any]] = {
    CHAT: {"messages": [{"role": "user", "content": "hello"}]},
    RESPONSES: {"input": "hello"},
    MESSAGES: {"messages": [{"role": "user", "content": "hello"}], "max_tokens": 50},
    TEXT: {"prompt": "hello"},
}
ENDS = {
    CHAT: "data: [DONE]",
    TEXT: "data: [DONE]",
    MESSAGES: 'event: message_stop\ndata: {"type":"message_stop"}',
}
KINDS = ("openai", "anthropic", "mistral")
EVERY = pytest.mark.parametrize("path", [CHAT, RESPONSES, MESSAGES, TEXT])
OF_EVERY_KIND = pytest.mark.parametrize("kind", KINDS)
FAULTS = ("cut-stream", "error-in-stream", "no-usage", "error-429", "error-500", "bad-json", "hang-after-first")


@pytest.fixture(scope="session")
def faulty(world: World) -> World:
    """Models `<kind>/<fault>` at a provider of each kind, and `<kind>/ok`."""
    stack = world.stack
    for kind in KINDS:
        provider = stack.provider(f"faulty-{kind}", kind=kind)
        for fault in FAULTS:
            stack.model(provider, f"{kind}/{fault}", f"sim-fault-{fault}")
        stack.model(provider, f"{kind}/ok", "claude-sonnet-5-5" if kind == "anthropic" else "gpt-4o-mini")
    stack.wait_until_current()
    return world


@pytest.fixture
def call(faulty: World) -> Any:
    def send(path: str, model: str, request_id: str = "", **fields: Any) -> Answer:
        headers = {"X_Request_ID": request_id} if request_id else {}
        return faulty.stack.request("POST", path, {"model": model, **BODIES[path], **fields}, faulty.secret, **headers)

    return send


PASSES = {"openai": (CHAT, RESPONSES, TEXT), "anthropic": (MESSAGES,), "mistral": (CHAT,)}


def said_usage(answer: Answer, path: str, *, stream: bool) -> dict[str, Any]:
    """The `usage` that the client got, of a stream the last one."""
    if not stream:
        return dict(answer.json()["usage"])
    events = [event.partition("data:")[2].strip() for event in events_of(answer) if "data:" in event]
    said = [json.loads(event) for event in events if event != "[DONE]"]
    if path == RESPONSES:
        return dict(said[-1]["response"]["usage"])
    return dict([event["usage"] for event in said if event.get("usage")][-1])


def events_of(answer: Answer) -> list[str]:
    return answer.body.decode().strip().split("\n\n")


@EVERY
@OF_EVERY_KIND
def test_the_comment_stands_before_the_mark_that_ends_a_stream(call: Any, path: str, kind: str) -> None:
    answer = call(path, f"{kind}/ok", stream=True)

    events = events_of(answer)
    if path in ENDS:
        assert events.pop().replace(": ", ":").replace("data:", "data: ").replace("event:", "event: ") == ENDS[path]
    assert events[-1].startswith(": gateway {")
    note = json.loads(events[-1].removeprefix(": gateway "))
    assert set(note) == {"cost", "request_id"}
    if path == RESPONSES:
        assert events[-2].startswith("event: response.completed\n")
    if path == MESSAGES:
        assert events[-2].startswith("event: message_delta\n")


@EVERY
@OF_EVERY_KIND
def test_a_stream_that_breaks_ends_with_an_error_in_the_clients_dialect(
    faulty: World, call: Any, path: str, kind: str
) -> None:
    name = f"cut{path}-{kind}".replace("/", "-")
    answer = call(path, f"{kind}/cut-stream", name, stream=True)

    events = events_of(answer)
    assert events[-1].startswith(": gateway {")
    error = json.loads(events[-2].partition("data: ")[2])
    message = error["message"] if path == RESPONSES else error["error"]["message"]
    assert message == "The provider's stream ended early (connection_lost)."
    if path == MESSAGES:
        assert (error["type"], error["error"]["type"]) == ("error", "api_error")
    if path == RESPONSES:
        assert error["type"] == "error"
        numbers = [json.loads(event.partition("data: ")[2])["sequence_number"] for event in events[:-1]]
        assert numbers == list(range(len(numbers)))
    (line,) = faulty.stack.lines(name)
    assert (line["status"], line["usage_source"]) == ("upstream_error", "estimated")
    assert line["output_tokens"] > 0


@EVERY
@OF_EVERY_KIND
def test_an_error_inside_a_stream_reaches_the_client(faulty: World, call: Any, path: str, kind: str) -> None:
    name = f"inside{path}-{kind}".replace("/", "-")
    answer = call(path, f"{kind}/error-in-stream", name, stream=True)

    assert "error" in events_of(answer)[-2]
    assert path not in ENDS or not answer.body.decode().strip().endswith(ENDS[path])
    (line,) = faulty.stack.lines(name)
    assert (line["status"], line["error_type"]) == ("upstream_error", "stream_error")


@EVERY
@OF_EVERY_KIND
@pytest.mark.parametrize("stream", [False, True])
def test_tokens_are_counted_where_the_provider_reports_none(
    faulty: World, call: Any, path: str, kind: str, stream: bool
) -> None:
    name = f"count{path}-{kind}-{stream}".replace("/", "-")
    asked = {"stream_options": {"include_usage": True}} if stream and path in (CHAT, TEXT) else {}
    answer = call(path, f"{kind}/no-usage", name, stream=stream, **asked)

    assert answer.status == 200
    (line,) = faulty.stack.lines(name)
    assert (line["status"], line["usage_source"]) == ("ok", "counted")
    assert line["input_tokens"] > 0
    assert line["output_tokens"] > 0
    if path not in PASSES[kind]:  # what passes as bytes is not added to
        used = said_usage(answer, path, stream=stream)
        found = [used.get(name) for name in ("prompt_tokens", "input_tokens", "completion_tokens", "output_tokens")]
        assert [count for count in found if count is not None] == [line["input_tokens"], line["output_tokens"]]


@EVERY
@OF_EVERY_KIND
@pytest.mark.parametrize(
    ("fault", "status", "kind_of_error"),
    [("error-429", 429, "rate_limit_error"), ("error-500", 502, "api_error"), ("bad-json", 502, "api_error")],
)
def test_failures_have_the_clients_shape(
    call: Any, path: str, kind: str, fault: str, status: int, kind_of_error: str
) -> None:
    answer = call(path, f"{kind}/{fault}")

    assert answer.status == status
    error = answer.json()["error"]
    assert error["message"]
    if path == MESSAGES:
        assert answer.json()["type"] == "error"
        assert error["type"] == kind_of_error
        assert answer.headers["request-id"] == answer.headers["x-request-id"]
    else:
        assert set(error) == {"message", "type", "param", "code"}


@EVERY
def test_another_target_takes_over_when_the_first_cannot_express_the_call(world: World, path: str) -> None:
    """A field only OpenAI has: Anthropic is passed over, and the call has one line."""
    stack = world.stack
    field = {CHAT: {"seed": 1}, RESPONSES: {"top_logprobs": 1}, TEXT: {"seed": 1}, MESSAGES: {"top_k": 3}}[path]
    able = "anthropic" if path == MESSAGES else "openai"
    unable = "openai" if path == MESSAGES else "anthropic"
    models = [
        stack.model(stack.provider(f"able{path}-{kind}".replace("/", "-"), kind=kind), f"able{path}/{kind}", name)
        for kind, name in ((unable, "gpt-4o-mini"), (able, "gpt-4o-mini"))
    ]
    stack.route(f"able{path}", models)
    stack.wait_until_current()
    name = f"able{path}".replace("/", "-")
    answer = stack.request(
        "POST", path, {"model": f"able{path}", **BODIES[path], **field}, world.secret, X_Request_ID=name
    )

    assert answer.status == 200
    (line,) = stack.lines(name)
    assert (line["model_served"], line["is_final"]) == (f"able{path}/{able}", True)


# ---- bytes -----------------------------------------------------------------------------------------------------------
@pytest.fixture(scope="session")
def recorded(_recorder: Recorder, world: World) -> World:
    stack = world.stack
    base = f"http://127.0.0.1:{_recorder.port}"
    stack.model(stack.provider("recorded-claude", kind="anthropic", base_url=base), "recorded-claude", "claude-x")
    stack.model(
        stack.provider("recorded-claude-v1", kind="anthropic", base_url=f"{base}/v1"), "recorded-claude-v1", "claude-x"
    )
    stack.model(stack.provider("recorded-mistral", kind="mistral", base_url=f"{base}/v1"), "recorded-mistral")
    stack.wait_until_current()
    return world


MESSAGE = b'{"max_tokens":7, "model" : "recorded-claude","odd":1.10e5,"messages":[{"role":"user","content":"\\u00e9"}]}'


def test_messages_pass_as_bytes_with_their_version_and_beta_headers(recorded: World, recorder: Recorder) -> None:
    recorded.stack.request(
        "POST", MESSAGES, MESSAGE, recorded.secret, anthropic_version="2026-10-21", anthropic_beta="a-1,b-2",
        x_stainless_lang="python",
    )  # fmt: skip

    assert recorder.bodies == [MESSAGE.replace(b"recorded-claude", b"claude-x")]
    head = recorder.heads[0]
    assert head.startswith("POST /v1/messages HTTP/1.1\r\n")
    headers = dict(line.split(": ", 1) for line in head.strip().split("\r\n")[1:])
    assert headers["x-api-key"] == "sk-upstream-canary-0123456789"
    assert (headers["anthropic-version"], headers["anthropic-beta"]) == ("2026-10-21", "a-1,b-2")
    assert "authorization" not in headers
    assert "x-stainless-lang" not in headers


def test_a_translated_call_has_the_version_whose_fields_it_uses(recorded: World, recorder: Recorder) -> None:
    body = {"model": "recorded-claude-v1", "messages": [{"role": "user", "content": "hi"}], "temperature": 0.5}
    recorded.stack.request("POST", CHAT, body, recorded.secret, anthropic_beta="a-1")

    assert recorder.heads[0].startswith("POST /v1/messages HTTP/1.1\r\n")
    assert "anthropic-version: 2023-06-01" in recorder.heads[0]
    assert "anthropic-beta" not in recorder.heads[0]
    assert json.loads(recorder.bodies[0]) == {
        "model": "claude-x",
        "max_tokens": 4096,
        "messages": [{"role": "user", "content": "hi"}],
        "temperature": 0.5,
    }


def test_numbers_of_tool_arguments_keep_their_digits(recorded: World, recorder: Recorder) -> None:
    arguments = '{"amount": 1.10, "id": 12345678901234567890123}'
    calls = [{"id": "c", "type": "function", "function": {"name": "pay", "arguments": arguments}}]
    messages = [
        {"role": "user", "content": "pay"},
        {"role": "assistant", "content": None, "tool_calls": calls},
        {"role": "tool", "tool_call_id": "c", "content": "done"},
    ]
    recorded.stack.request("POST", CHAT, {"model": "recorded-claude", "messages": messages}, recorded.secret)

    assert b'"input":{"amount": 1.10, "id": 12345678901234567890123}' in recorder.bodies[0]


def test_compatible_vendors_get_the_limit_under_the_name_they_know(recorded: World, recorder: Recorder) -> None:
    recorded.stack.request(
        "POST", MESSAGES, {"model": "recorded-mistral", **BODIES[MESSAGES], "stream": True}, recorded.secret
    )

    assert json.loads(recorder.bodies[0]) == {
        "model": "recorded-mistral",
        "messages": [{"role": "user", "content": "hello"}],
        "max_tokens": 50,
        "stream": True,
        "stream_options": {"include_usage": True},
    }


HALF = {
    CHAT: (b'"messages":[{"role":"user","content":"a"},{"role":"user","content":"\\ud800"}]', "messages[1].content"),
    RESPONSES: (
        b'"input":[{"role":"user","content":[{"type":"input_text","text":"\\udfff"}]}]',
        "input[0].content[0].text",
    ),
    TEXT: (b'"prompt":"\\ud83d!"', "prompt"),
}


@pytest.mark.parametrize("path", HALF)
def test_half_a_character_in_a_translated_call_is_named(call: Any, faulty: World, path: str) -> None:
    text, place = HALF[path]
    answer = faulty.stack.request("POST", path, b'{"model":"anthropic/ok",' + text + b"}", faulty.secret)

    assert (answer.status, answer.error_code) == (400, "invalid_request")
    assert answer.json()["error"]["param"] == place


def test_half_a_character_is_named_in_anthropics_way(call: Any, faulty: World) -> None:
    body = b'{"model":"openai/ok","max_tokens":9,"messages":[{"role":"user","content":"\\ud800"}]}'
    answer = faulty.stack.request("POST", MESSAGES, body, faulty.secret)

    assert answer.status == 400
    assert "'messages.0.content'" in answer.json()["error"]["message"]


def test_a_cap_leaves_room_beside_thinking(recorded: World, recorder: Recorder) -> None:
    """The provider refuses a limit that is no more than the budget for thinking."""
    stack = recorded.stack
    with stack.connect() as connection:
        row = connection.execute("SELECT id FROM gateway_model WHERE name = 'recorded-claude'").fetchone()
    assert row is not None
    stack.route("thinks-capped", [str(row["id"])], output_cap=2_000)
    stack.route("thinks-little", [str(row["id"])], output_cap=1_000)
    stack.wait_until_current()
    fields = {**BODIES[MESSAGES], "max_tokens": 9_000, "thinking": {"type": "enabled", "budget_tokens": 8_000}}

    stack.request("POST", MESSAGES, {"model": "thinks-capped", **fields}, recorded.secret)
    refused = stack.request("POST", MESSAGES, {"model": "thinks-little", **fields}, recorded.secret)

    (body,) = map(json.loads, recorder.bodies)
    assert (body["max_tokens"], body["thinking"]) == (2_000, {"type": "enabled", "budget_tokens": 1_600})
    assert refused.status == 400
    assert "thinks with 1,024 tokens or more" in refused.json()["error"]["message"]


def test_an_effort_stays_within_the_cap(recorded: World, recorder: Recorder) -> None:
    stack = recorded.stack
    stack.model(
        stack.provider("capped-claude", kind="anthropic", base_url=f"http://127.0.0.1:{recorder.port}"),
        "capped-claude", "claude-haiku-4-5",
    )  # fmt: skip
    stack.wait_until_current()
    fields = {"messages": [{"role": "user", "content": "hi"}], "max_completion_tokens": 1_100}

    stack.request("POST", CHAT, {"model": "capped-claude", **fields, "reasoning_effort": "low"}, recorded.secret)

    (body,) = map(json.loads, recorder.bodies)
    assert (body["max_tokens"], body["thinking"]["budget_tokens"]) == (1_100, 1_024)


def test_embeddings_of_a_provider_without_them(call: Any, faulty: World) -> None:
    answer = faulty.stack.request("POST", "/v1/embeddings", {"model": "anthropic/ok", "input": "x"}, faulty.secret)

    assert (answer.status, answer.error_code) == (400, "not_supported")
