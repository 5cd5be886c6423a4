"""What a run on somebody's machine reports: OpenAI's events, or the lines that trainers write themselves.

Sources: OpenAI API reference, "The fine-tuning job event object" and "… checkpoint object"; Hugging Face Transformers,
`TrainerState.log_history`; LLaMA-Factory, `LogCallback` (trainer_log.jsonl); TRL, "Logged metrics".
"""

import hashlib
import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

MOST = 2_000
"""Things told at once."""
LONGEST = 4_000
"""Characters of a message."""
STATUSES = ("queued", "running", "paused", "succeeded", "failed", "cancelled")
LEVELS = {"info": "info", "warn": "warn", "warning": "warn", "error": "error"}
TRAINERS = {
    "loss": "train_loss", "train_loss": "train_loss", "mean_token_accuracy": "train_mean_token_accuracy",
    "eval_loss": "full_valid_loss", "eval_mean_token_accuracy": "full_valid_mean_token_accuracy",
    "eval_accuracy": "full_valid_mean_token_accuracy",
}  # fmt: skip
"""Names of trainers' logs → names of OpenAI's events."""


class NotProgress(ValueError):
    """The body says nothing that is understood. The message is for people."""


@dataclass(frozen=True, slots=True)
class Event:
    """`key` is the same whenever the same is told again. `data` has OpenAI's names; `epoch`, `learning_rate` beside."""

    key: str
    at: datetime | None
    level: str
    message: str
    data: Mapping[str, float] = field(default_factory=dict)
    epoch: float | None = None
    learning_rate: float | None = None


@dataclass(frozen=True, slots=True)
class Checkpoint:
    step: int
    name: str
    metrics: Mapping[str, float]


@dataclass(slots=True)
class Progress:
    """What one body tells; None: not told."""

    events: list[Event] = field(default_factory=list)
    checkpoints: list[Checkpoint] = field(default_factory=list)
    status: str | None = None
    progress: float | None = None
    trained_tokens: int | None = None
    model: str = ""
    base_url: str = ""
    error: str = ""


def read(body: bytes) -> Progress:
    """One object, a list of them, or a line each (JSON Lines): an event, a trainer's log line, a checkpoint, or what is
    told of the job itself with `events`, `log_history` and `checkpoints` in it. Raises `NotProgress`."""
    found = Progress()
    for number, item in enumerate(_items(body), start=1):
        if number > MOST:
            raise NotProgress(f"At most {MOST:,} things can be told at once.")
        _take(item, found)
    if len(found.events) + len(found.checkpoints) > MOST:
        raise NotProgress(f"At most {MOST:,} things can be told at once.")
    return found


def _items(body: bytes) -> Iterator[Mapping[str, Any]]:
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        raise NotProgress("The body is not UTF-8.") from error
    try:
        whole = json.loads(text)
    except (ValueError, RecursionError):
        whole = [_loaded(line, number) for number, line in enumerate(text.splitlines(), start=1) if line.strip()]
    items = whole if isinstance(whole, list) else [whole]
    if not items:
        raise NotProgress("The body is empty.")
    for item in items:
        if not isinstance(item, Mapping):
            raise NotProgress("An event is a JSON object.")
        yield item


def _loaded(line: str, number: int) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError) as error:
        raise NotProgress(f"Line {number} is not JSON.") from error


def _take(item: Mapping[str, Any], found: Progress) -> None:
    kind = item.get("object")
    if kind == "fine_tuning.job.checkpoint" or "step_number" in item:
        found.checkpoints.append(_checkpoint(item))
    elif kind == "fine_tuning.job.event" or "message" in item:
        found.events.append(_event(item))
    elif _step_of(item) is not None:
        found.events.extend(_logged(item))
    else:
        _take_job(item, found)


