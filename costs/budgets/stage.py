"""The stage that holds a call's worst case on every hard budget that applies, or on none; settlement; release.

Reads memory only. A call that its process's leases cannot pay waits for the clerk.
"""

import time
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any, cast

from django.conf import settings

from costs.budgets import money
from costs.budgets.booking import ticks_of_charge
from costs.budgets.clerk import BudgetClerk
from costs.budgets.pots import Ask, Pot, Purse
from costs.budgets.views import Applied, BudgetView
from costs.budgets.worstcase import Worst, output_limit, worst_case
from gateway.dataplane import clock
from gateway.dataplane.errors import ApiError, Denied
from gateway.dataplane.subjects import subjects_of
from gateway.ledger.ids import EPOCH
from gateway.scopes import MODEL, NARROWNESS, OF_A_CALL

if TYPE_CHECKING:
    from costs.pricer import BookPricer
    from gateway.dataplane.call import Call
    from gateway.dataplane.runtime import Runtime
    from gateway.dataplane.settle import Attempt, Outcome
    from gateway.dataplane.views import Target

Line = Mapping[str, Any]


def hold(call: "Call", runtime: "Runtime") -> Awaitable[None] | None:
    """Stage: reserve what the call can cost at most. Raises 402, 403 (no price), 429 (`budget_reserved`), 503."""
    clerk = cast("BudgetClerk", runtime.services[BudgetClerk.name])
    applied = applied_to(call, clerk)
    if not applied:
        return None
    blocking = [each for each in applied if each[0].blocks]
    has_shadows = len(blocking) < len(applied) and any(budget.is_shadow for budget, _ in applied)
    if not blocking and not has_shadows:
        return None
    ms = clock.now_ms()
    plan = _plan(call, runtime, blocking, ms)
    if has_shadows:
        _watch_shadows(clerk, applied, plan, ms)
    if not plan.blocking or plan.amount == 0:
        return None
    plan.pots = [clerk.purse.pot(budget, subject, ms) for budget, subject in plan.blocking]
    now = time.monotonic()
    if Purse.hold_unless_waited_for(plan.pots, plan.amount, now):
        _attach(call, clerk, plan)
        return None
    least = plan.least
    dry = [pot for pot in plan.pots if pot.cannot_pay(least)]
    if dry:
        raise _exceeded(clerk, dry, now)
    if clerk.is_away:
        _admit_uncovered(call, clerk, plan, now)
        return None
    return _wait(call, clerk, plan)


# ---- what applies --------------------------------------------------------------------------------------------------
def applied_to(call: "Call", clerk: BudgetClerk) -> Sequence[Applied]:
    """Every budget that the call falls under, each with its subject."""
    key, index = call.key, clerk.index
    assert key is not None
    known = index.of_view(key)
    if known is not None:
        return known
    scopes = index.scopes(key.organization)
    found = list(index.find(key.organization, subjects_of(call, key, scopes))) if scopes else []
    if key.budget_amount is not None:
        found.append((index.of_key(key.lineage, key.organization, money.ticks(key.budget_amount)), ""))
    if scopes.isdisjoint(OF_A_CALL):
        index.remember(key, found)
    return found


# ---- how much --------------------------------------------------------------------------------------------------
@dataclass(slots=True)
class Plan:
    """What a call needs: `amount` for its whole output cap, in ticks."""

    blocking: list[Applied]
    worst: Worst
    cap: int
    amount: int
    stand_in: int = 0
    pots: list[Pot] = field(default_factory=list)

    @property
    def least(self) -> int:
        """For the smallest answer; a reserve for an unknown price is not made smaller."""
        return self.amount if self.stand_in else self.worst.cost(min(self.cap, 1))


def _plan(call: "Call", runtime: "Runtime", blocking: list[Applied], ms: int) -> Plan:
    pricer = cast("BookPricer", runtime.pricer)
    at = EPOCH + timedelta(milliseconds=ms)
    worst = worst_case(call, pricer, at)
    cap = output_limit(call, settings.GATEWAY_DEFAULT_OUTPUT_CAP)
    plan = Plan(blocking, worst, cap, worst.cost(cap))
    if blocking and (worst.unpriced or not _currencies_fit(worst, blocking)):
        _follow_unpriced_rule(call, runtime, plan, pricer)
    return plan


def _currencies_fit(worst: Worst, blocking: Sequence[Applied]) -> bool:
    for budget, _ in blocking:
        for card in worst.cards:
            if budget.currency and card.currency != budget.currency:
                return False
    return True


