"""Watches what `run_background` works on: its threads cannot be ended, so a process with a task that hangs ends itself.

What it had claimed is claimed again when the claim is over (rule 22), and its supervisor starts it anew.
"""

import logging
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from celery import signals
from celery.worker import consumer

from config.celery import app
from gateway.places import Place

WATCH_S = 1.0
LOOP_S = 60.0
"""How long the loop that takes messages may take for one round."""
TICK_S = 5.0
HUNG = 70
"""The exit status."""
logger = logging.getLogger(__name__)


class Consumer(consumer.Consumer):
    """Celery's, which says when its loop last went round."""

    looped_at: float | None = None
    """Monotonic time; None outside of the loop, as while the broker is away."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        inner = vars(self)["loop"]
        self.loop: Any = partial(self._loop, inner)

    def _loop(self, inner: Callable[..., Any], *args: Any) -> Any:
        self._look()
        try:
            return inner(*args)
        finally:
            self.looped_at = None

    def _look(self) -> None:
        self.looped_at = time.monotonic()

    def register_with_event_loop(self, hub: Any) -> None:
        super().register_with_event_loop(hub)
        hub.timer.call_repeatedly(TICK_S, self._look)

    def perform_pending_operations(self) -> None:
        """Each round of the loop without a hub comes by here."""
        super().perform_pending_operations()
        self._look()


@dataclass(frozen=True, slots=True)
class Run:
    """A task that is being worked on. `began`: monotonic."""

    name: str
    began: float
    limit_s: float


class Watch:
    """Touches the place while the process works as it should; `on_hung` is told before the process ends."""

    def __init__(self, place: Place, on_hung: Callable[[], None]) -> None:
        self.consumer: Consumer | None = None
        self._place = place
        self._on_hung = on_hung
        self._runs: dict[str, Run] = {}
        signals.task_prerun.connect(self._begin, weak=False)
        signals.task_postrun.connect(self._end, weak=False)
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def _begin(self, task_id: str, task: Any, **_: Any) -> None:
        limit_s = task.time_limit or app.conf.task_time_limit
        self._runs[task_id] = Run(task.name, time.monotonic(), limit_s)

    def _end(self, task_id: str, **_: Any) -> None:
        self._runs.pop(task_id, None)

    def _run(self) -> None:
        while True:
            if (fault := self.fault()) is None:
                self._place.touch()
                time.sleep(WATCH_S)
            else:
                logger.critical("%s: this process ends, to be started again", fault)
                try:
                    self._on_hung()
                    logging.shutdown()
                finally:
                    os._exit(HUNG)

    def fault(self) -> str | None:
        """What hangs."""
        now = time.monotonic()
        for task_id, run in self._runs.copy().items():
            if now - run.began > run.limit_s:
                return f"task {run.name} ({task_id}) runs for more than {run.limit_s:g} s"
        looped_at = self.consumer.looped_at if self.consumer is not None else None
        if looped_at is not None and now - looped_at > LOOP_S:
            return f"no message was looked for in {LOOP_S:g} s"
        return None
