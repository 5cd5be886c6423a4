"""The look after each fault: of what is settled, once, with the name of the fault."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from bench.chaos import glance
from bench.chaos.evidence import Limit, Line
from bench.chaos.glance import Glance, Journal
from bench.chaos.oracle import Finding

START = 1_800_000_000.0
ONE_LINE = "Each request that reached a provider has one line"


class World:
    """A clock, a provider's journal, a ledger and a budget."""

    def __init__(self, path: Path) -> None:
        self.now, self.path = START, path
        self.ledger: list[tuple[float, Line]] = []
        self.spent = Decimal(1)
        self.asked: list[float] = []
        self.is_away = False
        path.touch()

    def attempt(self, identity: str | None, *, lines: int = 1, path: str = "/v1/chat/completions") -> None:
        at = datetime.fromtimestamp(self.now, UTC).isoformat()
        self.write({"event": "begin", "at": at, "attempt_id": identity, "path": path})
        self.write({"event": "end", "at": at, "attempt_id": identity})
        self.ledger += [(self.now, Line(identity or "", "r"))] * lines

    def write(self, entry: dict[str, Any]) -> None:
        with self.path.open("a") as file:
            file.write(json.dumps(entry) + "\n")

    def lines(self, since: float) -> list[Line]:
        self.asked.append(since - START)
        if self.is_away:
            raise OSError("the database is away")
        return [line for at, line in self.ledger if at >= since]

    def limits(self) -> list[Limit]:
        return [Limit("budget", Decimal(1), self.spent)]

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    made = World(tmp_path / "provider.jsonl")
    for name in ("time", "monotonic"):
        monkeypatch.setattr(glance.time, name, lambda: made.now)
    monkeypatch.setattr(glance.time, "sleep", made.sleep)
    return made


@pytest.fixture
def look(world: World) -> Glance:
    return Glance([Journal(world.path)], world.lines, world.limits, _last=START)


def test_an_attempt_is_looked_at_once_when_it_is_settled(world: World, look: Glance) -> None:
    world.attempt("young", lines=0)
    world.now += 19
    assert look.look("kill -9, writer") == []
    world.attempt("other")
    world.attempt(None, lines=0)
    world.attempt("embedding", lines=0, path="/v1/embeddings")

    world.now += 1
    found = look.look("pause, worker")

    began = f"{datetime.fromtimestamp(START, UTC):%H:%M:%S} UTC"
    assert found == [Finding(ONE_LINE, f"after pause, worker: attempt young (begun at {began}, None): 0 lines")]
    assert world.now - START == pytest.approx(20 + glance.GRACE_S, abs=1)
    world.now += 60
    assert look.look("away, Redis") == []
    assert (look.count, look.found, look.missed) == (3, 1, 0)


def test_a_line_that_comes_late_is_waited_for(world: World, look: Glance, monkeypatch: pytest.MonkeyPatch) -> None:
    world.attempt("late", lines=0)
    world.now += 30

    def book(seconds: float) -> None:
        world.now += seconds
        world.ledger = [(START, Line("late", "r"))]

    monkeypatch.setattr(glance.time, "sleep", book)

    assert look.look("kill -9, data plane") == []
    assert look.longest_s == pytest.approx(0.5)


def test_a_line_that_comes_twice_is_found_a_while_later_too(world: World, look: Glance) -> None:
    world.attempt("twice")
    world.now += 30
    assert look.look("kill -9, writer") == []

    world.ledger.append(world.ledger[0])
    world.now += 30
    found = look.look("pause, writer")

    assert found == [Finding("No line is there twice", "after pause, writer: line twice: 2 times")]
    assert world.asked[-1] == 30 - glance.BACK_S


def test_an_overspent_budget_is_found(world: World, look: Glance) -> None:
    world.spent = Decimal("1.01")

    assert look.look("FLUSHALL, Redis") == [
        Finding("No hard budget is overspent", "after FLUSHALL, Redis: budget: 1.01 of 1 spent")
    ]


def test_a_look_that_fails_is_made_up_for_by_the_next(world: World, look: Glance) -> None:
    world.attempt("lost", lines=0)
    world.now += 30
    world.is_away = True
    assert look.look("kill -9, PostgreSQL") == []

    world.is_away = False
    (found,) = look.look("restart, PostgreSQL")

    assert found.text.startswith("after restart, PostgreSQL: attempt lost")
    assert (look.count, look.missed) == (1, 1)


def test_half_a_line_of_a_journal_waits_for_its_rest(tmp_path: Path) -> None:
    journal, at = Journal(tmp_path / "journal"), "2027-01-15T08:00:00+00:00"
    text = json.dumps({"event": "begin", "at": at, "attempt_id": "a", "path": "/v1/chat/completions"})
    journal.path.write_text(text + "\n" + text[:20])

    assert list(journal.begun()) == [(START, "a")]
    assert list(journal.begun()) == []
    journal.path.write_text(text + "\n" + text + "\n")
    assert list(journal.begun()) == [(START, "a")]
