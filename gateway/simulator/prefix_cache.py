"""Prompt caching by prefix, in the two ways vendors do it.

By itself, as OpenAI documents it: prompts of at least 1,024 tokens, hits in steps of 128; an entry lives 10 minutes
after its last use (https://platform.openai.com/docs/guides/prompt-caching).

Where the caller marked it, as Anthropic documents it: at most 4 marks, a hit at the longest prefix that was written
before and ends at one of the last 20 blocks up to a mark; an entry lives 5 minutes or 1 hour after its last use
(https://platform.claude.com/docs/en/build-with-claude/prompt-caching).
"""

import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from hashlib import blake2b

MINIMUM_TOKENS = 1_024
STEP_TOKENS = 128
IDLE_S = 600.0
MAX_ENTRIES = 200_000
MARKED_5M_S = 300
MARKED_1H_S = 3_600
LOOKBACK_BLOCKS = 20


class PrefixCache:
    """Remembers prefixes per namespace (API key and model); `clock` gives monotonic seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._last_used: OrderedDict[bytes, float] = OrderedDict()
        self._marked: dict[bytes, tuple[float, int]] = {}

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

    def lookup_and_mark(
        self, namespace: str, tokens: Sequence[str], block_ends: Sequence[int], marks: Sequence[tuple[int, int]]
    ) -> tuple[int, int, int]:
        """Tokens `(read, written for 5 minutes, written for 1 hour)`; then remember the marked prefixes.

        `block_ends` are ascending positions in `tokens`; `marks` are those of them to be cached, each with its
        seconds to live. What lies between the hit and the last 1-hour mark is written for an hour, the rest up to
        the last mark for 5 minutes. A prefix below 1,024 tokens is not cached.
        """
        now = self._clock()
        if len(self._marked) > MAX_ENTRIES:
            self._marked = {digest: entry for digest, entry in self._marked.items() if entry[0] > now}
        read = self._longest_hit(namespace, tokens, block_ends, marks, now)
        reach = {MARKED_5M_S: read, MARKED_1H_S: read}
        for end, lives_s in marks:
            if end >= MINIMUM_TOKENS:
                self._marked[_digest(namespace, tokens[:end])] = (now + lives_s, lives_s)
                reach[lives_s] = max(reach[lives_s], end)
        written_1h = reach[MARKED_1H_S] - read
        return read, max(0, reach[MARKED_5M_S] - read - written_1h), written_1h

    def _longest_hit(
        self,
        namespace: str,
        tokens: Sequence[str],
        block_ends: Sequence[int],
        marks: Sequence[tuple[int, int]],
        now: float,
    ) -> int:
        """Length of the longest living prefix that a mark can reach; its life begins anew."""
        reachable: set[int] = set()
        for mark, _ in marks:
            reachable.update([end for end in block_ends if MINIMUM_TOKENS <= end <= mark][-LOOKBACK_BLOCKS:])
        for end in sorted(reachable, reverse=True):
            digest = _digest(namespace, tokens[:end])
            expires_at, lives_s = self._marked.get(digest, (0.0, 0))
            if now < expires_at:
                self._marked[digest] = (now + lives_s, lives_s)
                return end
        return 0

    def clear(self) -> None:
        """Forget every prefix."""
        self._last_used.clear()
        self._marked.clear()


def _digest(namespace: str, tokens: Sequence[str]) -> bytes:
    return blake2b("\x00".join([namespace, *tokens]).encode(), digest_size=16).digest()


def _prefix_digests(namespace: str, tokens: Sequence[str]) -> list[tuple[int, bytes]]:
    """`(length, digest)` of the prefixes of 1,024, 1,152, … tokens; each digest covers the whole prefix."""
    running = blake2b(namespace.encode(), digest_size=16)
    running.update("\x00".join(tokens[:MINIMUM_TOKENS]).encode())
    digests = [(MINIMUM_TOKENS, running.digest())]
    for end in range(MINIMUM_TOKENS + STEP_TOKENS, len(tokens) + 1, STEP_TOKENS):
        running.update("\x00".join(["", *tokens[end - STEP_TOKENS : end]]).encode())
        digests.append((end, running.digest()))
    return digests
