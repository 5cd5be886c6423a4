"""What a target cannot express is named by the caller's own path, refused, or dropped where that was allowed."""

from typing import Any

import pytest

from gateway.dataplane.formats.base import Losses, Malformed, Unsupported
from gateway.dataplane.formats.registry import FORMATS, TARGET_FORMATS

CHAT, RESPONSES, MESSAGES, TEXT = "openai-chat", "openai-responses", "anthropic-messages", "openai-completions"
ASK = {"role": "user", "content": "q"}
PNG = "data:image/png;base64,AAAA"
MARK = {"type": "ephemeral"}
TOOL = {"name": "f", "input_schema": {"type": "object"}}


def chat(*messages: Any, **fields: Any) -> dict[str, Any]:
    return {"model": "m", "messages": [*messages] or [ASK], **fields}


def said(*blocks: Any, role: str = "user", **fields: Any) -> dict[str, Any]:
    return {"model": "m", "max_tokens": 9, "messages": [{"role": role, "content": [*blocks]}], **fields}


def asked(*items: Any, **fields: Any) -> dict[str, Any]:
    return {"model": "m", "input": [*items] or "q", **fields}


LOST = [
    # chat → messages
    (CHAT, MESSAGES, chat(n=2), "n"),
    (CHAT, MESSAGES, chat(seed=1), "seed"),
    (CHAT, MESSAGES, chat(logprobs=True), "logprobs"),
    (CHAT, MESSAGES, chat(logit_bias={"1": 1}), "logit_bias"),
    (CHAT, MESSAGES, chat(presence_penalty=0.5), "presence_penalty"),
    (CHAT, MESSAGES, chat(frequency_penalty=0.5), "frequency_penalty"),
    (CHAT, MESSAGES, chat(temperature=1.5), "temperature"),
    (CHAT, MESSAGES, chat(verbosity="low"), "verbosity"),
    (CHAT, MESSAGES, chat(metadata={"a": "b"}), "metadata"),
    (CHAT, MESSAGES, chat(prompt_cache_key="k"), "prompt_cache_key"),
    (CHAT, MESSAGES, chat(service_tier="flex"), "service_tier"),
    (CHAT, MESSAGES, chat(store=True), "store"),
    (CHAT, MESSAGES, chat(modalities=["text", "audio"]), "modalities"),
    (CHAT, MESSAGES, chat(prediction={"type": "content", "content": "x"}), "prediction"),
    (CHAT, MESSAGES, chat(something_new=1), "something_new"),
    (CHAT, MESSAGES, chat(tools=[{"type": "custom", "custom": {"name": "c"}}]), "tools[0].type"),
    (CHAT, MESSAGES, chat({**ASK, "name": "ann"}), "messages[0].name"),
    (
        CHAT,
        MESSAGES,
        chat({"role": "user", "content": [{"type": "image_url", "image_url": {"url": PNG, "detail": "low"}}]}),
        "messages[0].content[0].image_url.detail",
    ),
    (
        CHAT,
        MESSAGES,
        chat({"role": "user", "content": [{"type": "input_audio", "input_audio": {"data": "AA", "format": "wav"}}]}),
        "messages[0].content[0].input_audio",
    ),
    (
        CHAT,
        MESSAGES,
        chat({"role": "user", "content": [{"type": "file", "file": {"file_id": "file-1"}}]}),
        "messages[0].content[0].file",
    ),
    (CHAT, MESSAGES, chat(ASK, {"role": "assistant", "content": "x", "audio": {"id": "a"}}), "messages[1].audio"),
    (CHAT, MESSAGES, chat(ASK, {"role": "assistant", "content": "x", "odd": 1}), "messages[1].odd"),
    (
        CHAT,
        MESSAGES,
        chat(ASK, {"role": "assistant", "content": "x", "reasoning_content": "hm"}),
        "messages[1].reasoning_content",
    ),
    (
        CHAT,
        MESSAGES,
        chat(tools=[{"type": "function", "function": {"name": "f"}}], response_format={"type": "json_object"}),
        "response_format",
    ),
    # messages → chat
    (MESSAGES, CHAT, said({"type": "text", "text": "q"}, top_k=4), "top_k"),
    (
        MESSAGES,
        CHAT,
        said({"type": "text", "text": "q", "cache_control": MARK}),
        "messages.0.content.0.cache_control",
    ),
    (MESSAGES, CHAT, said(tools=[{**TOOL, "cache_control": MARK}]), "tools.0.cache_control"),
    (MESSAGES, CHAT, said(tools=[{"type": "web_search_20250305", "name": "web_search"}]), "tools.0.type"),
    (MESSAGES, CHAT, said(tools=[{**TOOL, "defer_loading": True}]), "tools.0.defer_loading"),
    (
        MESSAGES,
        CHAT,
        said({"type": "tool_result", "tool_use_id": "t", "content": "no", "is_error": True}),
        "messages.0.content.0.is_error",
    ),
    (
        MESSAGES,
        CHAT,
        said(
            {
                "type": "tool_result",
                "tool_use_id": "t",
                "content": [{"type": "image", "source": {"type": "url", "url": "https://e.com/a.png"}}],
            }
        ),
        "messages.0.content.0.content.0",
    ),
    (
        MESSAGES,
        CHAT,
        said({"type": "thinking", "thinking": "hm", "signature": "s"}, role="assistant"),
        "messages.0.content.0",
    ),
    (
        MESSAGES,
        CHAT,
        said({"type": "document", "source": {"type": "url", "url": "https://e.com/a.pdf"}}),
        "messages.0.content.0",
    ),
    (
        MESSAGES,
        CHAT,
        said({"type": "document", "source": {"type": "file", "file_id": "file_011"}}),
        "messages.0.content.0",
    ),
    (
        MESSAGES,
        CHAT,
        said({"type": "image", "source": {"type": "file", "file_id": "file_011"}}),
        "messages.0.content.0",
    ),
    (
        RESPONSES,
        CHAT,
        {"model": "m", "input": [{"role": "user", "content": [{"type": "input_file", "file_id": "file-1"}]}]},
        "input[0].content[0]",
    ),
    (
        MESSAGES,
        CHAT,
        said({"type": "document", "source": {"type": "text", "data": "x"}, "citations": {"enabled": True}}),
        "messages.0.content.0.citations",
    ),
    (MESSAGES, CHAT, said(thinking={"type": "adaptive", "display": "summarized"}), "thinking.display"),
    (MESSAGES, CHAT, said(metadata={"other": 1}), "metadata.other"),
    (MESSAGES, CHAT, said(container="c"), "container"),
    # responses → chat, messages
    (RESPONSES, CHAT, asked(truncation="auto"), "truncation"),
    (RESPONSES, CHAT, asked(store=True), "store"),
    (RESPONSES, CHAT, asked(max_tool_calls=3), "max_tool_calls"),
    (RESPONSES, CHAT, asked(include=["file_search_call.results"]), "include"),
    (RESPONSES, CHAT, asked(tools=[{"type": "web_search"}]), "tools[0].type"),
    (RESPONSES, CHAT, asked(reasoning={"effort": "low", "summary": "auto"}), "reasoning.summary"),
    (RESPONSES, CHAT, asked({"type": "web_search_call", "id": "w"}), "input[0]"),
    (RESPONSES, MESSAGES, asked(text={"verbosity": "low"}), "text.verbosity"),
    (RESPONSES, MESSAGES, asked(top_logprobs=2), "top_logprobs"),
    (
        RESPONSES,
        MESSAGES,
        asked({"type": "reasoning", "id": "r", "summary": [], "encrypted_content": "gAAAA"}),
        "input[0]",
    ),
    # completions
    (TEXT, CHAT, {"model": "m", "prompt": "q", "suffix": "x"}, "suffix"),
    (TEXT, CHAT, {"model": "m", "prompt": "q", "echo": True}, "echo"),
    (TEXT, MESSAGES, {"model": "m", "prompt": "q", "logprobs": 2}, "logprobs"),
    (CHAT, TEXT, chat({"role": "system", "content": "s"}, ASK), "messages[0].content"),
]


