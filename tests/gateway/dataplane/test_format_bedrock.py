"""Bedrock's Converse as a target: the vendor's published examples, what cannot be said, and streams in pieces.

Every request is also checked by botocore's own validator against the service's model.
"""

import base64
import json
from itertools import pairwise
from typing import Any

import botocore.session
import orjson
import pytest
from botocore.validate import ParamValidator
from hypothesis import given
from hypothesis import strategies as st

from gateway.dataplane.formats import anthropic, bedrock, openai_chat
from gateway.dataplane.formats.base import InvalidReply, Losses, Malformed, Unsupported
from gateway.dataplane.formats.ir import Delta, Ended, Failed, Prompt, Stopped, Text, Thinking, ToolUse, Turn, UsageSeen
from gateway.dataplane.formats.ir import Usage as Counted
from gateway.simulator.calls import Frame
from gateway.simulator.wire.eventstream import encode

HAIKU = "anthropic.claude-haiku-4-5-20251001-v1:0"
TOP_SONG = {
    "type": "function",
    "function": {
        "name": "top_song",
        "description": "Get the most popular song played on a radio station.",
        "parameters": {
            "type": "object",
            "properties": {"sign": {"type": "string", "description": "The call sign for the radio station."}},
            "required": ["sign"],
        },
    },
}
MODEL = botocore.session.get_session().get_service_model("bedrock-runtime")


def write(request: dict[str, Any], *, may_drop: bool = False, model: str = HAIKU) -> dict[str, Any]:
    """A chat request as Converse gets it."""
    prompt = openai_chat.read_request({"model": model, **request})
    return checked(bedrock.write_request(prompt, Losses("Converse", may_drop=may_drop)), model)


def checked(body: dict[str, Any], model: str = HAIKU) -> dict[str, Any]:
    """The body as JSON, valid by the service's own model."""
    sent: dict[str, Any] = orjson.loads(orjson.dumps(body))
    report = ParamValidator().validate({"modelId": model, **sent}, MODEL.operation_model("Converse").input_shape)
    assert not report.has_errors(), report.generate_report()
    return sent