def _take_job(item: Mapping[str, Any], found: Progress) -> None:
    known = {"events", "log_history", "checkpoints", "status", "progress", "trained_tokens", "fine_tuned_model",
             "base_url", "error"}  # fmt: skip
    if not known & item.keys():
        raise NotProgress(f"Nothing in it is understood; told can be: {', '.join(sorted(known))}.")
    for name in ("events", "log_history", "checkpoints"):
        rows = item.get(name) or []
        if not isinstance(rows, list) or not all(isinstance(row, Mapping) for row in rows):
            raise NotProgress(f"{name} is a list of objects.")
        for row in rows:
            _take_part(name, row, found)
    if (status := item.get("status")) is not None:
        if status not in STATUSES:
            raise NotProgress(f"status is one of {', '.join(STATUSES)}.")
        found.status = status
    if (share := _number(item.get("progress"))) is not None:
        found.progress = min(1.0, max(0.0, share))
    if isinstance(tokens := item.get("trained_tokens"), int) and 0 <= tokens < 2**53:
        found.trained_tokens = tokens
    found.model = str(item.get("fine_tuned_model") or found.model)[:200]
    found.base_url = str(item.get("base_url") or found.base_url)[:500]
    error = item.get("error")
    found.error = str((error.get("message") if isinstance(error, Mapping) else error) or found.error)[:LONGEST]


def _take_part(name: str, row: Mapping[str, Any], found: Progress) -> None:
    if name == "checkpoints":
        found.checkpoints.append(_checkpoint(row))
    elif name == "events" and _step_of(row) is None:
        found.events.append(_event(row))
    else:
        found.events.extend(_logged(row))


def _event(item: Mapping[str, Any]) -> Event:
    given = item.get("data")
    numbers = given if isinstance(given, Mapping) else {}
    data = {str(name)[:80]: value for name, raw in numbers.items() if (value := _number(raw)) is not None}
    message = str(item.get("message") or "").replace("\x00", "")[:LONGEST]
    if not message and not data:
        raise NotProgress("An event has a message, or data.")
    identity = item.get("id")
    key = f"id:{identity}"[:150] if isinstance(identity, str) and identity else f"hash:{_digest(item)}"
    level = LEVELS.get(str(item.get("level", "info")).lower(), "info")
    return Event(key, _time(item.get("created_at")), level, message or "Metrics.", data, _number(data.get("epoch")))


def _logged(item: Mapping[str, Any]) -> Iterator[Event]:
    """A trainer's line: of a step it tells the training loss, or what was evaluated; the summary at the end, which has
    neither a step's loss nor an evaluation, is left out."""
    step = _step_of(item)
    if step is None or "train_runtime" in item:
        return
    measured = {ours: value for name, ours in TRAINERS.items() if (value := _number(item.get(name))) is not None}
    if not measured:
        return
    part = "eval" if any(name.startswith("full_valid") for name in measured) else "train"
    words = ", ".join(f"{name.replace('_', ' ')} {value:.4f}" for name, value in measured.items())
    rate = _number(item.get("learning_rate", item.get("lr")))
    yield Event(
        f"step:{step}:{part}", None, "info", f"Step {step}: {words}.", {"step": step, **measured},
        _number(item.get("epoch")), rate,
    )  # fmt: skip


def _checkpoint(item: Mapping[str, Any]) -> Checkpoint:
    step = item.get("step_number", item.get("step"))
    if not isinstance(step, int) or isinstance(step, bool) or not 0 <= step < 2**31:
        raise NotProgress("A checkpoint has a step_number.")
    given = item.get("metrics")
    numbers = given if isinstance(given, Mapping) else {}
    metrics = {str(name)[:80]: value for name, raw in numbers.items() if (value := _number(raw)) is not None}
    return Checkpoint(step, str(item.get("fine_tuned_model_checkpoint") or f"step-{step}")[:200], metrics)


def _step_of(item: Mapping[str, Any]) -> int | None:
    step = item.get("step", item.get("current_steps"))
    return step if isinstance(step, int) and not isinstance(step, bool) and 0 <= step < 2**31 else None


def _number(value: object) -> float | None:
    """A finite number, given as one or as a text (newer trainers print texts); None for all else."""
    if isinstance(value, str) and len(value) <= 40:
        try:
            value = float(value)
        except ValueError:
            return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return value


def _time(value: object) -> datetime | None:
    number = _number(value)
    return datetime.fromtimestamp(number, UTC) if number is not None and 0 < number < 4_102_444_800 else None


def _digest(item: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(item, sort_keys=True).encode()).hexdigest()
