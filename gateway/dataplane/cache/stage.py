"""The cache as a stage: serve what is kept, wait for the call that is fetching it, or become that call."""

from collections.abc import Awaitable
from typing import TYPE_CHECKING

from gateway.dataplane.cache.entry import Entry, entry_key, is_cacheable, surroundings
from gateway.dataplane.cache.hits import MISS, Recorder, serve
from gateway.dataplane.cache.policy import PolicyView, Wish, policy_of, wish_of
from gateway.dataplane.cache.semantic import Question, embed, question_of
from gateway.dataplane.cache.service import CacheService, Flight
from gateway.dataplane.call import Call

if TYPE_CHECKING:
    from gateway.dataplane.runtime import Runtime

SIMILARITY_HEADER = b"x-gateway-cache-similarity"
ROUNDS = 2
"""How often a call waits for another: when those failed too, it goes on its own."""


def respond_from_cache(call: Call, runtime: "Runtime") -> Awaitable[None] | None:
    """Answer from memory at once; else wait for the same question's call or be the one that asks."""
    cache = runtime.services["cache"]
    assert isinstance(cache, CacheService)
    key = call.key
    assert key is not None
    policy = policy_of(cache.policies, key.organization, key.project) if cache.policies else None
    wish = wish_of(call)
    if policy is None or not (wish.reads or wish.writes) or not is_cacheable(call):
        return None
    around = surroundings(call, policy, call.cache_marks)
    place = entry_key(call, around)
    if place is None:
        return None
    if wish.reads and (entry := _fresh(cache.lookup(policy, place), wish)) is not None:
        cache.counters.hits += 1
        serve(call, entry, runtime)
        return None
    if wish.reads and place in cache.flights:
        return _follow(call, runtime, cache, policy, place, wish)
    question = question_of(call, around) if policy.embedding_model else None
    if wish.reads and cache.shared is not None and not cache.shared.is_away:
        return _look_in_shared(call, runtime, cache, policy, place, wish, question)
    if question is not None:
        return _look_for_meaning(call, runtime, cache, policy, place, wish, question)
    _lead(call, cache, policy, place)
    return None


def _fresh(entry: Entry | None, wish: Wish) -> Entry | None:
    too_old = entry is not None and wish.max_age_s is not None and entry.age_s > wish.max_age_s
    return None if too_old else entry


async def _follow(
    call: Call, runtime: "Runtime", cache: CacheService, policy: PolicyView, place: bytes, wish: Wish
) -> None:
    """Wait for the flights of this key; a call whose time-outs bound them all is at the end of each."""
    for _ in range(ROUNDS):
        flight = cache.flights.get(place)
        if flight is None:
            break
        entry = await _landing(flight)
        if _fresh(entry, wish) is not None:
            assert entry is not None
            cache.counters.hits += 1
            cache.counters.followed += 1
            serve(call, entry, runtime)
            return
    _lead(call, cache, policy, place)


async def _look_in_shared(
    call: Call, runtime: "Runtime", cache: CacheService, policy: PolicyView, place: bytes, wish: Wish,
    asked: Question | None,
) -> None:  # fmt: skip
    """Serve what another process has kept; else go on as without."""
    entry = _fresh(await cache.lookup_shared(policy, place), wish)
    if entry is not None:
        cache.counters.hits += 1
        serve(call, entry, runtime)
    elif place in cache.flights:  # meanwhile somebody asked the very same
        await _follow(call, runtime, cache, policy, place, wish)
    elif asked is not None:
        await _look_for_meaning(call, runtime, cache, policy, place, wish, asked)
    else:
        _lead(call, cache, policy, place)


async def _look_for_meaning(
    call: Call, runtime: "Runtime", cache: CacheService, policy: PolicyView, place: bytes, wish: Wish, asked: Question
) -> None:
    """Serve the answer to a question that means the same; else ask, and remember what this one meant."""
    vector = await embed(call, asked.text, policy, runtime)
    if vector is not None and wish.reads:
        found = cache.questions.nearest(policy.namespace, asked.context, vector)
        if found is not None and found[1] >= policy.similarity_threshold:
            entry = _fresh(cache.lookup(policy, found[0]), wish)
            if entry is not None:
                cache.counters.hits += 1
                call.response_headers.append((SIMILARITY_HEADER, f"{found[1]:.4f}".encode()))
                serve(call, entry, runtime)
                return
    if wish.reads and place in cache.flights:  # meanwhile somebody asked the very same
        await _follow(call, runtime, cache, policy, place, wish)
        return
    _lead(call, cache, policy, place)
    if vector is not None:
        remembered = vector
        call.taps.append(
            Recorder(
                call, policy.max_entry_bytes,
                lambda _entry: cache.questions.add(policy.namespace, asked.context, remembered, place),
            )
        )  # fmt: skip


async def _landing(flight: Flight) -> Entry | None:
    flight.followers += 1
    try:
        return await flight.landed
    finally:
        flight.followers -= 1


def _lead(call: Call, cache: CacheService, policy: PolicyView, place: bytes) -> None:
    """Ask the provider, and keep the answer; the first to ask is the one the others wait for."""
    call.cache_status = MISS
    cache.counters.misses += 1
    if place in cache.flights:  # of a caller who wanted no kept answer, or of one that follows no longer
        call.taps.append(Recorder(call, policy.max_entry_bytes, lambda entry: cache.keep(policy, place, entry)))
        return
    flight = cache.take_off(place)

    def keep(entry: Entry) -> None:
        cache.keep(policy, place, entry)
        cache.land(place, flight, entry)

    call.taps.append(Recorder(call, policy.max_entry_bytes, keep))
    call.ended.append(lambda: cache.land(place, flight, None))
    call.keep_going.append(lambda: flight.followers > 0)
