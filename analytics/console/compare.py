"""Models or providers side by side, like for like: what differs, how sure that is, and what each is best for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from analytics.answers import compare
from analytics.answers.questions import Questions
from analytics.compare import METRICS, Pair
from analytics.console import format
from analytics.console.periods import LABELS, Period, read_period
from analytics.console.usage.views import answered
from analytics.query import Query
from gateway.console import ConsoleSite
from gateway.console.parts import Tab
from gateway.console.scope import person
from gateway.models import Organization

KINDS = {"model": "Models", "provider": "Providers"}
USES = {
    "lowest_cost": "Lowest cost", "fastest_answers": "Fastest answers", "most_reliable": "Most reliable",
    "highest_quality": "Highest quality",
}  # fmt: skip
VERDICTS = {
    "better": ("ok", "better"), "worse": ("bad", "worse"), "equivalent": ("", "as good"),
    "cannot_tell": ("warn", "cannot tell"),
}  # fmt: skip
COLUMNS = (
    ("requests", "Requests"), ("cost_per_request", "Cost per request"), ("latency_p50", "Latency p50"),
    ("latency_p95", "Latency p95"), ("error_rate", "Error rate"),
)  # fmt: skip


LABELS_OF = {metric.name: metric.label for metric in METRICS}


@dataclass(frozen=True, slots=True)
class Candidate:
    """A row of the table. `ranks` in the order of `METRICS`; a dash where it could be compared with nobody."""

    name: str
    cells: Sequence[str]
    ranks: Sequence[str]
    strengths: str
    weaknesses: str
    sampled: str


@dataclass(frozen=True, slots=True)
class Difference:
    """One pair on one metric, in words."""

    metric: str
    a: str
    b: str
    text: str
    interval: str
    tone: str
    verdict: str
    reason: str


@require_safe
def compare_page(request: HttpRequest, site: ConsoleSite) -> HttpResponse:
    """The page; its address says whom (`of`, `who`), when, whether each model only with itself (`same`), and
    which differences (`metric`)."""
    context = {**site.each_context(request), "title": "Compare"}
    organization = context["console"].scope.current
    if organization is None:
        return render(request, "console/no_organization.html", context)
    kind = request.GET.get("of", "model") if request.GET.get("of") in KINDS else "model"
    period = read_period(request.GET, timezone.now(), organization.reporting_timezone, default="30d")
    same = kind == "provider" and request.GET.get("same") == "1"
    metric = request.GET.get("metric", "")
    chosen = list(dict.fromkeys(request.GET.getlist("who")))[: compare.MOST]
    context |= {
        "kind": kind, "kinds": _tabs(kind, period), "period": period, "ranges": LABELS.items(), "same": same,
        "chosen": chosen, "columns": [label for _, label in COLUMNS], "metric": metric,
        "metric_tabs": _metric_tabs(request, metric),
    }  # fmt: skip
    questions = Questions(person(request), organization)
    found, problem = answered("compare", lambda: _content(questions, organization, kind, period, chosen, same))
    if found is not None and metric in LABELS_OF:
        found["pairs"] = [pair for pair in found.get("pairs", ()) if pair.metric == LABELS_OF[metric]]
    return render(request, "console/compare.html", context | (found or {"problem": problem, "failed": not problem}))


def _content(
    questions: Questions, organization: Organization, kind: str, period: Period, chosen: Sequence[str], same: bool
) -> dict[str, Any]:
    """One statement for the choice, and those of the comparison."""
    window: dict[str, Any] = {"start": period.start, "end": period.end, "organization": organization}
    asked = Query(measures=("requests",), dimensions=(kind,), order="-requests", limit=30, **window)
    groups = questions.ask(asked).groups
    choice = [
        str(group.dimensions[kind])
        for group in groups
        if not group.is_other and group.dimensions[kind] is not None and group.measures["requests"]
    ]
    names = [name for name in chosen if name in choice] or choice[: compare.USUAL]
    content: dict[str, Any] = {"choice": choice, "shown": names}
    if len(names) < compare.FEWEST:
        return content | {"is_alone": bool(choice), "is_empty": not choice}
    body = compare.compared(questions, Query(measures=(), **window), kind, names, project=None, same_model=same)
    currency = body["currency"]
    return content | {
        "rows": [_candidate(row, currency) for row in body["rows"]],
        "best": [
            (USES[one.use_case], one.id or "Nobody for sure", one.reason, bool(one.id)) for one in body["best_for"]
        ],
        "pairs": [_difference(pair) for pair in body["pairs"]],
        "bands": body["stratified_by"],
        "notes": [note.message for note in body["notes"]],
    }


def _metric_tabs(request: HttpRequest, chosen: str) -> list[Tab]:
    """What the table of differences is narrowed to; the rest of the page's address stays."""
    query = request.GET.copy()
    query.pop("metric", None)
    kept = f"{query.urlencode()}&" if query else ""
    tabs = [Tab("All measures", f"?{query.urlencode()}#pairs", chosen not in LABELS_OF)]
    return tabs + [Tab(label, f"?{kept}metric={name}#pairs", chosen == name) for name, label in LABELS_OF.items()]


def _tabs(kind: str, period: Period) -> list[Tab]:
    window = "&".join(f"{name}={value}" for name, value in period.query.items())
    return [Tab(label, f"?of={name}&{window}", name == kind) for name, label in KINDS.items()]


def _candidate(row: compare.Row, currency: str) -> Candidate:
    values: Mapping[str, Any] = row.measures
    texts = (
        format.number(values["requests"]), format.money_short(values["cost_per_request"], currency),
        format.duration(values["latency_p50"]), format.duration(values["latency_p95"]),
        format.percent(values["error_rate"]),
    )  # fmt: skip
    ranks = [format.DASH if rank is None else str(rank) for rank in (row.ranks[metric.name] for metric in METRICS)]
    return Candidate(
        row.id, texts, ranks, ", ".join(row.strengths), ", ".join(row.weaknesses), format.number(row.sampled)
    )


def _difference(pair: Pair) -> Difference:
    tone, verdict = VERDICTS[pair.verdict]
    metric = next(metric for metric in METRICS if metric.name == pair.metric)
    if pair.difference is None or pair.lower is None or pair.upper is None:
        return Difference(metric.label, pair.a, pair.b, format.DASH, "", tone, verdict, pair.reason)
    unit = "%" if metric.scale.startswith("ratio") else "points"
    text, low, high = (_signed(value * 100, unit) for value in (pair.difference, pair.lower, pair.upper))
    return Difference(metric.label, pair.a, pair.b, text, f"{low} to {high}", tone, verdict, pair.reason)


def _signed(value: float, unit: str) -> str:
    """`+1,795.7 %`, with a true minus and a space that does not break."""
    return f"{value:+,.1f}\N{NARROW NO-BREAK SPACE}{unit}".replace("-", "\N{MINUS SIGN}")
