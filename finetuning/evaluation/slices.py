"""Into which parts the items of an evaluation fall, so that a mean does not hide who lost. Pure."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from finetuning.messages import answered, spoken, text_of
from finetuning.quality.languages import language

KINDS = ("label", "tag", "length", "language")
FEWEST = 5
"""Items of a slice; fewer say nothing worth a line."""
MOST_LABELS, LABEL_CHARACTERS = 50, 64
MOST_OF_KIND = 50
LENGTHS = ((200, "up to 200 characters"), (1_000, "201 to 1,000 characters"), (4_000, "1,001 to 4,000 characters"))
LONGEST = "more than 4,000 characters"


@dataclass(frozen=True, slots=True)
class Slice:
    """`lines`: in their order; of one kind the largest slices come first."""

    kind: str
    name: str
    lines: tuple[int, ...]


def slices_of(records: Mapping[int, Mapping[str, Any]]) -> list[Slice]:
    """Of chat records by their line: by the answer where answers are labels, by the record's own `metadata` and `tags`,
    by the length of what people said, and by its language. A slice that is everything is left out, as are small
    ones."""
    found: dict[tuple[str, str], list[int]] = {}
    labels = _labels(records.values())
    for line, record in sorted(records.items()):
        for kind, name in _names(record, labels):
            found.setdefault((kind, name), []).append(line)
    kept = [
        Slice(kind, name, tuple(lines))
        for (kind, name), lines in found.items()
        if FEWEST <= len(lines) < len(records)
    ]  # fmt: skip
    kept.sort(key=lambda one: (KINDS.index(one.kind), -len(one.lines), one.name))
    seen: Counter[str] = Counter()
    few = []
    for one in kept:
        seen[one.kind] += 1
        if seen[one.kind] <= MOST_OF_KIND:
            few.append(one)
    return few


def _labels(records: Any) -> frozenset[str]:
    """Answers that name a class: few, short, each given more than once on average; else none."""
    counted = Counter(_answer(record) for record in records)
    is_closed = len(counted) <= MOST_LABELS and 2 * len(counted) <= sum(counted.values())
    is_short = all(0 < len(text) <= LABEL_CHARACTERS and "\n" not in text for text in counted)
    return frozenset(counted) if is_closed and is_short else frozenset()


def _answer(record: Mapping[str, Any]) -> str:
    return (text_of(answered(record)[1].get("content")) or "").strip()


def _names(record: Mapping[str, Any], labels: frozenset[str]) -> list[tuple[str, str]]:
    messages, _ = answered(record)
    said = "\n".join(text_of(message.get("content")) or "" for message in spoken(messages))
    found = [("tag", name) for name in _tags(record)]
    if (label := _answer(record)) in labels:
        found.append(("label", label))
    found.append(("length", next((name for most, name in LENGTHS if len(said) <= most), LONGEST)))
    if code := language(said):
        found.append(("language", code))
    return found


def _tags(record: Mapping[str, Any]) -> Sequence[str]:
    found = []
    for field in ("metadata", "tags"):
        value = record.get(field)
        if isinstance(value, Mapping):
            found += [f"{name}={one}" for name, one in value.items() if isinstance(one, str | int | bool)]
        elif isinstance(value, list):
            found += [one for one in value if isinstance(one, str)]
    return [name[:100] for name in dict.fromkeys(found) if name]
