"""An upstream that misbehaves in every way the simulated provider knows: right status, right ledger line, no leak."""

import contextlib
import json
import re
import socket
import time
from typing import Any
from urllib.parse import urlsplit

import openai
import pytest

from gateway.dataplane.usage import texts_of_cut
from gateway.tokens import count_text
from tests.gateway.dataplane.conftest import World
from tests.gateway.dataplane.stack import CREDENTIAL


def only_line(world: World, request_id: str) -> dict[str, Any]:
    (line,) = world.stack.lines(request_id)
    return line


# fault → HTTP status, error code, ledger status, error type, usage source
WHOLE = {
    "error-400": (400, None, "client_error", "upstream_400", "reported"),
    "error-401": (502, "upstream_authentication", "upstream_error", "upstream_authentication", "reported"),
    "error-403": (403, None, "client_error", "upstream_403", "reported"),
    "error-404": (404, None, "client_error", "upstream_404", "reported"),
    "error-429": (429, None, "upstream_error", "upstream_rate_limit", "reported"),
    "error-500": (502, "upstream_error", "upstream_error", "upstream_500", "reported"),
    "error-503": (502, "upstream_error", "upstream_error", "upstream_503", "reported"),
    "hang": (504, "upstream_timeout", "timeout", "first_byte_timeout", "estimated"),
    "slow-first-byte": (504, "upstream_timeout", "timeout", "idle_timeout", "estimated"),
    "hang-after-first": (504, "upstream_timeout", "timeout", "idle_timeout", "estimated"),
    "cut-body": (502, "upstream_error", "upstream_error", "connection_lost", "estimated"),
    "lying-length": (502, "upstream_error", "upstream_error", "invalid_answer", "estimated"),
    "bad-json": (502, "upstream_error", "upstream_error", "invalid_answer", "estimated"),
    "empty-body": (502, "upstream_error", "upstream_error", "invalid_answer", "estimated"),
    "reset": (502, "upstream_error", "upstream_error", "connection_lost", "estimated"),
    "no-usage": (200, None, "ok", None, "counted"),
    "close-idle": (200, None, "ok", None, "reported"),
}


@pytest.mark.parametrize("fault", sorted(WHOLE))
def test_whole_answers(world: World, fault: str) -> None:
    status, code, ledger_status, error_type, source = WHOLE[fault]

    answer = world.stack.chat(world.secret, f"sim-fault-{fault}", max_tokens=20)

    assert answer.status == status
    if code:
        assert answer.error_code == code
    assert CREDENTIAL.encode() not in answer.body
    *retried, line = world.stack.lines(answer.headers["x-request-id"])
    assert (line["status"], line["error_type"], line["usage_source"]) == (ledger_status, error_type, source)
    assert [other["error_type"] for other in retried] in ([], ["stale_connection"])
    assert fault == "reset" or not retried


@pytest.mark.parametrize("fault", ["cut-body", "hang-after-first", "lying-length"])
def test_what_arrived_of_a_broken_answer_is_estimated_from_its_text(world: World, fault: str) -> None:
    model = f"sim-fault-{fault}"
    asked = {"model": model, "messages": [{"role": "user", "content": "hello"}], "max_tokens": 200, "seed": 5}
    (text,) = texts_of_cut(body_of(world.stack.simulator.base_url + "/chat/completions", asked))

    answer = world.stack.request("POST", "/v1/chat/completions", asked, world.secret)

    line = only_line(world, answer.headers["x-request-id"])
    assert (answer.status >= 500, line["usage_source"], line["input_tokens"]) == (True, "estimated", 9)
    assert line["output_tokens"] == count_text(text, model).tokens > 1


def body_of(url: str, asked: dict[str, Any]) -> bytes:
    """What arrives of an answer before it breaks off."""
    parts = urlsplit(url)
    data = json.dumps(asked).encode()
    received = b""
    with socket.create_connection((parts.hostname, parts.port), timeout=1) as peer:
        head = f"POST {parts.path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer x\r\nconnection: close\r\n"
        peer.sendall(f"{head}content-type: application/json\r\ncontent-length: {len(data)}\r\n\r\n".encode() + data)
        with contextlib.suppress(TimeoutError):
            while piece := peer.recv(65536):
                received += piece
    head_bytes, _, body = received.partition(b"\r\n\r\n")
    return body[: int(re.findall(rb"content-length: (\d+)", head_bytes.lower())[0])]


# fault → ledger status, error type, usage source, does the client see the stream fail
STREAMED = {
    "cut-stream": ("upstream_error", "connection_lost", "estimated", True),
    "hang-after-first": ("timeout", "idle_timeout", "estimated", True),
    "error-in-stream": ("upstream_error", "stream_error", "estimated", True),
    "no-usage": ("ok", None, "counted", False),
    "usage-in-last-choice-chunk": ("ok", None, "reported", False),
    "duplicate-usage": ("ok", None, "reported", False),
    "running-usage": ("ok", None, "reported", False),
    "crlf-lines": ("ok", None, "reported", False),
    "split-utf8": ("ok", None, "reported", False),
}


