"""What is asked: the records of a held-out file, those left out that a model was trained on."""

import random
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from finetuning.messages import answered, text_of
from finetuning.models import Evaluation, TuningFile
from finetuning.quality import Options, inspect
from finetuning.services.files import path_of

LEAKS = ("leak_exact", "leak_near")
MOST_LEAKS = 100_000


@dataclass(frozen=True, slots=True)
class Item:
    """`messages`: the prompt; `expected`: the text of the last answer; `calls`: its tool calls. `line`: from 1."""

    line: int
    messages: list[Mapping[str, Any]]
    expected: str
    calls: list[Mapping[str, Any]]
    tools: list[Any] = field(default_factory=list)
    is_regression: bool = False


def items_of(evaluation: Evaluation) -> tuple[list[Item], dict[str, list[int]]]:
    """In the order of their lines, drawn by the seed when only a sample is wanted; and the lines left out:
    `leak_exact`, `leak_near` (the training file of the job has them), `unusable` (no answer to score against)."""
    left: dict[str, list[int]] = {}
    with path_of(evaluation.file) as path:
        if evaluation.job is not None:
            left |= _leaks(evaluation.job.training_file, path)
        leaked = {line for lines in left.values() for line in lines}
        found = [item for item in _read(path, left) if item.line not in leaked]
    if evaluation.sample is not None and evaluation.sample < len(found):
        chosen = random.Random(evaluation.seed).sample(found, evaluation.sample)  # noqa: S311
        found = sorted(chosen, key=lambda item: item.line)
    if evaluation.regression_file is not None:
        with path_of(evaluation.regression_file) as path:
            found += list(_read(path, {}, is_regression=True))
    return found, left


def _leaks(training: TuningFile, held_out: Path) -> dict[str, list[int]]:
    with ExitStack() as stack:
        path = stack.enter_context(path_of(training))
        options = Options(findings_per_kind=MOST_LEAKS, label_noise=False)
        findings = inspect(path, validation=held_out, options=options).findings
    by_kind = {kind: sorted({one.line for one in findings if one.kind == kind and one.line}) for kind in LEAKS}
    return {kind: lines for kind, lines in by_kind.items() if lines}


def _read(path: Path, left: dict[str, list[int]], *, is_regression: bool = False) -> Iterator[Item]:
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if not line.strip():
                continue
            try:
                record = orjson.loads(line)
                messages, last = answered(record)
            except ValueError:
                left.setdefault("unusable", []).append(number)
                continue
            calls = last.get("tool_calls") or []
            tools = record.get("tools") or []
            yield Item(number, list(messages), text_of(last.get("content")) or "", calls, tools, is_regression)
