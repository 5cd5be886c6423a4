"""`Idempotency-Key` on real data planes: the same call twice is made once, answered twice, billed once."""

import contextlib
import http.client
import json
import signal
import tempfile
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import anthropic
import openai
import pytest

from tests.cable import Cable
from tests.gateway.dataplane.conftest import World
from tests.gateway.dataplane.stack import Answer, Stack
from tests.gateway.dataplane.test_cache import Cached

REPLAY = "x-gateway-idempotent-replay"
PACED = "sim-paced-3x400"  # three pieces, 400 ms apart


def ask(
    world: World, key: str, content: str = "hello", *, stack: Stack | None = None, secret: str = "",
    path: str = "/v1/chat/completions", request_id: str = "", **fields: Any,
) -> Answer:  # fmt: skip
    body = {"model": "gpt-4o", "messages": [{"role": "user", "content": content}], **fields}
    headers = {"Idempotency_Key": key} if key else {}
    if request_id:
        headers["X_Request_ID"] = request_id
    return (stack or world.stack).request("POST", path, body, secret or world.secret, **headers)


def calls(world: World) -> int:
    return int(world.stack.simulator.stats()["requests"])


def row(world: World, request_id: str) -> dict[str, Any] | None:
    with world.stack.connect() as connection:
        return connection.execute(
            "SELECT * FROM gateway_idempotentcall WHERE request_id = %s", [request_id]
        ).fetchone()  # fmt: skip


@pytest.fixture
def key() -> str:
    return f"order-{uuid4()}"


@pytest.fixture
def second(world: World, tmp_path: Path) -> Iterator[Stack]:
    """Another data-plane process on the same database."""
    stack = Stack(tmp_path, world.stack.url, world.stack.simulator, world.stack.settings)
    stack.start()
    yield stack
    stack.close()


@dataclass
class Apart:
    """A data plane whose way to the database can be cut."""

    stack: Stack
    cable: Cable


@pytest.fixture
def apart(world: World, tmp_path: Path) -> Iterator[Apart]:
    base, _, server = world.stack.url.partition("?host=")
    with tempfile.TemporaryDirectory(prefix="cable") as folder:  # short: a socket's path has 107 bytes at most
        cable = Cable(Path(folder), Path(server))
        stack = Stack(tmp_path, f"{base}?host={folder}", world.stack.simulator, world.stack.settings)
        stack.start()
        yield Apart(stack, cable)
        stack.close()
        cable.pull()


# ---- replays ---------------------------------------------------------------------------------------------------------
def test_a_repeat_is_answered_with_what_the_first_was_and_billed_once(world: World, key: str) -> None:
    before = calls(world)
    first = ask(world, key, max_tokens=9, request_id=f"{key}-1")
    again = ask(world, key, max_tokens=9, request_id=f"{key}-2")

    assert calls(world) == before + 1
    assert (first.status, again.status, again.body) == (200, 200, first.body)
    assert REPLAY not in first.headers
    same = ("content-type", "x-gateway-cost", "x-gateway-provider", "x-gateway-model", "x-gateway-attempts")
    assert {name: again.headers[name] for name in same} == {name: first.headers[name] for name in same}
    assert (again.headers[REPLAY], again.headers["x-gateway-original-request-id"]) == ("true", f"{key}-1")
    assert again.headers["x-request-id"] == f"{key}-2"
    (line,) = world.stack.lines(f"{key}-1")
    assert (line["kind"], f"{line['cost']:f}") == ("attempt", first.headers["x-gateway-cost"])
    assert world.stack.lines(f"{key}-2") == []


def test_nothing_that_was_sent_or_answered_can_be_read_in_the_row(world: World, key: str) -> None:
    answer = ask(world, key, "a canary in the mine", max_tokens=9, request_id=f"{key}-r")

    found = row(world, f"{key}-r")
    assert found is not None
    stored = b"".join(bytes(found[name]) for name in ("key_hmac", "body_hmac", "answer"))
    assert key.encode() not in stored
    assert b"canary" not in stored
    assert answer.json()["choices"][0]["message"]["content"].encode() not in stored
    assert (found["state"], found["expires_at"] - found["claimed_at"]) == ("complete", timedelta(hours=24))


