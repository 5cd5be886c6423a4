"""What every format's text endpoint does: limits, cache, the answer itself, and its stream."""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from gateway.simulator.answers import make_answer
from gateway.simulator.calls import Answer, ChatCall, Frame, Usage
from gateway.simulator.catalog import SimModel
from gateway.simulator.delivery import Delivery
from gateway.simulator.latency import parse_paced
from gateway.simulator.request_log import Outcome, Record
from gateway.simulator.turn import Turn


def answer_call(turn: Turn, model: SimModel, call: ChatCall) -> tuple[Answer, Delivery]:
    """Count the request against the key's limits, read and fill the cache, and decide on the answer.

    Raises a 429 `ProviderError` when a limit is used up.
    """
    turn.admit(len(call.prompt) + (call.max_tokens or 0))
    namespace = f"{turn.key}\x00{call.model}"
    written_5m = written_1h = 0
    if call.cache_points is None:
        cached = turn.cache.lookup_and_store(namespace, call.prompt)
    else:
        cached, written_5m, written_1h = turn.cache.lookup_and_mark(
            namespace, call.prompt, call.block_ends, call.cache_points
        )
    paced = parse_paced(turn.paced_by or call.model)
    answer = make_answer(
        model,
        call,
        seed=turn.options.seed,
        cached=cached,
        id_token=f"{turn.number:024x}",
        created=int(time.time()),
        exact_tokens=paced[0] if paced else None,
        accented=turn.fault_kind == "split-utf8",
        filtered_after=turn.fault.argument if turn.fault and turn.fault_kind == "content-filter" else None,
    )
    answer.usage = replace(answer.usage, written_5m=written_5m, written_1h=written_1h)
    if turn.options.usage is not None:
        answer.usage = Usage(**turn.options.usage)
    return answer, turn.deliver(paced[1] if paced else turn.draw_pace(model, answer.usage))


def visible_s(call: ChatCall, answer: Answer, delivery: Delivery) -> float:
    """Seconds until a whole answer is complete."""
    visible = answer.usage.completion - answer.usage.reasoning
    return delivery.pace.total_s(visible // call.n)


async def stream(
    answer: Answer,
    delivery: Delivery,
    record: Record,
    frames: Iterator[Frame],
    usage_object: Callable[[Usage], dict[str, Any]],
) -> Outcome:
    """Stream an answer; the record's usage follows what was really sent when it breaks off."""
    try:
        await delivery.send_events(frames)
    finally:
        if delivery.outcome != "completed":
            sent = replace(answer.usage, completion=answer.usage.reasoning + delivery.tokens_sent)
            record.usage = usage_object(sent)
    return delivery.outcome
