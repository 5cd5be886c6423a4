"""Timing of streams: chunks leave when they are due, many at once, and stop when the client does."""

import asyncio
import json
import time

from gateway.simulator.process import SimulatorProcess
from tests.gateway.simulator.raw import ask, events, open_socket, post, request_bytes


def test_each_chunk_arrives_before_the_next_is_sent(simulator):
    arrived, sent = [], []
    with open_socket(simulator) as sock:
        sock.sendall(request_bytes(ask("sim-paced-6x100", stream=True)))
        for line in sock.makefile("rb"):
            if line.startswith(b"data: {") and b'"content"' in line:
                arrived.append(time.monotonic_ns())
                sent.append(json.loads(line[6:])["sim_sent_at"])

    assert len(sent) == 6
    assert all(before < after for before, after in zip(arrived, sent[1:], strict=False))
    assert (sent[-1] - sent[0]) / 1e9 > 0.49


def test_pace_by_header_with_any_model_and_usage(simulator):
    payload = ask(stream=True, stream_options={"include_usage": True})
    _, body = post(simulator, payload, headers={"x-sim-paced": "20x0"})

    *chunks, finish, usage, done = events(body)
    assert done == b"[DONE]"
    assert len(chunks) == 20
    assert json.loads(chunks[0])["choices"][0]["delta"]["role"] == "assistant"
    assert json.loads(finish)["choices"][0]["finish_reason"] == "stop"
    assert json.loads(usage)["usage"]["completion_tokens"] == 20


def test_usage_key_as_openai_writes_it(simulator):
    _, asked = post(simulator, ask(max_tokens=2, stream=True, stream_options={"include_usage": True}))
    _, not_asked = post(simulator, ask(max_tokens=2, stream=True))

    *ordinary, last, done = events(asked)
    assert [json.loads(data)["usage"] for data in ordinary] == [None] * 4  # role, two tokens, finish
    assert json.loads(last)["choices"] == []
    assert json.loads(last)["usage"]["completion_tokens"] == 2
    assert done == b"[DONE]"
    assert b'"usage"' not in not_asked


def test_stopped_simulator_logs_its_open_streams_as_cut(tmp_path):
    simulator = SimulatorProcess(log=tmp_path / "log")
    with open_socket(simulator) as sock:
        sock.sendall(request_bytes(ask("sim-paced-10000x20", stream=True)))
        sock.recv(1)
        simulator.stop()

    begin, end = simulator.log_lines()
    assert (begin["event"], end["event"], end["outcome"]) == ("begin", "end", "cut")


def test_client_that_leaves_ends_its_stream(fresh_simulator):
    with open_socket(fresh_simulator) as sock:
        sock.sendall(request_bytes(ask("sim-paced-10000x20", stream=True)))
        data = b""
        while data.count(b'"content"') < 2:
            data += sock.recv(65_536)

    fresh_simulator.wait_idle()
    (record,) = fresh_simulator.records()
    assert record["outcome"] == "client_gone"
    assert 2 <= record["usage"]["completion_tokens"] < 10_000


async def _read_stream(simulator: SimulatorProcess, chunks: int, milliseconds: int) -> int:
    host, port = simulator.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(request_bytes(ask(f"sim-paced-{chunks}x{milliseconds}", stream=True)))
    data = await reader.read()
    writer.close()
    return data.count(b'"content":')


async def test_300_streams_at_once(fresh_simulator):
    counts = await asyncio.gather(*(_read_stream(fresh_simulator, 20, 50) for _ in range(300)))

    assert set(counts) == {20}
    assert fresh_simulator.stats()["max_in_flight"] == 300
    assert fresh_simulator.stats()["by_outcome"] == {"completed": 300}


async def test_slow_reader_gets_everything(simulator):
    host, port = simulator.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port), limit=1_024)
    writer.write(request_bytes(ask("sim-fault-huge-body@20000000")))
    size = 0
    while piece := await reader.read(65_536):
        size += len(piece)
    writer.close()

    assert size > 20_000_000
