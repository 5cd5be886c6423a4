"""Example banks in the data plane: the nearest examples are shown to the base model with each call.

The catalogue's model is of the base's provider and has the base's upstream name, so usage and price are the base's;
the ledger has the tuned model's own name, by which costs are told apart.
"""

import asyncio
from collections.abc import Awaitable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

from finetuning.choices import Backend
from finetuning.dataplane.serving import Served, TunedModels, served_by
from finetuning.messages import INSTRUCTING, Message, text_of
from gateway.dataplane import usage
from gateway.dataplane.call import Call
from gateway.dataplane.endpoints import ANTHROPIC_COUNT, ANTHROPIC_MESSAGES, OPENAI_CHAT, OPENAI_RESPONSES
from gateway.dataplane.errors import ApiError, UpstreamError
from gateway.dataplane.views import Target

if TYPE_CHECKING:
    from finetuning.dicl import Bank, Shown
    from gateway.dataplane.runtime import Runtime

LARGE = 5_000
"""Banks of more examples are searched in a thread."""
UNKNOWN_CONTEXT_TOKENS = 4_000
"""Of examples, when nobody said how long a prompt of the base may be."""
MESSAGE_TOKENS = 4
ONLY_TRAINING = frozenset({"weight"})
"""Fields of training messages that no endpoint takes."""
EXAMPLES = b"x-gateway-examples"
DIALECTS = frozenset({OPENAI_CHAT, OPENAI_RESPONSES, ANTHROPIC_MESSAGES, ANTHROPIC_COUNT})


def show_examples(call: Call, runtime: "Runtime") -> Awaitable[None] | None:
    """Stage. Stands twice: before the limits of money, for a model whose every target is of one bank, and behind
    routing, for a route whose first target turned out to be of a bank. What follows it is sent the same examples.
    """
    if not runtime.snapshot.extras.get("tuned_models") or call.endpoint.dialect not in DIALECTS:
        return None
    if (found := _bank_of(call, runtime)) is None:
        return None
    target, served = found
    mark = f"dicl\x00{served.sha256}"
    if mark in call.cache_marks:
        return None
    call.cache_marks.append(mark)
    tuned_models = cast("TunedModels", runtime.services[TunedModels.name])
    bank = cast("Bank | None", tuned_models.held(served))
    if bank is not None and len(bank.examples) <= LARGE:
        _show(call, target, served, bank)
        return None
    return _show_slowly(call, target, served, tuned_models)


def _bank_of(call: Call, runtime: "Runtime") -> tuple[Target, Served] | None:
    """The bank of the first target, or of all candidates where the order is not known yet."""
    asked = call.targets[:1] or call.candidates
    found = {served_by(call, target, runtime) for target in asked}
    served = found.pop() if len(found) == 1 else None
    return (asked[0], served) if served is not None and served.backend == Backend.DICL else None


async def _show_slowly(call: Call, target: Target, served: Served, tuned_models: TunedModels) -> None:
    try:
        bank = cast("Bank", await tuned_models.load(served))
    except UpstreamError as error:
        message = "The examples of this model could not be loaded."
        raise ApiError(503, "artifact_unavailable", message, kind="api_error", headers={"Retry-After": "5"}) from error
    await asyncio.to_thread(_show, call, target, served, bank)


def _show(call: Call, target: Target, served: Served, bank: "Bank") -> None:
    turns = _turns(call)
    if turns is None:  # the conversation is kept at the provider
        return
    is_chat = call.endpoint.dialect == OPENAI_CHAT
    chosen = bank.chosen(
        turns, k=served.shots, tokens_of=_tokens_of, max_tokens=_room(call, target),
        is_usable=lambda example: is_chat or _is_plain(example),
    )  # fmt: skip
    call.response_headers.append((EXAMPLES, str(len(chosen)).encode()))
    if not chosen:
        return
    examples = [near.example for near in reversed(chosen)]
    shown = [_turn(turn, is_chat) for one in examples for turn in (*one.messages, one.answer)]
    rules = [turn for turn in turns if turn.get("role") in INSTRUCTING]
    asked = [turn for turn in turns if turn.get("role") not in INSTRUCTING]
    call.replace({**call.fields, call.endpoint.required: [*rules, *shown, *asked]})


def _turns(call: Call) -> Sequence[Message] | None:
    value = call.fields.get(call.endpoint.required)
    if isinstance(value, str):
        return [{"role": "user", "content": value}]
    return value if isinstance(value, list) and all(isinstance(turn, dict) for turn in value) else None


def _room(call: Call, target: Target) -> int:
    """Tokens that examples may take: what the context leaves beside the prompt and the longest answer."""
    if target.context_tokens is None:
        return UNKNOWN_CONTEXT_TOKENS
    guessed = usage.guessed(call)
    longest = call.max_tokens or target.max_output_tokens or usage.OUTPUT_GUESS_CAP
    return max(0, target.context_tokens - guessed["input_tokens"] - longest)


def _tokens_of(message: Message) -> int:
    return MESSAGE_TOKENS + len(str(message.get("content") or message).encode("utf-8", "replace")) // 4


def _is_plain(example: "Shown") -> bool:
    """What every format can say: text of the two sides."""
    turns = (*example.messages, example.answer)
    return all(
        turn.get("role") in ("user", "assistant") and not turn.get("tool_calls") and text_of(turn.get("content"))
        for turn in turns
    )


def _turn(message: Message, is_chat: bool) -> Mapping[str, Any]:
    if is_chat:
        return {name: value for name, value in message.items() if name not in ONLY_TRAINING}
    return {"role": message["role"], "content": text_of(message.get("content"))}
