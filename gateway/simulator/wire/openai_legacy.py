"""OpenAI's text completions, which vLLM and other servers still offer for every model.

Source: https://platform.openai.com/docs/api-reference/completions. `suffix`, `best_of` and `logit_bias` are ignored.
"""

from collections.abc import Iterator
from hashlib import blake2b
from typing import Any
from zlib import crc32

import orjson

from gateway.simulator.calls import Answer, ChatCall, Frame
from gateway.simulator.request_log import Outcome
from gateway.simulator.tokens import split_tokens
from gateway.simulator.turn import Turn
from gateway.simulator.wire import openai_requests as requests
from gateway.simulator.wire.openai_models import check_length, require_model
from gateway.simulator.wire.openai_responses import DONE, usage_object
from gateway.simulator.wire.talking import answer_call, stream, visible_s

MAX_TOKENS_DEFAULT = 16


async def completions(turn: Turn) -> Outcome:
    """`POST /v1/completions`, streamed or whole; `n` texts for each prompt."""
    payload = requests.read_object(turn.exchange.body)
    call, echoed = parse(payload)
    model = require_model(call.model, "chat", any_model=turn.options.any_model)
    check_length(model, len(call.prompt), "prompt")
    answer, delivery = answer_call(turn, model, call)
    turn.record.usage = usage_object(answer.usage)
    if call.stream:
        frames = _frames(call, answer, echoed, report_usage=call.include_usage and turn.fault_kind != "no-usage")
        return await stream(answer, delivery, turn.record, frames, usage_object)
    body = _head(call, answer) | {"choices": _choices(call, answer, echoed)}
    if turn.fault_kind != "no-usage":
        body["usage"] = usage_object(answer.usage)
    await delivery.send_body(orjson.dumps(body), after_s=visible_s(call, answer, delivery))
    return delivery.outcome


def parse(payload: dict[str, Any]) -> tuple[ChatCall, list[str]]:
    """The call, and for each choice the text it echoes ("" unless `echo`)."""
    model = requests.model_name(payload)
    prompts = _prompts(payload.get("prompt"))
    n = requests.whole(payload, "n", least=1, most=128) or 1
    options = payload.get("stream_options")
    deciding = [payload.get(name) for name in ("model", "prompt", "seed")]
    call = ChatCall(
        model=model,
        digest=blake2b(orjson.dumps(deciding, option=orjson.OPT_SORT_KEYS), digest_size=16).digest(),
        prompt=[token for prompt in prompts for token in prompt],
        max_tokens=requests.whole(payload, "max_tokens", least=0) or MAX_TOKENS_DEFAULT,
        n=n * len(prompts),
        stop=requests.stop_sequences(payload.get("stop")),
        stream=payload.get("stream") is True,
        reasoning_median=0,
    )
    call.include_usage = isinstance(options, dict) and options.get("include_usage") is True
    alternatives = requests.whole(payload, "logprobs", least=0, most=5)
    call.top_logprobs = alternatives
    echoed = ["".join(prompt) if payload.get("echo") is True else "" for prompt in prompts for _ in range(n)]
    return call, echoed


def _prompts(given: Any) -> list[list[str]]:
    """A text, texts, token ids, or lists of token ids; a model without a prompt starts a document."""
    if given is None:
        return [["<|endoftext|>"]]
    if isinstance(given, str):
        return [split_tokens(given)]
    if not isinstance(given, list) or not given:
        raise requests.invalid("prompt", "a string, an array of strings or arrays of tokens", given)
    if all(type(item) is int for item in given):
        return [[str(item) for item in given]]
    prompts = []
    for item in given:
        if isinstance(item, str):
            prompts.append(split_tokens(item))
        elif isinstance(item, list) and all(type(token) is int for token in item):
            prompts.append([str(token) for token in item])
        else:
            raise requests.invalid("prompt", "a string, an array of strings or arrays of tokens", item)
    return prompts


def _head(call: ChatCall, answer: Answer) -> dict[str, Any]:
    return {
        "id": f"cmpl-{answer.id_token}",
        "object": "text_completion",
        "created": answer.created,
        "model": call.model,
        "system_fingerprint": f"fp_{crc32(call.model.encode()):08x}44",
    }


def _choices(call: ChatCall, answer: Answer, echoed: list[str]) -> list[dict[str, Any]]:
    return [
        {
            "text": before + "".join(choice.tokens),
            "index": index,
            "logprobs": _logprobs(call, list(choice.tokens), len(before)),
            "finish_reason": choice.finish_reason,
        }
        for index, (choice, before) in enumerate(zip(answer.choices, echoed, strict=True))
    ]


def _logprobs(call: ChatCall, tokens: list[str], offset: int) -> dict[str, Any] | None:
    """Log probabilities fixed by each token's text; offsets count characters."""
    if call.top_logprobs is None:
        return None
    values = [-(crc32(token.encode()) % 2_000) / 1_000 for token in tokens]
    offsets = []
    for token in tokens:
        offsets.append(offset)
        offset += len(token)
    top = [{token: value} for token, value in zip(tokens, values, strict=True)] if call.top_logprobs else None
    return {"tokens": tokens, "token_logprobs": values, "top_logprobs": top, "text_offset": offsets}


def _frames(call: ChatCall, answer: Answer, echoed: list[str], *, report_usage: bool) -> Iterator[Frame]:
    head = _head(call, answer)
    extra: dict[str, Any] = {"usage": None} if call.include_usage else {}

    def chunk(choices: list[dict[str, Any]]) -> bytes:
        return orjson.dumps(head | {"choices": choices} | extra)

    for index, (choice, before) in enumerate(zip(answer.choices, echoed, strict=True)):
        offset = len(before)
        if before:
            yield Frame(chunk([{"text": before, "index": index, "logprobs": None, "finish_reason": None}]))
        for token in choice.tokens:
            logprobs = _logprobs(call, [token], offset)
            offset += len(token)
            part = {"text": token, "index": index, "logprobs": logprobs, "finish_reason": None}
            yield Frame(chunk([part]), 1, timed=True)
        end = {"text": "", "index": index, "logprobs": None, "finish_reason": choice.finish_reason}
        yield Frame(chunk([end]))
    if report_usage:
        yield Frame(orjson.dumps(head | {"choices": [], "usage": usage_object(answer.usage)}))
    yield Frame(DONE, is_last=True)
