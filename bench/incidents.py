"""`python -m bench.incidents`: incidents planted by the demo's generator, for seeds never looked at.

The generator's calls of 90 days become the hourly figures that the product's scan reads; the watch judges every hour by
the hours before it. Only this module, to judge, reads the generator's plan. An incident counts as found when one starts
within a day of it whose first cause is the right one, and as told when one starts within a day of it at all: a rule on
anomalies tells of every incident that the hourly scan keeps, ten minutes after the hour. What is neither planted nor
one of the plan's other events (a retry storm, a pilot and its end) is a false alarm.
"""

import argparse
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from analytics.anomaly.frame import WHOLE, Frame, Scope, empty
from analytics.anomaly.incidents import Incident, causes, track
from analytics.anomaly.watch import METRICS, Watch, watch
from bench.common import Report, main
from config.demo import calls as c
from config.demo import story
from config.demo.calls import Calls
from config.demo.company import MODEL_NAMES, MODELS, PROJECTS, RUNAWAY_KEY, Company
from config.demo.prices import COST_SCALE, Prices
from config.demo.story import DAYS, Calendar
from config.demo.traffic import day_calls
from config.demo.waste import workloads_of
from gateway.ledger.ids import ms_of

UNTIL = datetime(2026, 11, 22, tzinfo=UTC)
FIRST_SEED, SEEDS = 7_001, 20
"""Seeds below were used while developing."""
HOUR_MS = 3_600_000
WITHIN_H = 24
QUARTER_D = 91.0
FAILED = (c.CLIENT_ERROR, c.UPSTREAM_ERROR, c.TIMEOUT)


@dataclass(frozen=True, slots=True)
class Planted:
    """What the plan holds: the hour it begins in, and its true first cause; None: an event that is not judged."""

    name: str
    hour: int
    cause: Scope | None
    lasts: int = WITHIN_H


@dataclass(frozen=True, slots=True)
class Judged:
    """One seed: names of the planted incidents that were found, hours until they were told (None: never), and what was
    neither planted nor expected."""

    found: dict[str, bool]
    told: dict[str, int | None]
    false: list[tuple[int, str, Scope]]
    series: int


def planted() -> list[Planted]:
    """The generator's plan in hours of the 90 days."""

    def hour(before: int, minute: int = 0) -> int:
        return (DAYS - 1 - before) * 24 + minute // 60

    judged = [
        Planted("price change", hour(story.PRICE_CHANGE), ("model", "gpt-5.4")),
        Planted("outage", hour(story.OUTAGE, story.OUTAGE_MINUTES[0]), ("provider", "openai")),
        Planted("silent model switch", hour(story.MODEL_SWITCH), ("model_requested", "support-chat")),
        Planted("cache loss", hour(story.CACHE_LOSS), ("project", "dev-copilot")),
        Planted("runaway key", hour(story.RUNAWAY, story.RUNAWAY_START_MINUTE), ("api_key", "/".join(RUNAWAY_KEY))),
    ]
    others = [Planted("retry storm", hour(day), None) for day in story.RETRY_STORM]
    return [*judged, *others, Planted("pilot", hour(story.PILOT), None, story.PILOT * 24)]


def frame_of(company: Company) -> tuple[Frame, dict[Scope, set[Scope]]]:
    """Ninety days by hour, and what lies in what."""
    scopes, parents = _scopes(company)
    place = {scope: row for row, scope in enumerate(scopes)}
    frame = empty(company.calendar.midnight(DAYS - 1), scopes, DAYS * 24)
    served: dict[str, dict[str, c.Floats]] = {}
    first = ms_of(frame.start)
    for before in range(DAYS):
        day = [(workload, day_calls(company, workload, before)) for workload in workloads_of(company)]
        prices = Prices.of(company, before)
        for workload, calls in day:
            _add(frame, place, company, workload.project, calls, prices, first)
            if workload.route:
                _add_served(served.setdefault(workload.route, {}), calls, first)
        _add_percentiles(frame, place, [calls for _, calls in day], first, before)
    return Frame(frame.start, frame.scopes, frame.figures, served), parents


def _scopes(company: Company) -> tuple[list[Scope], dict[Scope, set[Scope]]]:
    parents: dict[Scope, set[Scope]] = {}
    for slug, (team, *_) in PROJECTS.items():
        parents["project", slug] = {("team", team)}
    for key in company.keys:
        parents["api_key", f"{key.project}/{key.name}"] = {("project", key.project), *parents["project", key.project]}
    for name, (provider, *_) in MODELS.items():
        parents["model", name] = {("provider", provider)}
    above = {scope for lies_in in parents.values() for scope in lies_in}
    return [WHOLE, *sorted(above | parents.keys())], parents


def _add(
    frame: Frame, place: Mapping[Scope, int], company: Company, project: str, calls: Calls, prices: Prices, first: int
) -> None:
    hour = (calls.ms - first) // HOUR_MS
    team = PROJECTS[project][0]
    keys = np.array([place["api_key", f"{key.project}/{key.name}"] for key in company.keys])
    models = np.array([*(place["model", name] for name in MODEL_NAMES), -1])
    providers = np.array([*(place["provider", MODELS[name][0]] for name in MODEL_NAMES), -1])
    rows: list[c.Ints] = [
        *(np.full(len(hour), place[scope]) for scope in (WHOLE, ("team", team), ("project", project))),
        keys[calls.key], models[calls.served], providers[calls.served],
    ]  # fmt: skip
    final = calls.final & (calls.status != c.DENIED)
    figures = {
        "requests": final, "errors": final & np.isin(calls.status, FAILED), "tokens": calls.input + calls.output,
        "input_tokens": calls.input, "cache_read_tokens": calls.cached,
        "cost": prices.cost(calls) / 10**COST_SCALE, "list_cost": prices.list_cost(calls) / 10**COST_SCALE,
    }  # fmt: skip
    for at in rows:
        inside = (at >= 0) & (hour < frame.hours)
        for name, values in figures.items():
            np.add.at(frame.figures[name], (at[inside], hour[inside]), values[inside])


