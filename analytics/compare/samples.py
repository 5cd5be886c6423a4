"""What was seen of one candidate, and the bands of size in which it is compared."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

INPUT_EDGES = (256, 1_024, 4_096, 16_384)
OUTPUT_EDGES = (64, 256, 1_024)
"""Upper ends of the bands, in tokens; the last band of each is open."""

Floats = npt.NDArray[np.float64]
Keys = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Sample:
    """Requests of one candidate; all arrays have one length. NaN: not measured.

    `cost` in the organization's currency, `duration_ms` from the request to the last byte, `quality` 0 to 1. `kind`
    numbers what has to be the same besides size, such as the model when providers are compared; 0 for all otherwise.
    """

    id: str
    input_tokens: npt.NDArray[np.int64]
    output_tokens: npt.NDArray[np.int64]
    is_error: npt.NDArray[np.bool_]
    cost: Floats
    duration_ms: Floats
    quality: Floats
    kind: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))

    def __len__(self) -> int:
        return len(self.input_tokens)

    def strata(self, *, by_output: bool) -> Keys:
        """The band of each request. A failed request has no output to speak of, so failures are banded by input."""
        keys: Any = np.digitize(self.input_tokens, INPUT_EDGES, right=True)
        if by_output:
            keys = keys * (len(OUTPUT_EDGES) + 1) + np.digitize(self.output_tokens, OUTPUT_EDGES, right=True)
        if len(self.kind):
            keys = keys + self.kind * 100
        return np.asarray(keys, np.int64)
