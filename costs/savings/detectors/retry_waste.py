"""Attempts that were billed and then made again.

Evidence: attempts before the last one of their request, with a cost: retries after a time-out, fall-backs from a
provider that had begun to answer, hedges of which both were billed. They are at least `LEAST_SLICE_SHARE` of what the
slice costs.

Never: attempts that cost nothing (refused at once, as most retries are), and the last attempt of a request.
"""

from collections.abc import Iterator

from costs.savings.candidates import Candidate, View
from costs.savings.detectors.waste import wasted
from costs.savings.proposals import Category


def detect(view: View) -> Iterator[Candidate]:
    """One candidate for each slice that pays much twice."""
    return wasted(
        view, Category.RETRY_WASTE, lambda one: not one.is_final,
        title="Stop paying twice for {model} in {project}",
        words="{count} attempts were billed and made again: {share} of what these calls cost.",
        steps=(
            "Raise the time-out of the provider above its slowest usual answer, or take it out of the route.",
            "Hedge later (hedge_after_ms), or not at all, where both attempts are billed.",
        ),
    )  # fmt: skip
