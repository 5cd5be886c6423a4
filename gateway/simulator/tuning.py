"""Tuning runs of the simulated provider, whatever wire format asks: phases, curves, checkpoints, tokens.

A run goes through six phases of equal length: validating, queued, three in which it trains, finishing. In a simulator
without delays each question about the run is one phase; else a phase takes `tuning_ms`. Everything follows from the
seed, the files and the options. Suffixes script what else happens: `sim-fail` fails while it trains, `sim-odd` is for
one phase in a state that no documentation has, `sim-epochs-7` makes `auto` mean seven epochs, `sim-overfit` overfits.
"""

import base64
import csv
import io
import json
import math
import random
import re
import time
import zlib
from dataclasses import dataclass, field
from typing import Any, Literal

from gateway.simulator.tokens import count_tokens

PHASE_MS = 5_000.0
PHASES = 6
QUEUED, TRAINING, FINISHING = 1, 2, 5
FEWEST_EXAMPLES = 10
TARGET_EPOCHS, MAX_EPOCHS, FEWEST_SEEN, MOST_SEEN = 3, 25, 100, 25_000
MOST_EVENTS = 100
EPOCHS_KEPT = 3
HIDDEN_SHARE = 1.344
"""On Azure `trained_tokens` is more than what is billed: 6,720 of 5,000 in a printed job."""
AZURE_STEP = 1_000
State = Literal["validating", "queued", "odd", "running", "paused", "succeeded", "failed", "cancelled"]
_EPOCHS = re.compile(r"sim-epochs-(\d{1,2})")


