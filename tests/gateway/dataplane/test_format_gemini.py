"""Gemini's generateContent as a target: the vendor's published examples, what cannot be said, and streams in pieces."""

import json
from itertools import pairwise
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.dataplane.formats import anthropic, gemini, openai_chat, openai_responses
from gateway.dataplane.formats.base import InvalidReply, Losses, Malformed, Unsupported
from gateway.dataplane.formats.ir import (
    Delta,
    Failed,
    PartStart,
    Prompt,
    Stopped,
    Text,
    Thinking,
    ToolUse,
    Turn,
    UsageSeen,
)
from gateway.dataplane.formats.ir import Usage as Counted

WEATHER = {
    "type": "function",
    "function": {
        "name": "get_current_temperature",
        "description": "Gets the current temperature for a given location.",
        "parameters": {
            "type": "object",
            "properties": {"location": {"type": "string", "description": "The city name, e.g. San Francisco"}},
            "required": ["location"],
        },
    },
}


def write(request: dict[str, Any], *, may_drop: bool = False, model: str = "gemini-2.5-flash") -> dict[str, Any]:
    """A chat request as Gemini gets it."""
    prompt = openai_chat.read_request({"model": model, **request})
    body: dict[str, Any] = orjson.loads(orjson.dumps(gemini.write_request(prompt, Losses("Gemini", may_drop=may_drop))))
    return body


def ask(**fields: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": "hello"}], **fields}


def sse(*chunks: dict[str, Any]) -> bytes:
    return b"".join(b"data: %s\r\n\r\n" % json.dumps(chunk).encode() for chunk in chunks)


# ---- requests --------------------------------------------------------------------------------------------------------
def test_function_declaration_of_the_guide():
    """https://ai.google.dev/gemini-api/docs/function-calling, the example of the temperature in London."""
    body = write({"messages": [{"role": "user", "content": "What's the temperature in London?"}], "tools": [WEATHER]})

    assert body == {
        "contents": [{"role": "user", "parts": [{"text": "What's the temperature in London?"}]}],
        "tools": [
            {
                "functionDeclarations": [
                    {
                        "name": "get_current_temperature",
                        "description": "Gets the current temperature for a given location.",
                        "parametersJsonSchema": WEATHER["function"]["parameters"],
                    }
                ]
            }
        ],
    }


def test_parallel_calls_of_the_guide_go_back_with_their_signature():
    """https://ai.google.dev/gemini-api/docs/thought-signatures: of parallel calls, only the first is signed."""
    answer = gemini.read_reply(
        {
            "candidates": [
                {
                    "content": {
                        "role": "model",
                        "parts": [
                            {
                                "functionCall": {"name": "get_current_temperature", "args": {"location": "Paris"}},
                                "thoughtSignature": "c2lnbmF0dXJlIEE=",
                            },
                            {"functionCall": {"name": "get_current_temperature", "args": {"location": "London"}}},
                        ],
                    },
                    "finishReason": "STOP",
                }
            ],
            "responseId": "r1",
        }
    )
    question = ask(tools=[WEATHER])
    message = openai_chat.write_reply(answer, openai_chat.read_request({"model": "m", **question}))["choices"][0]
    assert message["finish_reason"] == "tool_calls"
    calls = message["message"]["tool_calls"]
    assert [call["id"] for call in calls] == ["call_r1_0_0", "call_r1_0_1"]

    results = [
        {"role": "tool", "tool_call_id": calls[1]["id"], "content": "12C"},
        {"role": "tool", "tool_call_id": calls[0]["id"], "content": "15C"},
    ]
    body = write({**question, "messages": [*question["messages"], message["message"], *results]}, model="gemini-3-pro")

    said, given = body["contents"][1:]
    assert said == {
        "role": "model",
        "parts": [
            {
                "functionCall": {"name": "get_current_temperature", "args": {"location": "Paris"}, "id": "call_r1_0_0"},
                "thoughtSignature": "c2lnbmF0dXJlIEE=",
            },
            {"functionCall": {"name": "get_current_temperature", "args": {"location": "London"}, "id": "call_r1_0_1"}},
        ],
    }
    assert given["role"] == "user"
    assert [part["functionResponse"] for part in given["parts"]] == [
        {"name": "get_current_temperature", "response": {"output": "12C"}, "id": "call_r1_0_1"},
        {"name": "get_current_temperature", "response": {"output": "15C"}, "id": "call_r1_0_0"},
    ]


def test_signature_survives_a_client_that_speaks_anthropic():
    answer = gemini.read_reply(
        {
            "candidates": [
                {
                    "content": {"parts": [{"functionCall": {"name": "f", "args": {}}, "thoughtSignature": "c2ln"}]},
                    "finishReason": "STOP",
                }
            ],
            "responseId": "r1",
        }
    )
    asked = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]}
    said = anthropic.write_reply(answer, anthropic.read_request(asked))
    said = orjson.loads(orjson.dumps(said))
    result = {"type": "tool_result", "tool_use_id": said["content"][-1]["id"], "content": "ok"}
    back = anthropic.read_request(
        {
            **asked,
            "model": "gemini-3-flash",
            "messages": [
                *asked["messages"],
                {"role": "assistant", "content": said["content"]},
                {"role": "user", "content": [result]},
            ],
        }
    )

    body = gemini.write_request(back, Losses("Gemini"))

    assert body["contents"][1]["parts"][0]["thoughtSignature"] == "c2ln"