@pytest.mark.parametrize(("source", "target", "body", "field"), LOST, ids=[f"{s}-{t}-{f}" for s, t, _, f in LOST])
def test_losses(source: str, target: str, body: dict[str, Any], field: str) -> None:
    prompt = FORMATS[source].read_request(body)
    with pytest.raises(Unsupported) as caught:
        FORMATS[target].write_request(prompt, Losses("x"))
    allowed = Losses("x", may_drop=True)
    FORMATS[target].write_request(prompt, allowed)

    assert caught.value.field == field
    assert allowed.dropped == [field]


@pytest.mark.parametrize(
    "fields", [{"previous_response_id": "r"}, {"conversation": "c"}, {"background": True}, {"prompt": {"id": "p"}}]
)
def test_state_is_refused_even_where_dropping_is_allowed(fields: dict[str, Any]) -> None:
    prompt = FORMATS[RESPONSES].read_request(asked(**fields))
    with pytest.raises(Unsupported) as caught:
        FORMATS[CHAT].write_request(prompt, Losses("x", may_drop=True))

    assert caught.value.field == next(iter(fields))


@pytest.mark.parametrize("prompt", [["a", "b"], [1, 2, 3]])
def test_several_prompts_are_refused_even_where_dropping_is_allowed(prompt: list[Any]) -> None:
    read = FORMATS[TEXT].read_request({"model": "m", "prompt": prompt})
    with pytest.raises(Unsupported) as caught:
        FORMATS[CHAT].write_request(read, Losses("x", may_drop=True))

    assert caught.value.field == "prompt"


