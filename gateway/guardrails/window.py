"""Text that arrives in pieces: nothing leaves that could still be the beginning of a finding.

Held back are: the last characters that a match with blanks may span; a run of ASCII characters without blanks that has
not ended (keys, addresses and tokens are such runs); a finding that may still grow. Everything before leaves at once.
"""

from collections.abc import Sequence

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
        cut = self._cut()
        ready, self._pending = self._pending[:cut], self._pending[cut:]
        return screen(ready, self._running, self._verdict) if ready else ""

    def flush(self) -> str:
        """The rest, at the end of the text; whole texts are judged here."""
        rest, self._pending = self._pending, ""
        if self._whole and self._parts:
            screen("".join(self._parts), self._whole, self._verdict)
            self._parts.clear()
        return screen(rest, self._running, self._verdict) if rest else ""

    def _cut(self) -> int:
        text = self._pending
        cut = _before_run(text, max(0, len(text) - self._span))
        starts = sorted(
            ((finding.start, finding.end) for rail in self._running for finding in rail.check.find(text)), reverse=True
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
