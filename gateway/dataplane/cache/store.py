"""Where entries are kept in this process: least recently used first out, bounded in bytes."""

import time
from collections import OrderedDict
from collections.abc import Set

from gateway.dataplane.cache.entry import Entry

OVERHEAD_BYTES = 500  # of an entry's facts and places in the tables


class MemoryStore:
    """Entries by `(namespace, key)`. Not thread-safe: lives on the event loop."""

    def __init__(self, limit_bytes: int) -> None:
        self.limit_bytes = limit_bytes
        self.size_bytes = 0
        self.clock = time.monotonic
        self._entries: OrderedDict[tuple[str, bytes], tuple[float, Entry]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, namespace: str, key: bytes) -> Entry | None:
        found = self._entries.get((namespace, key))
        if found is None:
            return None
        if found[0] <= self.clock():
            self._drop((namespace, key))
            return None
        self._entries.move_to_end((namespace, key))
        return found[1]

    def put(self, namespace: str, key: bytes, entry: Entry, ttl_s: float) -> None:
        place = (namespace, key)
        if place in self._entries:
            self._drop(place)
        self._entries[place] = (self.clock() + ttl_s, entry)
        self.size_bytes += len(entry.body) + OVERHEAD_BYTES
        while self.size_bytes > self.limit_bytes and self._entries:
            self._drop(next(iter(self._entries)))

    def keep_only(self, namespaces: Set[str]) -> None:
        """Delete what belongs to a policy or generation that is gone."""
        for place in [place for place in self._entries if place[0] not in namespaces]:
            self._drop(place)

    def _drop(self, place: tuple[str, bytes]) -> None:
        _, entry = self._entries.pop(place)
        self.size_bytes -= len(entry.body) + OVERHEAD_BYTES
