"""Tokens of a file's examples: counted once for each tokenizer, and kept with the file, which never changes."""

from collections import Counter as Tally
from collections.abc import Mapping
from typing import Any

import orjson
from django.db import transaction

from finetuning.estimates import Dataset
from finetuning.models import TuningFile
from finetuning.quality import reading
from finetuning.services.files.reading import path_of
from finetuning.tokens import NO_VOCABULARY_ERROR, PARTS_ERROR, Counter


def count_tokens(file: TuningFile, model: str) -> Dataset:
    """Tokens of each example for `model`, in no particular order; lines that are no JSON object are left out. The first
    time the file is read, later a row. Raises as `blocks_of`."""
    counter = Counter(model)
    known = file.tokens.get(counter.method)
    if known is None:
        known = _counted(file, counter)
        _keep(file, counter.method, known)
    return _dataset(known)


def _counted(file: TuningFile, counter: Counter) -> dict[str, Any]:
    lengths: Tally[int] = Tally()
    inexact = 0
    with path_of(file) as path:
        for line in reading.lines(path):
            try:
                record = orjson.loads(line.raw) if line.is_whole else None
            except orjson.JSONDecodeError:
                continue
            if not isinstance(record, dict):
                continue
            counted = counter.count(record)
            lengths[counted.tokens] += 1
            inexact += 0 if counted.exact else counted.tokens
    total = sum(tokens * number for tokens, number in lengths.items())
    share = inexact / total if total else 0.0
    error = (NO_VOCABULARY_ERROR if counter.method == "bytes/4" else PARTS_ERROR) * share
    return {
        "tokens": total, "examples": lengths.total(), "is_exact": not inexact, "error": round(error, 4),
        "lengths": sorted(lengths.items()),
    }  # fmt: skip


@transaction.atomic
def _keep(file: TuningFile, method: str, counted: dict[str, Any]) -> None:
    """Beside what other tokenizers counted; the file as it was passed learns of it too."""
    locked = TuningFile.objects.select_for_update(of=("self",)).get(pk=file.pk)
    locked.tokens = {**locked.tokens, method: counted}
    locked.save(update_fields=["tokens", "updated_at"])
    file.tokens = locked.tokens


def _dataset(known: Mapping[str, Any]) -> Dataset:
    tokens = [length for length, number in known["lengths"] for _ in range(number)]
    return Dataset(tokens, error=known["error"])