@dataclass(slots=True)
class Run:
    """One run. `asked` holds the vendor's own fields as they came; times are Unix seconds; `position` counts phases;
    `curve` seeds what is measured: the same files and wishes give the same curve."""

    id: str
    number: int
    base: str
    suffix: str
    examples: int
    tokens: int
    has_validation: bool
    epochs: int
    batch: int
    created: float
    phase_ms: float
    asked: dict[str, Any] = field(default_factory=dict)
    curve: int = 0
    fault: str = ""
    position: float = 0.0
    looked: float = 0.0
    is_paused: bool = False
    cancelled: float | None = None
    result: str = ""

    # ---- time --------------------------------------------------------------------------------------------------------
    def look(self, now: float | None = None) -> None:
        """Let time pass: one phase without delays, else what has passed since the last look."""
        at = time.time() if now is None else now
        if not self.is_paused and self.cancelled is None and not self.is_over:
            self.position += 1 if not self.phase_ms else (at - self.looked) * 1000 / self.phase_ms
            self.position = min(self.position, PHASES)
        self.looked = at

    @property
    def is_over(self) -> bool:
        return self.cancelled is not None or self.position >= PHASES or self._has_failed

    @property
    def _has_failed(self) -> bool:
        if self.fault:
            return self.position >= QUEUED
        return "sim-fail" in self.suffix and self.position >= TRAINING + 1

    @property
    def state(self) -> State:
        if self.cancelled is not None:
            return "cancelled"
        if self._has_failed:
            return "failed"
        if self.position >= PHASES:
            return "succeeded"
        if self.is_paused:
            return "paused"
        if self.position < QUEUED:
            return "validating"
        if self.position < TRAINING:
            return "odd" if "sim-odd" in self.suffix else "queued"
        return "running"

    def cancel(self) -> bool:
        """False when it is over already."""
        if self.is_over:
            return False
        self.cancelled = time.time()
        return True

    def at(self, position: float) -> int:
        """Unix time at which the run was, or will be, at a position."""
        return int(self.created + (position * self.phase_ms / 1000 if self.phase_ms else position))

    # ---- what it has done --------------------------------------------------------------------------------------------
    @property
    def per_epoch(self) -> int:
        return -(-self.examples // self.batch)

    @property
    def steps(self) -> int:
        return self.per_epoch * self.epochs

    @property
    def step(self) -> int:
        share = (self.position - TRAINING) / (FINISHING - TRAINING)
        return int(self.steps * min(1.0, max(0.0, share)))

    @property
    def trained_tokens(self) -> int:
        return self.tokens * self.epochs

    @property
    def azure_billed(self) -> int:
        return -(-self.trained_tokens // AZURE_STEP) * AZURE_STEP

    def shown_steps(self) -> list[int]:
        """Steps that are told so far: each, or every n-th of a long run, and each epoch's last."""
        every = max(1, self.steps // MOST_EVENTS)
        return [one for one in range(1, self.step + 1) if one % every == 0 or one % self.per_epoch == 0]

    def metrics(self, step: int) -> dict[str, float]:
        """Losses and token accuracies at a step; of the whole validation set at the end of each epoch."""
        rng = random.Random(self.curve * 1_000_003 + step)
        share = step / self.steps
        train = 1.9 * math.exp(-3.5 * share) + 0.02 * rng.random()
        found = {"train_loss": round(train, 5), "train_mean_token_accuracy": round(1 - train / 4, 5)}
        if self.has_validation:
            held = 1.9 * math.exp(-2.2 * share) + 0.15
            if "sim-overfit" in self.suffix:
                held = 0.9 + 2.5 * (share - 0.4) ** 2
            found["valid_loss"] = round(held + 0.05 * rng.random(), 5)
            found["valid_mean_token_accuracy"] = round(1 - held / 4, 5)
            if step % self.per_epoch == 0:
                found["full_valid_loss"] = round(held, 5)
                found["full_valid_mean_token_accuracy"] = round(1 - held / 4, 5)
        return found

    def checkpoints(self) -> list[int]:
        """Last steps of epochs that are kept, the newest first; none of a run that did not succeed."""
        if self.state != "succeeded":
            return []
        ends = [epoch * self.per_epoch for epoch in range(1, self.epochs + 1)]
        return ends[: -EPOCHS_KEPT - 1 : -1]

    def result_csv(self, *, azure: bool) -> bytes:
        """The result file: OpenAI's header and base64, or Azure's header and plain text."""
        names = {
            "train_loss": "train_loss",
            "train_mean_token_accuracy": "train_mean_token_accuracy" if azure else "train_accuracy",
            "valid_loss": "validation_loss" if azure else "valid_loss",
            "valid_mean_token_accuracy": "validation_mean_token_accuracy" if azure else "valid_mean_token_accuracy",
        }
        if azure:
            names |= {name: name for name in ("full_valid_loss", "full_valid_mean_token_accuracy")}
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(["step", *names.values()])
        for step in range(1, self.steps + 1):
            values = self.metrics(step)
            writer.writerow([step, *(values.get(name, "") for name in names)])
        plain = text.getvalue().encode()
        return plain if azure else base64.b64encode(plain)


def begin(
    *, number: int, base: str, suffix: str, content: bytes, has_validation: bool, epochs: object, batch: object,
    phase_ms: float, asked: dict[str, Any], prefix: str = "ftjob-",
) -> Run:  # fmt: skip
    """A run over a training file. `epochs` and `batch`: numbers, or anything else for the vendor's own choice."""
    rows = [line for line in content.splitlines() if line.strip()]
    fault, tokens = _read(rows)
    now = time.time()
    return Run(
        id=f"{prefix}{number:016x}", number=number, base=base, suffix=suffix, examples=max(1, len(rows)), tokens=tokens,
        has_validation=has_validation, epochs=_epochs(epochs, len(rows), suffix),
        batch=batch if isinstance(batch, int) and batch > 0 else max(1, len(rows) // 500), created=now, looked=now,
        phase_ms=phase_ms, asked=asked, fault=fault,
        curve=zlib.crc32(content, zlib.crc32(f"{base}/{suffix}".encode())),
    )  # fmt: skip


def _epochs(asked: object, examples: int, suffix: str) -> int:
    """As asked; else the rule of OpenAI's cookbook."""
    if isinstance(asked, int) and not isinstance(asked, bool) and asked > 0:
        return asked
    if match := _EPOCHS.search(suffix):
        return int(match[1])
    seen = max(1, examples)
    if seen * TARGET_EPOCHS < FEWEST_SEEN:
        return min(MAX_EPOCHS, FEWEST_SEEN // seen)
    return max(1, MOST_SEEN // seen) if seen * TARGET_EPOCHS > MOST_SEEN else TARGET_EPOCHS


def _read(rows: list[bytes]) -> tuple[str, int]:
    """What is wrong with the file (empty: nothing), and the tokens of its texts."""
    tokens = 0
    for number, row in enumerate(rows, 1):
        try:
            record = json.loads(row)
        except ValueError:
            return f"Invalid file format. Line {number} is not valid JSON.", 0
        if not isinstance(record, dict):
            return f"Invalid file format. Line {number} is not a JSON object.", 0
        tokens += sum(count_tokens(text) for text in _texts(record))
    if len(rows) < FEWEST_EXAMPLES:
        return f"Training file has {len(rows)} example(s), but must have at least {FEWEST_EXAMPLES} examples", tokens
    return "", tokens


def _texts(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        return [text for one in value.values() for text in _texts(one)]
    return [text for one in value for text in _texts(one)] if isinstance(value, list) else []
