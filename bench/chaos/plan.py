"""Which faults a run makes, in which order, and which it cannot make here."""

import argparse
import random
from collections.abc import Sequence
from dataclasses import dataclass, field

from bench.chaos.arena import Arena
from bench.chaos.faults import Fault, catalogue
from bench.common import Report


@dataclass(slots=True)
class Plan:
    """`faults` in the order in which they are made; `skipped`: kind → why it cannot be made here."""

    faults: list[Fault] = field(default_factory=list)
    skipped: dict[str, str] = field(default_factory=dict)

    def report(self, to: Report, *, is_strict: bool) -> None:
        """Kinds that were made and that were not; one that was not is a failure of a strict run."""
        to.add("kinds of faults that were made", len({name_of(fault) for fault in self.faults}), "")
        to.add("kinds of faults that were skipped", len(self.skipped), "", at_most=0 if is_strict else None)
        for name, reason in self.skipped.items():
            to.add(f"{name}: skipped, {reason}", 0, "")


def name_of(fault: Fault) -> str:
    """Of its kind."""
    return f"{fault.name}, {fault.target}"


def make_plan(options: argparse.Namespace, arena: Arena, draw: random.Random) -> Plan:
    """Every kind that is wanted once, in drawn order, before any comes again; `options.faults` of them when that is
    more. What cannot be made here is left out and said."""
    plan = Plan()
    known = [fault for fault in catalogue() if _is_wanted(fault, options)]
    for fault in list(known):
        if reason := fault.is_missing(arena):
            plan.skipped[name_of(fault)] = reason
            known.remove(fault)
    plan.faults = _drawn(known, len(known) if options.cheap else options.faults or len(known), draw)
    return plan


def _drawn(known: Sequence[Fault], count: int, draw: random.Random) -> list[Fault]:
    found: list[Fault] = []
    while known and len(found) < count:
        bag = list(known)
        draw.shuffle(bag)
        found += bag[: count - len(found)]
    return found


def _is_wanted(fault: Fault, options: argparse.Namespace) -> bool:
    if options.cheap:
        return fault.is_cheap
    wanted = [text for text in options.only.split(",") if text]
    return not wanted or any(text in name_of(fault) for text in wanted)
