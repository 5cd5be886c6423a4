"""A circuit breaker: a deployment that keeps failing is left alone, then tried with single calls. Pure.

Closed → open after `CONSECUTIVE` failures in a row, or when at least `MIN_CALLS` calls of the last window failed by
`FAILURE_SHARE` or more. Open → half-open after a pause that doubles from `FIRST_PAUSE_S` to `LONGEST_PAUSE_S`.
Half-open: one probe at a time; a good answer closes, a failure opens again. (Nygard, "Release It!", 2nd ed., 5.2.)
"""

from collections.abc import Callable

CLOSED, OPEN, HALF_OPEN = "closed", "open", "half_open"
STATES = (CLOSED, HALF_OPEN, OPEN)
CONSECUTIVE = 5
MIN_CALLS = 20
FAILURE_SHARE = 0.5
WINDOW_S = 5.0
FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 5.0
PROBE_PATIENCE_S = 5.0
"""A probe that has not answered by then no longer keeps the next one from starting."""


def _nothing(_breaker: "Breaker") -> None:
    """Nobody listens."""


class Breaker:
    """State of one deployment in this process. Times are monotonic seconds, given by the caller.

    `epoch` counts the changes of state: what an attempt of an earlier epoch reports says nothing about the present.
    `on_change` is called after every change of state that this process found out for itself.
    """

    __slots__ = ("_bad", "_calls", "_in_row", "_pause_s", "_probe_at", "_window_start", "epoch", "on_change", "opened",
                 "state", "until")  # fmt: skip

    def __init__(self, on_change: Callable[["Breaker"], None] = _nothing) -> None:
        self.state = CLOSED
        self.until = 0.0
        self.epoch = 0
        self.opened = 0
        self.on_change = on_change
        self._pause_s = FIRST_PAUSE_S
        self._probe_at = 0.0
        self._in_row = 0
        self._window_start = 0.0
        self._calls = 0
        self._bad = 0

    # ---- asking ------------------------------------------------------------------------------------------------
    def admit(self, now: float) -> bool:
        """Whether a call may go there now. In half-open it takes the probe's place, so ask only to really call."""
        if self.state == CLOSED:
            return True
        if self.state == OPEN:
            if now < self.until:
                return False
            self._move(HALF_OPEN)
        elif now < self._probe_at + PROBE_PATIENCE_S:
            return False
        self._probe_at = now
        return True

    def may_admit(self, now: float) -> bool:
        """What `admit` would answer, without taking anything."""
        if self.state == OPEN:
            return now >= self.until
        return self.state == CLOSED or now >= self._probe_at + PROBE_PATIENCE_S

    def retry_in(self, now: float) -> float:
        """Seconds until `admit` may say yes; 0 when it may now."""
        if self.state == OPEN:
            return max(0.0, self.until - now)
        return max(0.0, self._probe_at + PROBE_PATIENCE_S - now) if self.state == HALF_OPEN else 0.0

    # ---- telling -----------------------------------------------------------------------------------------------
    def answered(self, epoch: int) -> None:
        """The head of a good answer has come: enough for a probe, long before a slow answer ends."""
        if self.state == HALF_OPEN and epoch == self.epoch:
            self._close()

    def succeeded(self, now: float, epoch: int) -> None:
        """A call ended well."""
        if self.state == CLOSED:
            self._in_row = 0
            self._count(now)
        else:
            self.answered(epoch)

    def failed(self, now: float, epoch: int) -> None:
        """A call ended badly, by the deployment's fault."""
        if epoch != self.epoch:
            return
        if self.state == HALF_OPEN:
            self._open(now)
        elif self.state == CLOSED:
            self._in_row += 1
            self._count(now)
            self._bad += 1
            if self._in_row >= CONSECUTIVE or self._is_mostly_bad():
                self._open(now)

    def trip(self, now: float) -> None:
        """Open at once: a health check, or another process, found the deployment dead."""
        if self.state != OPEN:
            self._open(now)

    # ---- what other processes found out: taken over, not told on -----------------------------------------------------
    def adopt_open(self, now: float, pause_s: float) -> None:
        """Another process opened: leave the deployment alone as long as it does, bounded by our own longest pause."""
        if self.state == CLOSED:
            self.until = now + min(max(pause_s, 0.0), LONGEST_PAUSE_S)
            self._move(OPEN, is_told=False)
            self.opened += 1

    def adopt_closed(self, now: float) -> None:
        """Another process was answered: probe now instead of at the end of our pause."""
        if self.state == OPEN:
            self.until = now

    # ---- inside ----------------------------------------------------------------------------------------------------
    def _is_mostly_bad(self) -> bool:
        return self._calls >= MIN_CALLS and self._bad >= FAILURE_SHARE * self._calls

    def _count(self, now: float) -> None:
        if now - self._window_start > WINDOW_S:
            self._window_start, self._calls, self._bad = now, 0, 0
        self._calls += 1

    def _open(self, now: float) -> None:
        self.until = now + self._pause_s
        self._pause_s = min(self._pause_s * 2, LONGEST_PAUSE_S)
        self.opened += 1
        self._move(OPEN)

    def _close(self) -> None:
        self._in_row = self._calls = self._bad = 0
        self._pause_s = FIRST_PAUSE_S
        self._move(CLOSED)

    def _move(self, state: str, *, is_told: bool = True) -> None:
        self.state = state
        self.epoch += 1
        if is_told:
            self.on_change(self)
