"""The vendors' official Python clients against every kind of target: same dialect, and translated both ways."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import anthropic
import openai
import pytest
from pydantic import BaseModel

from tests.gateway.dataplane.conftest import World

# public name → kind of its provider: passes OpenAI's dialects, passes Anthropic's, takes chat only
NATIVE, CLAUDE, CHAT_ONLY = "wire-openai", "wire-anthropic", "wire-chat"
ANY = pytest.mark.parametrize("model", [NATIVE, CLAUDE, CHAT_ONLY])
CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"],
        "additionalProperties": False}  # fmt: skip
PARIS = {"type": "object", "properties": {"zone": {"type": "string"}}, "required": ["zone"],
         "additionalProperties": False}  # fmt: skip
CALL_TOOLS = "call tools"


class Weather(BaseModel):
    """A structured answer."""

    city: str
    degrees: int


@dataclass
class Clients:
    """One key, both vendors' clients."""

    world: World
    openai: openai.OpenAI
    anthropic: anthropic.Anthropic

    def line(self, request_id: str) -> dict[str, Any]:
        (line,) = self.world.stack.lines(request_id)
        return line


@pytest.fixture(scope="session")
def _wired(world: World) -> World:
    stack = world.stack
    for name, kind, upstream in (
        (NATIVE, "openai", "gpt-4o-mini"),
        (CLAUDE, "anthropic", "claude-sonnet-5-5"),
        (CHAT_ONLY, "mistral", "mistral-small-latest"),
    ):
        provider = stack.provider(f"{name}-provider", kind=kind)
        model = stack.model(provider, name, upstream)
        stack.model(provider, f"{name}-refusing", "sim-fault-error-400")
        stack.route(f"{name}-dropping", [model], drop_unsupported=True)
    stack.wait_until_current()
    return world


@pytest.fixture
def clients(_wired: World) -> Iterator[Clients]:
    base = f"http://127.0.0.1:{_wired.stack.port}"
    ours = openai.OpenAI(base_url=f"{base}/v1", api_key=_wired.secret, max_retries=0)
    theirs = anthropic.Anthropic(base_url=base, api_key=_wired.secret, max_retries=0)
    yield Clients(_wired, ours, theirs)
    ours.close()
    theirs.close()


def chat_tool(name: str, schema: dict[str, Any]) -> Any:
    return {"type": "function", "function": {"name": name, "description": "Looks it up.", "parameters": schema}}


CHAT_TOOLS = [chat_tool("get_weather", CITY), chat_tool("get_time", PARIS)]
RESPONSES_TOOLS: Any = [{"type": "function", "strict": False, **tool["function"]} for tool in CHAT_TOOLS]
ANTHROPIC_TOOLS: Any = [
    {"name": "get_weather", "description": "Looks it up.", "input_schema": CITY},
    {"name": "get_time", "description": "Looks it up.", "input_schema": PARIS},
]


# ---- chat completions ------------------------------------------------------------------------------------------------
@ANY
def test_chat(clients: Clients, model: str) -> None:
    raw = clients.openai.chat.completions.with_raw_response.create(
        model=model,
        messages=[{"role": "system", "content": "Be brief."}, {"role": "user", "content": "hello"}],
        max_tokens=20,
    )
    answer = raw.parse()

    assert answer.object == "chat.completion"
    assert answer.choices[0].message.role == "assistant"
    assert answer.choices[0].message.content
    assert answer.choices[0].finish_reason == "length"
    assert answer.usage is not None
    assert answer.usage.completion_tokens == 20
    assert answer.created > 1_700_000_000
    line = clients.line(raw.headers["x-request-id"])
    assert (line["input_tokens"], line["output_tokens"]) == (answer.usage.prompt_tokens, 20)
    assert (line["endpoint"], line["usage_source"], line["message_count"]) == ("/v1/chat/completions", "reported", 2)


@ANY
def test_chat_stream_with_usage(clients: Clients, model: str) -> None:
    stream = clients.openai.chat.completions.create(
        model=model, messages=[{"role": "user", "content": "hello"}], max_tokens=12, stream=True,
        stream_options={"include_usage": True},
    )  # fmt: skip
    chunks = list(stream)

    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert [c.choices[0].finish_reason for c in chunks if c.choices and c.choices[0].finish_reason] == ["length"]
    assert chunks[-1].choices == []
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.completion_tokens == 12
    assert len({chunk.id for chunk in chunks}) == 1