def test_calls_of_other_models_carry_the_documented_stand_in():
    call = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    messages = [
        {"role": "user", "content": "hi"},
        {"role": "assistant", "tool_calls": [call, {**call, "id": "c2"}]},
        {"role": "tool", "tool_call_id": "c1", "content": "a"},
        {"role": "tool", "tool_call_id": "c2", "content": "b"},
    ]

    def first_parts(model):
        return write({"messages": messages}, model=model)["contents"][1]["parts"]

    assert [part.get("thoughtSignature") for part in first_parts("gemini-3-flash")] == [
        "skip_thought_signature_validator",
        None,
    ]
    assert [part.get("thoughtSignature") for part in first_parts("gemini-2.5-pro")] == [None, None]


def test_every_sampling_field_and_the_schema():
    schema = {"type": "object", "properties": {"a": {"type": "string"}}}
    request = ask(
        max_completion_tokens=9, temperature=1.5, top_p=0.5, top_k=7, stop=["x"], seed=1, n=2, presence_penalty=0.1,
        frequency_penalty=0.2, logprobs=True, top_logprobs=3,
        response_format={"type": "json_schema", "json_schema": {"name": "s", "schema": schema}},
    )  # fmt: skip

    assert write(request)["generationConfig"] == {
        "maxOutputTokens": 9, "temperature": 1.5, "topP": 0.5, "topK": 7, "stopSequences": ["x"], "seed": 1,
        "candidateCount": 2, "presencePenalty": 0.1, "frequencyPenalty": 0.2, "responseLogprobs": True, "logprobs": 3,
        "responseMimeType": "application/json", "responseJsonSchema": schema,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("effort", "model", "config"),
    [
        ("low", "gemini-2.5-flash", {"thinkingBudget": 1024}),
        ("medium", "gemini-2.5-flash", {"thinkingBudget": 8192}),
        ("high", "gemini-2.5-flash", {"thinkingBudget": 24576}),
        ("none", "gemini-2.5-flash", {"thinkingBudget": 0}),
        ("low", "gemini-3-pro", {"thinkingLevel": "low"}),
        ("xhigh", "gemini-3-pro", {"thinkingLevel": "high"}),
    ],
)
def test_effort(effort, model, config):
    assert write(ask(reasoning_effort=effort), model=model)["generationConfig"]["thinkingConfig"] == config


def test_thinking_of_anthropic_clients_is_shown():
    asked = {
        "model": "gemini-2.5-flash",
        "max_tokens": 4096,
        "thinking": {"type": "enabled", "budget_tokens": 2048},
        "messages": [{"role": "user", "content": "hi"}],
    }
    body = gemini.write_request(anthropic.read_request(asked), Losses("Gemini"))

    assert body["generationConfig"]["thinkingConfig"] == {"thinkingBudget": 2048, "includeThoughts": True}