def ask(**fields: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": "hello"}], **fields}


def frames(*events: tuple[str, dict[str, Any]]) -> bytes:
    return b"".join(encode(Frame(json.dumps(data).encode(), event=name.encode())) for name, data in events)


# ---- requests --------------------------------------------------------------------------------------------------------
def test_tool_of_the_guide():
    """https://docs.aws.amazon.com/bedrock/latest/userguide/tool-use-inference-call.html, steps 1 to 3."""
    question = {
        "messages": [{"role": "user", "content": "What is the most popular song on WZPZ?"}],
        "tools": [TOP_SONG],
    }
    assert write(question) == {
        "messages": [{"role": "user", "content": [{"text": "What is the most popular song on WZPZ?"}]}],
        "toolConfig": {
            "tools": [
                {
                    "toolSpec": {
                        "name": "top_song",
                        "description": "Get the most popular song played on a radio station.",
                        "inputSchema": {"json": TOP_SONG["function"]["parameters"]},
                    }
                }
            ]
        },
    }

    call = {"toolUseId": "tooluse_hbTgdi0CSLq_hM4P8csZJA", "name": "top_song", "input": {"sign": "WZPZ"}}
    reply = bedrock.read_reply(
        {"output": {"message": {"role": "assistant", "content": [{"toolUse": call}]}}, "stopReason": "tool_use"}
    )
    said = openai_chat.write_reply(reply, openai_chat.read_request({"model": "m", **question}))["choices"][0]
    assert said["finish_reason"] == "tool_calls"
    assert said["message"]["tool_calls"][0]["function"] == {"name": "top_song", "arguments": '{"sign":"WZPZ"}'}

    result = {"role": "tool", "tool_call_id": call["toolUseId"], "content": "Elemental Hotel by 8 Storey Hike"}
    body = write({**question, "messages": [*question["messages"], said["message"], result]})
    assert body["messages"][1:] == [
        {"role": "assistant", "content": [{"toolUse": call}]},
        {
            "role": "user",
            "content": [
                {
                    "toolResult": {
                        "toolUseId": "tooluse_hbTgdi0CSLq_hM4P8csZJA",
                        "content": [{"text": "Elemental Hotel by 8 Storey Hike"}],
                    }
                }
            ],
        },
    ]


def test_sampling_schema_and_metadata():
    schema = {"type": "object", "properties": {"a": {"type": "string"}}}
    request = ask(
        max_completion_tokens=9, temperature=0.5, top_p=0.5, top_k=7, stop=["x"], metadata={"team": "a"},
        service_tier="priority",
        response_format={"type": "json_schema", "json_schema": {"name": "s", "schema": schema}},
    )  # fmt: skip
    body = write(request)

    assert body["inferenceConfig"] == {"maxTokens": 9, "temperature": 0.5, "topP": 0.5, "stopSequences": ["x"]}
    assert body["additionalModelRequestFields"] == {"top_k": 7}
    assert body["requestMetadata"] == {"team": "a"}
    assert body["serviceTier"] == {"type": "priority"}
    wanted = body["outputConfig"]["textFormat"]["structure"]["jsonSchema"]
    assert (json.loads(wanted["schema"]), wanted["name"]) == (schema, "s")


def test_cache_marks_are_cache_points():
    marked = {"type": "ephemeral", "ttl": "1h"}
    asked = {
        "model": HAIKU,
        "max_tokens": 9,
        "system": [{"type": "text", "text": "rules", "cache_control": marked}],
        "tools": [{"name": "f", "input_schema": {"type": "object"}, "cache_control": {"type": "ephemeral"}}],
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}}]}
        ],
    }
    body = checked(bedrock.write_request(anthropic.read_request(asked), Losses("Converse")))

    assert body["system"] == [{"text": "rules"}, {"cachePoint": {"type": "default", "ttl": "1h"}}]
    assert body["toolConfig"]["tools"][1] == {"cachePoint": {"type": "default"}}
    assert body["messages"][0]["content"] == [{"text": "a"}, {"cachePoint": {"type": "default"}}]


def test_media():
    picture, paper = base64.b64encode(b"png").decode(), base64.b64encode(b"pdf").decode()
    content = [
        {"type": "text", "text": "What is this?"},
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{picture}"}},
        {"type": "image_url", "image_url": {"url": "s3://bucket/cat.jpg"}},
        {"type": "file", "file": {"filename": "My  file_1.pdf", "file_data": f"data:application/pdf;base64,{paper}"}},
        {"type": "input_audio", "input_audio": {"data": picture, "format": "wav"}},
    ]
    body = write({"messages": [{"role": "user", "content": content}]})

    assert body["messages"][0]["content"][1:] == [
        {"image": {"format": "png", "source": {"bytes": picture}}},
        {"image": {"format": "jpeg", "source": {"s3Location": {"uri": "s3://bucket/cat.jpg"}}}},
        {"document": {"format": "pdf", "name": "My file 1 pdf", "source": {"bytes": paper}}},
        {"audio": {"format": "wav", "source": {"bytes": picture}}},
    ]


@pytest.mark.parametrize(
    ("model", "effort", "extras", "output"),
    [
        (HAIKU, "high", {"thinking": {"type": "enabled", "budget_tokens": 3276}}, None),
        ("us.anthropic.claude-opus-5-5", "high", {"thinking": {"type": "adaptive"}}, {"effort": "high"}),
        (
            "us.amazon.nova-2-lite-v1:0",
            "low",
            {"reasoningConfig": {"type": "enabled", "maxReasoningEffort": "low"}},
            None,
        ),
        ("openai.gpt-oss-120b-1:0", "low", {"reasoning_effort": "low"}, None),
    ],
)
def test_effort_in_the_models_own_words(model, effort, extras, output):
    body = write(ask(reasoning_effort=effort, max_completion_tokens=4_096), model=model)

    assert body["additionalModelRequestFields"] == extras
    assert body.get("outputConfig") == output


