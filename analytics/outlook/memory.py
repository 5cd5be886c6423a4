"""What this process has made of forecasts, by view, question and data version; the least recently used one goes."""

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

from analytics.forecasting import Forecast

Made = TypeVar("Made")

MOST = 512


class Memory(Generic[Made]):
    """Safe for threads. Two that ask for the same at once both compute it."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._entries: OrderedDict[str, Made] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, name: str, compute: Callable[[], Made]) -> Made:
        with self._lock:
            if name in self._entries:
                self._entries.move_to_end(name)
                return self._entries[name]
        found = compute()
        with self._lock:
            self._entries[name] = found
            while len(self._entries) > self._most:
                self._entries.popitem(last=False)
        return found


FORECASTS: Memory[Forecast] = Memory()
