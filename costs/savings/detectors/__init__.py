"""The detectors, one a file: each says in its docstring what it takes as evidence and what it must not flag."""

from collections.abc import Callable, Iterator, Mapping

from costs.savings.candidates import Candidate, View
from costs.savings.detectors import (
    batch,
    cheaper_model,
    cheaper_provider,
    commitments,
    duplicate_caching,
    failed_calls,
    idle_keys,
    output_length,
    prompt_caching,
    reasoning_effort,
    retry_waste,
    tier_boundary,
)

DETECTORS: Mapping[str, Callable[[View], Iterator[Candidate]]] = {
    "cheaper_model": cheaper_model.detect,
    "cheaper_provider": cheaper_provider.detect,
    "prompt_caching": prompt_caching.detect,
    "duplicate_caching": duplicate_caching.detect,
    "batch": batch.detect,
    "output_length": output_length.detect,
    "reasoning_effort": reasoning_effort.detect,
    "tier_boundary": tier_boundary.detect,
    "retry_waste": retry_waste.detect,
    "failed_calls": failed_calls.detect,
    "idle_keys": idle_keys.detect,
    "commitments": commitments.detect,
}
"""By name. `commitments` finds two categories: unused and oversized ones."""