def test_the_order_of_fields_does_not_matter(world: World, key: str) -> None:
    first = ask(world, key, max_tokens=9, temperature=0.5)

    body = b'{"temperature":0.5, "messages":[{"content":"hello","role":"user"}], "max_tokens":9,"model":"gpt-4o"}'
    again = world.stack.request("POST", "/v1/chat/completions", body, world.secret, Idempotency_Key=key)

    assert (again.headers.get(REPLAY), again.body) == ("true", first.body)


def test_a_stream_is_replayed_as_a_stream_byte_for_byte(world: World, key: str) -> None:
    before = calls(world)
    first = ask(world, key, max_tokens=9, stream=True, request_id=f"{key}-1")
    again = ask(world, key, max_tokens=9, stream=True)

    assert calls(world) == before + 1
    assert again.headers["content-type"] == first.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert again.headers[REPLAY] == "true"
    assert again.body == first.body
    assert first.body.endswith(b"data: [DONE]\n\n")
    assert json.loads(again.body.split(b": gateway ")[1].split(b"\n")[0])["request_id"] == f"{key}-1"


@pytest.mark.parametrize("is_stream", [True, False])
def test_it_is_stored_before_the_last_byte_leaves(world: World, key: str, is_stream: bool) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", world.stack.port, timeout=20)
    body = json.dumps({"model": PACED, "messages": [{"role": "user", "content": "hello"}], "stream": is_stream})
    headers = {"Authorization": f"Bearer {world.secret}", "Idempotency-Key": key, "X-Request-ID": f"{key}-b"}
    connection.request("POST", "/v1/chat/completions", body, {**headers, "Content-Type": "application/json"})

    with connection.getresponse() as answer:
        states = []
        if is_stream:
            answer.readline()
            states.append((row(world, f"{key}-b") or {})["state"])
            while answer.readline().strip() != b"data: [DONE]":
                pass
        else:
            answer.read(1)
        states.append((row(world, f"{key}-b") or {})["state"])

    assert states == (["in_flight"] if is_stream else []) + ["complete"]


def test_an_answer_of_the_response_cache_is_stored_too(world: World, key: str) -> None:
    cached = Cached(world.stack, f"idem-{key[-12:]}")
    cached.chat("known")
    found = [cached.chat("known", headers={"Idempotency_Key": key}) for _ in range(2)]
    with world.stack.connect() as connection:
        connection.execute("UPDATE gateway_cachepolicy SET is_enabled = false WHERE id = %s", [cached.policy])
    world.stack.wait_until_current()
    before = calls(world)
    later = cached.chat("known", headers={"Idempotency_Key": key})

    assert [answer.headers["x-gateway-cache"] for answer in (*found, later)] == ["hit", "hit", "hit"]
    assert [answer.headers.get(REPLAY) for answer in (*found, later)] == [None, "true", "true"]
    assert calls(world) == before


def test_openais_client(world: World, key: str) -> None:
    client = openai.OpenAI(base_url=f"http://127.0.0.1:{world.stack.port}/v1", api_key=world.secret, max_retries=0)
    before = calls(world)

    def whole() -> tuple[Any, str | None]:
        raw = client.chat.completions.with_raw_response.create(
            model="gpt-4o", messages=[{"role": "user", "content": "whole"}], extra_headers={"Idempotency-Key": key}
        )
        return raw.parse().model_dump(), raw.headers.get(REPLAY)

    def stream() -> tuple[list[Any], str | None]:
        raw = client.chat.completions.with_raw_response.create(
            model="gpt-4o", messages=[{"role": "user", "content": "stream"}], stream=True,
            extra_headers={"Idempotency-Key": f"{key}-s"},
        )  # fmt: skip
        return [chunk.model_dump() for chunk in raw.parse()], raw.headers.get(REPLAY)

    answers, streams = [whole(), whole()], [stream(), stream()]

    assert calls(world) == before + 2
    assert (answers[1][0], streams[1][0]) == (answers[0][0], streams[0][0])
    assert [item[1] for item in (*answers, *streams)] == [None, "true", None, "true"]