@pytest.mark.parametrize("fault", sorted(STREAMED))
def test_streams(world: World, fault: str) -> None:
    status, error_type, source, fails = STREAMED[fault]
    client = openai.OpenAI(base_url=f"http://127.0.0.1:{world.stack.port}/v1", api_key=world.secret, max_retries=0)
    request_id = f"stream-{fault}"
    stream = client.chat.completions.create(
        model=f"sim-fault-{fault}", messages=[{"role": "user", "content": "hello"}], max_tokens=12, stream=True,
        extra_headers={"X-Request-ID": request_id},
    )  # fmt: skip

    if fails:
        with pytest.raises(openai.APIError):
            list(stream)
    else:
        assert all(chunk.usage is None for chunk in stream)  # nobody asked for it

    line = only_line(world, request_id)
    assert (line["status"], line["error_type"], line["usage_source"]) == (status, error_type, source)
    assert line["input_tokens"] > 0
    assert line["output_tokens"] > 0


def test_a_malformed_chunk_ends_the_stream_with_an_error_and_is_settled_from_what_arrived(world: World) -> None:
    answer = world.stack.chat(world.secret, "sim-fault-malformed-chunk", stream=True, max_tokens=6)

    *chunks, last, note = answer.body.removesuffix(b"\n\n").split(b"\n\n")
    assert all(json.loads(chunk.removeprefix(b"data: "))["choices"] for chunk in chunks)
    assert json.loads(last.removeprefix(b"data: "))["error"] == {
        "message": "The provider's stream ended early (invalid_event).", "type": "upstream_error", "param": None,
        "code": "stream_interrupted",
    }  # fmt: skip
    assert note.startswith(b": gateway ")
    line = only_line(world, answer.headers["x-request-id"])
    assert (line["status"], line["error_type"], line["usage_source"], line["is_final"]) == (
        "upstream_error", "invalid_event", "estimated", True,
    )  # fmt: skip
    assert 0 < line["output_tokens"] < 6
    assert re.search(rb'gateway_damaged_streams_total{.*provider="openai"} [1-9]', world.stack.get("/metrics").body)


def test_a_malformed_chunk_is_said_in_the_words_of_the_caller(world: World) -> None:
    body = {"model": "sim-fault-malformed-chunk", "max_tokens": 6, "stream": True,
            "messages": [{"role": "user", "content": "hello"}]}  # fmt: skip

    answer = world.stack.request("POST", "/v1/messages", body, world.secret)

    last = answer.body.removesuffix(b"\n\n").split(b"\n\n")[-2]
    assert last.startswith(b"event: error\ndata: ")
    assert json.loads(last.partition(b"data: ")[2]) == {
        "type": "error",
        "error": {
            "type": "api_error", "message": "The provider's stream ended early (invalid_event).",
            "code": "stream_interrupted",
        },
    }  # fmt: skip
    (line,) = world.stack.lines(answer.headers["x-request-id"])
    assert (line["status"], line["error_type"], line["usage_source"]) == (
        "upstream_error",
        "invalid_event",
        "estimated",
    )


def test_a_stream_without_usage_is_counted_from_what_passed(world: World) -> None:
    answer = world.stack.chat(world.secret, "sim-fault-no-usage", stream=True, max_tokens=10)

    line = only_line(world, answer.headers["x-request-id"])
    assert line["usage_source"] == "counted"
    assert line["input_tokens"] == 9  # 3 a message, 1 for the role, 5 bytes at 4 a token = 2, 3 to begin the answer
    assert line["output_tokens"] > 0


def test_a_stale_connection_is_replaced_and_both_tries_are_recorded(world: World) -> None:
    first = world.stack.chat(world.secret, "sim-fault-stale-idle", max_tokens=3)
    second = world.stack.chat(world.secret, "gpt-4o", max_tokens=3)

    assert (first.status, second.status) == (200, 200)
    lines = world.stack.lines(second.headers["x-request-id"])
    found = [(line["status"], line["error_type"], line["is_final"], line["cost"] == 0) for line in lines]
    assert found[-1] == ("ok", None, True, False)
    assert found[:-1] in ([], [("upstream_error", "stale_connection", False, True)])
    assert second.headers["x-gateway-attempts"] == str(len(lines))


def test_the_next_target_answers_when_the_first_fails(world: World) -> None:
    provider = world.stack.provider("backup")
    broken = world.stack.model(provider, "broken", "sim-fault-error-500")
    healthy = world.stack.model(provider, "healthy", "gpt-4o")
    world.stack.route("resilient", [broken, healthy])
    world.stack.wait_until_current()

    answer = world.stack.chat(world.secret, "resilient", max_tokens=4)

    assert (answer.status, answer.headers["x-gateway-attempts"]) == (200, "2")
    lines = world.stack.lines(answer.headers["x-request-id"])
    assert [(line["model_served"], line["status"], line["is_final"], line["route"]) for line in lines] == [
        ("broken", "upstream_error", False, "resilient"),
        ("healthy", "ok", True, "resilient"),
    ]


