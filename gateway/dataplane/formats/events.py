"""What the readers of server-sent streams share: whole events, each with a JSON object, whatever the pieces."""

from gateway.dataplane import sse
from gateway.dataplane.formats.ir import Event, Json


class EventReader:
    """A `StreamReader`. A format says in `read` what an object means, and in `close` what is open at the end."""

    def __init__(self) -> None:
        self.is_broken = False
        self._splitter = sse.Splitter()

    def feed(self, data: bytes) -> list[Event]:
        found: list[Event] = []
        if not self.is_broken:
            for event in sse.events(self._splitter.feed(data)):
                if sse.is_damaged(event):
                    self.is_broken = True
                    break
                found += self._event(event)
        return found

    def finish(self) -> list[Event]:
        """An event that was cut inside says nothing."""
        rest = self._splitter.rest()
        found = self._event(rest) if rest and not self.is_broken else []
        return found + self.close()

    def read(self, said: Json) -> list[Event]:
        raise NotImplementedError

    def read_done(self) -> list[Event]:
        """`data: [DONE]`, which means something in OpenAI's chunks alone."""
        return []

    def close(self) -> list[Event]:
        return []

    def _event(self, event: bytes) -> list[Event]:
        said = sse.load(event)
        if said is not None:
            return self.read(said)
        return self.read_done() if sse.data_of(event).strip() == sse.DONE else []