def test_signed_thinking_goes_back():
    asked = {
        "model": HAIKU,
        "max_tokens": 4_096,
        "thinking": {"type": "enabled", "budget_tokens": 2_048},
        "messages": [
            {"role": "user", "content": "hi"},
            {
                "role": "assistant",
                "content": [
                    {"type": "thinking", "thinking": "hm", "signature": "c2ln"},
                    {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {"n": 1.10}},
                ],
            },
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "toolu_1", "is_error": True}]},
        ],
        "tools": [{"name": "f", "input_schema": {"type": "object"}}],
    }
    body = checked(bedrock.write_request(anthropic.read_request(asked), Losses("Converse")))

    assert body["additionalModelRequestFields"] == {"thinking": {"type": "enabled", "budget_tokens": 2_048}}
    assert body["messages"][1]["content"][0] == {
        "reasoningContent": {"reasoningText": {"text": "hm", "signature": "c2ln"}}
    }
    assert body["messages"][2]["content"] == [
        {"toolResult": {"toolUseId": "toolu_1", "content": [], "status": "error"}}
    ]


def test_ids_fit_the_service():
    call = {"id": "call/" + "x" * 70, "type": "function", "function": {"name": "f", "arguments": "{}"}}
    messages = [
        {"role": "user", "content": "a"},
        {"role": "assistant", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": call["id"], "content": "b"},
    ]
    body = write({"messages": messages, "tools": [TOP_SONG]})

    identity = body["messages"][1]["content"][0]["toolUse"]["toolUseId"]
    assert len(identity) == 64
    assert body["messages"][2]["content"][0]["toolResult"]["toolUseId"] == identity


@pytest.mark.parametrize(
    ("choice", "written"),
    [("auto", None), ("required", {"any": {}}),
     ({"type": "function", "function": {"name": "top_song"}}, {"tool": {"name": "top_song"}})],
)  # fmt: skip
def test_tool_choice(choice, written):
    assert write(ask(tools=[TOP_SONG], tool_choice=choice))["toolConfig"].get("toolChoice") == written


def test_no_tools_are_shown_where_none_may_be_called():
    assert "toolConfig" not in write(ask(tools=[TOP_SONG], tool_choice="none"))


@pytest.mark.parametrize(
    ("request_fields", "field"),
    [
        (ask(seed=1), "seed"),
        (ask(n=2), "n"),
        (ask(presence_penalty=1), "presence_penalty"),
        (ask(logit_bias={"1": 1}), "logit_bias"),
        (ask(parallel_tool_calls=False), "parallel_tool_calls"),
        (ask(response_format={"type": "json_object"}), "response_format"),
        (ask(service_tier="scale"), "service_tier"),
        (ask(tools=[{"type": "web_search_preview"}]), "tools[0].type"),
        ({"messages": [{"role": "user", "content": [
            {"type": "text", "text": "a"},
            {"type": "image_url", "image_url": {"url": "https://example.org/a.png"}}]}]},
         "messages[0].content[1].image_url"),
        ({"messages": [{"role": "user", "content": [
            {"type": "text", "text": "a"}, {"type": "file", "file": {"file_id": "file-1"}}]}]},
         "messages[0].content[1].file"),
        ({"messages": [{"role": "user", "content": "a"},
                       {"role": "assistant", "reasoning_content": "b", "content": "c"}]},
         "messages[1].reasoning_content"),
    ],
)  # fmt: skip
def test_what_cannot_be_said_is_named(request_fields, field):
    with pytest.raises(Unsupported) as caught:
        write(request_fields)

    assert caught.value.field == field
    assert write(request_fields, may_drop=True)["messages"]


def test_arguments_that_are_no_object():
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "[1]"}}
    with pytest.raises(Malformed):
        write({"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "tool_calls": [call]}]})


# ---- answers ---------------------------------------------------------------------------------------------------------
def test_answer_of_the_reference():
    """https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html, "Example Response"."""
    reply = bedrock.read_reply(
        {
            "output": {"message": {"content": [{"text": "<text generated by the model>"}], "role": "assistant"}},
            "stopReason": "end_turn",
            "usage": {"inputTokens": 30, "outputTokens": 628, "totalTokens": 658},
            "metrics": {"latencyMs": 1275},
        }
    )

    assert reply.choices[0].parts == [Text("<text generated by the model>")]
    assert (reply.choices[0].stop, reply.choices[0].word) == ("end", "end_turn")
    assert reply.usage == Counted(input=30, output=628)


def test_usage_with_cache():
    usage = {
        "inputTokens": 10, "outputTokens": 5, "totalTokens": 1_215, "cacheReadInputTokens": 500,
        "cacheWriteInputTokens": 700,
        "cacheDetails": [{"ttl": "5m", "inputTokens": 300}, {"ttl": "1h", "inputTokens": 400}],
    }  # fmt: skip
    body = {"output": {"message": {"content": []}}, "stopReason": "end_turn", "usage": usage}

    found = bedrock.read_reply({**body, "serviceTier": {"type": "default"}})

    assert found.usage == Counted(input=1_210, output=5, cache_read=500, cache_write_5m=300, cache_write_1h=400)
    assert found.service_tier == "standard"


@pytest.mark.parametrize(
    ("word", "stop"),
    [("max_tokens", "length"), ("stop_sequence", "stop_sequence"), ("guardrail_intervened", "content_filter"),
     ("content_filtered", "content_filter"), ("model_context_window_exceeded", "context_window"),
     ("malformed_tool_use", "other")],
)  # fmt: skip
def test_stop_reasons(word, stop):
    assert bedrock.read_reply({"output": {"message": {"content": []}}, "stopReason": word}).choices[0].stop == stop


def test_reasoning_of_every_kind():
    content = [
        {"reasoningContent": {"reasoningText": {"text": "hm", "signature": "c2ln"}}},
        {"reasoningContent": {"redactedContent": "ZGF0YQ=="}},
        {"reasoningContent": {"reasoningText": {"text": "plain"}}},
    ]

    parts = bedrock.read_reply({"output": {"message": {"content": content}}}).choices[0].parts

    assert parts == [
        Thinking("hm", "c2ln", vendor="anthropic"),
        Thinking(redacted="ZGF0YQ==", vendor="anthropic"),
        Thinking("plain"),
    ]


@pytest.mark.parametrize("body", [{}, {"output": {}}, {"output": {"message": {"content": "x"}}}])
def test_answers_of_another_shape(body):
    with pytest.raises(InvalidReply):
        bedrock.read_reply(body)


# ---- streams ---------------------------------------------------------------------------------------------------------
def test_stream_of_the_guide():
    """https://docs.aws.amazon.com/bedrock/latest/userguide/conversation-inference-call.html, the stream's example."""
    data = frames(
        ("messageStart", {"role": "assistant"}),
        ("contentBlockDelta", {"delta": {"text": ""}, "contentBlockIndex": 0}),
        ("contentBlockDelta", {"delta": {"text": " Title"}, "contentBlockIndex": 0}),
        ("contentBlockDelta", {"delta": {"text": ":"}, "contentBlockIndex": 0}),
        ("contentBlockStop", {"contentBlockIndex": 0}),
        ("messageStop", {"stopReason": "max_tokens"}),
        (
            "metadata",
            {"usage": {"inputTokens": 47, "outputTokens": 20, "totalTokens": 67}, "metrics": {"latencyMs": 100}},
        ),
    )

    events = bedrock.reader().feed(data)

    assert "".join(event.text for event in events if isinstance(event, Delta)) == " Title:"
    assert events[-3:] == [Stopped("length", "max_tokens"), UsageSeen(Counted(input=47, output=20)), Ended()]


def test_exception_is_a_failure():
    frame = Frame(b'{"message":"slow down"}', event=b"throttlingException", is_error=True)

    assert bedrock.reader().feed(encode(frame)) == [Failed("throttlingException", "slow down")]


def test_broken_checksum_ends_the_stream_as_failed():
    data = bytearray(frames(("messageStart", {"role": "assistant"})))
    data[-6] ^= 1
    reader = bedrock.reader()

    events = reader.feed(bytes(data)) + reader.feed(frames(("messageStart", {"role": "assistant"})))

    assert events == [Failed("invalid_stream", "the event stream cannot be read (ChecksumMismatch)")]


texts = st.text(min_size=1, max_size=8)
blocks = st.lists(
    st.one_of(
        texts.map(lambda text: {"text": text}),
        texts.map(lambda text: {"reasoningContent": {"reasoningText": {"text": text, "signature": "c2ln"}}}),
        st.builds(
            lambda name, given: {"toolUse": {"toolUseId": "t", "name": name, "input": given}},
            st.sampled_from(["f", "g"]),
            st.dictionaries(st.sampled_from("ab"), st.integers(-9, 9)),
        ),
    ),
    min_size=1,
    max_size=5,
)


@given(content=blocks, cuts=st.lists(st.integers(1, 60), max_size=6))
def test_stream_in_any_pieces_says_what_the_whole_answer_says(content, cuts):
    whole = bedrock.read_reply({"output": {"message": {"content": content}}, "stopReason": "end_turn"})
    data, reader, events = frames(*_streamed(content)), bedrock.reader(), []
    for cut in cuts:
        events += reader.feed(data[:cut])
        data = data[cut:]
    events += reader.feed(data) + reader.finish()

    spoken = {}
    for event in events:
        if isinstance(event, Delta):
            spoken[event.index] = spoken.get(event.index, "") + event.text
    said = [part.arguments if isinstance(part, ToolUse) else part.text for part in whole.choices[0].parts]
    assert [spoken.get(index, "") for index in range(len(said))] == said
    assert isinstance(events[-1], Ended)


def _streamed(content):
    events = [("messageStart", {"role": "assistant"})]
    for index, block in enumerate(content):
        if "toolUse" in block:
            call = block["toolUse"]
            start = {"toolUse": {"toolUseId": call["toolUseId"], "name": call["name"]}}
            events.append(("contentBlockStart", {"contentBlockIndex": index, "start": start}))
            deltas = [{"toolUse": {"input": orjson.dumps(call["input"]).decode()}}]
        elif "text" in block:
            deltas = [{"text": letter} for letter in block["text"]]
        else:
            said = block["reasoningContent"]["reasoningText"]
            deltas = [{"reasoningContent": {"text": said["text"]}}, {"reasoningContent": {"signature": "c2ln"}}]
        events += [("contentBlockDelta", {"contentBlockIndex": index, "delta": delta}) for delta in deltas]
        events.append(("contentBlockStop", {"contentBlockIndex": index}))
    return [*events, ("messageStop", {"stopReason": "end_turn"}), ("metadata", {"usage": {"inputTokens": 1}})]


conversations = st.lists(
    st.tuples(
        st.sampled_from(["user", "assistant"]), st.lists(st.text(min_size=1, max_size=5), min_size=1, max_size=3)
    ),
    min_size=1,
    max_size=6,
)


@given(turns=conversations)
def test_no_text_is_lost_and_speakers_alternate(turns):
    prompt = Prompt(model=HAIKU, turns=[Turn(role, [Text(text) for text in said]) for role, said in turns])

    messages = checked(bedrock.write_request(prompt, Losses("Converse")))["messages"]

    assert all(before["role"] != after["role"] for before, after in pairwise(messages))
    written = [block["text"] for message in messages for block in message["content"]]
    assert written == [text for _, said in turns for text in said]
