"""What this process has taken of each limit, and used. Pure; times are monotonic seconds, given by the caller.

A meter spends from `allowed`, the slice that the shared counter (or, while that is away, this process's share) granted.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from gateway.dataplane.limits.views import CONCURRENCY, WINDOW_S, Bound, LimitView

TICK_S = 0.05
"""How often slack is looked at: what is kept lasts about `KEPT_TICKS` of them."""
KEPT_TICKS = 4
SLICES = 4
"""A process keeps at most `left ÷ (SLICES × processes)` unused: near the limit that is nothing, and every call asks."""
IDLE_S = TICK_S * KEPT_TICKS


class Meter:
    """One kind of one limit for one subject.

    `allowed`: granted in this window, used or not; `left`: what the shared counter had left when it answered last.
    `wid` names the window, in all processes the same once the counter has confirmed it (`is_local` until then).
    `epoch` counts windows: what was reserved in an earlier one is not given back to this one.
    """

    __slots__ = ("allowed", "cap", "counted_at", "dry_need", "dry_until", "ends_at", "epoch", "is_local", "key",
                 "kind", "left", "rate", "seen_at", "subject", "used", "used_at", "uses", "view", "wid",
                 "window_s")  # fmt: skip

    def __init__(self, bound: Bound) -> None:
        self.key = bound.meter
        self.view: LimitView = bound.view
        self.kind = bound.kind
        self.subject = bound.subject
        self.cap = bound.cap
        self.window_s = WINDOW_S[bound.kind]
        self.wid = ""
        self.ends_at = 0.0
        self.is_local = False
        self.epoch = 0
        self.allowed = 0
        self.used = 0
        self.left = bound.cap
        self.dry_until = 0.0
        self.dry_need = 0
        self.uses = 0
        self.rate = 0.0
        self.counted_at = 0.0
        self.used_at = 0.0
        self.seen_at = 0.0

    # ---- asking --------------------------------------------------------------------------------------------------
    @property
    def free(self) -> int:
        """Slack: negative when settling cost more than was granted."""
        return self.allowed - self.used

    @property
    def remaining(self) -> int:
        """What all processes together have left, as far as it is known here."""
        return max(0, self.left + self.free)

    def is_running(self, now: float) -> bool:
        """Whether a window is open; always without windows."""
        return not self.window_s or now < self.ends_at

    def resets_in(self, now: float) -> float:
        """Seconds until the window ends; a whole one when none has begun."""
        return max(0.0, self.ends_at - now) if self.ends_at else self.window_s

    def is_dry(self, need: int, now: float) -> bool:
        """Whether the shared counter has refused as much a moment ago."""
        return now < self.dry_until and need >= self.dry_need

    def share(self, processes: int) -> int:
        """What one of so many processes may use by itself; of a limit that allows something never nothing."""
        return max(min(1, self.cap), self.cap // processes)

    # ---- windows -------------------------------------------------------------------------------------------------
    def clear(self) -> None:
        """The window is over, or another one has begun."""
        self.wid, self.ends_at, self.is_local = "", 0.0, False
        self.allowed = self.used = 0
        self.left = self.cap
        self.dry_until = 0.0
        self.epoch += 1

    def begin(self, wid: str, now: float, allowed: int, left: int) -> None:
        """A window of this process's own, until the shared counter confirms it."""
        self.clear()
        self.wid, self.ends_at, self.is_local = wid, now + self.window_s, True
        self.allowed, self.left = allowed, left

    def follow(self, bound: Bound) -> None:
        """The limit was changed: what is left changes with it."""
        self.view = bound.view
        if bound.cap != self.cap:
            self.left += bound.cap - self.cap
            self.cap = bound.cap
            self.dry_until = 0.0

    # ---- changing sides ------------------------------------------------------------------------------------------
    def go_local(self, now: float, processes: int) -> None:
        """The shared counter is away: each process goes on with an equal part of what was left."""
        if not self.window_s:
            self.allowed = self.share(processes)
        elif self.is_running(now):
            self.allowed += max(0, self.left) // processes
            self.is_local = True
        self.left = 0
        self.dry_until = 0.0

    def go_shared(self, now: float) -> None:
        """The shared counter is back: it is told what was used, and grants the rest anew."""
        self.left = self.cap - self.used
        self.allowed = self.used
        self.dry_until = 0.0
        if self.window_s and not self.is_running(now):
            self.clear()

    # ---- slices --------------------------------------------------------------------------------------------------
    def note_use(self, amount: int, now: float) -> None:
        self.uses += amount
        self.used_at = now

    def wanted(self, now: float) -> int:
        """How much more to ask for than is needed now: a few ticks' use."""
        elapsed = now - self.counted_at
        if elapsed >= TICK_S:
            self.rate = self.uses * TICK_S / elapsed
            self.uses, self.counted_at = 0, now
        return max(0, int(KEPT_TICKS * self.rate) - max(0, self.free))

    def give_back_slack(self, now: float, processes: int) -> None:
        """Keep no more unused than stands nobody in the way; nothing at all when idle."""
        keep = 0 if now - self.used_at > IDLE_S else max(0, self.left) // (SLICES * processes)
        self.allowed -= max(0, self.free - keep)

    def is_scarce(self, processes: int) -> bool:
        """Whether what is left is too little for anybody to keep some."""
        return self.left < SLICES * processes

    def learn(self, wid: str, ends_at: float, left: int, extra: int) -> None:
        """The shared counter's answer."""
        if self.window_s:
            if wid != self.wid and not self.is_local:
                self.clear()
            self.wid, self.is_local = wid, False
            self.ends_at = ends_at if wid else 0.0
        self.left = left
        self.allowed += extra

    def forgettable(self, now: float) -> bool:
        """Whether nothing would be lost with it."""
        if not self.window_s:
            return self.used == 0 and now - self.seen_at > 60
        return now > self.ends_at + 5 and now - self.seen_at > 5


@dataclass(slots=True, eq=False)
class Want:
    """What a call needs of a meter. `part`: reserved from this process's slack, in the window `epoch`."""

    meter: Meter
    need: int
    part: int = 0
    epoch: int = 0

    @property
    def missing(self) -> int:
        return self.need - self.part


@dataclass(slots=True, eq=False)
class Ask:
    """What calls need beyond slack, all or none. Answered with `granted`, `dry` (a meter) or `is_away`."""

    wants: Sequence[Want]
    asked_at: float
    is_granted: bool = False
    is_away: bool = False
    is_cancelled: bool = False
    dry: list[Meter] = field(default_factory=list)


def reserve(wants: Sequence[Want]) -> list[Want]:
    """Take from slack what there is; returns the wants that lack something."""
    short = []
    for want in wants:
        meter = want.meter
        want.part = min(want.need, max(0, meter.allowed - meter.used))
        want.epoch = meter.epoch
        meter.used += want.part
        if want.part < want.need:
            short.append(want)
    return short


def give_back(wants: Sequence[Want]) -> None:
    """The call is not admitted: what was reserved is slack again, unless its window is over."""
    for want in wants:
        if want.epoch == want.meter.epoch:
            want.meter.used -= want.part
        want.part = 0


def is_slot(meter: Meter) -> bool:
    return meter.kind == CONCURRENCY