def _follow_unpriced_rule(call: "Call", runtime: "Runtime", plan: Plan, pricer: "BookPricer") -> None:
    """A target has no price, or none in the budget's currency. Raises 403 when the rule is to block."""
    key = call.key
    assert key is not None
    clerk = cast("BudgetClerk", runtime.services[BudgetClerk.name])
    rule = clerk.index.unpriced_rule(key.organization, key.team)
    foreign = not _currencies_fit(plan.worst, plan.blocking)
    if rule == "hold" and not foreign:
        at = EPOCH + timedelta(milliseconds=clock.now_ms())
        known = worst_case(call, pricer, at, _offered(runtime, key.organization))
        if known.cards:
            plan.stand_in = known.cost(plan.cap)
            plan.amount = max(plan.amount, plan.stand_in)
            return
    if rule != "allow":
        raise _unpriced(call, plan, is_foreign=foreign)
    currencies = {card.currency for card in plan.worst.cards} | {""}
    plan.blocking = [(budget, subject) for budget, subject in plan.blocking if budget.currency in currencies]


def _offered(runtime: "Runtime", organization: str) -> "list[Target]":
    return list(runtime.snapshot.catalog.names_for(organization).values())


def _watch_shadows(clerk: BudgetClerk, applied: Sequence[Applied], plan: Plan, ms: int) -> None:
    """Count what shadow budgets would refuse: calls that begin when what is settled leaves less than they need."""
    for budget, subject in applied:
        if budget.is_shadow and budget.is_hard and plan.amount > 0:
            pot = clerk.purse.pot(budget, subject, ms)
            pot.used_at = time.monotonic()
            pot.refused += pot.cannot_pay(plan.least)


# ---- admitting -----------------------------------------------------------------------------------------------------
def _attach(call: "Call", clerk: BudgetClerk, plan: Plan) -> None:
    """The hold is made: bind the answer to it, and follow the call to its end."""
    clerk.counts.holds += 1
    if plan.cap and (call.max_tokens is None or call.max_tokens > plan.cap or call.max_tokens <= 0):
        call.output_cap = plan.cap
    held = Held(call, clerk, plan)
    call.begun.append(held.on_begin)
    call.settled.append(held.on_settled)
    call.ended.append(held.release)


async def _wait(call: "Call", clerk: BudgetClerk, plan: Plan) -> None:
    """In the queue, until there is headroom, the money is gone, or the time is over."""
    deadline = time.monotonic() + settings.GATEWAY_BUDGET_WAIT_S
    while True:
        ask = Ask(plan.pots, plan.amount, plan.least, time.monotonic())
        is_answered = await clerk.wait(ask, deadline - time.monotonic())
        plan.pots, now = list(ask.pots), time.monotonic()
        if ask.got is not None:
            if _is_current(ask.pots):
                _fit(call, plan, ask.got)
                _attach(call, clerk, plan)
                return
            Purse.give_back(ask.pots, ask.got)  # the period ended meanwhile: once more, in the new one
            plan.pots = [clerk.purse.pot(pot.budget, pot.subject, clock.now_ms()) for pot in ask.pots]
        elif ask.dry:
            raise _exceeded(clerk, ask.dry, now)
        elif not is_answered and clerk.is_away:
            _admit_uncovered(call, clerk, plan, now)
            return
        else:
            raise _reserved(clerk, plan.pots)


def _is_current(pots: Sequence[Pot]) -> bool:
    ms = clock.now_ms()
    return all(pot.start <= ms < pot.end for pot in pots)


def _fit(call: "Call", plan: Plan, got: int) -> None:
    """Less money than the whole worst case: the answer may be as long as it pays for."""
    if got < plan.amount:
        plan.cap = plan.worst.fitting(got, plan.cap)
        cost = plan.worst.cost(plan.cap)
        Purse.give_back(plan.pots, got - cost)
        call.response_headers.append((b"x-gateway-output-cap", str(plan.cap).encode()))
        plan.amount = cost


def _admit_uncovered(call: "Call", clerk: BudgetClerk, plan: Plan, now: float) -> None:
    """The database is away and the lease is used up: the organization says whether calls go on."""
    assert call.key is not None
    if call.key.fails_closed:
        message = "The gateway cannot confirm the budget, and this organization refuses calls then."
        raise ApiError(503, "budget_unavailable", message, kind="api_error", headers={"Retry-After": "5"})
    clerk.counts.uncovered += 1
    Purse.take(plan.pots, plan.amount, now)
    _attach(call, clerk, plan)


