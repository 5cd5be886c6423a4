"""``weight``: 0 or 1, on answers; with 0 an answer is not learned from."""

import json

from ..examples import Example
from .base import Check
from .keys import messages_of


class Weights(Check):
    def look(self, example: Example) -> None:
        weights: list[object] = []
        for path, message in messages_of(example):
            is_answer = message.get("role") == "assistant"
            if is_answer:
                weights.append(message.get("weight", 1))
            if "weight" in message and not (is_answer and is_weight(message["weight"])):
                told = (
                    f"`weight` is {_shown(message['weight'])}, not 0 or 1" if is_answer else "`weight` is for answers"
                )
                self.found("bad_weight", example, f"{told}.", path=f"{path}.weight")
                return
        if weights and not example.is_pair and all(weight == 0 for weight in weights):
            self.found("no_weight_left", example, "Every answer has `weight` 0: the line costs and teaches nothing.")


def is_weight(value: object) -> bool:
    """JSON's ``true`` and ``1.0`` are no integers."""
    return type(value) is int and value in (0, 1)


def _shown(value: object) -> str:
    return json.dumps(value)[:40] if _is_plain(value) else "no number"


def _is_plain(value: object) -> bool:
    return value is None or isinstance(value, bool | int | float | str)