@ANY
def test_chat_parallel_tools_and_their_results(clients: Clients, model: str) -> None:
    messages: list[Any] = [{"role": "user", "content": CALL_TOOLS}]
    answer = clients.openai.chat.completions.create(model=model, messages=messages, tools=CHAT_TOOLS, max_tokens=500)
    message = answer.choices[0].message
    assert answer.choices[0].finish_reason == "tool_calls"
    assert message.tool_calls is not None
    assert [call.function.name for call in message.tool_calls if call.type == "function"] == ["get_weather", "get_time"]

    messages.append(message.model_dump(exclude_none=True))
    messages += [{"role": "tool", "tool_call_id": call.id, "content": "sunny"} for call in message.tool_calls]
    final = clients.openai.chat.completions.create(model=model, messages=messages, tools=CHAT_TOOLS, max_tokens=30)

    assert final.choices[0].message.content


@ANY
def test_chat_parallel_tools_streamed(clients: Clients, model: str) -> None:
    with clients.openai.chat.completions.stream(
        model=model, messages=[{"role": "user", "content": CALL_TOOLS}], tools=CHAT_TOOLS, max_tokens=500,
        extra_headers={"X-Request-ID": f"stream-tools-{model}"},
    ) as stream:  # fmt: skip
        kinds = [event.type for event in stream]
        final = stream.get_final_completion()

    calls = final.choices[0].message.tool_calls
    assert calls is not None
    assert [(call.function.name, set(json.loads(call.function.arguments))) for call in calls] == [
        ("get_weather", {"city"}),
        ("get_time", {"zone"}),
    ]
    assert kinds.count("tool_calls.function.arguments.done") == 2
    assert kinds.count("tool_calls.function.arguments.delta") > 2
    assert clients.line(f"stream-tools-{model}")["tool_calls"] == 2


@ANY
def test_chat_structured_output(clients: Clients, model: str) -> None:
    answer = clients.openai.chat.completions.parse(
        model=model, messages=[{"role": "user", "content": "weather"}], response_format=Weather
    )

    assert isinstance(answer.choices[0].message.parsed, Weather)


@ANY
def test_chat_json_mode(clients: Clients, model: str) -> None:
    for stream in (False, True):
        fields: Any = {"model": model, "messages": [{"role": "user", "content": "JSON please"}],
                       "response_format": {"type": "json_object"}, "stream": stream}  # fmt: skip
        answer: Any = clients.openai.chat.completions.create(**fields)
        if stream:
            text = "".join(chunk.choices[0].delta.content or "" for chunk in answer if chunk.choices)
        else:
            text = answer.choices[0].message.content
            assert answer.choices[0].finish_reason == "stop"
        assert isinstance(json.loads(text), dict)


def test_reasoning_effort_becomes_thinking_that_comes_back(clients: Clients) -> None:
    fields: Any = {"model": CLAUDE, "messages": [{"role": "user", "content": "think"}], "reasoning_effort": "low"}
    raw = clients.openai.chat.completions.with_raw_response.create(**fields)
    message = raw.parse().choices[0].message.model_dump()

    assert message["reasoning_content"]
    assert message["reasoning_details"][0]["signature"]
    assert message["reasoning_details"][0]["format"] == "anthropic-claude-v1"
    assert clients.line(raw.headers["x-request-id"])["reasoning_tokens"] > 0
    fields["messages"] += [{k: v for k, v in message.items() if v is not None}, {"role": "user", "content": "and now?"}]
    again = clients.openai.chat.completions.create(**fields)
    assert again.choices[0].message.content


def test_streamed_thinking_can_be_sent_back_as_the_client_collected_it(clients: Clients) -> None:
    fields: Any = {"model": CLAUDE, "messages": [{"role": "user", "content": "think"}], "reasoning_effort": "low"}
    with clients.openai.chat.completions.stream(**fields) as stream:
        message = stream.get_final_completion().choices[0].message.model_dump()

    assert message["reasoning_details"] == [
        {
            "id": None,
            "type": "reasoning.text",
            "text": message["reasoning_content"],
            "signature": message["reasoning_details"][0]["signature"],
            "format": "anthropic-claude-v1",
            "index": 0,
        }
    ]
    assert message["reasoning_details"][0]["signature"]


# ---- responses -------------------------------------------------------------------------------------------------------
@ANY
def test_responses(clients: Clients, model: str) -> None:
    raw = clients.openai.responses.with_raw_response.create(
        model=model, instructions="Be brief.", input="hello", max_output_tokens=20, reasoning={"effort": "none"}
    )
    answer = raw.parse()

    assert answer.object == "response"
    assert answer.status == "incomplete"
    assert answer.incomplete_details is not None
    assert answer.incomplete_details.reason == "max_output_tokens"
    assert answer.output_text
    assert answer.usage is not None
    assert answer.usage.output_tokens == 20
    line = clients.line(raw.headers["x-request-id"])
    assert (line["endpoint"], line["input_tokens"], line["output_tokens"]) == (
        "/v1/responses",
        answer.usage.input_tokens,
        20,
    )


