"""The states of an alert, minute by minute."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from analytics.alerts.machine import Policy, Status, is_muted, step

START = datetime(2026, 3, 10, 12, tzinfo=UTC)
FINE = Status("ok", START)


def at(minute: int) -> datetime:
    return START + timedelta(minutes=minute)


def walk(found: list[bool | None], policy: Policy, muted: set[int] = frozenset()) -> list[tuple[str, str | None]]:  # type: ignore[assignment]
    """State and notice after each minute."""
    status, said = FINE, []
    for minute, breached in enumerate(found):
        status, notice = step(status, breached, at(minute), policy, is_muted=minute in muted)
        said.append((status.state, notice))
    return said


def test_fires_once_and_resolves_once() -> None:
    assert walk([False, True, True, True, False, False], Policy()) == [
        ("ok", None), ("firing", "fired"), ("firing", None), ("firing", None), ("resolved", "resolved"),
        ("resolved", None),
    ]  # fmt: skip


def test_fires_again_after_it_resolved() -> None:
    assert [notice for _, notice in walk([True, False, True], Policy())] == ["fired", "resolved", "fired"]


def test_a_breach_has_to_last() -> None:
    assert walk([True, True, False, True, True, True], Policy(after=3)) == [
        ("pending", None), ("pending", None), ("ok", None), ("pending", None), ("pending", None), ("firing", "fired"),
    ]  # fmt: skip


def test_so_has_its_end() -> None:
    assert walk([True, True, False, True, False, False], Policy(after=2))[2:] == [
        ("firing", None), ("firing", None), ("firing", None), ("resolved", "resolved"),
    ]  # fmt: skip


def test_told_again_while_it_goes_on() -> None:
    policy = Policy(repeat_every=timedelta(minutes=2))

    assert [notice for _, notice in walk([True] * 5, policy)] == ["fired", None, "repeated", None, "repeated"]


def test_not_when_somebody_has_it_in_hand() -> None:
    policy = Policy(repeat_every=timedelta(minutes=1))
    taken = Status("firing", START, told_at=START, is_acknowledged=True)

    assert step(taken, True, at(9), policy) == (taken, None)
    assert step(taken, False, at(9), policy)[1] == "resolved"


def test_muted_is_told_when_the_mute_ends() -> None:
    assert walk([True, True, True, True], Policy(), muted={0, 1}) == [
        ("firing", None), ("firing", None), ("firing", "fired"), ("firing", None),
    ]  # fmt: skip


def test_what_nobody_was_told_resolves_in_silence() -> None:
    assert walk([True, False], Policy(), muted={0, 1}) == [("firing", None), ("resolved", None)]


@pytest.mark.parametrize(
    ("no_data", "expected"),
    [("keep", [("firing", "fired"), ("firing", None)]), ("ok", [("firing", "fired"), ("resolved", "resolved")]),
     ("fire", [("firing", "fired"), ("firing", None)])],
)  # fmt: skip
def test_nothing_measured(no_data: str, expected: list[tuple[str, str | None]]) -> None:
    assert walk([True, None], Policy(no_data=no_data)) == expected  # type: ignore[arg-type]


def test_silence_can_be_the_breach() -> None:
    assert walk([None], Policy(no_data="fire")) == [("firing", "fired")]
    assert walk([None], Policy(no_data="keep")) == [("ok", None)]


NIGHT = [{"weekdays": [5], "start": "22:00", "end": "06:00"}]
VIENNA = ZoneInfo("Europe/Vienna")


@pytest.mark.parametrize(
    ("local", "expected"),
    [(datetime(2026, 3, 13, 22, 0), True), (datetime(2026, 3, 13, 21, 59), False),
     (datetime(2026, 3, 14, 5, 59), True), (datetime(2026, 3, 14, 6, 0), False),
     (datetime(2026, 3, 13, 5, 0), False), (datetime(2026, 3, 14, 23, 0), False)],
)  # fmt: skip
def test_a_night_belongs_to_the_day_it_began(local: datetime, expected: bool) -> None:
    """13 March 2026 is a Friday."""
    assert is_muted(NIGHT, "Europe/Vienna", local.replace(tzinfo=VIENNA)) is expected


def test_hours_within_a_day() -> None:
    lunch = [{"weekdays": [1, 2], "start": "12:00", "end": "13:00"}]

    assert is_muted(lunch, "UTC", datetime(2026, 3, 10, 12, 30, tzinfo=UTC))
    assert not is_muted(lunch, "UTC", datetime(2026, 3, 11, 12, 30, tzinfo=UTC))
