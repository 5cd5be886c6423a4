"""Request and token windows of keys, in this process. One data-plane process enforces them exactly."""

import time
from dataclasses import dataclass

WINDOW_S = 60.0


@dataclass(slots=True)
class Window:
    """A fixed one-minute window that starts with its first request."""

    resets_at: float = 0.0
    requests: int = 0
    tokens: int = 0


class Limiter:
    """Windows by key id; `clock` is monotonic seconds."""

    def __init__(self) -> None:
        self._windows: dict[str, Window] = {}
        self.clock = time.monotonic

    def window(self, key_id: str) -> Window:
        now = self.clock()
        window = self._windows.get(key_id)
        if window is None or now >= window.resets_at:
            window = self._windows[key_id] = Window(now + WINDOW_S)
        return window

    def resets_in(self, window: Window) -> float:
        return max(0.0, window.resets_at - self.clock())

    def add_tokens(self, key_id: str, tokens: int) -> None:
        self.window(key_id).tokens += tokens
