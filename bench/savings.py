"""`python -m bench.savings`: waste planted by the demo's generator, for seeds never looked at, and in real traffic.

Each seed is searched twice over the last 30 days: the company with its waste, and the same company without. The
generator's truth list (`config.demo.truth`) says what was planted, in which project and model, and what it costs; for
ServeGen's clients and Mooncake's chats `bench.traces` does. A planted saving is found as far as a proposal of its
category, project and model has it in the joint replay; what a proposal claims beyond it is counted apart, and one about
nothing that was planted is false. The sum of the joint savings is compared with the whole ledger priced anew with all
changes made. One seed is loaded into PostgreSQL and searched there too: both must say the same, to the last digit.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

import numpy as np

from bench import planted, traces
from bench.common import ROOT, SHARED_DATA, Report, main
from bench.stack import database, manage
from config.demo.company import Company
from config.demo.story import Calendar
from config.demo.truth import planted as truth_of
from costs.savings.candidates import View
from costs.savings.joint import STAGES
from costs.savings.proposals import Findings, Proposal
from costs.savings.replay import State
from costs.savings.search import find_together, search
from costs.savings.units import money, total

UNTIL = datetime(2026, 11, 22, tzinfo=UTC)
DAYS = 30
FIRST_SEED, SEEDS = 9_101, 20
"""Seeds below were used while developing."""
Key = tuple[str, str, str]
"""Category, project, model."""


@dataclass(frozen=True, slots=True)
class Judged:
    """One search against the truth; money in USD. `found`: of `truth`, by category, project and model."""

    spend: float
    truth: Mapping[Key, float]
    found: Mapping[Key, float]
    beyond: float
    false: list[str]
    without_evidence: int
    off: float
    overlaps: int

    @property
    def planted(self) -> float:
        return sum(self.truth.values())

    @property
    def share(self) -> float:
        return sum(self.found.values()) / self.planted if self.planted else 1.0


def judge(view: View, truth: Mapping[Key, float]) -> Judged:
    """Search a view and compare."""
    findings = search(view)
    claimed: defaultdict[Key, float] = defaultdict(float)
    for one in findings.proposals:
        claimed[key_of(one)] += float(one.joint_saving)
    off, overlaps = checked(view, findings)
    return Judged(
        spend=float(findings.spend), truth=truth,
        found={key: min(saving, claimed.get(key, 0.0)) for key, saving in truth.items()},
        beyond=sum(max(0.0, claimed[key] - saving) for key, saving in truth.items()),
        false=[one.title for one in findings.proposals if key_of(one) not in truth],
        without_evidence=sum(not any(each.figures for each in one.evidence) for one in findings.proposals),
        off=off, overlaps=overlaps,
    )  # fmt: skip


def key_of(proposal: Proposal) -> Key:
    return proposal.category.value, proposal.slice.project, proposal.slice.model


def checked(view: View, findings: Findings) -> tuple[float, int]:
    """How far the sum of joint savings is from spend − the ledger priced once with all changes made; and how many calls
    two proposals of one stage claim, or claim more than the call cost."""
    together, state = find_together(view), State.of(view.ledger)
    claims: defaultdict[int, Counter[int]] = defaultdict(Counter)
    saved = np.zeros(len(view.lines), dtype=np.int64)
    for one in together:
        claims[STAGES[one.alone.candidate.change.category]].update(one.rows.tolist())
        saved[one.rows] += state.take(one.rows, one.alone.candidate.apply)
    whole = state.whole
    cost, known = view.pricer.price(whole.target, view.lines.at, whole.tokens)
    after = np.where(known & (view.ledger.explained | (whole.target < 0)), cost, view.lines.cost)
    outside = sum(one.alone.candidate.outside for one in together)
    off = findings.joint_saving - money(total(view.lines.cost) - total(after) + outside)
    twice = sum(count - 1 for stage in claims.values() for count in stage.values())
    return float(abs(off)), twice + int((saved > view.lines.cost.clip(0)).sum())


def demo(seed: int, *, clean: bool = False) -> tuple[Company, Judged]:
    """The demo company of a seed, searched over its last 30 days."""
    company = Company("demo", seed, Calendar(UNTIL), clean)
    truth = {(one.category.value, one.project, one.model): one.saving / 1e10 for one in truth_of(company, range(DAYS))}
    return company, judge(planted.view_of(company, DAYS), truth)


# ---- figures ---------------------------------------------------------------------------------------------------------
@dataclass(slots=True)
class Tally:
    """Searches of one kind, with waste and without."""

    planted: list[Judged] = field(default_factory=list)
    clean: list[Judged] = field(default_factory=list)

    def add_to(self, report: Report, name: str) -> None:
        every, truth = [*self.planted, *self.clean], sum(one.planted for one in self.planted)

        def add(words: str, value: float, **target: float) -> None:
            report.add(f"{name}: {words}", value, "", **target)

        add("planted saving found", self.share, at_least=0.9)
        add("the same, the worst of them", min(one.share for one in self.planted), at_least=0.9)
        for category, share in sorted(self.by_category().items()):
            add(category, share)
        add("claimed beyond what was planted", sum(one.beyond for one in self.planted) / truth)
        add("proposals about nothing planted", sum(len(one.false) for one in self.planted), at_most=0)
        add("proposals where nothing is planted", sum(len(one.false) for one in self.clean), at_most=0)
        add("proposals without figures", sum(one.without_evidence for one in every), at_most=0)
        add("calls claimed twice", sum(one.overlaps for one in every), at_most=0)
        add("joint savings off the ledger priced anew", max(one.off for one in every), at_most=0)

    @property
    def share(self) -> float:
        return sum(sum(one.found.values()) for one in self.planted) / sum(one.planted for one in self.planted)

    def by_category(self) -> dict[str, float]:
        """Share that was found."""
        sums: defaultdict[str, list[float]] = defaultdict(lambda: [0.0, 0.0])
        for one in self.planted:
            for key, saving in one.truth.items():
                sums[key[0]][0] += one.found[key]
                sums[key[0]][1] += saving
        return {category: found / truth for category, (found, truth) in sums.items()}


def run(options: argparse.Namespace) -> Report:
    seeds = range(options.first, options.first + options.seeds)
    report = Report("savings", f"{options.seeds} seeds from {options.first} on, the last {DAYS} days of each")
    began, tally = time.perf_counter(), Tally()
    for seed in seeds:
        for clean in (False, True):
            _, judged = demo(seed, clean=clean)
            (tally.clean if clean else tally.planted).append(judged)
            print(f"  {tell(judged)}  seed {seed}{', clean' if clean else ''}", flush=True)
    tally.add_to(report, "demo")
    of_spend = [
        sum(saving for (_, project, _), saving in one.truth.items() if project) / one.spend for one in tally.planted
    ]
    report.add("demo: planted in calls, of what calls cost, the least", min(of_spend), "", at_least=0.3)
    report.add("demo: planted in calls, of what calls cost, the most", max(of_spend), "")
    report.add("seconds per seed and search, generating included", (time.perf_counter() - began) / len(seeds) / 2, "s")
    if SHARED_DATA.exists():
        for name, make in (("ServeGen", traces.servegen), ("Mooncake", traces.mooncake)):
            replayed(name, make, seeds[: options.traces]).add_to(report, name)
    if not options.no_database:
        report.add("seed in PostgreSQL: proposals that differ", differing(seeds[0]), "", at_most=0)
    return report


def replayed(name: str, make: Callable[..., traces.Trace], seeds: Iterable[int]) -> Tally:
    """A trace with waste planted by chance of each seed, and as it is."""
    tally = Tally()
    for seed in seeds:
        for is_planted in (True, False):
            trace = make(seed, planted=is_planted)
            judged = judge(trace.view, {(key[0].value, *key[1:]): saving for key, saving in trace.truth.items()})
            (tally.planted if is_planted else tally.clean).append(judged)
            print(f"  {tell(judged)}  {name}, seed {seed}{'' if is_planted else ', as it is'}", flush=True)
    return tally


def tell(judged: Judged) -> str:
    missed = [" ".join(key) for key, saving in judged.truth.items() if not judged.found[key]]
    return (
        f"found {judged.share:6.1%} of {judged.planted:8.2f}, {judged.planted / judged.spend:5.1%} of spend, missed "
        f"{missed or 'none'}, false {judged.false or 'none'}"
    )


# ---- the same in PostgreSQL ------------------------------------------------------------------------------------------
def differing(seed: int) -> int:
    """Proposals over a loaded ledger that are not, to the last digit, those over the generator's calls."""
    view = planted.view_of(Company("demo", seed, Calendar(UNTIL)), DAYS, is_agreed=True)
    expected = {(*key_of(one), str(one.joint_saving), one.lines) for one in search(view).proposals}
    with database() as server:
        options = ("--days", str(DAYS), "--seed", str(seed), "--until", UNTIL.isoformat(), "--json")
        manage(server.env, "seed_demo", *options)
        command = [sys.executable, "-m", "bench.savings", "--ask"]
        done = subprocess.run(command, cwd=ROOT, env=dict(server.env), capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(done.stderr[-3000:])
    return len(expected ^ {tuple(one) for one in json.loads(done.stdout.splitlines()[-1])})


def ask() -> None:
    """The child: print what is proposed of the loaded demo as JSON."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    import django

    django.setup()
    from costs.savings.find import find
    from gateway.models import Organization, Project

    organization = Organization.objects.get(slug="demo")
    slugs = {str(one.pk): one.slug for one in Project.objects.filter(organization=organization)}
    end = Calendar(UNTIL)
    found = find(organization, start=end.midnight(DAYS - 1), end=UNTIL)
    print(json.dumps([
        [one.category.value, slugs.get(one.slice.project, ""), one.slice.model, str(one.joint_saving), one.lines]
        for one in found.proposals
    ]))  # fmt: skip


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench.savings", description=__doc__)
    parser.add_argument("--first", type=int, default=FIRST_SEED)
    parser.add_argument("--seeds", type=int, default=SEEDS)
    parser.add_argument("--traces", type=int, default=5, help="seeds of planted traces (default %(default)s)")
    parser.add_argument("--no-database", action="store_true", help="without the seed that is loaded into PostgreSQL")
    return parser


if __name__ == "__main__":
    if sys.argv[1:2] == ["--ask"]:
        ask()
        sys.exit(0)
    main("savings", run, _parser())