@ANY
def test_responses_streamed(clients: Clients, model: str) -> None:
    with clients.openai.responses.stream(model=model, input="hello") as stream:
        events = list(stream)
        final = stream.get_final_response()

    assert [event.sequence_number for event in events] == list(range(len(events)))
    assert events[0].type == "response.created"
    assert events[-1].type == "response.completed"
    assert final.output_text == "".join(e.delta for e in events if e.type == "response.output_text.delta")
    assert final.usage is not None


@ANY
def test_a_response_cut_by_its_limit_ends_incomplete(clients: Clients, model: str) -> None:
    events: Any = list(clients.openai.responses.create(model=model, input="hello", max_output_tokens=16, stream=True))

    assert events[-1].type == "response.incomplete"
    assert events[-1].response.incomplete_details.reason == "max_output_tokens"
    assert events[-1].response.usage.output_tokens == 16


@ANY
@pytest.mark.parametrize("streamed", [False, True])
def test_responses_tool_loop(clients: Clients, model: str, streamed: bool) -> None:
    items: list[Any] = [{"role": "user", "content": CALL_TOOLS}]
    fields: Any = {"model": model, "tools": RESPONSES_TOOLS, "store": False, "max_output_tokens": 500,
                   "extra_headers": {"X-Request-ID": f"responses-{model}-{streamed}"}}  # fmt: skip
    if streamed:
        with clients.openai.responses.stream(input=items, **fields) as stream:
            output = stream.until_done().get_final_response().output
    else:
        output = clients.openai.responses.create(input=items, **fields).output

    calls = [item for item in output if item.type == "function_call"]
    assert [(call.name, set(json.loads(call.arguments))) for call in calls] == [
        ("get_weather", {"city"}),
        ("get_time", {"zone"}),
    ]
    line = clients.line(f"responses-{model}-{streamed}")
    assert (line["tool_calls"], line["tool_count"], line["message_count"]) == (2, 2, 1)
    items += [item.model_dump(exclude_none=True) for item in output]
    items += [{"type": "function_call_output", "call_id": call.call_id, "output": "sunny"} for call in calls]
    fields["extra_headers"] = {}
    assert clients.openai.responses.create(input=items, **fields).output_text


@ANY
def test_responses_structured_output(clients: Clients, model: str) -> None:
    answer = clients.openai.responses.parse(model=model, input="weather", text_format=Weather)

    assert isinstance(answer.output_parsed, Weather)


def test_thinking_as_reasoning_items_that_come_back(clients: Clients) -> None:
    fields: Any = {"model": CLAUDE, "reasoning": {"effort": "low"}, "max_output_tokens": 2000}
    first = clients.openai.responses.create(input="think", **fields)
    with clients.openai.responses.stream(input="think", **fields) as stream:
        streamed = stream.until_done().get_final_response()

    for answer in (first, streamed):
        reasoning = answer.output[0]
        assert reasoning.type == "reasoning"
        assert reasoning.summary[0].text
        assert reasoning.encrypted_content is not None
        assert reasoning.encrypted_content.startswith("anthropic~")
        items: list[Any] = [{"role": "user", "content": "think"}]
        items += [item.model_dump(exclude_none=True) for item in answer.output]
        items.append({"role": "user", "content": "and now?"})
        assert clients.openai.responses.create(input=items, **fields).output_text


# ---- messages --------------------------------------------------------------------------------------------------------
@ANY
def test_messages(clients: Clients, model: str) -> None:
    raw = clients.anthropic.messages.with_raw_response.create(
        model=model, max_tokens=20, system="Be brief.", messages=[{"role": "user", "content": "hello"}],
        metadata={"user_id": "u-7"},
    )  # fmt: skip
    answer = raw.parse()

    assert (answer.type, answer.role, answer.stop_reason) == ("message", "assistant", "max_tokens")
    assert answer.content[0].type == "text"
    assert answer.content[0].text
    assert answer.usage.output_tokens == 20
    assert answer._request_id == raw.headers["x-request-id"]
    line = clients.line(raw.headers["x-request-id"])
    assert (line["endpoint"], line["input_tokens"], line["output_tokens"], line["end_user"]) == (
        "/v1/messages",
        answer.usage.input_tokens,
        20,
        "u-7",
    )
    assert line["finish_reason"] == ("max_tokens" if model == CLAUDE else "length")
    assert line["sdk"].startswith("anthropic-python/")