def _add_served(served: dict[str, c.Floats], calls: Calls, first: int) -> None:
    for index, name in enumerate(MODEL_NAMES):
        mine = calls.final & (calls.served == index)
        if mine.any():
            series = served.setdefault(name, np.zeros(DAYS * 24))
            np.add.at(series, (calls.ms[mine] - first) // HOUR_MS, 1.0)


def _add_percentiles(frame: Frame, place: Mapping[Scope, int], day: list[Calls], first: int, before: int) -> None:
    """Of everything, providers and models."""
    calls = c.join(day)
    calls = calls.take(calls.final & (calls.status == c.OK))
    hour = (calls.ms - first) // HOUR_MS
    providers = {MODELS[name][0] for name in MODEL_NAMES}
    parts: list[tuple[Scope, list[int]]] = [(WHOLE, list(range(len(MODEL_NAMES))))]
    parts += [(("model", name), [index]) for index, name in enumerate(MODEL_NAMES)]
    parts += [
        (("provider", name), [i for i, model in enumerate(MODEL_NAMES) if MODELS[model][0] == name])
        for name in providers
    ]
    for scope, models in parts:
        which = np.isin(calls.served, models)
        for at in range((DAYS - 1 - before) * 24, (DAYS - before) * 24):
            mine = which & (hour == at)
            if mine.any():
                frame.figures["latency_p95"][place[scope], at] = np.quantile(calls.duration[mine], 0.95)
                timed = calls.ttft[mine & np.isfinite(calls.ttft)]
                if len(timed):
                    frame.figures["ttft_p95"][place[scope], at] = np.quantile(timed, 0.95)


def judge(frame: Frame, found: Watch, incidents: list[Incident]) -> Judged:
    """Compare with the plan."""
    plan = planted()
    known: dict[int, str] = {}
    right = dict.fromkeys((each.name for each in plan if each.cause), False)
    told: dict[str, int | None] = dict.fromkeys(right)
    for each in plan:
        for incident in incidents:
            if 0 <= incident.start - each.hour <= each.lasts:
                first = causes(frame, found, incident)[:1]
                if each.cause is not None:
                    delay = incident.start - each.hour + 1
                    told[each.name] = min(delay, told[each.name] or delay)
                if each.cause is None:
                    known.setdefault(id(incident), each.name)
                elif first and (first[0].dimension, first[0].value) == each.cause:
                    right[each.name] = True
                    known[id(incident)] = each.name
    false = [(each.start, *each.root_key) for each in incidents if id(each) not in known]
    figures = frame.figures["requests"].sum(axis=1) > 0
    return Judged(right, told, false, int(figures.sum()) * len(METRICS))


def run_seed(seed: int) -> tuple[Judged, Frame, Watch, list[Incident]]:
    """Generate, watch, judge."""
    frame, parents = frame_of(Company("bench", seed, Calendar(UNTIL)))
    found = watch(frame, since=14 * 24)
    incidents = track([], found.alerts, parents)
    return judge(frame, found, incidents), frame, found, incidents


def run(options: argparse.Namespace) -> Report:
    report = Report("incidents", f"{options.seeds} seeds from {options.first} on, 90 days each, judged from day 15")
    found = {each.name: 0 for each in planted() if each.cause}
    delays: list[int] = []
    false, series, began = 0, 0, time.perf_counter()
    for seed in range(options.first, options.first + options.seeds):
        judged, *_ = run_seed(seed)
        for name, is_found in judged.found.items():
            found[name] += is_found
        delays += [delay for delay in judged.told.values() if delay is not None]
        false += len(judged.false)
        series += judged.series
        missed = [name for name, is_found in judged.found.items() if not is_found]
        print(f"  seed {seed}: missed {missed or 'none'}, false alarms {judged.false or 'none'}", flush=True)
    whole = options.seeds * len(found)
    report.add("planted incidents found with the right first cause", sum(found.values()) / whole, "", at_least=0.95)
    for name, count in found.items():
        report.add(f"{name}", count / options.seeds, "")
    report.add("planted incidents told by an alert, no page opened", len(delays) / whole, "", at_least=0.8)
    report.add("hours from its first hour until it is told, median", float(np.median(delays)), "h")
    report.add("hours from its first hour until it is told, nine of ten", float(np.quantile(delays, 0.9)), "h")
    watched = DAYS - 14
    report.add("false alarms per organization and quarter", false / options.seeds * QUARTER_D / watched, "")
    report.add("false alarms per series and quarter", false / series * QUARTER_D / watched, "", at_most=1)
    report.add("series", series / options.seeds, "")
    report.add("seconds per seed, generating included", (time.perf_counter() - began) / options.seeds, "s")
    return report


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench.incidents", description=__doc__)
    parser.add_argument("--first", type=int, default=FIRST_SEED)
    parser.add_argument("--seeds", type=int, default=SEEDS)
    return parser


if __name__ == "__main__":
    main("incidents", run, _parser())
