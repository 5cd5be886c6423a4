"""Prompt caching by prefix, as OpenAI documents it: prompts of at least 1,024 tokens, hits in steps of 128.

Source: https://platform.openai.com/docs/guides/prompt-caching. An entry lives 10 minutes after its last use.
"""

import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from hashlib import blake2b

MINIMUM_TOKENS = 1_024
STEP_TOKENS = 128
IDLE_S = 600.0
MAX_ENTRIES = 200_000


class PrefixCache:
    """Remembers prefixes per namespace (API key and model); `clock` gives monotonic seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._last_used: OrderedDict[bytes, float] = OrderedDict()

    def lookup_and_store(self, namespace: str, tokens: Sequence[str]) -> int:
        """Cached tokens at the start of `tokens` (0, or 1,024 + a multiple of 128); then remember the prompt."""
        if len(tokens) < MINIMUM_TOKENS:
            return 0
        now = self._clock()
        cached = 0
        for end, digest in _prefix_digests(namespace, tokens):
            last = self._last_used.get(digest)
            if last is not None and now - last <= IDLE_S:
                cached = end
            self._last_used[digest] = now
            self._last_used.move_to_end(digest)
        while len(self._last_used) > MAX_ENTRIES:
            self._last_used.popitem(last=False)
        return cached

    def clear(self) -> None:
        """Forget every prefix."""
        self._last_used.clear()


def _prefix_digests(namespace: str, tokens: Sequence[str]) -> list[tuple[int, bytes]]:
    """`(length, digest)` of the prefixes of 1,024, 1,152, … tokens; each digest covers the whole prefix."""
    running = blake2b(namespace.encode(), digest_size=16)
    running.update("\x00".join(tokens[:MINIMUM_TOKENS]).encode())
    digests = [(MINIMUM_TOKENS, running.digest())]
    for end in range(MINIMUM_TOKENS + STEP_TOKENS, len(tokens) + 1, STEP_TOKENS):
        running.update("\x00".join(["", *tokens[end - STEP_TOKENS : end]]).encode())
        digests.append((end, running.digest()))
    return digests