def test_anthropics_client(world: World, key: str) -> None:
    stack = world.stack
    name = f"claude-{key[-8:]}"
    stack.model(stack.provider(f"provider-{name}", kind="anthropic"), name, "claude-sonnet-5-5")
    stack.wait_until_current()
    client = anthropic.Anthropic(base_url=f"http://127.0.0.1:{stack.port}", api_key=world.secret, max_retries=0)
    before = calls(world)

    def whole() -> tuple[Any, str | None]:
        raw = client.messages.with_raw_response.create(
            model=name, max_tokens=9, messages=[{"role": "user", "content": "hello"}],
            extra_headers={"Idempotency-Key": key},
        )  # fmt: skip
        return raw.parse().model_dump(), raw.headers.get(REPLAY)

    def stream() -> tuple[list[str], Any]:
        with client.messages.stream(
            model=name, max_tokens=9, messages=[{"role": "user", "content": "hello"}],
            extra_headers={"Idempotency-Key": f"{key}-s"},
        ) as events:  # fmt: skip
            return [event.type for event in events], events.get_final_message().model_dump()

    answers, streams = [whole(), whole()], [stream(), stream()]

    assert calls(world) == before + 2
    assert answers[1][0] == answers[0][0]
    assert [item[1] for item in answers] == [None, "true"]
    assert streams[1] == streams[0]
    assert streams[0][0][-1] == "message_stop"


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        ("/v1/completions", {"model": "gpt-4o-mini", "prompt": "say", "max_tokens": 5}),
        ("/v1/embeddings", {"model": "text-embedding-3-small", "input": "say"}),
        ("/v1/responses", {"model": "gpt-4o-mini", "input": "say", "stream": True}),
    ],
)
def test_other_endpoints(world: World, key: str, path: str, fields: dict[str, Any]) -> None:
    before = calls(world)

    first, again = (
        world.stack.request("POST", path, fields, world.secret, Idempotency_Key=key) for _ in range(2)
    )  # fmt: skip

    assert calls(world) == before + 1
    assert (first.status, again.headers.get(REPLAY), again.body) == (200, "true", first.body)


# ---- what is no repeat -----------------------------------------------------------------------------------------------
def test_another_body_is_refused_and_so_is_another_endpoint(world: World, key: str) -> None:
    ask(world, key, max_tokens=9)
    before = calls(world)

    refused = [
        ask(world, key, max_tokens=8), ask(world, key, max_tokens=9, stream=True),
        ask(world, key, max_tokens=9, path="/v1/messages"),
    ]  # fmt: skip

    assert [answer.status for answer in refused] == [422, 422, 422]
    assert refused[0].error_code == "idempotency_key_reused"
    assert refused[0].json()["error"]["param"] == "Idempotency-Key"
    assert refused[2].json()["error"]["type"] == "invalid_request_error"
    assert calls(world) == before
    assert ask(world, key, max_tokens=9).headers[REPLAY] == "true"


def test_another_key_of_the_same_project_is_independent(world: World, key: str) -> None:
    other, _ = world.stack.key(world.organization, world.project)
    before = calls(world)

    answers = [ask(world, key), ask(world, key, secret=other), ask(world, key, secret=other)]

    assert calls(world) == before + 2
    assert [answer.headers.get(REPLAY) for answer in answers] == [None, None, "true"]


def test_a_call_without_the_header_is_made_each_time(world: World) -> None:
    before = calls(world)

    assert [ask(world, "").status for _ in range(2)] == [200, 200]
    assert calls(world) == before + 2


@pytest.mark.parametrize("value", [" ", "a" * 256, "sp ace", "café"])
def test_a_key_that_is_none(world: World, value: str) -> None:
    answer = ask(world, value)

    assert (answer.status, answer.error_code) == (400, "invalid_idempotency_key")


def test_a_revoked_key_gets_no_replay(world: World, key: str) -> None:
    secret, identity = world.stack.key(world.organization, world.project)
    ask(world, key, secret=secret)
    with world.stack.connect() as connection:
        connection.execute("UPDATE gateway_virtualkey SET revoked_at = now() WHERE id = %s", [identity])
    world.stack.wait_until_current()

    assert ask(world, key, secret=secret).status == 401


