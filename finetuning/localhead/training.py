"""Gradient descent of the softmax, epoch by epoch, with curves, checkpoints, cancel and seed."""

import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt

from finetuning.localhead.examples import Example
from finetuning.localhead.features import Features, Floats, Integers, Sparse
from finetuning.localhead.head import Head, best_temperature

EPOCHS = 12
BATCH_SIZE = 32
LEARNING_RATE = 4.0
"""Of the sum over a batch at the first step; it falls linearly to zero with the last. Chosen as the features were."""


@dataclass(frozen=True, slots=True)
class Options:
    """`learning_rate_multiplier` and the other two are named as in OpenAI's jobs; None takes the default."""

    n_epochs: int | None = None
    batch_size: int | None = None
    learning_rate_multiplier: float | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if self.n_epochs is not None and not 1 <= self.n_epochs <= 200:
            raise ValueError("n_epochs must lie between 1 and 200.")
        if self.batch_size is not None and not 1 <= self.batch_size <= 4_096:
            raise ValueError("batch_size must lie between 1 and 4,096.")
        rate = self.learning_rate_multiplier
        if rate is not None and not 0 < rate <= 100:
            raise ValueError("learning_rate_multiplier must lie above 0 and at most at 100.")


@dataclass(frozen=True, slots=True)
class Curve:
    """One epoch, measured after it over the whole sets: mean cross-entropy in nats, and the share that is right.

    `valid_*` None: there is no validation set. A label that training never saw counts as wrong; its loss is that of a
    label of which nothing is known, log K.
    """

    epoch: int
    step: int
    train_loss: float
    train_accuracy: float
    valid_loss: float | None
    valid_accuracy: float | None


class Training:
    """One run. `epochs()` yields as it goes, so a caller can store a checkpoint (`head()`), or stop.

    `epoch`: how many are done. A run that was killed goes on from what `state()` gave, to the very same weights.
    """

    def __init__(
        self, examples: Sequence[Example], validation: Sequence[Example] = (), options: Options | None = None
    ) -> None:
        options = options or Options()
        self.labels = sorted({example.label for example in examples})
        self.epochs_planned = options.n_epochs or EPOCHS
        self.batch_size = options.batch_size or BATCH_SIZE
        self.steps_planned = self.epochs_planned * -(-len(examples) // self.batch_size)
        self.epoch = 0
        self._rate = LEARNING_RATE * (options.learning_rate_multiplier or 1.0)
        self._random = np.random.default_rng(options.seed)
        self.features, self._train = Features.fit(example.text for example in examples)
        self._train_labels = self._numbers(examples)
        self._valid = self.features.transform(example.text for example in validation)
        self._valid_labels = self._numbers(validation)
        self._weights = np.zeros((len(self.features.hashes), len(self.labels)), np.float32)
        self._bias = np.zeros(len(self.labels), np.float32)

    @property
    def size(self) -> int:
        """Weights: features × labels."""
        return int(self._weights.size)

    def epochs(self) -> Iterator[Curve]:
        """Train what is left; one curve point after each epoch."""
        steps = -(-len(self._train) // self.batch_size)
        for epoch in range(self.epoch + 1, self.epochs_planned + 1):
            rate = np.float32(self._rate * (1 - (epoch - 1) / self.epochs_planned))
            order = self._random.permutation(len(self._train))
            for first in range(0, len(order), self.batch_size):
                self._step(order[first : first + self.batch_size], rate)
            self.epoch = epoch
            yield self._measured(epoch, epoch * steps)

    def state(self) -> bytes:
        """Where the run stands, to the last bit; of no use without the same examples and options."""
        random = np.frombuffer(json.dumps(self._random.bit_generator.state).encode(), np.uint8)
        out = io.BytesIO()
        np.savez(out, epoch=np.int64(self.epoch), weights=self._weights, bias=self._bias, random=random)
        return out.getvalue()

    def resume(self, state: bytes) -> None:
        """Go on from there. Raises ValueError when it is not the state of such a run; nothing in it is executed."""
        try:
            with np.load(io.BytesIO(state), allow_pickle=False) as kept:
                epoch, weights, bias = int(kept["epoch"]), kept["weights"], kept["bias"]
                random = json.loads(kept["random"].tobytes())
        except (BadZipFile, KeyError, OSError, EOFError, ValueError) as error:
            raise ValueError(f"These bytes are no state of a run: {error}") from error
        if weights.shape != self._weights.shape or bias.shape != self._bias.shape or epoch > self.epochs_planned:
            raise ValueError("The state is of a run over other examples.")
        self.epoch, self._weights, self._bias = epoch, weights, bias
        self._random.bit_generator.state = random

    def head(self) -> Head:
        """The head as it is now; its confidence is corrected by the validation set when there is one."""
        logits = self._valid.times(self._weights) + self._bias
        known = self._valid_labels >= 0
        temperature = best_temperature(logits[known], self._valid_labels[known])
        return Head(self.labels, self.features, self._weights.copy(), self._bias.copy(), temperature)

    def _step(self, chosen: Integers, rate: np.float32) -> None:
        """One batch: the gradient of the summed cross-entropy, on the columns that the batch touches alone."""
        batch = self._train.rows(chosen)
        error = np.exp(log_softmax(batch.times(self._weights) + self._bias))
        error[np.arange(len(chosen)), self._train_labels[chosen]] -= 1
        self._bias -= rate * np.float32(0.1) * error.sum(axis=0)
        if not len(batch.columns):
            return
        rows = np.repeat(np.arange(len(chosen)), np.diff(batch.starts))
        order = np.argsort(batch.columns, kind="stable")
        touched, starts = np.unique(batch.columns[order], return_index=True)
        pushes = error[rows[order]] * batch.values[order][:, None]
        self._weights[touched] -= rate * np.add.reduceat(pushes, starts, axis=0)

    def _measured(self, epoch: int, step: int) -> Curve:
        train = self._score(self._train, self._train_labels)
        valid = self._score(self._valid, self._valid_labels) if len(self._valid) else (None, None)
        return Curve(epoch, step, *train, *valid)

    def _score(self, rows: Sparse, labels: npt.NDArray[np.int64]) -> tuple[float, float]:
        logits = log_softmax(rows.times(self._weights) + self._bias)
        known = np.flatnonzero(labels >= 0)
        losses = np.full(len(labels), np.log(len(self.labels)))
        losses[known] = -logits[known, labels[known]]
        return float(losses.mean()), float((logits.argmax(axis=1) == labels).mean())

    def _numbers(self, examples: Sequence[Example]) -> npt.NDArray[np.int64]:
        numbers = {label: number for number, label in enumerate(self.labels)}
        return np.array([numbers.get(example.label, -1) for example in examples], dtype=np.int64)


def log_softmax(logits: Floats) -> Floats:
    shifted = logits - logits.max(axis=1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
