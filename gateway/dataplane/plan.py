"""Which target a call tries next, and when: fallbacks, retries with jitter, the deadline, the breakers' consent.

Asked before a failed attempt is settled, so that its line can say whether it was the last.
"""

import random
import time
from collections.abc import Callable
from math import ceil
from typing import TYPE_CHECKING, NamedTuple

from gateway.dataplane.adapters.outbound import Outbound
from gateway.dataplane.call import Call
from gateway.dataplane.errors import ApiError, Denied
from gateway.dataplane.failures import Failure
from gateway.dataplane.upstream import Timeouts
from gateway.dataplane.views import Target

if TYPE_CHECKING:
    from gateway.dataplane.runtime import Runtime

OVERDUE_S = 0.02
_random = random.Random()  # noqa: S311  (spreads load, guards nothing)


class Step(NamedTuple):
    """An attempt to make after `delay_s` seconds; `why` is told in the line's route decision."""

    target: Target
    outbound: Outbound
    delay_s: float = 0.0
    why: str = "first choice"


class Plan:
    """The attempts of one call. Clocks are `perf_counter` seconds, as the call's own."""

    __slots__ = ("_call", "_deadline", "_deployments", "_next", "_refusal", "_retries", "_runtime", "_stale_left",
                 "_tried", "clock", "draw")  # fmt: skip

    def __init__(self, call: Call, runtime: "Runtime") -> None:
        self._call = call
        self._runtime = runtime
        self._deployments = runtime.deployments
        self._next = 0
        self._retries = 0
        self._stale_left = 1
        self._tried: list[Step] = []
        self._refusal: ApiError | None = None
        self.clock: Callable[[], float] = time.perf_counter
        self.draw: Callable[[float, float], float] = _random.uniform
        deadline_s = call.policy.deadline_s
        self._deadline = None if deadline_s is None else call.clock + deadline_s

    # ---- the next attempt ----------------------------------------------------------------------------------------
    def first(self) -> Step:
        """Raises 503 `circuit_open` when breakers refuse, or why the first target cannot express the call."""
        note = (self._call.decision or {}).get("note")
        step = self._untried(f"first choice; {note}" if note else "first choice")
        if step is not None:
            return step
        raise self._nobody()

    def after(self, step: Step, failure: Failure) -> Step | None:
        """What follows a failure; None when the failure is the client's answer."""
        target = step.target
        if failure.reason == "stale_connection" and self._stale_left:
            self._stale_left -= 1  # the provider closed an idle connection: once more, fresh
            return step._replace(delay_s=0.0, why="fresh connection")
        if failure.retry_after_s:
            self._deployments.of(target).cool_down(self._deployments.clock(), failure.retry_after_s)
        if not failure.retryable or self.is_overdue:
            return None
        if failure.kind in self._call.policy.retry.on:
            self._tried.append(step)
        following = self._untried(f"after {failure.reason} of {target.provider.slug}")
        return following if following is not None else self._retry(failure)

    def spare(self, why: str) -> Step | None:
        """An untried target for a second attempt beside the running one; it counts as tried from then on."""
        return self._untried(why)

    def stop(self) -> None:
        """Nothing more is tried."""
        self._next = len(self._call.targets)
        self._retries = self._call.policy.retry.attempts
        self._stale_left = 0

    @property
    def has_untried(self) -> bool:
        return self._next < len(self._call.targets)

    def _untried(self, why: str) -> Step | None:
        """The next target that its breaker admits and whose format can express the call."""
        targets, now = self._call.targets, self._deployments.clock()
        while self._next < len(targets):
            target = targets[self._next]
            self._next += 1
            breaker = self._deployments.of(target).breaker
            if not breaker.may_admit(now):
                continue
            try:
                step = Step(target, self._prepared(target), 0.0, why)
            except ApiError as refusal:
                self._refusal = self._refusal or refusal
                continue
            breaker.admit(now)
            return step
        return None

    def _prepared(self, target: Target) -> Outbound:
        adapter = self._runtime.adapters.get(target.provider.kind)
        if adapter is None:
            message = f"Providers of kind '{target.provider.kind}' cannot serve this endpoint."
            raise ApiError(501, "not_supported", message, kind="api_error")
        return adapter.prepare(self._call, target)

    def _retry(self, failure: Failure) -> Step | None:
        """Full jitter (Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015), or what the provider
        asked for when that is no longer than the route's longest pause."""
        retry, now = self._call.policy.retry, self._deployments.clock()
        if self._retries >= retry.attempts:
            return None
        longest_s = retry.cap_ms / 1000
        delay = self.draw(0.0, min(longest_s, retry.base_ms * 2**self._retries / 1000))
        for step in self._tried:
            deployment = self._deployments.of(step.target)
            pause = max(delay, deployment.cooldown_until - now)
            if pause > longest_s or not self._fits(pause) or not deployment.breaker.admit(now):
                continue
            self._retries += 1
            self._tried.remove(step)
            return step._replace(delay_s=pause, why=f"retry {self._retries} after {failure.reason}")
        return None

    def _fits(self, pause_s: float) -> bool:
        left = self.remaining()
        return left is None or pause_s < left

    def _nobody(self) -> ApiError:
        """Breakers close again, so they are named before what no target can express."""
        now = self._deployments.clock()
        breakers = [self._deployments.of(target).breaker for target in self._call.targets]
        waits = [breaker.retry_in(now) for breaker in breakers if not breaker.may_admit(now)]
        if self._refusal is not None and not waits:
            return self._refusal
        seconds = max(1, ceil(min(waits, default=0.0)))
        message = "Every provider of this model has failed repeatedly and is left alone for a moment."
        return Denied(503, "circuit_open", message, kind="api_error", headers={"Retry-After": str(seconds)})

    # ---- the deadline ----------------------------------------------------------------------------------------------
    def remaining(self) -> float | None:
        """Seconds left for the call, never below 0; None without a deadline."""
        return None if self._deadline is None else max(0.0, self._deadline - self.clock())

    @property
    def is_overdue(self) -> bool:
        """Whether the deadline has passed, but for the time an expiry needs to be noticed."""
        left = self.remaining()
        return left is not None and left < OVERDUE_S

    def timeouts(self, target: Target) -> Timeouts:
        """The provider's time-outs, shortened to the deadline: of a stream until its first byte, else of all."""
        own = target.provider.timeouts
        left = self.remaining()
        if left is None:
            return own
        total = own.total if self._call.is_stream else min(own.total, left)
        return Timeouts(min(own.connect, left), min(own.first_byte, left), own.idle, total)
