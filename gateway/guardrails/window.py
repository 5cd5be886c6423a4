"""Text that arrives in pieces: nothing leaves that could still be the beginning of a finding.

Held back are: the last characters that a match with blanks may span; a run of ASCII characters without blanks that has
not ended (keys, addresses and tokens are such runs); a finding that may still grow. Everything before leaves at once.
"""

from collections.abc import Sequence

from gateway.guardrails import veils
from gateway.guardrails.rails import Rail, Verdict, screen

MAX_HELD = 16_384
"""Characters held at most; a longer run without blanks is cut there."""
MAX_WHOLE = 1_000_000
"""Characters kept for guardrails that judge whole texts."""


class TextWindow:
    """One text of a stream, or one long text in slices. `rails` in order; findings go to `verdict`."""

    def __init__(self, rails: Sequence[Rail], verdict: Verdict) -> None:
        self._running = [rail for rail in rails if not rail.check.is_whole]
        self._whole = [rail for rail in rails if rail.check.is_whole]
        self._span = max((rail.window for rail in self._running), default=0)
        self._verdict = verdict
        self._pending = ""
        self._in_json: bool | None = None
        self._parts: list[str] = []
        self._size = 0

    def feed(self, text: str) -> str:
        """What may leave now."""
        if self._whole and self._size < MAX_WHOLE:
            self._parts.append(text)
            self._size += len(text)
        if not self._running:
            return text
        self._pending += text
        if self._in_json is None and not self._pending.isspace():
            self._in_json = veils.is_json(self._pending)
        cut = self._cut()
        ready, self._pending = self._pending[:cut], self._pending[cut:]
        return self._screened(ready) if ready else ""

    def flush(self) -> str:
        """The rest, at the end of the text; whole texts are judged here."""
        rest, self._pending = self._pending, ""
        if self._whole and self._parts:
            screen("".join(self._parts), self._whole, self._verdict)
            self._parts.clear()
        return self._screened(rest) if rest else ""

    def _screened(self, text: str) -> str:
        return screen(text, self._running, self._verdict, in_json=self._in_json)

    def _cut(self) -> int:
        text = self._pending
        cut = _before_run(text, max(0, len(text) - self._span))
        starts = sorted(
            (
                (finding.start, finding.end)
                for rail in self._running
                for finding in veils.find(rail.check, text, in_json=bool(self._in_json))
            ),
            reverse=True,
        )
        for start, end in starts:
            if end > cut:
                cut = min(cut, start)
        return max(cut, len(text) - MAX_HELD)


def _before_run(text: str, cut: int) -> int:
    """`cut`, or the beginning of the run without blanks that it would split or end at."""
    while cut > 0 and _is_run(text[cut - 1]):
        cut -= 1
    return cut


def _is_run(letter: str) -> bool:
    return letter.isascii() and not letter.isspace()
