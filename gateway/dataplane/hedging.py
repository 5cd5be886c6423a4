"""Hedging: when a target is slow to answer, a second one is asked beside it; the first good answer is the client's.

Source: Dean & Barroso, "The Tail at Scale", CACM 56(2), 2013, section "Hedged requests". Opt-in by route, since the
loser's work may be billed: both attempts have their priced lines, the loser as `cancelled`, `hedge_lost`.
"""

import asyncio
from typing import TYPE_CHECKING

from gateway.dataplane.errors import UpstreamError
from gateway.dataplane.failures import is_worth_another
from gateway.dataplane.settle import Attempt

if TYPE_CHECKING:
    from gateway.dataplane.relay import Relay

HEDGE_LOST = "hedge_lost"


class Race:
    """At most two attempts until one has the first bytes of an answer that stands: a head alone says nothing yet."""

    def __init__(self, relay: "Relay", first: Attempt, after_s: float) -> None:
        self.relay = relay
        self.after_s = after_s
        self.running: dict[asyncio.Task[None], Attempt] = {}
        self._start(first)

    async def run(self) -> tuple[Attempt, UpstreamError | None]:
        """The attempt that goes on, and why it failed when it did; the others are settled and their exchanges ended."""
        timeout: float | None = self.after_s
        try:
            while True:
                done, _ = await asyncio.wait(self.running, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
                timeout = None
                if not done:
                    self._hedge()
                for task in done:
                    attempt, error = self.running[task], _error_of(task)
                    if len(self.running) == 1 or self._stands(attempt, error):
                        del self.running[task]
                        self._end_all("cancelled", HEDGE_LOST, has_winner=True)
                        return attempt, error
                    await self._drop(attempt, error)
                    del self.running[task]
        except BaseException as error:
            stops = isinstance(error, asyncio.CancelledError)
            self._end_all("interrupted", "shutdown" if stops else "internal_error", has_winner=False)
            raise

    def _start(self, attempt: Attempt) -> None:
        self.running[asyncio.get_running_loop().create_task(self._ask(attempt))] = attempt

    async def _ask(self, attempt: Attempt) -> None:
        """Wait for the head and, of a good answer, for the beginning of its body. Raises `UpstreamError`."""
        await self.relay.ask(attempt)
        exchange = attempt.exchange
        if exchange is not None and exchange.status < 300:
            await exchange.first_piece()

    def _hedge(self) -> None:
        step = self.relay.plan.spare(f"hedge after {self.after_s * 1000:.0f} ms")
        if step is not None:
            self._start(self.relay.begin(step))

    def _stands(self, attempt: Attempt, error: UpstreamError | None) -> bool:
        """Whether there is no point in waiting for the other: a good answer, the client's mistake, no client."""
        if error is not None:
            return self.relay.is_client_gone
        return attempt.exchange is not None and not is_worth_another(attempt.exchange.status)

    async def _drop(self, attempt: Attempt, error: UpstreamError | None) -> None:
        """This one failed, the other still runs: it is settled, and the request goes on."""
        relay = self.relay
        try:
            failure = relay.failure_of(error) if error is not None else await relay.refusal(attempt)
        except UpstreamError as broken:
            failure = relay.failure_of(broken)
        relay.fail(attempt, failure, is_last=False)
        relay.release(attempt)

    def _end_all(self, status: str, reason: str, *, has_winner: bool) -> None:
        """Settle what still runs; without a winner the first of them is the request's outcome."""
        is_final = not has_winner
        for task, attempt in self.running.items():
            task.cancel()
            if task.done() and not task.cancelled():
                task.exception()  # seen, so that asyncio does not report it
            if not attempt.is_settled:
                self.relay.settle_unanswered(attempt, status, reason, is_final=is_final)
                is_final = False
            self.relay.release(attempt)
        self.running.clear()


def _error_of(task: "asyncio.Task[None]") -> UpstreamError | None:
    """Raises whatever else ended the task: a defect of ours."""
    try:
        task.result()
    except UpstreamError as error:
        return error
    return None
