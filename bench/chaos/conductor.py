"""The run: draws faults, makes them, takes the time of recovery, asks the oracle, writes it all down."""

import argparse
import contextlib
import json
import random
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

from bench.chaos import company as companies
from bench.chaos import former
from bench.chaos.arena import AFTERMATH_S, Arena
from bench.chaos.evidence import Evidence, Watch
from bench.chaos.faults import Fault
from bench.chaos.glance import Glance, Journal
from bench.chaos.installation import DATAPLANES, PROVIDERS, Installation
from bench.chaos.oracle import CHECKS, Finding, judge
from bench.chaos.plan import Plan, make_plan, name_of
from bench.chaos.traffic import Traffic
from bench.common import RESULTS, Report, rss_mb
from bench.stack import wait_for

EFFECT_S = 6.0
REPORT_EVERY = 4
WARM_UP_S = 5.0
SETTLE_S = 300.0
"""Longer than the claim of a report whose worker was killed, 180 s."""
MEMORY_S = 5.0
SETUP_S = 60.0
LONG_RUN = 20
"""With so many faults the oracle looks in the middle, too."""


@dataclass(frozen=True, slots=True)
class Made:
    """A fault that was made. `problem`: why it could not be, or what did not recover."""

    name: str
    target: str
    at_s: float
    lasted_s: float
    calls_s: float
    """Until calls were answered again."""
    recovery_s: float
    after_s: dict[str, float]
    problem: str = ""
    note: str = ""