def test_a_replay_counts_for_the_rate_limit(world: World, key: str) -> None:
    secret, _ = world.stack.key(world.organization, world.project, rpm_limit=2)

    answers = [ask(world, key, secret=secret) for _ in range(3)]

    assert [answer.status for answer in answers] == [200, 200, 429]
    assert answers[1].headers["x-ratelimit-remaining-requests"] == "0"


# ---- at once ---------------------------------------------------------------------------------------------------------
def test_twenty_at_once_make_one_call(world: World, key: str) -> None:
    before = calls(world)

    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: ask(world, key, model=PACED), range(20)))

    assert calls(world) == before + 1
    assert {answer.status for answer in answers} == {200}
    assert len({answer.body for answer in answers}) == 1
    assert sum(REPLAY in answer.headers for answer in answers) == 19


@pytest.mark.slow
def test_a_second_process_waits_for_the_first(world: World, second: Stack, key: str) -> None:
    before = calls(world)

    with ThreadPoolExecutor(20) as pool:
        places = [world.stack, second] * 10
        answers = list(pool.map(lambda stack: ask(world, key, stack=stack, model=PACED, stream=True), places))

    assert calls(world) == before + 1
    assert {answer.status for answer in answers} == {200}
    assert len({answer.body for answer in answers}) == 1
    assert sum(REPLAY in answer.headers for answer in answers) == 19


def test_a_stream_that_was_left_is_finished_and_replayed(world: World, key: str) -> None:
    client = openai.OpenAI(base_url=f"http://127.0.0.1:{world.stack.port}/v1", api_key=world.secret, max_retries=0)
    before = calls(world)
    stream = client.chat.completions.create(
        model=PACED, messages=[{"role": "user", "content": "hello"}], stream=True,
        extra_headers={"Idempotency-Key": key, "X-Request-ID": f"{key}-left"},
    )  # fmt: skip
    next(iter(stream))
    stream.response.close()

    again = ask(world, key, model=PACED, stream=True)

    assert calls(world) == before + 1
    assert (again.status, again.headers.get(REPLAY)) == (200, "true")
    assert again.body.endswith(b"data: [DONE]\n\n")
    (line,) = world.stack.lines(f"{key}-left")
    assert (line["status"], line["usage_source"]) == ("ok", "reported")


def test_waiting_has_an_end(world: World, key: str) -> None:
    stack = world.stack
    provider = stack.provider(f"short-{key[-8:]}", total_timeout_ms=1000)
    stack.model(provider, f"short-{key[-8:]}", "gpt-4o-mini")
    stack.wait_until_current()
    ask(world, key, model=f"short-{key[-8:]}", request_id=f"{key}-w")
    with stack.connect() as connection:  # as if it had been running for an hour, in a living process
        connection.execute(
            "UPDATE gateway_idempotentcall SET state = 'in_flight', answer = NULL, "
            "claimed_at = now() - interval '1 hour' WHERE request_id = %s",
            [f"{key}-w"],
        )
    before = calls(world)

    answer = ask(world, key, model=f"short-{key[-8:]}")

    assert (answer.status, answer.error_code, answer.headers["retry-after"]) == (409, "idempotency_in_flight", "5")
    assert calls(world) == before


# ---- when something goes wrong ---------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("fault", "fields", "status"),
    [
        ("error-400", {}, 400), ("error-500", {}, 502), ("bad-json", {}, 502), ("cut-stream@2", {"stream": True}, 200),
    ],
)  # fmt: skip
def test_what_failed_is_made_again(world: World, key: str, fault: str, fields: dict[str, Any], status: int) -> None:
    world.stack.simulator.configure(next_faults=[fault])
    before = calls(world)

    failed = ask(world, key, max_tokens=9, request_id=f"{key}-f", **fields)
    made = ask(world, key, max_tokens=9, **fields)

    assert (failed.status, made.status) == (status, 200)
    assert REPLAY not in made.headers
    assert calls(world) == before + 2
    assert row(world, f"{key}-f") is None


@pytest.mark.slow
def test_an_answer_that_is_too_long_is_not_made_again(world: World, tmp_path: Path, key: str) -> None:
    small = Stack(
        tmp_path, world.stack.url, world.stack.simulator,
        {**world.stack.settings, "GATEWAY_IDEMPOTENCY_MAX_BYTES": "300"},
    )  # fmt: skip
    small.start()
    try:
        before = calls(world)
        answers = [ask(world, key, stack=small, max_tokens=200) for _ in range(2)]
    finally:
        small.close()

    assert calls(world) == before + 1
    assert [answer.status for answer in answers] == [200, 409]
    assert answers[1].error_code == "idempotency_not_replayable"
    assert answers[1].headers["x-should-retry"] == "false"


