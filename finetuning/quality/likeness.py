"""How well a class fits a question, by the questions that resemble it. numpy alone: hashed n-grams weighted by TF-IDF,
projected by signs (Weinberger et al. 2009, arXiv 0902.2206); a ridge classifier whose leave-one-out predictions have a
closed form (Cawley 2006, "Leave-One-Out Cross-Validation Based Model Selection Criteria for Weighted LS-SVMs"); the
three nearest neighbours in each class. That the two are combined, and how, is ours, chosen on Banking77."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from itertools import pairwise
from zlib import crc32

import numpy as np

from .text import words

BUCKETS = 1 << 18
DIMENSIONS = 2_048
FEW_ROWS, WIDE = 2_048, 8_192
"""So few rows get more dimensions: fewer n-grams share one, and the kernel is no larger."""
RIDGE = 10.0
SHARPNESS = 16.0
NEIGHBOURS = 3
NEIGHBOUR_WEIGHT = 4.0
BLOCK = 1_024


def features(texts: list[str]) -> np.ndarray:
    """float32[len(texts), `WIDE` or `DIMENSIONS`], rows of length 1: words, word pairs and parts of words of 2 to 5
    letters."""
    dimensions = WIDE if len(texts) <= FEW_ROWS else DIMENSIONS
    buckets = _Buckets()
    counts = [buckets.counts(text) for text in texts]
    seen = np.zeros(BUCKETS, dtype=np.float64)
    for found in counts:
        seen[list(found)] += 1
    rarity = np.log((1 + len(texts)) / (1 + seen)) + 1
    matrix = np.zeros((len(texts), dimensions), dtype=np.float32)
    for row, found in enumerate(counts):
        if found:
            places = np.fromiter(found.keys(), dtype=np.int64)
            weights = (1 + np.log(np.fromiter(found.values(), dtype=np.float64))) * rarity[places]
            signs = np.where(places >> 17 & 1, 1.0, -1.0)
            matrix[row] = np.bincount(places % dimensions, weights * signs, minlength=dimensions)
    matrix /= np.maximum(np.linalg.norm(matrix, axis=1, keepdims=True), 1e-9)
    return matrix


class _Buckets:
    """Words, and pairs of them, are hashed once: a file has few beside how often it uses them."""

    def __init__(self) -> None:
        self._words: dict[str, tuple[int, ...]] = {}
        self._pairs: dict[tuple[str, str], int] = {}

    def counts(self, text: str) -> Counter[int]:
        found = words(text.lower())
        buckets: list[int] = []
        before = ""
        for word in found:
            if word not in self._words:
                self._words[word] = tuple(map(_bucket, _parts(word)))
            own = self._words[word]
            buckets.append(own[0])
            if before:
                pair = before, word
                if pair not in self._pairs:
                    self._pairs[pair] = _bucket(" ".join(pair))
                buckets.append(self._pairs[pair])
            buckets += own[1:]
            before = word
        return Counter(buckets)


def _parts(word: str) -> Iterable[str]:
    """The word, then its parts of 2 to 5 letters, the spaces around it being letters too."""
    yield word
    padded = f" {word} "
    for size in (2, 3, 4, 5):
        for start in range(max(len(padded) - size, 0) + 1):
            yield f"#{padded[start : start + size]}"


def _bucket(gram: str) -> int:
    return (crc32(gram.encode("utf-8", "replace")) * 2_654_435_761 >> 7) % BUCKETS


def suspicion(matrix: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """float64[n]: how well each row's class fits it, low: not at all. ``matrix``: rows of length 1; ``classes``:
    int[n] from 0. Every row is judged by the others alone."""
    own = np.arange(len(classes))
    near = neighbourhood(matrix, classes)
    relative = near[own, classes] / np.maximum(near.max(axis=1), 1e-9)
    return NEIGHBOUR_WEIGHT * relative + np.log(left_out(matrix, classes)[own, classes] + 1e-4)


def left_out(matrix: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """float64[n, classes]: probabilities of a ridge classifier that never saw the row."""
    targets = np.zeros((len(classes), classes.max() + 1))
    targets[np.arange(len(classes)), classes] = 1
    targets -= targets.mean(axis=0)
    predicted, leverage = _ridge(matrix, targets)
    predicted -= (targets - predicted) * (leverage / (1 - leverage))[:, None]
    sharp = np.exp(SHARPNESS * (predicted - predicted.max(axis=1, keepdims=True)))
    return sharp / sharp.sum(axis=1, keepdims=True)


def _ridge(matrix: np.ndarray, targets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Fitted values and the diagonal of the hat matrix."""
    rows, columns = matrix.shape
    if rows <= columns:
        inverse = np.linalg.inv((matrix @ matrix.T).astype(np.float64) + RIDGE * np.eye(rows))
        # K (K + λ)⁻¹ = I − λ (K + λ)⁻¹
        return targets - RIDGE * (inverse @ targets), 1 - RIDGE * np.diag(inverse)
    inner = np.linalg.inv((matrix.T @ matrix).astype(np.float64) + RIDGE * np.eye(columns)).astype(np.float32)
    weights = inner @ (matrix.T @ targets.astype(np.float32))
    leverage = [np.einsum("ij,ij->i", block @ inner, block) for block in np.array_split(matrix, rows // BLOCK + 1)]
    return (matrix @ weights).astype(np.float64), np.concatenate(leverage).astype(np.float64)


def neighbourhood(matrix: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """float64[n, classes]: mean cosine of the nearest rows of each class, the row itself left out."""
    order = np.argsort(classes, kind="stable")
    edges = np.searchsorted(classes[order], np.arange(classes.max() + 2))
    near, others = np.zeros((len(classes), classes.max() + 1)), matrix[order].T
    for start in range(0, len(classes), BLOCK):
        likeness = matrix[start : start + BLOCK] @ others
        rows = np.arange(start, min(start + BLOCK, len(classes)))
        likeness[rows - start, np.argsort(order)[rows]] = -1
        for label, (left, right) in enumerate(pairwise(edges)):
            size = min(NEIGHBOURS, right - left)
            if size:
                block = np.maximum(likeness[:, left:right], 0)
                near[rows, label] = np.partition(block, right - left - size, axis=1)[:, -size:].mean(axis=1)
    return near
