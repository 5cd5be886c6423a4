"""Each fault, seen as bytes on the socket."""

import json

import pytest

from gateway.simulator.faults import FAULTS
from tests.gateway.simulator.raw import ask, dechunk, events, open_socket, post, read_all, request_bytes


def fault(kind, stream=False, **fields):
    return ask(f"sim-fault-{kind}", stream=stream, **{"max_tokens": 8} | fields)


def content_length(head):
    return int(head.lower().partition(b"content-length: ")[2].split()[0])


def deltas(payloads):
    return [json.loads(data)["choices"][0]["delta"].get("content") for data in payloads]


def usages(payloads):
    return [json.loads(data).get("usage") for data in payloads if data != b"[DONE]"]


def test_cut_stream_sends_three_tokens_and_closes(fresh_simulator):
    _, body = post(fresh_simulator, fault("cut-stream", stream=True))

    pieces = dechunk(body)
    assert len([text for text in deltas(piece[6:] for piece in pieces) if text]) == 3
    assert not body.endswith(b"0\r\n\r\n")
    (record,) = fresh_simulator.records()
    assert (record["outcome"], record["usage"]["completion_tokens"]) == ("cut", 3)


def test_argument_moves_the_cut(fresh_simulator):
    post(fresh_simulator, fault("cut-stream@5", stream=True))

    assert fresh_simulator.records()[0]["usage"]["completion_tokens"] == 5


def test_reset_before_and_within_an_answer(simulator):
    with pytest.raises(ConnectionResetError):
        post(simulator, fault("reset"))
    with open_socket(simulator) as sock:
        sock.sendall(request_bytes(fault("reset-stream", stream=True)))
        assert sock.recv(20) == b"HTTP/1.1 200 OK\r\ncon"
        with pytest.raises(ConnectionResetError):
            read_all(sock)


@pytest.mark.parametrize("stream", [False, True])
def test_hang_after_first_sends_some_then_nothing(fresh_simulator, stream):
    with open_socket(fresh_simulator) as sock:
        sock.sendall(request_bytes(fault("hang-after-first", stream=stream)))
        data = b""
        while b'{"content":' not in data and b"chat.completion" not in data:
            data += sock.recv(65_536)
        sock.settimeout(0.2)
        with pytest.raises(TimeoutError):
            read_all(sock)

    assert fresh_simulator.wait_idle()["by_outcome"] == {"client_gone": 1}


def test_hang_sends_nothing_until_the_client_leaves(fresh_simulator):
    with open_socket(fresh_simulator) as sock:
        sock.sendall(request_bytes(fault("hang")))
        sock.settimeout(0.2)
        with pytest.raises(TimeoutError):
            sock.recv(1)
        assert fresh_simulator.stats()["in_flight"] == 1

    fresh_simulator.wait_idle()
    (record,) = fresh_simulator.records()
    assert (record["outcome"], record["usage"]) == ("client_gone", None)


@pytest.mark.parametrize("stream", [False, True])
def test_slow_headers_delay_the_head_and_slow_first_byte_the_body(simulator, stream):
    with open_socket(simulator) as sock:
        sock.settimeout(0.15)
        sock.sendall(request_bytes(fault("slow-headers@1500", stream=stream)))
        with pytest.raises(TimeoutError):
            sock.recv(1)
    with open_socket(simulator) as sock:
        sock.sendall(request_bytes(fault("slow-first-byte@1500", stream=stream)))
        assert sock.recv(65_536).endswith(b"\r\n\r\n")
        sock.settimeout(0.15)
        with pytest.raises(TimeoutError):
            sock.recv(1)
        sock.settimeout(5)
        assert len(sock.recv(65_536)) > 0


def test_lengths_that_lie(simulator):
    head, cut = post(simulator, fault("cut-body"))
    assert content_length(head) // 2 == len(cut)

    head, long = post(simulator, fault("lying-length"))
    assert content_length(head) == len(long) // 2
    assert json.loads(long)["object"] == "chat.completion"


def test_bad_empty_and_huge_bodies(simulator):
    head, bad = post(simulator, fault("bad-json"))
    assert content_length(head) == len(bad)
    with pytest.raises(json.JSONDecodeError):
        json.loads(bad)

    head, empty = post(simulator, fault("empty-body"))
    assert (content_length(head), empty) == (0, b"")

    head, huge = post(simulator, fault("huge-body@3000000"))
    assert content_length(head) == len(huge) == 3_000_000
    assert list(json.loads(huge)) == ["filler"]
    _, huge = post(simulator, fault("huge-body@100000", stream=True))
    assert huge.startswith(b'data: {"filler":"xxx')
    assert len(huge) == 100_000


def test_malformed_chunk_is_followed_by_the_rest(simulator):
    _, body = post(simulator, fault("malformed-chunk", stream=True))

    payloads = events(body)
    broken = []
    for data in payloads[:-1]:
        try:
            json.loads(data)
        except json.JSONDecodeError:
            broken.append(data)
    assert len(broken) == 1
    assert payloads[-1] == b"[DONE]"


