"""The routing decision that a request's lines keep, in words: strategy, rule, candidates with their figures, attempts.
Pure; what an older or foreign line says in another shape is shown as far as it is understood."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from analytics.console import format

STRATEGIES = {
    "priority": "by priority; equals are drawn by weight",
    "cost-optimized": "of one priority by expected cost, the cheapest first",
    "latency-optimized": "of one priority by latency, the fastest first",
    "quality-optimized": "of one priority by recorded quality scores, the best first",
    "load-balanced": "of one priority by running calls, the least busy for its weight first",
    "content-based": "by rules about what is sent, then by priority and weight",
    "preference": "by rules about who calls, then by priority and weight",
    "weighted": "of one priority by a weighted mix of cost, latency, load and quality",
}
EXCLUSIONS = {"circuit_open": "Left out: its circuit breaker is open, since its last calls failed."}
WHYS: tuple[tuple[str, str], ...] = (
    (r"first choice(?:; (?P<note>.+))?", "The first choice."),
    (r"after (?P<reason>\S+) of (?P<provider>\S+)", "Fallback: {provider} had failed ({reason})."),
    (r"retry (?P<number>\d+) after (?P<reason>\S+)", "Retry {number}, after {reason}."),
    (r"hedge after (?P<ms>\d+) ms", "Hedge: the first target had not begun to answer after {ms} ms."),
    (r"fresh connection", "Repeated at once: the provider had closed the idle connection."),
)


class Line(Protocol):
    """What is read of a ledger line."""

    kind: str
    status: str
    http_status: int | None
    error_type: str | None
    provider: str | None
    model_served: str | None
    route: str | None
    currency: str
    route_decision: Any


@dataclass(frozen=True, slots=True)
class Candidate:
    """One target: its place in the order (None: left out), its figures as texts, and what is to say of it."""

    place: int | None
    provider: str
    model: str
    score: str
    cost: str
    latency: str
    load: str
    quality: str
    words: str


@dataclass(frozen=True, slots=True)
class Tried:
    """One attempt in the order they were made; `failed` when it ended otherwise than with an answer."""

    number: int
    target: str
    why: str
    outcome: str
    tone: str


@dataclass(frozen=True, slots=True)
class Routing:
    """A request's way. `columns`: which figures any candidate has, of `score`, `cost`, `latency`, `load`, `quality`;
    `model` and `words` when there are any."""

    sentences: list[str]
    candidates: list[Candidate]
    attempts: list[Tried]
    columns: frozenset[str]


def routing_of(lines: Sequence[Line]) -> Routing | None:
    """From the lines of one request, oldest first; None when none of them was routed."""
    attempts = [line for line in lines if line.kind == "attempt"]
    told = [line for line in attempts if isinstance(line.route_decision, dict) and line.route_decision]
    if not told:
        return None
    decision, route, currency = told[0].route_decision, told[0].route, told[0].currency
    candidates = _candidates(decision, currency)
    figures = ("score", "cost", "latency", "load", "quality")
    columns = {name for name in figures if any(getattr(one, name) != format.DASH for one in candidates)}
    columns |= {name for name in ("model", "words") if any(getattr(one, name) for one in candidates)}
    tried = [_tried(number, line) for number, line in enumerate(attempts, start=1)]
    return Routing(_sentences(decision, route), candidates, tried, frozenset(columns))


def _sentences(decision: Mapping[str, Any], route: str | None) -> list[str]:
    strategy, rule, variant = (decision.get(name) for name in ("strategy", "rule", "variant"))
    subject = f"The route {route} orders its targets" if route else "The targets of this name are ordered"
    found = []
    if strategy:
        found.append(f"{subject} {STRATEGIES.get(str(strategy), 'by ' + str(strategy))} ({strategy}).")
    else:
        found.append(f"{subject} by priority.")
    if rule:
        arm = f", and of its split the arm {variant}" if variant else ""
        found.append(f"The rule {rule} applied{arm}: what it picks comes first.")
    if note := decision.get("note"):
        text = str(note)
        found.append(f"{text[:1].upper()}{text[1:]}.")
    return found


def _candidates(decision: Mapping[str, Any], currency: str) -> list[Candidate]:
    ranked = _targets(decision.get("targets"))
    found = [_candidate(place, target, currency) for place, target in enumerate(ranked, start=1)]
    return found + [_excluded(target) for target in _targets(decision.get("excluded"))]


def _targets(value: Any) -> list[Mapping[str, Any]]:
    """Entries as objects; a bare text is a provider's slug."""
    items = value if isinstance(value, list) else []
    return [item if isinstance(item, dict) else {"provider": item} for item in items]


def _candidate(place: int, target: Mapping[str, Any], currency: str) -> Candidate:
    note = target.get("note")
    cost, score, quality = target.get("cost"), target.get("score"), target.get("quality")
    return Candidate(
        place=place,
        provider=str(target.get("provider", "")),
        model=str(target.get("model", "")),
        score=format.DASH if score is None else f"{score:.3f}",
        cost=format.DASH if cost is None else format.money(cost, str(target.get("currency") or currency)),
        latency=format.duration(target.get("latency_ms")),
        load=format.number(target.get("in_flight")),
        quality=format.DASH if quality is None else f"{quality:.2f}",
        words=f"Behind the others: {note}." if note else "",
    )


def _excluded(target: Mapping[str, Any]) -> Candidate:
    why = str(target.get("why", ""))
    rule = why.removeprefix("rule ")
    words = EXCLUSIONS.get(why) or (
        f"Left out: the rule {rule} allows only others." if rule != why else f"Left out: {why}."
    )
    dashes = dict.fromkeys(("score", "cost", "latency", "load", "quality"), format.DASH)
    provider, model = str(target.get("provider", "")), str(target.get("model", ""))
    return Candidate(place=None, provider=provider, model=model, words=words, **dashes)


def _tried(number: int, line: Line) -> Tried:
    decision = line.route_decision if isinstance(line.route_decision, dict) else {}
    is_ok = line.status == "ok"
    lost = line.error_type == "hedge_lost"
    outcome = "answered" if is_ok else "ended: the other one answered first" if lost else _failure(line)
    return Tried(
        number=number,
        target=" · ".join(part for part in (line.provider, line.model_served) if part) or "no provider",
        why=why_words(str(decision.get("why", ""))),
        outcome=outcome,
        tone="ok" if is_ok else "" if lost or line.status == "cancelled" else "bad",
    )


def _failure(line: Line) -> str:
    what = (line.error_type or line.status).replace("_", " ")
    return f"{what} ({line.http_status})" if line.http_status else what


def why_words(why: str) -> str:
    """Why an attempt was made, as a sentence; an unknown reason stays as it is."""
    for pattern, words in WHYS:
        if found := re.fullmatch(pattern, why):
            named = {name: text.replace("_", " ") for name, text in found.groupdict().items() if text}
            return words.format(**named)
    return why
