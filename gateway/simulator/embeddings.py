"""Deterministic unit vectors: texts that share words point the same way, equal texts are equal.

A vector is a sparse part (each word adds ±1 at eight hashed places) plus a dense part drawn from the whole text.
"""

from __future__ import annotations

import math
import random
from array import array
from collections.abc import Sequence
from functools import lru_cache
from hashlib import blake2b, shake_128

PLACES_PER_WORD = 8
DENSE_WEIGHT = 0.35


def embed(words: Sequence[str], *, seed: int, width: int, dimensions: int | None = None) -> array[float]:
    """Unit vector (float32, Euclidean norm 1) of `dimensions` numbers.

    A vector of fewer dimensions is the renormalised beginning of the full one, as OpenAI documents for `dimensions`
    (https://platform.openai.com/docs/guides/embeddings).
    """
    text = "\x00".join(words)
    noise = array("h", shake_128(f"{seed}:{width}:{text}".encode()).digest(2 * width))
    scale = DENSE_WEIGHT / (math.sqrt(width / 3) * 32_768)  # uniform numbers in ±32,768 have variance 32,768²/3
    values = [number * scale for number in noise]
    weight = 1 / math.sqrt(PLACES_PER_WORD * max(1, len(words)))
    for word in words:
        for place, sign in _places(word.lower(), seed, width):
            values[place] += sign * weight
    if dimensions is not None:
        values = values[:dimensions]
    norm = math.sqrt(math.fsum(value * value for value in values)) or 1.0
    return array("f", [value / norm for value in values])


@lru_cache(maxsize=16_384)
def _places(word: str, seed: int, width: int) -> tuple[tuple[int, int], ...]:
    rng = random.Random(int.from_bytes(blake2b(f"{seed}:{word}".encode(), digest_size=8).digest()))
    return tuple((rng.randrange(width), rng.choice((-1, 1))) for _ in range(PLACES_PER_WORD))
