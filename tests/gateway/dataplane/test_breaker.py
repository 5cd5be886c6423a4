"""The circuit breaker's life, on a clock of its own."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.dataplane import breaker as module
from gateway.dataplane.breaker import CLOSED, HALF_OPEN, OPEN, Breaker


def opened(at: float = 100.0) -> Breaker:
    breaker = Breaker()
    for _ in range(module.CONSECUTIVE):
        breaker.failed(at, breaker.epoch)
    return breaker


def test_failures_in_a_row_open_and_a_success_between_does_not() -> None:
    breaker = Breaker()

    for _ in range(module.CONSECUTIVE - 1):
        breaker.failed(1.0, breaker.epoch)
    breaker.succeeded(1.0, breaker.epoch)
    for _ in range(module.CONSECUTIVE - 1):
        breaker.failed(1.0, breaker.epoch)

    assert (breaker.state, breaker.admit(1.0)) == (CLOSED, True)
    breaker.failed(1.0, breaker.epoch)
    assert (breaker.state, breaker.admit(1.0), breaker.opened) == (OPEN, False, 1)


def test_a_share_of_failures_opens_without_any_row_of_them() -> None:
    breaker = Breaker()

    for _ in range(module.MIN_CALLS // 2 - 1):
        breaker.failed(1.0, breaker.epoch)
        breaker.succeeded(1.0, breaker.epoch)
    assert breaker.state == CLOSED
    breaker.succeeded(1.0, breaker.epoch)
    breaker.failed(1.0, breaker.epoch)

    assert breaker.state == OPEN


def test_calls_of_an_earlier_window_do_not_count() -> None:
    breaker = Breaker()

    for _ in range(module.MIN_CALLS // 2 - 1):
        breaker.failed(1.0, breaker.epoch)
        breaker.succeeded(1.0, breaker.epoch)
    later = 1.0 + module.WINDOW_S + 0.1
    breaker.succeeded(later, breaker.epoch)
    breaker.failed(later, breaker.epoch)

    assert breaker.state == CLOSED


def test_after_the_pause_one_probe_at_a_time_goes_through() -> None:
    breaker = opened(100.0)

    assert not breaker.admit(100.9)
    assert breaker.may_admit(101.0)
    assert (breaker.admit(101.0), breaker.state) == (True, HALF_OPEN)
    assert not breaker.may_admit(101.1)
    assert not breaker.admit(101.1)
    assert breaker.retry_in(101.0) == module.PROBE_PATIENCE_S
    assert breaker.admit(101.0 + module.PROBE_PATIENCE_S)


def test_an_answered_probe_closes_before_its_answer_ends() -> None:
    breaker = opened(100.0)
    breaker.admit(101.0)

    breaker.answered(breaker.epoch)

    assert (breaker.state, breaker.admit(101.1)) == (CLOSED, True)


def test_failed_probes_wait_longer_each_time_up_to_the_longest_pause() -> None:
    breaker, now, pauses = opened(0.0), 0.0, []

    for _ in range(5):
        pauses.append(breaker.retry_in(now))
        now = breaker.until
        assert breaker.admit(now)
        breaker.failed(now, breaker.epoch)

    assert pauses == [1.0, 2.0, 4.0, 5.0, 5.0]
    breaker.admit(breaker.until)
    breaker.succeeded(breaker.until, breaker.epoch)
    for _ in range(module.CONSECUTIVE):
        breaker.failed(99.0, breaker.epoch)
    assert breaker.retry_in(99.0) == 1.0


def test_attempts_from_before_a_change_say_nothing_about_the_present() -> None:
    breaker = Breaker()
    former = breaker.epoch
    for _ in range(module.CONSECUTIVE):
        breaker.failed(0.0, former)
    breaker.admit(1.0)

    breaker.failed(1.0, former)
    assert breaker.state == HALF_OPEN
    breaker.succeeded(1.0, former)
    assert breaker.state == HALF_OPEN
    breaker.answered(breaker.epoch)
    breaker.failed(1.1, former)
    assert breaker.state == CLOSED


def test_what_another_process_found_is_taken_over_and_not_told_on() -> None:
    told: list[str] = []
    breaker = Breaker(lambda changed: told.append(changed.state))

    breaker.adopt_open(10.0, 3.0)
    assert (breaker.state, breaker.retry_in(10.0), told) == (OPEN, 3.0, [])
    breaker.adopt_open(10.0, 60.0)
    assert breaker.retry_in(10.0) == 3.0
    breaker.adopt_closed(11.0)
    assert (breaker.state, breaker.admit(11.0)) == (OPEN, True)
    breaker.answered(breaker.epoch)
    assert (breaker.state, told) == (CLOSED, [HALF_OPEN, CLOSED])


def test_a_remote_pause_is_bounded_by_our_own_longest() -> None:
    breaker = Breaker()

    breaker.adopt_open(10.0, 3600.0)

    assert breaker.retry_in(10.0) == module.LONGEST_PAUSE_S


@given(st.lists(st.tuples(st.sampled_from(["ok", "bad", "ask", "trip", "remote"]), st.floats(0, 3)), max_size=60))
def test_it_always_comes_back(events: list[tuple[str, float]]) -> None:
    """Whatever happened, a call is admitted within the longest of its waits, and a good answer closes it."""
    breaker, now = Breaker(), 0.0
    for event, step in events:
        now += step
        match event:
            case "ok":
                breaker.succeeded(now, breaker.epoch)
            case "bad":
                breaker.failed(now, breaker.epoch)
            case "ask":
                assert breaker.may_admit(now) == breaker.admit(now)
            case "trip":
                breaker.trip(now)
            case "remote":
                breaker.adopt_open(now, 100.0)

    wait = breaker.retry_in(now)
    assert 0.0 <= wait <= max(module.LONGEST_PAUSE_S, module.PROBE_PATIENCE_S) + 1e-9  # sums are rounded
    assert breaker.admit(now + wait + 1e-9)  # the sum may be rounded down
    breaker.answered(breaker.epoch)
    assert breaker.state == CLOSED
