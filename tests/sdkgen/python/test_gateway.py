"""The generated Python package against a real data plane with the simulated provider."""

import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.gateway.dataplane.conftest import World

HELLO: list[dict[str, Any]] = [{"role": "user", "content": "Say hello."}]
TOOL = {
    "type": "function",
    "function": {
        "name": "weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}


@pytest.fixture
def client(sdk: Any, world: World) -> Iterator[Any]:
    url = f"http://127.0.0.1:{world.stack.port}"
    with sdk.Gateway(base_url=url, api_key=world.secret, max_retries=0) as client:
        yield client


def test_a_call_is_typed_and_says_what_the_gateway_did(client: Any) -> None:
    answer = client.chat.completions.create(model="gpt-4o-mini", messages=HELLO)

    assert type(answer).__name__ == "ChatCompletion"
    assert answer.choices[0].message.role == "assistant"
    assert answer.choices[0].message.content
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens
    assert (answer.gateway.status, answer.gateway.provider, answer.gateway.model) == (200, "openai", "gpt-4o-mini")
    assert (answer.gateway.cache, answer.gateway.attempts, answer.gateway.retries) == ("bypass", 1, 0)
    assert answer.gateway.request_id.startswith("req_")


def test_the_ledger_names_the_package(client: Any, world: World) -> None:
    answer = client.chat.completions.create(
        model="gpt-4o-mini", messages=HELLO, request_options={"tags": {"feature": "greet"}, "end_user": "zoë"}
    )

    (line,) = world.stack.lines(answer.gateway.request_id)
    assert line["sdk"] == "python/1.0.0"
    assert line["end_user"] == "zoë"


def test_a_stream_adds_up_to_the_answer(client: Any) -> None:
    with client.chat.completions.stream(model="gpt-4o-mini", messages=HELLO) as stream:
        texts = [choice.delta.content or "" for chunk in stream for choice in chunk.choices]

    assert len(texts) > 2
    whole = stream.result()
    assert whole.choices[0].message.content == "".join(texts)
    assert whole.choices[0].finish_reason == "stop"
    assert whole.object == "chat.completion"


def test_the_connection_is_used_again(client: Any) -> None:
    client.models.list()
    client.chat.completions.stream(model="gpt-4o-mini", messages=HELLO).result()
    first = client._transport._idle[0].sock
    client.models.list()

    assert client._transport._idle[0].sock is first


def test_responses_stream(client: Any) -> None:
    stream = client.responses.stream(model="gpt-4o-mini", input="Say hello.")
    events = list(stream)

    assert events[0].type == "response.created"
    assert events[-1].type == "response.completed"
    text = "".join(event.delta for event in events if event.type == "response.output_text.delta")
    assert stream.result().output[-1].content[0].text == text
    assert not [event for event in events if type(event).__name__ == "Unknown"]


def test_messages_stream(client: Any) -> None:
    whole = client.messages.create(model="gpt-4o-mini", max_tokens=50, messages=HELLO)
    stream = client.messages.stream(model="gpt-4o-mini", max_tokens=50, messages=HELLO)
    events = list(stream)

    assert whole.content[0].type == "text"
    assert [events[0].type, events[-1].type] == ["message_start", "message_stop"]
    folded = stream.result()
    assert folded.content[0].text
    assert folded.stop_reason in ("end_turn", "max_tokens")
    assert client.messages.count_tokens(model="gpt-4o-mini", messages=HELLO).input_tokens > 0


def test_tools(client: Any) -> None:
    answer = client.chat.completions.create(model="gpt-4o-mini", messages=HELLO, tools=[TOOL], tool_choice="required")
    call = answer.choices[0].message.tool_calls[0]
    assert call.function.name == "weather"

    again = client.chat.completions.create(
        model="gpt-4o-mini",
        messages=[*HELLO, answer.choices[0].message, {"role": "tool", "tool_call_id": call.id, "content": "sunny"}],
    )
    assert again.choices[0].message.content

    folded = client.chat.completions.stream(
        model="gpt-4o-mini", messages=HELLO, tools=[TOOL], tool_choice="required"
    ).result()
    assert folded.choices[0].message.tool_calls[0].function.name == "weather"


def test_embeddings_and_models(client: Any) -> None:
    found = client.embeddings.create(model="text-embedding-3-small", input=["a", "b"], dimensions=8)
    assert [len(one.embedding) for one in found.data] == [8, 8]

    names = [one.id for one in client.models.list().data]
    assert "gpt-4o-mini" in names
    assert client.models.get("gpt-4o-mini").owned_by == "openai"


def test_errors_have_types(sdk: Any, client: Any, world: World) -> None:
    errors = sdk.errors
    with pytest.raises(errors.ModelNotFound) as raised:
        client.chat.completions.create(model="no-such-model", messages=HELLO)
    assert (raised.value.status, raised.value.code, raised.value.param) == (404, "model_not_found", "model")
    assert raised.value.request_id.startswith("req_")
    assert isinstance(raised.value, errors.NotFound)

    stranger = sdk.Gateway(base_url=client.settings.base_url, api_key="gw-wrong", max_retries=0)
    with pytest.raises(errors.AuthenticationFailed) as refused:
        stranger.models.list()
    assert refused.value.code == "invalid_api_key"

    with pytest.raises(errors.RateLimited):
        client.chat.completions.create(model="sim-fault-error-429", messages=HELLO)
    with pytest.raises(errors.UpstreamError):
        client.chat.completions.create(model="sim-fault-error-500", messages=HELLO)


def test_a_stream_that_breaks_off_says_what_had_come(sdk: Any, client: Any) -> None:
    stream = client.chat.completions.stream(model="sim-fault-cut-stream", messages=HELLO)

    texts: list[str] = []
    with pytest.raises(sdk.errors.StreamInterrupted) as raised:
        texts.extend(choice.delta.content or "" for chunk in stream for choice in chunk.choices)
    assert raised.value.code == "stream_interrupted"
    assert raised.value.partial.choices[0].message.content == "".join(texts) != ""


def test_a_repeat_is_billed_once(sdk: Any, world: World) -> None:
    url = f"http://127.0.0.1:{world.stack.port}"
    told: list[Any] = []
    client = sdk.Gateway(base_url=url, api_key=world.secret, on_retry=told.append)
    client._sleep = lambda seconds, cancel: None

    with pytest.raises(sdk.errors.ServerError):
        client.chat.completions.create(model="sim-fault-error-500", messages=HELLO)
    assert [(one.attempt, one.status) for one in told] == [(1, 502), (2, 502)]

    options = {"idempotency_key": "once-1"}
    first = client.chat.completions.create(model="gpt-4o-mini", messages=HELLO, request_options=options)
    again = client.chat.completions.create(model="gpt-4o-mini", messages=HELLO, request_options=options)
    assert again.gateway.replayed
    assert again.gateway.original_request_id == first.gateway.request_id
    assert again.to_dict() == first.to_dict()
    assert len(world.stack.lines(first.gateway.request_id)) == 1
    assert world.stack.lines(again.gateway.request_id) == []


def test_a_call_can_be_cancelled(sdk: Any, client: Any) -> None:
    cancel = sdk.Cancel()
    threading.Timer(0.2, cancel.cancel).start()

    with pytest.raises(sdk.errors.Cancelled):
        client.chat.completions.create(
            model="sim-fault-hang", messages=HELLO, request_options={"cancel": cancel, "max_retries": 5}
        )


def test_time_outs_say_their_phase(sdk: Any, client: Any) -> None:
    with pytest.raises(sdk.errors.TimedOut) as raised:
        client.chat.completions.create(
            model="sim-fault-hang", messages=HELLO, request_options={"timeouts": {"first_byte": 0.2}}
        )
    assert raised.value.phase == "first_byte"
    with pytest.raises(sdk.errors.TimedOut) as total:
        client.chat.completions.create(
            model="sim-fault-hang", messages=HELLO, request_options={"timeouts": {"total": 0.2}}
        )
    assert total.value.phase == "total"


@pytest.mark.parametrize("transport", ["threads", "httpx"])
async def test_asynchronous(sdk: Any, world: World, transport: str) -> None:
    from llm_gateway._runtime import aio

    url = f"http://127.0.0.1:{world.stack.port}"
    made = aio.ThreadTransport(url) if transport == "threads" else aio.HttpxTransport(url, module="httpx2")
    async with sdk.AsyncGateway(base_url=url, api_key=world.secret, transport=made) as client:
        answers = await asyncio.gather(
            *[client.chat.completions.create(model="gpt-4o-mini", messages=HELLO) for _ in range(3)]
        )
        assert all(answer.choices[0].message.content for answer in answers)

        stream = await client.chat.completions.stream(model="gpt-4o-mini", messages=HELLO)
        texts = [choice.delta.content or "" async for chunk in stream for choice in chunk.choices]
        assert (await stream.result()).choices[0].message.content == "".join(texts) != ""

        task = asyncio.create_task(client.chat.completions.create(model="sim-fault-hang", messages=HELLO))
        await asyncio.sleep(0.2)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        with pytest.raises(sdk.errors.ModelNotFound):
            await client.chat.completions.create(model="no-such-model", messages=HELLO)


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("chat", "cost"),
        ("stream", "whole"),
        ("tools", "weather ['city']"),
        ("errors", "404 model_not_found True"),
        ("asynchronous", "2 True"),
    ],
)
def test_examples_run(python_folder: Path, sdk: Any, world: World, name: str, shown: str) -> None:
    environment = {
        **os.environ,
        "PYTHONPATH": str(python_folder),
        "GATEWAY_API_KEY": world.secret,
        "GATEWAY_BASE_URL": f"http://127.0.0.1:{world.stack.port}",
    }
    command = [sys.executable, str(python_folder / "examples" / f"{name}.py")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)

    assert done.stderr == ""
    assert shown in done.stdout


def test_costs_are_decimals(sdk: Any) -> None:
    from llm_gateway._runtime.meta import GatewayInfo

    assert GatewayInfo(200, {"x-gateway-cost": "0.0000031500"}).cost == Decimal("0.0000031500")
    assert GatewayInfo(200, {}).cost is None
