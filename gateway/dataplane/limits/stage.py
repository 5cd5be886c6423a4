"""The stage that takes a call from every limit that applies, or from none; settlement; release.

Reads memory only. A call that its process's slack cannot serve waits for the service.
"""

from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from gateway.dataplane import usage
from gateway.dataplane.limits import wording
from gateway.dataplane.limits.learned import LearnedLengths
from gateway.dataplane.limits.meters import Meter, Want, give_back, is_slot, reserve
from gateway.dataplane.limits.service import LimitService
from gateway.dataplane.limits.views import TOKENS, Bound
from gateway.dataplane.subjects import subjects_of
from gateway.scopes import MODEL

if TYPE_CHECKING:
    from gateway.dataplane.call import Call
    from gateway.dataplane.runtime import Runtime
    from gateway.dataplane.settle import Attempt, Outcome

NOTHING: Sequence[Bound] = ()
FIRST_GUESS = usage.OUTPUT_GUESS_CAP


def limit(call: "Call", runtime: "Runtime") -> Awaitable[None] | None:
    """Stage: requests and tokens a minute, concurrent calls. Raises 429 (`rate_limit_exceeded`)."""
    service = cast("LimitService", runtime.services[LimitService.name])
    bounds = bounds_of(call, service)
    if not bounds:
        return None
    plan = _plan(call, service, bounds)
    if not _admit(call, service, plan):
        return _wait(call, service, plan)
    return None


def bounds_of(call: "Call", service: LimitService) -> Sequence[Bound]:
    """Everything that binds the call, narrowest first."""
    key, index = call.key, service.index
    assert key is not None
    known = index.known(key)
    if known is not None:
        return known
    scopes = index.scopes(key.organization)
    if not scopes and key.rpm_limit is None and key.tpm_limit is None:
        return NOTHING
    subjects = subjects_of(call, key, scopes)
    if MODEL in scopes:
        subjects[MODEL] = list({call.model, *subjects[MODEL]})
    return index.bounds(key, subjects)


def estimate(call: "Call", learned: LearnedLengths) -> int:
    """Tokens that a call counts for until it is settled: its prompt (4 bytes a token) and the longest answer it
    allows. Where it allows any length: what 95 of 100 such calls do not exceed, as far as this process has seen some,
    else a thousand or what the model can make."""
    prompt = usage.guessed_input(call)
    if not call.endpoint.generates:
        return prompt
    longest = call.max_tokens
    if longest is None:
        longest = learned.long(_asked(call))
    if longest is None:
        longest = min([cap for target in call.candidates if (cap := target.max_output_tokens)], default=FIRST_GUESS)
        longest = min(longest, FIRST_GUESS)
    if call.output_cap is not None and longest > call.output_cap:
        longest = call.output_cap
    return prompt + max(0, longest)


def _asked(call: "Call") -> tuple[str, str]:
    """Calls of one organization for one name are alike."""
    assert call.key is not None
    return call.key.organization, call.model


# ---- admitting -------------------------------------------------------------------------------------------------------
@dataclass(slots=True)
class Plan:
    """What a call takes. `watched`: of limits that refuse nothing."""

    bounds: Sequence[Bound]
    tokens: int = 0
    wants: list[Want] = field(default_factory=list)
    watched: list[Want] = field(default_factory=list)


def _plan(call: "Call", service: LimitService, bounds: Sequence[Bound]) -> Plan:
    plan = Plan(bounds)
    now = service.clock()
    for bound in bounds:
        need = 1
        if bound.kind == TOKENS:
            plan.tokens = plan.tokens or estimate(call, service.learned)
            need = max(1, min(plan.tokens, bound.cap))
        want = Want(service.meter(bound, now), need)
        (plan.watched if bound.view.is_shadow else plan.wants).append(want)
    return plan


