"""From chat records to texts with labels, or the reason why that is not possible."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from finetuning.messages import answered, spoken, text_of

MAX_LABELS = 500
MAX_LABEL_CHARS = 200
MIN_PER_LABEL = 2.0
"""Examples a label on average: fewer, and the answers are texts rather than labels."""


class NotClosedError(ValueError):
    """The answers are no closed set of labels. `line`: the first record it shows at (1-based), 0 for the whole set."""

    def __init__(self, message: str, line: int = 0) -> None:
        super().__init__(message)
        self.line = line


@dataclass(frozen=True, slots=True)
class Example:
    text: str
    label: str


def prompt_of(messages: Sequence[Mapping[str, Any]]) -> str:
    """What the head reads of a conversation: everything that is not a system text, in order, one a line.

    System and developer messages are the same for every record of a classifier, and would only blur it.
    """
    said = spoken(messages)
    return "\n".join(text for message in said if (text := text_of(message.get("content"))))


def closed_set(records: Iterable[Mapping[str, Any]]) -> list[Example]:
    """The examples of chat records `{"messages": [..., assistant]}`, of which the last answer is the label.

    Raises NotClosedError with the line of the first record that cannot be a labelled text.
    """
    found = examples_of(records)
    counts = Counter(example.label for example in found)
    if len(counts) < 2:
        raise NotClosedError(f"At least two different answers are needed; the file has {len(counts)}.")
    if len(counts) > MAX_LABELS:
        raise NotClosedError(f"{len(counts)} different answers: at most {MAX_LABELS} labels can be told apart.")
    if len(found) < MIN_PER_LABEL * len(counts):
        raise NotClosedError(
            f"{len(found)} records have {len(counts)} different answers: these are texts, not labels. A closed set has "
            f"at least {MIN_PER_LABEL:.0f} records a label on average."
        )
    return found


def examples_of(records: Iterable[Mapping[str, Any]]) -> list[Example]:
    """The same of held-out records, which may have any labels and few of each. Raises NotClosedError."""
    return [_example(record, line) for line, record in enumerate(records, start=1)]


def _example(record: Mapping[str, Any], line: int) -> Example:
    try:
        before, last = answered(record)
    except ValueError as error:
        raise NotClosedError(str(error), line) from error
    if last.get("tool_calls"):
        raise NotClosedError("The answer calls a tool; a label is plain text.", line)
    label = (text_of(last.get("content")) or "").strip()
    if not label:
        raise NotClosedError("The answer is empty.", line)
    if len(label) > MAX_LABEL_CHARS:
        raise NotClosedError(f"The answer has {len(label)} characters; a label has at most {MAX_LABEL_CHARS}.", line)
    text = prompt_of(before)
    if not text.strip():
        raise NotClosedError("There is no text to classify before the answer.", line)
    return Example(text, label)