def test_error_event_ends_the_stream(fresh_simulator):
    _, body = post(fresh_simulator, fault("error-in-stream", stream=True))

    assert json.loads(events(body)[-1])["error"]["type"] == "server_error"
    assert body.endswith(b"0\r\n\r\n")
    assert fresh_simulator.records()[0]["outcome"] == "error"


def test_usage_faults_in_streams(simulator):
    def seen(kind):
        _, body = post(simulator, fault(kind, stream=True, stream_options={"include_usage": True}))
        payloads = events(body)
        return payloads, [usage and usage["completion_tokens"] for usage in usages(payloads)]

    payloads, counts = seen("no-usage")
    assert set(counts) == {None}
    assert b'"usage"' not in b"".join(payloads)

    payloads, counts = seen("usage-in-last-choice-chunk")
    assert counts == [None] * 9 + [8]
    assert json.loads(payloads[-2])["choices"][0]["finish_reason"] == "length"

    payloads, counts = seen("duplicate-usage")
    assert counts == [None] * 10 + [8, 8]

    payloads, counts = seen("running-usage")
    assert counts == [0, 1, 2, 3, 4, 5, 6, 7, 8, 8, 8]


def test_truth_is_logged_when_no_usage_is_reported(fresh_simulator):
    _, body = post(fresh_simulator, fault("no-usage"))

    assert "usage" not in json.loads(body)
    assert fresh_simulator.records()[0]["usage"]["completion_tokens"] == 8


def test_crlf_lines(simulator):
    _, body = post(simulator, fault("crlf-lines", stream=True))

    data = b"".join(dechunk(body))
    assert data.count(b"\r\n\r\n") == data.count(b"data: ") == data.count(b"\n") // 2
    assert data.endswith(b"data: [DONE]\r\n\r\n")


def test_split_utf8_cuts_characters_and_line_starts(simulator):
    _, body = post(simulator, fault("split-utf8", stream=True))

    pieces = dechunk(body)
    assert b"da" in pieces
    assert any(piece[0] & 0xC0 == 0x80 for piece in pieces)  # begins with a continuation byte
    assert len("".join(text or "" for text in deltas(events(body)[:-1])).encode()) > 8


def test_close_idle_closes_a_kept_alive_connection(simulator):
    with open_socket(simulator) as sock:
        sock.sendall(request_bytes(fault("close-idle"), close=False))
        answer = read_all(sock)

    assert b"connection: close" not in answer
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["object"] == "chat.completion"


def test_stale_idle_drops_the_next_request_unread(fresh_simulator):
    with open_socket(fresh_simulator) as sock:
        sock.sendall(request_bytes(fault("stale-idle"), close=False))
        data = sock.recv(65_536)
        while len(data.partition(b"\r\n\r\n")[2]) < content_length(data):
            data += sock.recv(65_536)
        sock.sendall(request_bytes(ask(), close=False))
        with pytest.raises(ConnectionResetError):
            read_all(sock)

    assert fresh_simulator.stats()["requests"] == 1


def test_faults_work_by_header_and_query_too(fresh_simulator):
    post(fresh_simulator, ask(), headers={"x-sim-fault": "error-500"})
    post(fresh_simulator, ask(), path="/v1/chat/completions?sim_fault=error-502")
    post(fresh_simulator, {"model": "text-embedding-3-small", "input": "a"}, path="/v1/embeddings?sim_fault=bad-json")

    assert [(record["fault"], record["status"]) for record in fresh_simulator.records()] == [
        ("error-500", 500),
        ("error-502", 502),
        ("bad-json", 200),
    ]


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/embeddings"])
@pytest.mark.parametrize("stream", [False, True])
def test_no_fault_breaks_the_simulator_itself(fresh_simulator, path, stream):
    endless = {"hang", "hang-after-first"}
    for kind in sorted(set(FAULTS) - endless):
        argument = {"huge-body": "@1000", "slow-headers": "@1", "slow-first-byte": "@1", "fail-first": "@0"}.get(
            kind, ""
        )
        payload = ask(max_tokens=3, stream=stream) | {"input": "a"}
        payload["model"] = "text-embedding-3-small" if path.endswith("embeddings") else "gpt-4o"
        try:
            post(fresh_simulator, payload, path=path, headers={"x-sim-fault": f"{kind}{argument}"})
        except ConnectionResetError:
            assert kind in {"reset", "reset-stream"}

    stats = fresh_simulator.wait_idle()
    assert stats["requests"] == len(FAULTS) - len(endless)
    assert stats["by_status"].get("500") is None


def test_an_unknown_event_comes_between_and_the_rest_follows(simulator):
    _, body = post(simulator, fault("unknown-event", stream=True))

    text = b"".join(dechunk(body))
    assert text.count(b'event: sim.weather\ndata: {"type":"sim.weather","outlook":"sunny"}\n\n') == 1
    assert events(body)[-1] == b"[DONE]"


def test_fail_first_fails_for_the_same_request_alone(fresh_simulator):
    def statuses(count, content):
        asked = ask("sim-fault-fail-first@2", content, max_tokens=8)
        return [post(fresh_simulator, asked)[0].split()[1].decode() for _ in range(count)]

    assert statuses(2, "one") == ["500", "500"]
    assert statuses(1, "another") == ["500"]
    assert statuses(4, "one") == ["200", "500", "500", "200"]
