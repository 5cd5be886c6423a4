"""The trained head: what it answers, how sure it is, and how it is kept."""

import hashlib
import io
import json
import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from finetuning.localhead.features import Features, Floats

FORMAT: Final = 1
TEMPERATURES: Final = np.geomspace(0.2, 5.0, 97)


@dataclass(frozen=True, slots=True)
class Answer:
    """`confidence`: the share of such answers that is right, where the head is calibrated; else only a score."""

    label: str
    confidence: float


@dataclass(frozen=True, slots=True)
class Suggestion:
    """The lowest threshold at which `precision` of the answers given on the validation set were right; `coverage` is
    the share it answers, the rest falls back. `threshold` None: no threshold reaches the precision wanted."""

    threshold: float | None
    precision: float | None
    coverage: float | None
    answered: int
    rows: int


class Head:
    """`weights[column, label]`, `bias[label]`: float32. `temperature`: what logits are divided by for confidence; None
    when no validation set could tell it."""

    def __init__(
        self, labels: Sequence[str], features: Features, weights: Floats, bias: Floats, temperature: float | None = None
    ) -> None:
        self.labels = list(labels)
        self.features = features
        self.weights = weights
        self.bias = bias
        self.temperature = temperature

    @property
    def is_calibrated(self) -> bool:
        return self.temperature is not None

    @property
    def size(self) -> int:
        """Bytes in memory, about."""
        return int(self.weights.nbytes) + 120 * len(self.features.hashes)

    def answer(self, text: str) -> Answer:
        return self.answers([text])[0]

    def answers(self, texts: Iterable[str]) -> list[Answer]:
        """One answer each. A text without one known n-gram gets the label that the biases favour, hardly sure."""
        shares = self._shares(texts)
        best = shares.argmax(axis=1)
        return [Answer(self.labels[label], float(row[label])) for label, row in zip(best, shares, strict=True)]

    def ranked(self, text: str, k: int) -> list[Answer]:
        """The `k` likeliest labels, the first of them is the answer."""
        (row,) = self._shares([text])
        order = np.argsort(-row, kind="stable")[:k]
        return [Answer(self.labels[label], float(row[label])) for label in order]

    def _shares(self, texts: Iterable[str]) -> Floats:
        logits = (self.features.transform(texts).times(self.weights) + self.bias) / (self.temperature or 1.0)
        shares = np.exp(logits - logits.max(axis=1, keepdims=True))
        return np.asarray(shares / shares.sum(axis=1, keepdims=True), dtype=np.float32)

    def to_bytes(self) -> bytes:
        """One zip file with the arrays and a description; the same head gives the same bytes."""
        facts = {"format": FORMAT, "labels": self.labels, "temperature": self.temperature}
        arrays: dict[str, npt.NDArray[Any]] = {
            "hashes": self.features.hashes, "rarity": self.features.rarity, "weights": self.weights.astype(np.float16),
            "bias": self.bias,
        }  # fmt: skip
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
            _add(archive, "head.json", json.dumps(facts, sort_keys=True).encode())
            for name, array in arrays.items():
                part = io.BytesIO()
                np.save(part, array, allow_pickle=False)
                _add(archive, f"{name}.npy", part.getvalue())
        return out.getvalue()

    @classmethod
    def from_bytes(cls, data: bytes) -> "Head":
        """Raises ValueError when the bytes are no head of this format; nothing in them is ever executed."""
        try:
            with zipfile.ZipFile(io.BytesIO(data)) as archive:
                facts = json.loads(archive.read("head.json"))
                if facts.get("format") != FORMAT:
                    raise ValueError(f"Format {facts.get('format')} of a head is unknown; this version reads {FORMAT}.")
                arrays = {
                    name: np.load(io.BytesIO(archive.read(f"{name}.npy")), allow_pickle=False)
                    for name in ("hashes", "rarity", "weights", "bias")
                }
        except (zipfile.BadZipFile, KeyError, json.JSONDecodeError) as error:
            raise ValueError(f"These bytes are no head: {error}") from error
        labels, weights = facts["labels"], arrays["weights"].astype(np.float32)
        if weights.shape != (len(arrays["hashes"]), len(labels)) or arrays["bias"].shape != (len(labels),):
            raise ValueError("The parts of the head do not fit each other.")
        features = Features(arrays["hashes"], arrays["rarity"])
        return cls(labels, features, weights, arrays["bias"], facts["temperature"])

    def digest(self) -> str:
        """SHA-256 of its bytes, hex."""
        return hashlib.sha256(self.to_bytes()).hexdigest()


def best_temperature(logits: Floats, labels: npt.NDArray[np.int64]) -> float | None:
    """The temperature at which `labels` are most likely (Guo et al. 2017, temperature scaling); None without rows."""
    if not len(labels):
        return None
    rows = np.arange(len(labels))

    def loss(temperature: float) -> float:
        scaled = logits / temperature
        top = scaled.max(axis=1)
        return float((np.log(np.exp(scaled - top[:, None]).sum(axis=1)) + top - scaled[rows, labels]).mean())

    return float(min(TEMPERATURES, key=loss))


def suggest_threshold(head: Head, texts: Sequence[str], labels: Sequence[str], *, precision: float) -> Suggestion:
    """The lowest confidence from which on at least `precision` of the answers on these rows are right."""
    answers = head.answers(texts)
    sure = np.array([answer.confidence for answer in answers])
    right = np.array([answer.label == label for answer, label in zip(answers, labels, strict=True)])
    order = np.argsort(-sure, kind="stable")
    shares = np.cumsum(right[order]) / np.arange(1, len(order) + 1)
    ends = np.append(sure[order][:-1] > sure[order][1:], True)  # a threshold takes all of the same confidence
    good = np.flatnonzero((shares >= precision) & ends)
    if not len(good):
        return Suggestion(None, None, None, 0, len(order))
    last = int(good[-1])
    return Suggestion(float(sure[order[last]]), float(shares[last]), (last + 1) / len(order), last + 1, len(order))


def _add(archive: zipfile.ZipFile, name: str, data: bytes) -> None:
    info = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
    info.compress_type = zipfile.ZIP_DEFLATED
    archive.writestr(info, data, compresslevel=1)  # weights hardly shrink, and each epoch is kept