@pytest.mark.parametrize(
    ("read", "fields"),
    [
        (
            anthropic.read_request,
            {
                "max_tokens": 9,
                "messages": [
                    {"role": "user", "content": "hi"},
                    {
                        "role": "assistant",
                        "content": [
                            {"type": "thinking", "thinking": "hm", "signature": ""},
                            {"type": "text", "text": "yes"},
                        ],
                    },
                    {"role": "user", "content": "more"},
                ],
            },
        ),
        (
            openai_responses.read_request,
            {
                "input": [
                    {"role": "user", "content": "hi"},
                    {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "hm"}]},
                    {"role": "assistant", "content": [{"type": "output_text", "text": "yes"}]},
                    {"role": "user", "content": "more"},
                ],
            },
        ),
    ],
    ids=["messages", "responses"],
)
def test_thoughts_without_a_signature_go_back(read, fields):
    """Gemini signs calls and few texts: what it thought comes back as a client of another format kept it."""
    body = gemini.write_request(read({"model": "gemini-2.5-flash", **fields}), Losses("Gemini"))

    assert body["contents"][1]["parts"] == [{"text": "hm", "thought": True}, {"text": "yes"}]


def test_system_media_and_speakers():
    body = write(
        {
            "messages": [
                {"role": "system", "content": "Be brief."},
                {
                    "role": "user",
                    "content": [
                        {"type": "text", "text": "What is this?"},
                        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
                        {"type": "image_url", "image_url": {"url": "https://example.org/cat.webp?v=1"}},
                        {"type": "input_audio", "input_audio": {"data": "BBBB", "format": "wav"}},
                        {
                            "type": "file",
                            "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,CCCC"},
                        },
                    ],
                },
                {"role": "user", "content": "And this?"},
            ]
        }
    )

    assert body["systemInstruction"] == {"parts": [{"text": "Be brief."}]}
    assert body["contents"] == [
        {
            "role": "user",
            "parts": [
                {"text": "What is this?"},
                {"inlineData": {"mimeType": "image/png", "data": "AAAA"}},
                {"fileData": {"mimeType": "image/webp", "fileUri": "https://example.org/cat.webp?v=1"}},
                {"inlineData": {"mimeType": "audio/wav", "data": "BBBB"}},
                {"inlineData": {"mimeType": "application/pdf", "data": "CCCC"}},
                {"text": "And this?"},
            ],
        }
    ]


@pytest.mark.parametrize(
    ("choice", "config"),
    [
        ("none", {"mode": "NONE"}),
        ("required", {"mode": "ANY"}),
        ({"type": "function", "function": {"name": "get_current_temperature"}},
         {"mode": "ANY", "allowedFunctionNames": ["get_current_temperature"]}),
    ],
)  # fmt: skip
def test_tool_choice(choice, config):
    assert write(ask(tools=[WEATHER], tool_choice=choice))["toolConfig"] == {"functionCallingConfig": config}


def test_strict_tools_are_validated_calls():
    strict = {"type": "function", "function": {**WEATHER["function"], "strict": True}}

    assert write(ask(tools=[strict]))["toolConfig"] == {"functionCallingConfig": {"mode": "VALIDATED"}}


