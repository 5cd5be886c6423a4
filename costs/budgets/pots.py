"""Leases as one process holds them: integer arithmetic in memory, and what is asked of and answered by the database.

Nothing here waits or does I/O; the clerk moves the requests. Amounts in ticks, clocks in monotonic seconds. Invariants
(T granted, S settled, H held): a call is admitted only while H + S ≤ T afterwards; T rises after the database gave,
and falls before it hears of a return. Decision record 0010.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from costs.budgets.views import BudgetIndex, BudgetView

IDLE_S = 5.0
EXACT_S = 3.0
RECHECK_S = 2.0
FORGET_S = 30.0
AHEAD = 2
"""A slice is meant to last as many rounds of synchronization."""


@dataclass(slots=True, eq=False)
class Pot:
    """One counter as this process knows it: period `[start, end)` in Unix ms."""

    budget: BudgetView
    subject: str
    start: int
    end: int
    counter: int | None = None
    granted: int = 0
    settled: int = 0
    held: int = 0
    told: int = 0
    """Settled amount that the database knows."""
    left: int | None = None
    """What even the end of all open calls would leave, when last heard; only falls but for a change of the budget."""
    heard_at: float = float("-inf")
    used_at: float = float("-inf")
    exact_until: float = float("-inf")
    drawn: int = 0
    rate: int = 0
    usual: int = 0
    refused: int = 0
    waiting: int = 0
    """Calls in the clerk's queue."""
    is_open: bool = True

    @property
    def free(self) -> int:
        """Headroom that no hold uses; negative when calls cost more than the lease covered."""
        return self.granted - self.settled - self.held

    @property
    def is_done(self) -> bool:
        """Nothing is open or unused; only the ledger writer may still have to book."""
        return self.held == 0 and self.granted == self.settled

    @property
    def is_blank(self) -> bool:
        """The database has no lease of ours."""
        return self.held == 0 and self.granted == 0 and self.settled == 0

    def cannot_pay(self, amount: int) -> bool:
        """Whether what was last heard rules `amount` out, whatever other calls give back."""
        return self.left is not None and self.left - (self.settled - self.told) < amount and self.free < amount


@dataclass(slots=True, eq=False)
class Ask:
    """A call that waits for `hold` on all its pots; `least` still serves it."""

    pots: Sequence[Pot]
    hold: int
    least: int
    since: float
    got: int | None = None
    dry: tuple[Pot, ...] = ()
    is_cancelled: bool = False

    @property
    def is_answered(self) -> bool:
        return self.got is not None or bool(self.dry)

    @property
    def is_pending(self) -> bool:
        return not self.is_answered and not self.is_cancelled


@dataclass(slots=True)
class Purse:
    """All pots of a process."""

    pots: dict[tuple[str, str], Pot] = field(default_factory=dict)
    retired: list[Pot] = field(default_factory=list)

    # ---- the hot path --------------------------------------------------------------------------------------------
    def pot(self, budget: BudgetView, subject: str, ms: int) -> Pot:
        """The pot for an attempt that starts at Unix millisecond `ms`."""
        known = self.pots.get((budget.id, subject))
        if known is not None and known.start <= ms < known.end:
            if known.budget is not budget:
                _forget_heard(known, budget)
            return known
        start, end = budget.window_ms(ms)
        for former in self.retired:
            if former.start == start and former.budget.id == budget.id and former.subject == subject:
                return former
        made = Pot(budget, subject, start, end)
        if known is not None and known.start > start:
            self.retired.append(made)
            return made
        if known is not None:
            self.retired.append(known)
        self.pots[budget.id, subject] = made
        return made

    @staticmethod
    def hold(pots: Sequence[Pot], amount: int, now: float) -> bool:
        """Take `amount` from all pots, or from none."""
        for pot in pots:
            if pot.granted - pot.settled - pot.held < amount:
                return False
        Purse.take(pots, amount, now)
        return True

    @staticmethod
    def hold_unless_waited_for(pots: Sequence[Pot], amount: int, now: float) -> bool:
        """As `hold`, but never past calls that wait for one of the pots."""
        for pot in pots:
            if pot.waiting:
                return False
        return Purse.hold(pots, amount, now)

    @staticmethod
    def take(pots: Iterable[Pot], amount: int, now: float) -> None:
        """Take it, covered or not."""
        for pot in pots:
            pot.held += amount
            pot.drawn += amount
            pot.usual = amount
            pot.used_at = now

    @staticmethod
    def give_back(pots: Iterable[Pot], amount: int) -> None:
        """A hold ends."""
        for pot in pots:
            pot.held -= amount

    @staticmethod
    def charge(pots: Iterable[Pot], cost: int) -> None:
        """An attempt cost this; its line names the pots' counters."""
        for pot in pots:
            pot.settled += cost

    # ---- configuration -------------------------------------------------------------------------------------------
    def follow(self, index: BudgetIndex) -> None:
        """The configuration changed: what was heard of a budget may be wrong now, budgets may be gone."""
        for key, pot in list(self.pots.items()):
            view = index.by_id.get(pot.budget.id)
            if view is None and pot.budget.name:  # a key's own budget has no name, and is in no index
                self.retired.append(self.pots.pop(key))
                pot.is_open = False
            _forget_heard(pot, view or pot.budget)

    # ---- synchronization -----------------------------------------------------------------------------------------
    def all(self) -> Iterator[Pot]:
        yield from self.pots.values()
        yield from self.retired

    def due(self, now: float, among: Iterable[Pot] | None = None) -> list[Pot]:
        """Pots (of all, or `among`) that have something to say or to hear; what they return is gone from memory."""
        return [pot for pot in (self.all() if among is None else among) if _prepare(pot, now)]

    def forget(self, now: float) -> None:
        """Drop pots that are over, or that nobody used for a while, once nothing of them is left anywhere."""
        self.retired = [pot for pot in self.retired if not pot.is_blank]
        for key, pot in list(self.pots.items()):
            if pot.is_blank and not pot.refused and not pot.waiting and now - max(pot.used_at, pot.heard_at) > FORGET_S:
                del self.pots[key]