NEUTRAL = [
    (CHAT, chat(n=1, logprobs=False, presence_penalty=0, frequency_penalty=0, logit_bias={}, store=False,
                modalities=["text"], service_tier="auto", response_format={"type": "text"}, seed=None)),
    (RESPONSES, asked(store=False, background=False, truncation="disabled", include=["reasoning.encrypted_content"],
                      text={"format": {"type": "text"}}, top_logprobs=0, previous_response_id=None)),
]  # fmt: skip


@pytest.mark.parametrize(("source", "body"), NEUTRAL)
def test_a_value_that_says_nothing_is_no_loss(source: str, body: dict[str, Any]) -> None:
    FORMATS[MESSAGES].write_request(FORMATS[source].read_request(body), Losses("x"))


BAD = [
    (CHAT, chat(max_tokens=10**20), "max_tokens"),
    (CHAT, chat(max_completion_tokens=1e20), "max_completion_tokens"),
    (CHAT, chat(temperature=float("inf")), "temperature"),
    (CHAT, chat({"role": "nobody", "content": "q"}), "messages[0].role"),
    (CHAT, chat({"role": "user", "content": 7}), "messages[0].content"),
    (CHAT, chat({"role": "user", "content": [{"type": "text"}]}), "messages[0].content[0].text"),
    (CHAT, chat({"role": "tool", "content": "x"}), "messages[0].tool_call_id"),
    (CHAT, chat(temperature="hot"), "temperature"),
    (CHAT, chat(max_tokens=True), "max_tokens"),
    (CHAT, chat(stop=[1]), "stop"),
    (CHAT, chat(response_format={"type": "xml"}), "response_format.type"),
    (CHAT, chat(tools=[{"type": "function", "function": {}}]), "tools[0].function.name"),
    (MESSAGES, said({"type": "tool_use", "id": "t", "name": "f", "input": "{}"}), "messages.0.content.0.input"),
    (MESSAGES, said({"type": "text", "text": "x", "cache_control": 1}), "messages.0.content.0.cache_control"),
    (MESSAGES, {"model": "m", "max_tokens": 1, "messages": [{"role": "tool", "content": "x"}]}, "messages.0.role"),
    (MESSAGES, said(tool_choice={"type": "some"}), "tool_choice.type"),
    (MESSAGES, said(thinking={"type": "enabled"}), "thinking.budget_tokens"),
    (RESPONSES, {"model": "m", "input": 3}, "input"),
    (RESPONSES, asked({"type": "function_call", "name": "f"}), "input[0].call_id"),
    (RESPONSES, asked({"role": "robot", "content": "x"}), "input[0].role"),
    (TEXT, {"model": "m", "prompt": None}, "prompt"),
]