@ANY
def test_messages_streamed(clients: Clients, model: str) -> None:
    with clients.anthropic.messages.stream(
        model=model, max_tokens=30, messages=[{"role": "user", "content": "hello"}]
    ) as stream:
        text = "".join(stream.text_stream)
        final = stream.get_final_message()

    assert text
    assert final.content[0].type == "text"
    assert final.content[0].text == text
    assert final.usage.output_tokens > 0
    assert final.usage.input_tokens > 0
    assert final.stop_reason in ("end_turn", "max_tokens")


@ANY
@pytest.mark.parametrize("streamed", [False, True])
def test_messages_tool_loop(clients: Clients, model: str, streamed: bool) -> None:
    messages: list[Any] = [{"role": "user", "content": CALL_TOOLS}]
    fields: Any = {"model": model, "max_tokens": 500, "tools": ANTHROPIC_TOOLS}
    if streamed:
        with clients.anthropic.messages.stream(messages=messages, **fields) as stream:
            answer: Any = stream.get_final_message()
    else:
        answer = clients.anthropic.messages.create(messages=messages, **fields)

    assert answer.stop_reason == "tool_use"
    calls = [block for block in answer.content if block.type == "tool_use"]
    assert [(call.name, set(call.input)) for call in calls] == [("get_weather", {"city"}), ("get_time", {"zone"})]
    messages.append({"role": "assistant", "content": [block.model_dump(exclude_none=True) for block in answer.content]})
    results = [{"type": "tool_result", "tool_use_id": call.id, "content": "sunny"} for call in calls]
    messages.append({"role": "user", "content": results})
    final = clients.anthropic.messages.create(messages=messages, **fields)
    assert final.content[0].type == "text"


@ANY
def test_messages_structured_output(clients: Clients, model: str) -> None:
    answer = clients.anthropic.messages.parse(
        model=model, max_tokens=1000, messages=[{"role": "user", "content": "weather"}], output_format=Weather
    )

    assert isinstance(answer.parsed_output, Weather)


def test_messages_with_thinking_pass_through(clients: Clients) -> None:
    fields: Any = {"model": CLAUDE, "max_tokens": 3000, "thinking": {"type": "enabled", "budget_tokens": 1024},
                   "messages": [{"role": "user", "content": "think"}]}  # fmt: skip
    answer = clients.anthropic.messages.create(**fields)

    assert [block.type for block in answer.content] == ["thinking", "text"]
    with clients.anthropic.messages.stream(**fields) as stream:
        assert [block.type for block in stream.get_final_message().content] == ["thinking", "text"]


def test_cache_writes_and_reads_are_in_the_ledger(clients: Clients) -> None:
    block = {"type": "text", "text": "Know this. " * 2000, "cache_control": {"type": "ephemeral", "ttl": "1h"}}
    fields: Any = {"model": CLAUDE, "max_tokens": 5, "system": [block], "messages": [{"role": "user", "content": "q"}]}
    writing = clients.anthropic.messages.with_raw_response.create(**fields)
    with clients.anthropic.messages.stream(**fields, extra_headers={"X-Request-ID": "cache-read"}) as stream:
        read = stream.get_final_message().usage

    written = writing.parse().usage
    assert written.cache_creation is not None
    assert written.cache_creation.ephemeral_1h_input_tokens == written.cache_creation_input_tokens
    line = clients.line(writing.headers["x-request-id"])
    assert line["cache_write_1h_tokens"] == written.cache_creation_input_tokens
    assert line["input_tokens"] == written.input_tokens + (written.cache_creation_input_tokens or 0)
    assert line["prefix_hmacs"] is not None
    again = clients.line("cache-read")
    assert again["cache_read_tokens"] == read.cache_read_input_tokens == written.cache_creation_input_tokens
    assert again["input_tokens"] == read.input_tokens + (read.cache_read_input_tokens or 0)


@pytest.mark.parametrize(("model", "label"), [(NATIVE, "estimated"), (CLAUDE, None)])
def test_count_tokens(clients: Clients, model: str, label: str | None) -> None:
    raw = clients.anthropic.messages.with_raw_response.count_tokens(
        model=model, system="Be brief.", messages=[{"role": "user", "content": "hello there"}], tools=ANTHROPIC_TOOLS
    )

    assert raw.parse().input_tokens > 20
    assert raw.headers.get("x-gateway-counted") == label