class Conductor:
    """One run over an installation whose stores run already."""

    def __init__(self, options: argparse.Namespace, installation: Installation) -> None:
        self.options, self.installation = options, installation
        self.began = time.monotonic()
        self.made: list[Made] = []
        self.findings: list[Finding] = []
        self.plan = Plan()
        self.memory: dict[str, list[float]] = defaultdict(list)
        self._quiet = threading.Event()
        self._over = threading.Event()

    def go(self) -> Report:
        ports = self.installation.ports
        bases = [f"http://127.0.0.1:{ports[f'wire-{name}']}/v1" for name in PROVIDERS]
        company = companies.make(bases, f"http://127.0.0.1:{ports['hook']}/events")
        self.installation.start_gateway()
        traffic = Traffic(
            self.installation.thread, [ports[name] for name in DATAPLANES], company.keys, self.options.seed
        )
        self.arena = Arena(self.installation, traffic, company, former=former.find(self.options.former))
        self.glance = Glance(
            [Journal(self.installation.journal(name)) for name in PROVIDERS],
            lambda since: companies.lines_since(self.installation.postgres.url, since),
            lambda: companies.limits_of(company),
        )
        traffic.start()
        helpers = [threading.Thread(target=work, daemon=True) for work in (self._cause_effects, self._watch_memory)]
        for helper in helpers:
            helper.start()
        time.sleep(WARM_UP_S)
        if not self.options.cheap:
            with contextlib.suppress(TimeoutError):
                wait_for(companies.is_set_up, SETUP_S, "the first release of the SDKs")
        self._made_all()
        self._over.set()
        for helper in helpers:
            helper.join()
        traffic.stop()
        return self._report(self._checkpoint("the end"))

    # ---- faults ------------------------------------------------------------------------------------------------
    def _made_all(self) -> None:
        draw = random.Random(self.options.seed)
        self.plan = make_plan(self.options, self.arena, draw)
        for name, reason in self.plan.skipped.items():
            print(f"skipped: {name}: {reason}", flush=True)
        faults = self.plan.faults
        pace = self.options.minutes * 60 / max(1, len(faults))
        start = time.monotonic()
        for number, fault in enumerate(faults):
            if number == len(faults) // 2 and len(faults) >= LONG_RUN:
                self._halftime()
                start = time.monotonic() - number * pace
            self.arena.choose = random.Random(draw.random())
            self._make(fault)
            time.sleep(max(0.0, start + (number + 1) * pace - time.monotonic()))

    def _make(self, fault: Fault) -> None:
        at, problem = time.monotonic(), ""
        wall = time.time()
        self.arena.note = ""
        try:
            fault.run(self.arena)
        except Exception as error:
            problem = f"could not be made: {type(error).__name__}: {error}"
        ended = time.monotonic()
        recovery = self.arena.recover(self.options.patience)
        if fault.disturbs:
            self.arena.disturbed.append((wall - 1, time.time() + AFTERMATH_S))
        made = Made(fault.name, fault.target, round(at - self.began, 1), round(ended - at, 1), recovery.calls_s,
                    recovery.whole_s, recovery.after_s, problem or recovery.problem, self.arena.note)  # fmt: skip
        self.made.append(made)
        if made.problem:
            self._find("Everything works again", f"{name_of(fault)}: {made.problem}")
        about = f" ({made.note})" if made.note else ""
        words = f"{made.at_s:7.1f} s  {name_of(fault)}{about}: {made.lasted_s:.1f} s, "
        words += f"calls after {made.calls_s:.1f} s, everything after {made.recovery_s:.1f} s"
        print(f"{words}  {made.problem}".rstrip(), flush=True)
        for each in self.glance.look(name_of(fault)):
            self._find(each.check, each.text)

    # ---- beside them -------------------------------------------------------------------------------------------
    def _cause_effects(self) -> None:
        number = 0
        while not self._over.wait(EFFECT_S):
            if self._quiet.is_set():
                continue
            number += 1
            self.arena.cause_effects()
            if number % REPORT_EVERY == 0 and not self.options.cheap:
                with contextlib.suppress(Exception):  # the database may be away
                    self.arena.company.make_the_report_due()

    def _watch_memory(self) -> None:
        keeper = self.installation.keeper
        while not self._over.wait(MEMORY_S):
            for name in keeper.names:
                with contextlib.suppress(Exception):  # it may just have ended
                    self.memory[name].append(rss_mb(keeper.pid(name)))

    def _find(self, check: str, text: str) -> None:
        self.findings.append(Finding(check, text))
        print(f"  {check}: {text}", flush=True)

    # ---- the oracle --------------------------------------------------------------------------------------------
    def _halftime(self) -> None:
        self._quiet.set()
        self.arena.traffic.pause()
        self._checkpoint("halftime")
        self.arena.traffic.resume()
        self._quiet.clear()

    def _checkpoint(self, name: str) -> Evidence:
        """Wait until everything is booked and delivered, then look."""
        began = time.monotonic()
        try:
            wait_for(self._is_settled, SETTLE_S, "a quiet state")
        except TimeoutError:
            self._find("Everything comes to an end", f"{name}: {self._what_is_open()}")
        evidence = companies.gather(
            self.arena.company, journals=[self.installation.journal(each) for each in PROVIDERS],
            sinks=(self.installation.mail, self.installation.hook), calls=list(self.arena.traffic.calls),
            verify=companies.verify_ledger(self.installation.environment), database_url=self.installation.postgres.url,
            disturbed=list(self.arena.disturbed), poison=frozenset(self.arena.poison),
            rescued=frozenset(self.arena.rescued),
        )  # fmt: skip
        found = judge(evidence)
        self.findings += [each for each in found if each not in self.findings]
        print(f"{name}: {len(evidence.seen)} attempts, {len(evidence.lines)} lines, {len(evidence.calls)} calls, "
              f"{len(found)} findings, after {time.monotonic() - began:.0f} s", flush=True)  # fmt: skip
        for each in found:
            print(f"  {each.check}: {each.text}", flush=True)
        return evidence

    def _is_settled(self) -> bool:
        try:
            return not any(self._open_work().values())
        except Exception:
            return False

    def _what_is_open(self) -> str:
        try:
            return ", ".join(f"{count} {what}" for what, count in self._open_work().items() if count)
        except Exception as error:
            return f"{type(error).__name__}: {error}"

    def _open_work(self) -> dict[str, int]:
        folders = [path for path in self.installation.spool.iterdir() if path.is_dir()]
        seen = [each for name in PROVIDERS for each in companies.read_journal(self.installation.journal(name))]
        with self.arena.database() as connection:
            known = {row[0] for row in connection.execute("SELECT id::text FROM gateway_ledgerline")}
            marks = connection.execute("SELECT count(*) FROM gateway_dirtymark").fetchone()
        untold = companies.untold(self.arena.company)  # before messages are counted: telling makes some
        return {
            "thresholds that nobody was told of": untold,
            "attempts without a line": sum(each.attempt_id not in known for each in seen),
            "spools without an owner": max(0, len(folders) - len(DATAPLANES)),
            "marks of rollups": int(marks[0]) if marks else 0,
            "messages": companies.nudge_outbox(),
            "reports": companies.open_runs(),
        }

    # ---- the report --------------------------------------------------------------------------------------------
    def _report(self, evidence: Evidence) -> Report:
        options = self.options
        setting = f"seed {options.seed}, {len(self.made)} faults in {options.minutes:g} minutes, 34 callers"
        report = Report("chaos", setting)
        add = report.add
        add("calls that were answered", len(evidence.calls), "")
        add("attempts that reached a provider", len(evidence.seen), "")
        add("lines of the ledger", len(evidence.lines), "")
        add("of them interrupted, with an estimated cost", sum(x.status == "interrupted" for x in evidence.lines), "")
        add("mails and events delivered", len({each.id for each in evidence.deliveries if each.is_acknowledged}), "")
        add("of them more than once", _repeated(evidence), "")
        add("thresholds of a budget that were told", _fired(evidence.watches[:1]), "", at_least=1)
        add("alerts on errors that fired", _fired(evidence.watches[1:]), "")
        for rows in self._by_kind():
            calls, whole = sorted(each.calls_s for each in rows), sorted(each.recovery_s for each in rows)
            name = f"{rows[0].name}, {rows[0].target}: {len(rows)} ×, calls after {median(calls):.1f} s, "
            name += f"at most {calls[-1]:.1f} s, everything after {median(whole):.1f} s, at most"
            add(name, whole[-1], "s", at_most=options.patience)
        self._add_memory(report)
        self.plan.report(report, is_strict=options.strict)
        add("looks of the oracle after faults", self.glance.count, "")
        add("of them the longest", self.glance.longest_s, "s")
        add("looks without the database, made up for by the next", self.glance.missed, "")
        add("exceptions found by them", self.glance.found, "", at_most=0)
        for check in CHECKS:
            name = (check.__doc__ or "").strip().rstrip(".")
            add(f"{name}: exceptions", sum(each.check == name for each in self.findings), "", at_most=0)
        add("findings in all", len(self.findings), "", at_most=0)
        self._keep(report, evidence)
        return report

    def _by_kind(self) -> Iterator[list[Made]]:
        kinds: dict[tuple[str, str], list[Made]] = defaultdict(list)
        for each in self.made:
            kinds[each.name, each.target].append(each)
        yield from (kinds[key] for key in sorted(kinds))

    def _add_memory(self, report: Report) -> None:
        for name, samples in sorted(self.memory.items()):
            if samples and name not in ("postgres", "redis", *PROVIDERS):
                report.add(f"resident memory of {name}: median", median(samples), "MB")
                report.add(f"resident memory of {name}: most", max(samples), "MB")

    def _keep(self, report: Report, evidence: Evidence) -> None:
        """Everything, beside what the report shows."""
        kept = {
            "seed": self.options.seed, "minutes": self.options.minutes, "only": self.options.only,
            "faults": [asdict(each) for each in self.made], "skipped": self.plan.skipped,
            "findings": [asdict(each) for each in self.findings], "figures": [asdict(each) for each in report.figures],
            "callers": dict(Counter(f"{each.kind} {each.status} {each.code}".strip() for each in evidence.calls)),
            "unanswered": dict(self.arena.traffic.failures),
            "ended by themselves": [list(each) for each in self.installation.keeper.own_deaths],
        }  # fmt: skip
        path = Path(self.options.json or RESULTS / f"chaos-{self.options.seed}.json")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(kept, indent=2, ensure_ascii=False) + "\n")
        print(f"wrote {path}")


def _fired(watches: Sequence[Watch]) -> int:
    return sum(notice.kind == "fired" for watch in watches for notice in watch.notices)


def _repeated(evidence: Evidence) -> int:
    return sum(times > 1 for times in Counter(each.id for each in evidence.deliveries).values())
