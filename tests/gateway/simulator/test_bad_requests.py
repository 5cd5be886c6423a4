"""What the simulator refuses, in the vendor's form."""

import json

import pytest

from tests.gateway.simulator.raw import ask, open_socket, post, read_all, request_bytes


def refusal(simulator, payload, **options):
    head, body = post(simulator, payload, **options)
    return int(head.split()[1]), json.loads(body)["error"]


CHAT = [
    (b"{nope", 400, None, None),
    ([], 400, None, None),
    ({"messages": []}, 400, "messages", "empty_array"),
    ({"messages": [{"role": "user", "content": "x"}]}, 400, None, None),
    (ask(model=7), 400, "model", "invalid_type"),
    (ask(model="no-such"), 404, None, "model_not_found"),
    (ask(model="text-embedding-3-small"), 404, "model", None),
    ({"model": "gpt-4o", "messages": "hi"}, 400, "messages", "invalid_type"),
    ({"model": "gpt-4o", "messages": ["hi"]}, 400, "messages[0].role", "missing_required_parameter"),
    (ask(content=7), 400, "messages[0].content", "invalid_type"),
    (ask(max_tokens=0), 400, "max_tokens", "integer_below_min_value"),
    (ask(max_tokens=1.5), 400, "max_tokens", "invalid_type"),
    (ask(n=129), 400, "n", "integer_above_max_value"),
    (ask(stop=["a"] * 5), 400, "stop", "invalid_type"),
    (ask(tools=[{}]), 400, "tools[0].function.name", "missing_required_parameter"),
    (ask(tool_choice="required"), 400, "tool_choice", None),
    (ask(stream_options={"include_usage": True}), 400, "stream_options", None),
    (ask(response_format={"type": "json_object"}), 400, "messages", None),
    (ask(model="sim-fault-nonsense"), 400, None, "unknown_fault"),
    (ask(content="word " * 200_000), 400, "messages", "context_length_exceeded"),
]


@pytest.mark.parametrize(("payload", "status", "param", "code"), CHAT)
def test_chat(simulator, payload, status, param, code):
    got, error = refusal(simulator, payload)

    assert (got, error["param"], error["code"]) == (status, param, code)
    assert error["type"] == "invalid_request_error"


EMBEDDINGS = [
    ({"input": ""}, 400, "input"),
    ({"input": []}, 400, "input"),
    ({"input": ["a", ""]}, 400, "input"),
    ({"input": {"a": 1}}, 400, "input"),
    ({"input": "a", "encoding_format": "hex"}, 400, "encoding_format"),
    ({"input": "a", "dimensions": 4_000}, 400, "dimensions"),
    ({"input": "word " * 9_000}, 400, "input"),
    ({"input": "a", "model": "gpt-4o"}, 403, None),
]


@pytest.mark.parametrize(("payload", "status", "param"), EMBEDDINGS)
def test_embeddings(simulator, payload, status, param):
    got, error = refusal(simulator, {"model": "text-embedding-3-small"} | payload, path="/v1/embeddings")

    assert (got, error["param"]) == (status, param)


def test_unknown_paths(simulator):
    assert refusal(simulator, {}, path="/v1/nothing")[0] == 404
    assert refusal(simulator, {}, path="/nothing")[0] == 404


def test_any_model(fresh_simulator):
    fresh_simulator.configure(any_model=True)

    head, _ = post(fresh_simulator, ask("vendor/unheard-of"))

    assert head.startswith(b"HTTP/1.1 200 ")


def test_bytes_that_are_not_http(simulator):
    with open_socket(simulator) as sock:
        sock.sendall(b"\x16\x03\x01 hello\r\n\r\n")

        assert read_all(sock).startswith(b"HTTP/1.1 400 ")


def test_pipelined_requests_are_answered_in_order(simulator):
    slow = request_bytes(ask("sim-fault-slow-headers@50", max_tokens=1), close=False)
    fast = request_bytes(ask("no-such"))
    with open_socket(simulator) as sock:
        sock.sendall(slow + fast)
        data = read_all(sock)

    assert [part.split()[0] for part in data.split(b"HTTP/1.1 ")[1:]] == [b"200", b"404"]


def test_expect_continue_and_http_1_0(simulator):
    head, _ = post(simulator, ask(max_tokens=1), headers={"expect": "100-continue"})
    old = request_bytes(ask(max_tokens=2, stream=True)).replace(b"HTTP/1.1", b"HTTP/1.0")
    with open_socket(simulator) as sock:
        sock.sendall(old)
        answer = read_all(sock)

    assert head == b"HTTP/1.1 100 Continue"
    assert b"transfer-encoding" not in answer
    assert answer.endswith(b"data: [DONE]\n\n")