# ---- following -----------------------------------------------------------------------------------------------------
class Held:
    """A call's hold, from admission to its end. An attempt beside another one (hedging) holds as much again."""

    __slots__ = ("amount", "beside", "by_counter", "call", "clerk", "is_over", "pots", "running", "stand_in", "worst")

    def __init__(self, call: "Call", clerk: BudgetClerk, plan: Plan) -> None:
        self.call = call
        self.clerk = clerk
        self.pots = plan.pots
        self.amount = plan.amount
        self.worst = plan.worst
        self.stand_in = plan.stand_in
        self.by_counter: dict[int, Pot] = {}
        self.running = 0
        self.beside: list[int] = []
        self.is_over = False

    def on_begin(self, target: "Target", ms: int, line: dict[str, Any]) -> None:
        """Name the counters that the attempt is charged to, so that the writer takes it from the same leases."""
        self._follow_period(ms)
        self.running += 1
        if self.running > 1:
            self.beside.append(self.amount)
            Purse.take(self.pots, self.amount, time.monotonic())
        marked = {
            pot.counter: pot
            for pot in self.pots
            if pot.counter is not None
            and pot.start <= ms < pot.end
            and (pot.budget.scope != MODEL or target.name in (pot.subject, pot.budget.value))
        }
        if marked:
            line["leases"] = list(marked)
            self.by_counter |= marked
        if self.stand_in and target.name in self.worst.unpriced:
            line["unpriced_hold"] = format(money.units(self.stand_in), "f")

    def _follow_period(self, ms: int) -> None:
        """An attempt that starts after the end of the period takes its hold along, where there is room."""
        for at, pot in enumerate(self.pots):
            if not pot.start <= ms < pot.end and not self.running:
                following = self.clerk.purse.pot(pot.budget, pot.subject, ms)
                if following.free >= self.amount:
                    Purse.give_back([pot], self.amount)
                    Purse.take([following], self.amount, time.monotonic())
                    self.pots[at] = following

    def on_settled(self, attempt: "Attempt", outcome: "Outcome", line: Line) -> None:
        """The attempt's cost leaves the leases; a hold whose call goes on stays for the next attempt."""
        self.running -= 1
        if self.beside:
            Purse.give_back(self.pots, self.beside.pop())
        charge = ticks_of_charge(line)
        if charge:
            Purse.charge([self.by_counter[counter] for counter in line.get("leases", ())], charge)
        if outcome.is_final:
            self.release()
        elif charge:
            self._stay_within(charge)

    def _stay_within(self, charge: int) -> None:
        """An attempt failed and cost something: what the lease cannot add to the hold is taken from the next answer."""
        missing = -min((pot.free for pot in self.pots), default=0)
        cap = self.call.output_cap or self.call.max_tokens or 0
        fitting = self.worst.fitting(self.amount - min(missing, charge), cap) if missing > 0 else cap
        if 0 < fitting < cap:
            self.call.output_cap = fitting
            less = self.amount - self.worst.cost(fitting)
            Purse.give_back(self.pots, less)
            self.amount -= less
        self.clerk.came_free(self.pots)

    def release(self) -> None:
        """The hold ends, once."""
        if not self.is_over:
            self.is_over = True
            Purse.give_back(self.pots, self.amount + sum(self.beside))
            self.beside.clear()
            self.clerk.came_free(self.pots)


# ---- refusals ------------------------------------------------------------------------------------------------------
def _narrowest(pots: Sequence[Pot]) -> Pot:
    return min(pots, key=lambda pot: (NARROWNESS[pot.budget.scope], -pot.end))


def _exceeded(clerk: BudgetClerk, dry: Sequence[Pot], now: float) -> Denied:
    clerk.counts.exceeded += 1
    for pot in dry:
        pot.used_at = now  # so that the clerk looks again now and then, and nobody has to ask
    pot = _narrowest(dry)
    resets_at = _resets_at(pot)
    ending = f"It begins anew at {resets_at}." if resets_at else "It does not refill."
    headers = {"X-Gateway-Budget": pot.budget.id} | ({"X-Gateway-Budget-Resets-At": resets_at} if resets_at else {})
    message = f"{_named(pot)} is used up. {ending}"
    return Denied(402, "budget_exceeded", message, kind="insufficient_quota", headers=headers)


def _reserved(clerk: BudgetClerk, pots: Sequence[Pot]) -> Denied:
    clerk.counts.reserved += 1
    pot = _narrowest([pot for pot in pots if pot.free < pot.usual or pot.free <= 0] or pots)
    message = f"{_named(pot)} is held by calls that are running. Try again."
    headers = {"Retry-After": "1", "X-Gateway-Budget": pot.budget.id}
    return Denied(429, "budget_reserved", message, kind="rate_limit_error", headers=headers)


def _unpriced(call: "Call", plan: Plan, *, is_foreign: bool) -> Denied:
    name = ", ".join(sorted(plan.worst.unpriced)) or call.model
    what = "no price in the budget's currency is known" if is_foreign else "no price is known"
    message = (
        f"A hard budget applies and {what} of {name}. An administrator can state a price, or change the rule for "
        "models without one."
    )
    return Denied(403, "unpriced_model", message, kind="permission_error", param="model")


def _named(pot: Pot) -> str:
    budget: BudgetView = pot.budget
    amount = f"{money.text(budget.amount)} {budget.currency}".strip()
    if not budget.name:
        return f"The budget of this key ({amount} in all)"
    subject = f" for {pot.subject}" if pot.subject else ""
    return f"The budget '{budget.name}'{subject} ({amount} a {budget.rule.kind})"


def _resets_at(pot: Pot) -> str:
    if pot.budget.rule.kind == "total":
        return ""
    return (EPOCH + timedelta(milliseconds=pot.end)).isoformat().replace("+00:00", "Z")
