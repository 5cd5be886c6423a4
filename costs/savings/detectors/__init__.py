"""The detectors, one a file: each says in its docstring what it takes as evidence and what it must not flag."""

from collections.abc import Callable, Iterator, Mapping

from costs.savings.candidates import Candidate, View
from costs.savings.detectors import batch, cheaper_model, duplicate_caching
from costs.savings.proposals import Category

DETECTORS: Mapping[Category, Callable[[View], Iterator[Candidate]]] = {
    Category.CHEAPER_MODEL: cheaper_model.detect,
    Category.DUPLICATE_CACHING: duplicate_caching.detect,
    Category.BATCH: batch.detect,
}