@pytest.mark.parametrize(
    ("request_fields", "field"),
    [
        (ask(logit_bias={"1": 1}), "logit_bias"),
        (ask(parallel_tool_calls=False), "parallel_tool_calls"),
        (ask(service_tier="flex"), "service_tier"),
        (ask(verbosity="low"), "verbosity"),
        (ask(metadata={"a": "b"}), "metadata"),
        (ask(unheard_of=1), "unheard_of"),
        (ask(stop=list("abcdef")), "stop"),
        (ask(tools=[{"type": "web_search_preview"}]), "tools[0].type"),
        (ask(tools=[WEATHER], response_format={"type": "json_object"}), "response_format"),
        ({"messages": [{"role": "user", "content": "a"}, {"role": "system", "content": "b"}]}, "messages[1]"),
        ({"messages": [{"role": "user", "name": "bob", "content": "a"}]}, "messages[0].name"),
        ({"messages": [{"role": "user", "content": [
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,A", "detail": "low"}}]}]},
         "messages[0].content[0].image_url.detail"),
        ({"messages": [{"role": "user", "content": [
            {"type": "file", "file": {"file_id": "file-1"}}, {"type": "text", "text": "a"}]}]},
         "messages[0].content[0].file"),
    ],
)  # fmt: skip
def test_what_cannot_be_said_is_named(request_fields, field):
    with pytest.raises(Unsupported) as caught:
        write(request_fields)

    assert caught.value.field == field
    assert write(request_fields, may_drop=True)["contents"]


def test_result_without_a_call_is_malformed():
    with pytest.raises(Malformed) as caught:
        write({"messages": [{"role": "user", "content": "a"}, {"role": "tool", "tool_call_id": "x", "content": "b"}]})

    assert caught.value.field == "messages[1]"


# ---- answers ---------------------------------------------------------------------------------------------------------
def test_usage_with_cache_thoughts_and_audio():
    """https://ai.google.dev/api/generate-content#UsageMetadata: the prompt includes the cached part."""
    reply = gemini.read_reply(
        {
            "candidates": [{"content": {"parts": [{"text": "4"}]}, "finishReason": "STOP"}],
            "usageMetadata": {
                "promptTokenCount": 1_000,
                "cachedContentTokenCount": 400,
                "candidatesTokenCount": 8,
                "thoughtsTokenCount": 90,
                "toolUsePromptTokenCount": 12,
                "totalTokenCount": 1_110,
                "promptTokensDetails": [
                    {"modality": "TEXT", "tokenCount": 800},
                    {"modality": "AUDIO", "tokenCount": 200},
                ],
                "cacheTokensDetails": [{"modality": "AUDIO", "tokenCount": 50}],
            },
            "modelVersion": "gemini-2.5-flash",
        }
    )

    assert reply.usage == Counted(input=1_012, output=98, cache_read=400, reasoning=90, audio_input=150)
    assert reply.usage.tokens() == {
        "input_tokens": 1_012,
        "output_tokens": 98,
        "cache_read_tokens": 400,
        "reasoning_tokens": 90,
        "audio_input_tokens": 150,
    }


def test_thoughts_text_and_signature_on_text():
    parts = [
        {"text": "Let me see.", "thought": True},
        {"text": "It is 4.", "thoughtSignature": "c2ln"},
    ]
    reply = gemini.read_reply({"candidates": [{"content": {"parts": parts}, "finishReason": "STOP"}]})

    assert reply.choices[0].parts == [
        Thinking("Let me see.", vendor="gemini"),
        Thinking(redacted="c2ln", vendor="gemini"),
        Text("It is 4."),
    ]


@pytest.mark.parametrize(
    ("word", "stop"),
    [("STOP", "end"), ("MAX_TOKENS", "length"), ("SAFETY", "content_filter"), ("RECITATION", "content_filter"),
     ("PROHIBITED_CONTENT", "content_filter"), ("MALFORMED_FUNCTION_CALL", "other"), ("NEW_REASON", "other")],
)  # fmt: skip
def test_finish_reasons(word, stop):
    reply = gemini.read_reply({"candidates": [{"content": {"parts": [{"text": "x"}]}, "finishReason": word}]})

    assert (reply.choices[0].stop, reply.choices[0].word) == (stop, word)


def test_blocked_prompt_is_filtered_content():
    body = {"promptFeedback": {"blockReason": "SAFETY"}, "usageMetadata": {"promptTokenCount": 4}}
    reply = gemini.read_reply(body)
    events = gemini.reader().feed(sse(body))

    said = openai_chat.write_reply(reply, openai_chat.read_request({"model": "m", **ask()}))["choices"][0]
    assert (said["finish_reason"], said["message"]["content"]) == ("content_filter", None)
    assert reply.usage == Counted(input=4)
    assert events[-1] == Stopped("content_filter", "SAFETY")


def test_logprobs_in_the_form_of_chat():
    result = {
        "chosenCandidates": [{"token": "a", "tokenId": 1, "logProbability": -0.5}],
        "topCandidates": [
            {"candidates": [{"token": "a", "logProbability": -0.5}, {"token": "b", "logProbability": -2}]}
        ],
    }
    candidate = {"content": {"parts": [{"text": "a"}]}, "finishReason": "STOP", "logprobsResult": result}

    found = gemini.read_reply({"candidates": [candidate]}).choices[0].logprobs

    assert found["content"][0]["logprob"] == -0.5
    assert [entry["token"] for entry in found["content"][0]["top_logprobs"]] == ["a", "b"]


@pytest.mark.parametrize("body", [{}, {"candidates": []}, {"candidates": ["x"]}])
def test_answers_of_another_shape(body):
    with pytest.raises(InvalidReply):
        gemini.read_reply(body)


# ---- streams ---------------------------------------------------------------------------------------------------------
def test_stream_error_is_a_failure():
    events = gemini.reader().feed(sse({"error": {"code": 503, "message": "busy", "status": "UNAVAILABLE"}}))

    assert events == [Failed("UNAVAILABLE", "busy")]


def test_last_usage_stands():
    reader = gemini.reader()
    chunk = {"candidates": [{"content": {"parts": [{"text": "a"}]}}], "usageMetadata": {"promptTokenCount": 5}}
    last = {
        "candidates": [{"content": {"parts": [{"text": "b"}]}, "finishReason": "STOP"}],
        "usageMetadata": {"promptTokenCount": 5, "candidatesTokenCount": 2},
    }

    events = [*reader.feed(sse(chunk, last)), *reader.finish()]

    usages = [event.usage for event in events if isinstance(event, UsageSeen)]
    assert usages[-1] == Counted(input=5, output=2)


texts = st.text(min_size=1, max_size=8)
parts_of_an_answer = st.lists(
    st.one_of(
        texts.map(lambda text: {"text": text}),
        texts.map(lambda text: {"text": text, "thought": True}),
        st.builds(
            lambda name, args: {"functionCall": {"name": name, "args": args}},
            st.sampled_from(["f", "g"]),
            st.dictionaries(st.sampled_from("ab"), st.integers(-9, 9)),
        ),
    ),
    min_size=1,
    max_size=6,
)


@given(parts=parts_of_an_answer, cuts=st.lists(st.integers(1, 40), max_size=6))
def test_stream_in_any_pieces_says_what_the_whole_answer_says(parts, cuts):
    whole = gemini.read_reply(
        {"candidates": [{"content": {"parts": parts}, "finishReason": "STOP"}], "responseId": "r"}
    )
    chunks = [{"candidates": [{"content": {"parts": [part]}}], "responseId": "r"} for part in parts]
    chunks[-1]["candidates"][0]["finishReason"] = "STOP"
    data, reader, events = sse(*chunks), gemini.reader(), []
    for cut in cuts:
        events += reader.feed(data[:cut])
        data = data[cut:]
    events += reader.feed(data) + reader.finish()

    assert _spoken(events) == _said(whole.choices[0].parts)
    assert [event for event in events if isinstance(event, Stopped)] == [Stopped(whole.choices[0].stop, "STOP")]


def _spoken(events):
    """`[kind, text]` of each run of parts of one kind."""
    found = []
    kinds = {event.index: event for event in events if isinstance(event, PartStart)}
    for event in events:
        if isinstance(event, PartStart) and event.kind == "tool_use":
            found.append([event.name, ""])
        elif isinstance(event, Delta):
            kind = kinds[event.index].kind
            if kind != "tool_use" and (not found or found[-1][0] != kind):
                found.append([kind, ""])
            found[-1][1] += event.text
    return found


def _said(parts):
    found = []
    for part in parts:
        if isinstance(part, ToolUse):
            found.append([part.name, part.arguments])
            continue
        kind = "thinking" if isinstance(part, Thinking) else "text"
        if not found or found[-1][0] != kind:
            found.append([kind, ""])
        found[-1][1] += part.text
    return found


conversations = st.lists(
    st.tuples(
        st.sampled_from(["user", "assistant"]), st.lists(st.text(min_size=1, max_size=5), min_size=1, max_size=3)
    ),
    min_size=1,
    max_size=6,
)


@given(turns=conversations)
def test_no_text_is_lost_and_speakers_alternate(turns):
    prompt = Prompt(model="gemini-2.5-flash", turns=[Turn(role, [Text(text) for text in said]) for role, said in turns])

    contents = gemini.write_request(prompt, Losses("Gemini"))["contents"]

    roles = [content["role"] for content in contents]
    assert all(before != after for before, after in pairwise(roles))
    written = [part["text"] for content in contents for part in content["parts"]]
    assert written == [text for _, said in turns for text in said]
