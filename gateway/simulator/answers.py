"""Decides what the model says: text, JSON or tool calls, how long, and what usage it costs. Pure but for the cache."""

import random
from collections.abc import Callable
from dataclasses import replace
from hashlib import blake2b

import orjson

from gateway.simulator.calls import Answer, ChatCall, Choice, FinishReason, ToolCall, Usage
from gateway.simulator.catalog import SimModel
from gateway.simulator.schema_values import make_value
from gateway.simulator.text import write_accented, write_prose
from gateway.simulator.tokens import count_tokens, split_tokens

OUTPUT_SIGMA = 0.7
REASONING_SIGMA = 0.8
TOOL_CALL_OVERHEAD_TOKENS = 5
REASONING_STEP_TOKENS = 64
SHOWN_REASONING_TOKENS = 24
REASONING_INDEX = 1_000  # keeps the random numbers of a reasoning text apart from those of every choice
_EFFORT = {"none": 0.0, "minimal": 0.05, "low": 0.4, "medium": 1.0, "high": 2.2, "xhigh": 4.0, "max": 6.0}
_ANY_OBJECT = {
    "type": "object",
    "properties": {"answer": {"type": "string"}, "confidence": {"type": "number", "minimum": 0, "maximum": 1}},
}
Writer = Callable[[random.Random, int], list[str]]


def answer_rng(seed: int, call: ChatCall, index: int) -> random.Random:
    """Random numbers of choice `index`: the same request to a simulator of the same seed always says the same."""
    digest = blake2b(call.digest, digest_size=8, salt=b"%d" % (seed % 10**15), person=b"%d" % index).digest()
    return random.Random(int.from_bytes(digest))


def make_answer(
    model: SimModel,
    call: ChatCall,
    *,
    seed: int,
    cached: int,
    id_token: str,
    created: int,
    exact_tokens: int | None = None,
    accented: bool = False,
    filtered_after: int | None = None,
) -> Answer:
    """Answer `call`; `cached` prompt tokens were read from the cache. Times are Unix seconds.

    `exact_tokens` fixes the length of the text (paced streams); `accented` fills it with multi-byte characters;
    `filtered_after` tokens a safety filter stops it.
    Reasoning tokens are produced first and count against `max_tokens`, as OpenAI does it, so a small limit can
    leave no visible text at all.
    """
    choices: list[Choice] = []
    completion = reasoning = 0
    for index in range(call.n):
        rng = answer_rng(seed, call, index)
        limit = min(call.max_tokens or model.max_output_tokens, model.max_output_tokens)
        thought = 0 if exact_tokens is not None else min(_reasoning_tokens(model, call, rng), limit)
        writer = write_accented if accented else write_prose
        if exact_tokens is not None:
            choice, spoken = Choice(tuple(writer(rng, exact_tokens)), (), "stop"), exact_tokens
        elif names := _tools_to_call(call):
            choice, spoken = _call_tools(call, names, rng, limit - thought)
        else:
            choice, spoken = _speak(model, call, rng, limit - thought, writer)
        if filtered_after is not None and (choice.tokens or choice.tool_calls):
            choice = Choice(choice.tokens[:filtered_after], (), "content_filter")
            spoken = len(choice.tokens)
        if thought and call.show_reasoning:
            choice = replace(choice, reasoning=_reasoning_text(call, seed, index, thought))
        choices.append(choice)
        completion += thought + spoken
        reasoning += thought
    usage = Usage(len(call.prompt), completion, cached, reasoning)
    return Answer(id_token, created, choices, usage, call.digest)


def _reasoning_tokens(model: SimModel, call: ChatCall, rng: random.Random) -> int:
    """Drawn from the model's median; a caller that asks for thinking gets at least one step of it."""
    median = model.reasoning_median if call.reasoning_median is None else call.reasoning_median
    if not median:
        return 0
    drawn = median * _EFFORT.get(call.effort, 1.0) * rng.lognormvariate(0.0, REASONING_SIGMA)
    tokens = round(drawn / REASONING_STEP_TOKENS) * REASONING_STEP_TOKENS  # vendors report reasoning in coarse steps
    if call.reasoning_median is None:
        return tokens
    return min(max(tokens, REASONING_STEP_TOKENS), call.reasoning_limit or tokens + REASONING_STEP_TOKENS)


def _reasoning_text(call: ChatCall, seed: int, index: int, thought: int) -> tuple[str, ...]:
    """The summary of the reasoning that vendors show, of at most 24 tokens; its own random numbers."""
    return tuple(write_prose(answer_rng(seed, call, REASONING_INDEX + index), min(thought, SHOWN_REASONING_TOKENS)))


def _speak(model: SimModel, call: ChatCall, rng: random.Random, limit: int, writer: Writer) -> tuple[Choice, int]:
    """Text or JSON within `limit` tokens, cut at the first stop sequence."""
    if call.json_schema is not None:
        value = make_value(call.json_schema or _ANY_OBJECT, rng)
        tokens = split_tokens(orjson.dumps(value).decode())
    else:
        wanted = max(1, round(model.output_median * rng.lognormvariate(0.0, OUTPUT_SIGMA)))
        tokens = writer(rng, min(wanted, limit + 1))
    finish: FinishReason = "length" if len(tokens) > limit else "stop"
    tokens = tokens[:limit]
    text = "".join(tokens)
    hits = [(position, stop) for stop in call.stop if (position := text.find(stop)) >= 0]
    if not hits:
        return Choice(tuple(tokens), (), finish), len(tokens)
    position, stopped_by = min(hits)
    tokens = split_tokens(text[:position])
    return Choice(tuple(tokens), (), "stop", stopped_by=stopped_by), len(tokens)


def _tools_to_call(call: ChatCall) -> list[str]:
    """Names of the tools to call: what `tool_choice` forces, or on the words "call tool" in the last user message.

    "call tools" calls two at once when there are two and parallel calls are allowed.
    """
    names = [tool.name for tool in call.tools]
    if not names or call.must_call == "none":
        return []
    if call.must_call in names:
        return [call.must_call]
    text = call.last_user_text.lower()
    if call.must_call != "required" and ("call tool" not in text or call.after_tool):
        return []
    return names[:2] if "call tools" in text and call.parallel_tools else names[:1]


def _call_tools(call: ChatCall, names: list[str], rng: random.Random, limit: int) -> tuple[Choice, int]:
    """Tool calls with arguments valid by each schema; `finish_reason` is "stop" when one tool was forced by name.

    Source: https://platform.openai.com/docs/guides/function-calling, on forced functions.
    """
    schemas = {tool.name: tool.schema for tool in call.tools}
    made: list[ToolCall] = []
    spent = 0
    for name in names:
        arguments = split_tokens(orjson.dumps(make_value(schemas[name], rng)).decode())
        spent += count_tokens(name) + TOOL_CALL_OVERHEAD_TOKENS
        kept = arguments[: max(0, limit - spent)]
        spent += len(kept)
        made.append(ToolCall(f"call_{rng.getrandbits(96):024x}", name, tuple(kept)))
        if len(kept) < len(arguments):
            return Choice((), tuple(made), "length"), min(spent, limit)
    finish: FinishReason = "stop" if call.must_call in schemas else "tool_calls"
    return Choice((), tuple(made), finish), spent
