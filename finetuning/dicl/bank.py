"""The bank of examples, the nearest of a text, where they stand in a call, and how the bank is kept."""

import io
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from zipfile import BadZipFile

import numpy as np

from finetuning.localhead.examples import prompt_of
from finetuning.localhead.features import Features, Sparse
from finetuning.messages import INSTRUCTING, Message, answered, spoken

FORMAT: Final = 1


@dataclass(frozen=True, slots=True)
class Shown:
    """One example: its conversation without system texts, and the answer."""

    messages: tuple[Message, ...]
    answer: Message


@dataclass(frozen=True, slots=True)
class Neighbour:
    """`similarity`: cosine of the texts' vectors, 0–1. `place`: of the example in the data set, from 0."""

    place: int
    similarity: float
    example: Shown


class Bank:
    """Examples with the vectors of their prompts. A look-up costs about a microsecond for each ten examples."""

    def __init__(self, examples: Sequence[Shown], vectors: tuple[Features, Sparse] | None = None) -> None:
        """`vectors`: of the examples' prompts where they are known. Raises ValueError without an example."""
        if not examples:
            raise ValueError("A bank needs at least one example.")
        self.examples = list(examples)
        self._features, self._rows = vectors or Features.fit(prompt_of(example.messages) for example in examples)

    @property
    def size(self) -> int:
        """Bytes in memory, about."""
        texts = sum(len(str(each)) for each in self.examples)
        return 2 * texts + 12 * len(self._rows.values) + 120 * len(self._features.hashes)

    @classmethod
    def of_records(cls, records: Sequence[Mapping[str, Any]]) -> "Bank":
        """From chat records `{"messages": [..., assistant]}`. Raises ValueError with the line of the first that has no
        answer at its end."""
        examples = []
        for line, record in enumerate(records, start=1):
            try:
                before, answer = answered(record)
            except ValueError as error:
                raise ValueError(f"Line {line}: {error}") from error
            examples.append(Shown(tuple(spoken(before)), answer))
        return cls(examples)

    def to_bytes(self) -> bytes:
        """One zip file with the examples and their vectors, so that a process that serves it fits nothing."""
        kept = [{"messages": list(each.messages), "answer": each.answer} for each in self.examples]
        facts = json.dumps({"format": FORMAT, "examples": kept}, ensure_ascii=False).encode("utf-8", "surrogatepass")
        out = io.BytesIO()
        np.savez_compressed(
            out, facts=np.frombuffer(facts, np.uint8), hashes=self._features.hashes, rarity=self._features.rarity,
            starts=self._rows.starts, columns=self._rows.columns.astype(np.int32), values=self._rows.values,
        )  # fmt: skip
        return out.getvalue()

    @classmethod
    def from_bytes(cls, data: bytes) -> "Bank":
        """Raises ValueError when the bytes are no bank of this format; nothing in them is ever executed."""
        try:
            with np.load(io.BytesIO(data), allow_pickle=False) as kept:
                facts = json.loads(kept["facts"].tobytes().decode("utf-8", "surrogatepass"))
                features = Features(kept["hashes"], kept["rarity"])
                rows = Sparse(kept["starts"], kept["columns"].astype(np.int64), kept["values"])
        except (BadZipFile, KeyError, OSError, EOFError, ValueError) as error:
            raise ValueError(f"These bytes are no bank: {error}") from error
        if facts.get("format") != FORMAT or len(facts["examples"]) != len(rows):
            raise ValueError("These bytes are no bank of a format that this version reads.")
        return cls([Shown(tuple(each["messages"]), each["answer"]) for each in facts["examples"]], (features, rows))

    def nearest(self, text: str, k: int) -> list[Neighbour]:
        """At most `k`, nearest first; those that share nothing with the text are left out. Of equals the earlier."""
        query = self._features.transform([text])
        weights = np.zeros(len(self._features.hashes), np.float32)
        weights[query.columns] = query.values
        similar = self._rows.times(weights[:, None])[:, 0]
        order = np.argsort(-similar, kind="stable")[:k]
        return [
            Neighbour(int(place), float(similar[place]), self.examples[place]) for place in order if similar[place] > 0
        ]

    def chosen(
        self, messages: Sequence[Message], *, k: int, tokens_of: Callable[[Message], int] | None = None,
        max_tokens: int | None = None, is_usable: Callable[[Shown], bool] = lambda example: True,
    ) -> list[Neighbour]:  # fmt: skip
        """The examples to show with a call, nearest first. With `max_tokens` the farthest that do not fit are left
        out; those that are not usable are no neighbours at all."""
        near = self.nearest(prompt_of(messages), k)
        if not all(is_usable(one.example) for one in near):
            near = [one for one in self.nearest(prompt_of(messages), len(self.examples)) if is_usable(one.example)][:k]
        if max_tokens is None or tokens_of is None:
            return near
        return _fitting(near, max_tokens, tokens_of)

    def shown(
        self, messages: Sequence[Message], *, k: int, tokens_of: Callable[[Message], int] | None = None,
        max_tokens: int | None = None,
    ) -> list[Message]:  # fmt: skip
        """The call's messages with the nearest examples before its conversation and after its system texts.

        The nearest stands last, next to the question. With `max_tokens` the farthest that do not fit are left out.
        """
        found = self.chosen(messages, k=k, tokens_of=tokens_of, max_tokens=max_tokens)
        rules = [message for message in messages if message.get("role") in INSTRUCTING]
        examples = [turn for near in reversed(found) for turn in (*near.example.messages, near.example.answer)]
        return [*rules, *examples, *spoken(messages)]


def _fitting(found: Sequence[Neighbour], budget: int, tokens_of: Callable[[Message], int]) -> list[Neighbour]:
    kept = []
    for near in found:
        budget -= sum(tokens_of(turn) for turn in (*near.example.messages, near.example.answer))
        if budget < 0:
            break
        kept.append(near)
    return kept
