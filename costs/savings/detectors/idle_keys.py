"""Keys that nobody uses.

A key costs nothing by being there: providers bill calls, and an idle key makes none. So there is no saving to propose,
and a saving of 0 is none; idle keys are a matter of security, where `analytics.security` reports them. The category
stays for prices per key, should a contract have them: none does in this price book, so nothing is found.
"""

from collections.abc import Iterator

from costs.savings.candidates import Candidate, View


def detect(view: View) -> Iterator[Candidate]:
    """Nothing, whatever the view."""
    return iter(())