def _forget_heard(pot: Pot, budget: BudgetView) -> None:
    pot.budget = budget
    pot.left = None
    pot.heard_at = float("-inf")


def _prepare(pot: Pot, now: float) -> bool:
    """Decide what to return and to wish for; True when the database must hear of the pot."""
    is_told = pot.told == pot.settled
    if pot.free < 0:
        pot.granted -= pot.free  # spent already: the others must see it
        is_told = False
    back = pot.free - _wanted_free(pot, now)
    if back > 0 and (pot.free > 2 * _wanted_free(pot, now)):
        pot.granted -= back
        is_told = False
    has_news = pot.used_at > pot.heard_at or (pot.is_done and not pot.is_blank)
    must_recheck = has_news and now - pot.heard_at > RECHECK_S
    return not is_told or pot.refused > 0 or must_recheck or _wish(pot, now) > 0


def _wanted_free(pot: Pot, now: float) -> int:
    """Headroom worth keeping: what the last rounds drew, nothing when idle, over, or wanted by others."""
    if not pot.is_open or now < pot.exact_until or now - pot.used_at > IDLE_S:
        return 0
    return AHEAD * max(pot.rate, pot.drawn)


def _wish(pot: Pot, now: float) -> int:
    """What to ask for beyond the calls that wait, so that the next ones need not."""
    wanted = _wanted_free(pot, now)
    return wanted - pot.free if pot.free * 2 < wanted else 0


def request(pots: Sequence[Pot], asks: Sequence[Ask], now: float) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Arguments `p_pots` and `p_asks` of `costs_lease`. Every pot of an ask must be among `pots`."""
    places = {id(pot): place for place, pot in enumerate(pots, 1)}
    rows = [
        {
            "c": pot.counter, "t": pot.granted, "s": pot.settled, "f": pot.free, "w": _wish(pot, now), "y": pot.usual,
            "n": pot.refused, "x": pot.is_done,
        }
        for pot in pots
    ]  # fmt: skip
    waiting = [{"h": ask.hold, "m": ask.least, "p": [places[id(pot)] for pot in ask.pots]} for ask in asks]
    return rows, waiting


def take_answer(
    sent: Sequence[dict[str, Any]], pots: Sequence[Pot], asks: Sequence[Ask], answer: Any, now: float
) -> None:
    """Take over what `costs_lease` answered to `request`; asks that were granted hold their money afterwards."""
    for row, pot, (granted, left, is_wanted, is_over) in zip(sent, pots, answer["pots"], strict=True):
        base = row["s"] if is_over else 0
        pot.granted, pot.settled, pot.told = int(granted) - base, pot.settled - base, row["s"] - base
        pot.left = None if left is None else int(left)
        pot.heard_at = now
        pot.refused -= row["n"]
        if is_wanted:
            pot.exact_until = now + EXACT_S
    for ask, (word, *rest) in zip(asks, answer["asks"], strict=True):
        if word == "ok" and not ask.is_cancelled and Purse.hold(ask.pots, int(rest[0]), now):
            ask.got = int(rest[0])
        elif word == "dry":
            ask.dry = tuple(pots[place - 1] for place in rest)


def end_round(pots: Iterable[Pot]) -> None:
    """A round of synchronization is over: remember how fast the pots were drawn from."""
    for pot in pots:
        pot.rate = max(pot.drawn, pot.rate // 2)
        pot.drawn = 0