def test_a_callers_mistake_is_not_tried_elsewhere(world: World) -> None:
    provider = world.stack.provider("mistakes")
    refusing = world.stack.model(provider, "refusing", "sim-fault-error-400")
    other = world.stack.model(provider, "other", "gpt-4o")
    world.stack.route("careful", [refusing, other])
    world.stack.wait_until_current()

    answer = world.stack.chat(world.secret, "careful")

    assert (answer.status, len(world.stack.lines(answer.headers["x-request-id"]))) == (400, 1)


def test_a_client_that_leaves_ends_the_upstream_stream(world: World) -> None:
    request_id = "leaver-1"
    with socket.create_connection(("127.0.0.1", world.stack.port)) as peer:
        body = b'{"model":"sim-paced-50x5","messages":[{"role":"user","content":"x"}],"stream":true}'
        body = body.replace(b"50x5", b"3x400")
        peer.sendall(
            b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\nauthorization: Bearer "
            + world.secret.encode() + b"\r\nx-request-id: " + request_id.encode()
            + b"\r\ncontent-length: " + str(len(body)).encode() + b"\r\n\r\n" + body
        )  # fmt: skip
        received = b""
        while b"sim_sent_at" not in received:
            received += peer.recv(65536)

    deadline = time.monotonic() + 5
    while not (lines := world.stack.lines(request_id)) and time.monotonic() < deadline:
        time.sleep(0.05)

    (line,) = lines
    assert (line["status"], line["error_type"], line["usage_source"]) == ("cancelled", "client_gone", "estimated")
    ends = [
        e for e in world.stack.simulator.log_lines() if e.get("attempt_id") == str(line["id"]) and e["event"] == "end"
    ]
    assert [end["outcome"] for end in ends] == ["client_gone"]


def test_an_upstream_at_a_private_address_is_refused(world: World) -> None:
    provider = world.stack.provider("metadata", base_url="http://169.254.169.254/v1")
    world.stack.model(provider, "stolen")
    world.stack.wait_until_current()

    answer = world.stack.chat(world.secret, "stolen")

    assert answer.status == 502
    assert b"169.254" not in answer.body
    line = only_line(world, answer.headers["x-request-id"])
    assert (line["error_type"], line["cost"]) == ("address_refused", 0)


def test_a_refused_connection_costs_nothing(world: World) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        world.stack.insert("gateway_allowedupstream", host="127.0.0.1", port=port, note="")
        provider = world.stack.provider("closed", base_url=f"http://127.0.0.1:{port}/v1")
        world.stack.model(provider, "closed")
        world.stack.wait_until_current()

        answer = world.stack.chat(world.secret, "closed")

    assert (answer.status, answer.error_code) == (502, "upstream_error")
    line = only_line(world, answer.headers["x-request-id"])
    assert (line["error_type"], line["cost"], line["price_status"]) == ("connect_error", 0, "free")


def test_an_unanswered_call_with_an_image_is_not_billed_by_the_images_letters(world: World) -> None:
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "QUJD" * 250_000}}
    message = {"role": "user", "content": [{"type": "text", "text": "What is this?"}, image]}

    answer = world.stack.request(
        "POST", "/v1/chat/completions", {"model": "sim-fault-cut-body", "messages": [message]}, world.secret
    )

    (line,) = world.stack.lines(answer.headers["x-request-id"])
    assert (answer.status, line["usage_source"]) == (502, "estimated")
    assert 765 <= line["input_tokens"] < 1_000


@pytest.mark.parametrize("fault", ["cut-body", "lying-length", "bad-json"])
def test_a_stream_that_is_cut_inside_an_event_ends_with_a_whole_error_event(world: World, fault: str) -> None:
    answer = world.stack.chat(world.secret, f"sim-fault-{fault}", stream=True, max_tokens=12)

    events = [event for event in answer.body.decode().split("\n\n") if event.startswith("data: {")]
    codes = [json.loads(event.removeprefix("data: ")).get("error", {}).get("code") for event in events]
    assert codes == [None] * (len(codes) - 1) + ["stream_interrupted"]


def test_what_a_provider_forbids_is_the_callers_to_know_and_opens_no_circuit(world: World) -> None:
    answers = [world.stack.chat(world.secret, "sim-fault-error-403") for _ in range(7)]

    assert [answer.status for answer in answers] == [403] * 7


@pytest.mark.parametrize("options", ["bad", [], 1])
def test_stream_options_that_are_none(world: World, options: Any) -> None:
    answer = world.stack.chat(world.secret, "gpt-4o", stream=True, stream_options=options)

    assert (answer.status, answer.json()["error"]["param"]) == (400, "stream_options")