@pytest.mark.parametrize(("source", "body", "field"), BAD, ids=[f"{s}-{f}" for s, _, f in BAD])
def test_what_is_wrong_in_its_own_dialect_is_named(source: str, body: dict[str, Any], field: str) -> None:
    with pytest.raises(Malformed) as caught:
        FORMATS[source].read_request(body)

    assert caught.value.field == field


@pytest.mark.parametrize("arguments", ["[1]", "{", "7"])
def test_arguments_that_are_no_object_cannot_go_to_anthropic(arguments: str) -> None:
    calls = [{"id": "c", "type": "function", "function": {"name": "f", "arguments": arguments}}]
    prompt = FORMATS[CHAT].read_request(chat(ASK, {"role": "assistant", "content": None, "tool_calls": calls}))
    with pytest.raises(Malformed) as caught:
        FORMATS[MESSAGES].write_request(prompt, Losses("x"))

    assert caught.value.field == "messages[1].tool_calls[0].function.arguments"


# ---- thinking is a part of the answer --------------------------------------------------------------------------------
OLDER = {"anthropic-messages": "claude-sonnet-4-5", "bedrock-converse": "us.anthropic.claude-sonnet-4-5-20250929-v1:0"}
THINKERS = pytest.mark.parametrize(("target", "model"), OLDER.items(), ids=OLDER)


def thought(target: str, model: str, losses: Losses, **fields: Any) -> tuple[Any, Any]:
    """`(limit of the answer, budget of the thinking in it)` of a chat as the target gets it."""
    prompt = FORMATS[CHAT].read_request(chat(**fields) | {"model": model})
    body = TARGET_FORMATS[target].write_request(prompt, losses)
    if target == MESSAGES:
        return body["max_tokens"], body.get("thinking", {}).get("budget_tokens")
    extras = body.get("additionalModelRequestFields", {})
    return body["inferenceConfig"]["maxTokens"], extras.get("thinking", {}).get("budget_tokens")


@THINKERS
@pytest.mark.parametrize(("effort", "limit", "budget"), [("low", 1_100, 1_024), ("high", 4_000, 3_200)])
def test_an_effort_never_raises_the_limit(target: str, model: str, effort: str, limit: int, budget: int) -> None:
    """The limit is what budgets hold money for: more than it must not be billed."""
    said = thought(target, model, Losses(target), reasoning_effort=effort, max_completion_tokens=limit)

    assert said == (limit, budget)


@THINKERS
def test_an_effort_without_room_is_named(target: str, model: str) -> None:
    fields = {"reasoning_effort": "low", "max_completion_tokens": 1_024}
    with pytest.raises(Unsupported) as caught:
        thought(target, model, Losses(target), **fields)
    assert caught.value.field == "reasoning_effort"

    losses = Losses(target, may_drop=True)
    assert thought(target, model, losses, **fields) == (1_024, None)
    assert losses.dropped == ["reasoning_effort"]


@pytest.mark.parametrize(
    ("target", "model"), [*OLDER.items(), ("gemini-generate", "gemini-2.5-flash"), ("gemini-generate", "gemini-3-pro")]
)
def test_an_effort_that_nobody_knows_is_named(target: str, model: str) -> None:
    prompt = FORMATS[CHAT].read_request(chat(reasoning_effort="mega") | {"model": model})

    with pytest.raises(Unsupported) as caught:
        TARGET_FORMATS[target].write_request(prompt, Losses(target))

    assert caught.value.field == "reasoning_effort"


def test_a_limit_of_nothing_is_the_providers_to_judge() -> None:
    body = FORMATS[MESSAGES].write_request(FORMATS[CHAT].read_request(chat(max_tokens=0)), Losses("Messages"))

    assert body["max_tokens"] == 0
