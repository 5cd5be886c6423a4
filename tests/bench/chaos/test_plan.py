"""What a run makes by default, and what it says of the rest."""

import random
from argparse import Namespace
from types import SimpleNamespace
from typing import Any, cast

import pytest

from bench.chaos import faults
from bench.chaos.__main__ import parser
from bench.chaos.arena import Arena
from bench.chaos.faults import catalogue
from bench.chaos.former import Former
from bench.chaos.plan import Plan, make_plan, name_of
from bench.common import Report

HERE = Former("c0ffee", ("gateway.0002_seen",), "")
GONE = Former(reason="no history")


def plan(*arguments: str, former: Former = HERE, has_disk: bool = True) -> Plan:
    installation = SimpleNamespace(has_spool_disk=has_disk)
    arena = Arena(cast(Any, installation), cast(Any, None), cast(Any, None), former=former)
    return make_plan(options(*arguments), arena, random.Random(1))


def options(*arguments: str) -> Namespace:
    return parser().parse_args(arguments)


@pytest.fixture(autouse=True)
def faketime(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(faults, "FAKETIME", "libfaketimeMT.so.1")


def test_by_default_every_kind_is_made_once() -> None:
    made = plan()

    assert sorted(map(name_of, made.faults)) == sorted(map(name_of, catalogue()))
    assert made.skipped == {}


def test_no_kind_comes_again_before_all_have_come() -> None:
    made = [name_of(fault) for fault in plan("--only", "Redis", "--faults", "20").faults]

    kinds = {name_of(fault) for fault in catalogue() if fault.target == "Redis"}
    assert len(made) == 20
    assert set(made[: len(kinds)]) == kinds
    assert max(made.count(kind) for kind in kinds) - min(made.count(kind) for kind in kinds) <= 1


def test_what_cannot_be_made_is_counted_and_a_failure_of_a_strict_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(faults, "FAKETIME", None)
    made, report, strict = plan(former=GONE, has_disk=False), Report("chaos", ""), Report("chaos", "")

    made.report(report, is_strict=options().strict)
    made.report(strict, is_strict=options("--strict").strict)

    assert set(made.skipped.values()) == {
        "a disk of its own for the spool takes root", "libfaketime is not installed", "no history",
    }  # fmt: skip
    assert {name.partition(",")[0] for name in made.skipped} == {
        "disk full", "clock +90 s", "clock -90 s", "former code",
    }  # fmt: skip
    assert [(figure.name, figure.value) for figure in report.figures[:2]] == [
        ("kinds of faults that were made", len(catalogue()) - 12), ("kinds of faults that were skipped", 12),
    ]  # fmt: skip
    assert report.figures[2].name == "disk full, spool: skipped, a disk of its own for the spool takes root"
    assert (len(report.figures), report.holds, strict.holds) == (2 + 12, True, False)


def test_a_strict_run_in_which_nothing_was_skipped_holds() -> None:
    report = Report("chaos", "")

    plan("--only", "former code").report(report, is_strict=True)

    assert (report.holds, [figure.value for figure in report.figures]) == (True, [5, 0])
