from gateway.simulator.prefix_cache import PrefixCache


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def words(count, start=0):
    return [f"w{number}" for number in range(start, start + count)]


def test_hits_start_at_1024_and_step_by_128():
    cache = PrefixCache()

    assert cache.lookup_and_store("k", words(2_000)) == 0
    assert cache.lookup_and_store("k", words(2_000)) == 1_920
    assert cache.lookup_and_store("k", words(1_100) + words(900, start=5_000)) == 1_024
    assert cache.lookup_and_store("k", words(1_023)) == 0
    assert cache.lookup_and_store("k", words(1_024)) == 1_024


def test_other_namespace_and_other_beginning_miss():
    cache = PrefixCache()
    cache.lookup_and_store("k", words(1_500))

    assert cache.lookup_and_store("other", words(1_500)) == 0
    assert cache.lookup_and_store("k", ["x", *words(1_499)]) == 0


def test_entry_expires_ten_minutes_after_its_last_use():
    clock = Clock()
    cache = PrefixCache(clock)
    cache.lookup_and_store("k", words(1_024))

    clock.now = 600
    assert cache.lookup_and_store("k", words(1_024)) == 1_024
    clock.now = 1_200
    assert cache.lookup_and_store("k", words(1_024)) == 1_024
    clock.now = 1_800.1
    assert cache.lookup_and_store("k", words(1_024)) == 0


def test_clear_forgets():
    cache = PrefixCache()
    cache.lookup_and_store("k", words(1_024))

    cache.clear()

    assert cache.lookup_and_store("k", words(1_024)) == 0