def _admit(call: "Call", service: LimitService, plan: Plan) -> bool:
    """From slack: True when the call is admitted, False when Redis has to be asked. Raises 429."""
    now = service.clock()
    short = reserve(plan.wants)
    if not short:
        _attach(call, service, plan)
        return True
    dry = [want.meter for want in short if not service.is_shared or want.meter.is_dry(want.missing, now)]
    if dry:
        raise _refused(call, service, plan, dry)
    return False


async def _wait(call: "Call", service: LimitService, plan: Plan) -> None:
    while True:
        try:
            ask = await service.ask([want for want in plan.wants if want.missing])
        except BaseException:
            give_back(plan.wants)
            raise
        if ask.is_granted:
            _attach(call, service, plan)
            return
        if ask.dry:
            raise _refused(call, service, plan, ask.dry)
        give_back(plan.wants)
        plan = _plan(call, service, plan.bounds)
        if _admit(call, service, plan):
            return


def _refused(call: "Call", service: LimitService, plan: Plan, dry: Sequence[Meter]) -> Exception:
    _give_all_back(service, plan)
    meter, now = dry[0], service.clock()
    service.refused[meter.view.scope, meter.kind] += 1
    call.response_headers += wording.headers([want.meter for want in plan.wants], now, dry)
    return wording.denied(meter, now)


def _give_all_back(service: LimitService, plan: Plan) -> None:
    parts = [want.meter for want in plan.wants if want.part]
    give_back(plan.wants)
    for meter in parts:
        service.touch(meter)


def _attach(call: "Call", service: LimitService, plan: Plan) -> None:
    """Admitted: count it, tell the client, and follow the call to its end."""
    now = service.clock()
    for want in plan.watched:
        meter = want.meter
        service.would_limit[meter.view.id] += meter.left + meter.free < want.need
        meter.used += want.need
        service.touch(meter)
    followed = []
    for want in (*plan.wants, *plan.watched):
        want.meter.note_use(want.need, now)
        want.epoch = want.meter.epoch
        if want.meter.kind == TOKENS or is_slot(want.meter):
            followed.append(want)
    call.response_headers += wording.headers([want.meter for want in plan.wants], now)
    if followed:
        taken = Taken(service, followed, call)
        call.settled.append(taken.on_settled)
        call.ended.append(taken.on_ended)


# ---- following -------------------------------------------------------------------------------------------------------
class Taken:
    """What a running call holds: slots, and tokens that were only estimated."""

    __slots__ = ("call", "is_counted", "is_over", "service", "slots", "tokens", "wants")

    def __init__(self, service: LimitService, wants: list[Want], call: "Call") -> None:
        self.service = service
        self.call = call
        self.slots = [want.meter for want in wants if is_slot(want.meter)]
        self.wants = [want for want in wants if not is_slot(want.meter)]
        self.tokens = 0
        self.is_counted = False
        self.is_over = False

    def on_settled(self, attempt: "Attempt", outcome: "Outcome", line: Mapping[str, Any]) -> None:
        """Every attempt's tokens count, those of failed ones too."""
        output = line.get("output_tokens", 0)
        tokens = line.get("input_tokens", 0) + output
        self.tokens += tokens
        if outcome.status == "ok" and self.wants and self.call.max_tokens is None and self.call.endpoint.generates:
            self.service.learned.add(_asked(self.call), output)
        if self.is_counted:
            for want in self.wants:
                self._correct(want, tokens)
        elif outcome.is_final:
            self._count()

    def on_ended(self) -> None:
        """Slots come free, once."""
        if not self.is_over:
            self.is_over = True
            for meter in self.slots:
                meter.used -= 1
                self.service.touch(meter)
            self._count()

    def _count(self) -> None:
        """The estimate gives way to what was used."""
        if not self.is_counted:
            self.is_counted = True
            for want in self.wants:
                self._correct(want, self.tokens - want.need)

    def _correct(self, want: Want, change: int) -> None:
        """In the window of the call; what it used beyond the estimate counts in the window in which that is known."""
        meter = want.meter
        if meter.is_running(self.service.clock()) and (want.epoch == meter.epoch or change > 0):
            meter.used += change
            self.service.touch(meter)