# ---- models and errors -----------------------------------------------------------------------------------------------
def test_models_in_both_shapes(clients: Clients) -> None:
    ours = {model.id: model for model in clients.openai.models.list()}
    theirs = {model.id: model for model in clients.anthropic.models.list()}

    assert set(ours) == set(theirs) >= {NATIVE, CLAUDE, CHAT_ONLY}
    assert ours[CLAUDE].owned_by == f"{CLAUDE}-provider"
    assert theirs[CLAUDE].type == "model"
    assert clients.anthropic.models.retrieve(CLAUDE).id == CLAUDE
    with pytest.raises(anthropic.NotFoundError) as caught:
        clients.anthropic.models.retrieve("nothing")
    assert caught.value.body["error"]["type"] == "not_found_error"  # type: ignore[index]


def test_errors_in_anthropics_shape(clients: Clients) -> None:
    fields: Any = {"max_tokens": 5, "messages": [{"role": "user", "content": "q"}]}
    with pytest.raises(anthropic.NotFoundError) as unknown:
        clients.anthropic.messages.create(model="nothing", **fields)
    with pytest.raises(anthropic.AuthenticationError) as stranger:
        clients.anthropic.with_options(api_key="sk-gw-wrong").messages.create(model=CLAUDE, **fields)

    assert unknown.value.body == {
        "type": "error",
        "error": {
            "type": "not_found_error",
            "message": "model: The model 'nothing' does not exist or you do not have access to it.",
            "code": "model_not_found",
        },
    }
    assert stranger.value.body["error"]["type"] == "authentication_error"  # type: ignore[index]
    assert unknown.value.request_id


@pytest.mark.parametrize("model", [NATIVE, CLAUDE])
def test_a_providers_refusal_in_the_clients_shape(clients: Clients, model: str) -> None:
    fields: Any = {"model": f"{model}-refusing", "max_tokens": 5, "messages": [{"role": "user", "content": "q"}]}
    with pytest.raises(openai.BadRequestError) as ours:
        clients.openai.chat.completions.create(**fields)
    with pytest.raises(anthropic.BadRequestError) as theirs:
        clients.anthropic.messages.create(**fields)

    assert set(ours.value.body) == {"message", "type", "param", "code"}  # type: ignore[arg-type]
    assert theirs.value.body["error"]["type"] == "invalid_request_error"  # type: ignore[index]
    assert "imulated" in ours.value.message
    assert "imulated" in theirs.value.message


def test_what_the_target_cannot_express_is_refused_by_name(clients: Clients) -> None:
    with pytest.raises(openai.BadRequestError) as ours:
        clients.openai.chat.completions.create(
            model=CLAUDE, messages=[{"role": "user", "content": "q"}], logit_bias={"50256": -100}
        )
    marked: Any = {"type": "text", "text": "q", "cache_control": {"type": "ephemeral"}}
    with pytest.raises(anthropic.BadRequestError) as theirs:
        clients.anthropic.messages.create(model=NATIVE, max_tokens=5, messages=[{"role": "user", "content": [marked]}])
    with pytest.raises(openai.BadRequestError) as state:
        clients.openai.responses.create(model=CLAUDE, input="q", previous_response_id="resp_1")

    assert (ours.value.code, ours.value.param) == ("unsupported_parameter", "logit_bias")
    assert "messages.0.content.0.cache_control" in theirs.value.message
    assert state.value.param == "previous_response_id"


def test_a_route_may_drop_it_and_says_so(clients: Clients) -> None:
    raw = clients.openai.chat.completions.with_raw_response.create(
        model=f"{CLAUDE}-dropping", messages=[{"role": "user", "content": "q"}], max_tokens=5, seed=7,
        logit_bias={"50256": -100},
    )  # fmt: skip

    assert raw.headers["x-gateway-dropped"] == "seed,logit_bias"
    assert raw.parse().choices[0].message.content
    with pytest.raises(openai.BadRequestError):
        clients.openai.responses.create(model=f"{CLAUDE}-dropping", input="q", previous_response_id="resp_1")


@pytest.mark.parametrize("model", [NATIVE, CLAUDE, CHAT_ONLY])
def test_text_completions(clients: Clients, model: str) -> None:
    fields: Any = {"model": model, "prompt": "Once upon", "max_tokens": 8}
    answer = clients.openai.completions.create(**fields)
    chunks: Any = list(clients.openai.completions.create(**fields, stream=True))

    assert (answer.object, answer.choices[0].finish_reason) == ("text_completion", "length")
    assert answer.choices[0].text
    assert answer.usage is not None
    assert answer.usage.completion_tokens == 8
    assert "".join(chunk.choices[0].text for chunk in chunks if chunk.choices) == answer.choices[0].text
