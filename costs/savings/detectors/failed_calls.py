"""Calls that were billed and failed.

Evidence: last attempts that ended in an error (client or upstream error, time-out, interrupted) and have a cost, as
time-outs after the prompt was read and broken streams do. They are at least `LEAST_SLICE_SHARE` of what the slice
costs. The replay leaves them out: this is what the failures cost, all of which only a mended cause gives back.

Never: calls that the client left (somebody read what came until then), failures that cost nothing, attempts that a
later one made good (`retry_waste`).
"""

from collections.abc import Iterator

from costs.savings.candidates import Candidate, View
from costs.savings.detectors.waste import wasted
from costs.savings.proposals import Category


def detect(view: View) -> Iterator[Candidate]:
    """One candidate for each slice that pays much for failures."""
    return wasted(
        view, Category.FAILED_CALLS, lambda one: one.is_final and one.is_failed,
        title="Mend the failing calls of {model} in {project}",
        words="{count} failed calls were billed: {share} of what these calls cost.",
        steps=(
            "Look at the failed calls: what they have in common (length, time-outs, one key).",
            "Raise the time-out or the limit that ends them, or refuse such calls before they are sent.",
        ),
    )  # fmt: skip