def test_after_its_day_a_key_makes_a_new_call(world: World, key: str) -> None:
    ask(world, key, max_tokens=9, request_id=f"{key}-old")
    with world.stack.connect() as connection:
        connection.execute(
            "UPDATE gateway_idempotentcall SET expires_at = now() WHERE request_id = %s", [f"{key}-old"]
        )  # fmt: skip
    before = calls(world)

    fresh = ask(world, key, max_tokens=8, request_id=f"{key}-new")

    assert (fresh.status, calls(world), row(world, f"{key}-old")) == (200, before + 1, None)
    assert REPLAY not in fresh.headers
    assert ask(world, key, max_tokens=8).headers["x-gateway-original-request-id"] == f"{key}-new"


@pytest.mark.slow
def test_the_row_of_a_killed_process_is_taken_over(world: World, second: Stack, key: str) -> None:
    stack, name = world.stack, f"paced-{key[-8:]}"
    stack.model(stack.provider(name, total_timeout_ms=2000), name, PACED)
    stack.wait_until_current()
    second.wait_for(lambda: name in str(second.get("/v1/models", world.secret).body))
    before = calls(world)

    def lose() -> None:
        with contextlib.suppress(OSError, http.client.HTTPException):
            ask(world, key, stack=second, model=name, request_id=f"{key}-lost")

    lost = threading.Thread(target=lose)
    lost.start()
    stack.wait_for(lambda: calls(world) == before + 1)
    assert second.process is not None
    second.process.send_signal(signal.SIGKILL)
    second.process.wait(10)
    lost.join(10)
    early = ask(world, key, model=name)
    found = row(world, f"{key}-lost")
    assert found is not None
    with stack.connect() as connection:  # half a minute later
        for change in ("gateway_heartbeat SET at = at", "gateway_idempotentcall SET claimed_at = claimed_at"):
            column = "name" if "heartbeat" in change else "owner"
            connection.execute(f"UPDATE {change} - interval '31 s' WHERE {column} LIKE %s", [f"%{found['owner']}"])
    made = ask(world, key, model=name, request_id=f"{key}-made")

    assert (early.status, early.error_code) == (409, "idempotency_in_flight")
    assert (made.status, made.headers.get(REPLAY)) == (200, None)
    assert calls(world) == before + 2
    assert ask(world, key, model=name).headers["x-gateway-original-request-id"] == f"{key}-made"
    (interrupted,) = second.lines(f"{key}-lost")
    assert interrupted["status"] == "interrupted"


@pytest.mark.slow
def test_without_the_database_only_calls_with_the_header_are_refused(world: World, apart: Apart, key: str) -> None:
    first = ask(world, key, stack=apart.stack, max_tokens=9)
    apart.cable.pull()
    refused = ask(world, key, stack=apart.stack, max_tokens=9)
    without = ask(world, "", stack=apart.stack, max_tokens=9)
    apart.cable.plug()
    again = ask(world, key, stack=apart.stack, max_tokens=9)

    assert (first.status, without.status) == (200, 200)
    assert (refused.status, refused.error_code) == (503, "idempotency_unavailable")
    assert refused.headers["retry-after"] == "5"
    assert (again.headers.get(REPLAY), again.body) == ("true", first.body)


@pytest.mark.slow
def test_an_answer_outlives_a_database_that_goes_away_meanwhile(world: World, apart: Apart, key: str) -> None:
    before = calls(world)
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(ask, world, key, stack=apart.stack, model=PACED)
        world.stack.wait_for(lambda: calls(world) == before + 1)
        apart.cable.pull()
        first = running.result()
    apart.cable.plug()
    again = ask(world, key, model=PACED)  # by another process: what was owed has been stored

    assert (first.status, again.status, again.body) == (200, 200, first.body)
    assert again.headers.get(REPLAY) == "true"
    assert calls(world) == before + 1
