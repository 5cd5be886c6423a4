"""The routing decision of a request in words: from the shapes that the data plane writes to its lines."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest

from analytics.console.decision import routing_of, why_words
from tests.console.company import Company, line, load
from tests.console.conftest import SignIn

DECISION: dict[str, Any] = {
    "strategy": "cost-optimized", "rule": "gold", "variant": "next",
    "targets": [
        {"provider": "openai", "model": "gpt-4o-mini", "score": 1.0, "cost": "0.00012", "currency": "EUR"},
        {"provider": "google", "model": "gemini", "score": 0.25, "note": "asked for a pause"},
    ],
    "excluded": [
        {"provider": "azure", "model": "gpt-4o", "why": "circuit_open"},
        {"provider": "aws", "model": "nova", "why": "rule gold"},
    ],
}  # fmt: skip


@dataclass
class FakeLine:
    kind: str = "attempt"
    status: str = "ok"
    http_status: int | None = 200
    error_type: str | None = None
    provider: str | None = "openai"
    model_served: str | None = "gpt-4o-mini"
    route: str | None = "fast"
    currency: str = "USD"
    route_decision: Any = field(default_factory=lambda: {"attempt": 1, "why": "first choice", **DECISION})


def test_strategy_rule_candidates_and_exclusions() -> None:
    found = routing_of([FakeLine()])

    assert found is not None
    assert found.sentences == [
        "The route fast orders its targets of one priority by expected cost, the cheapest first (cost-optimized).",
        "The rule gold applied, and of its split the arm next: what it picks comes first.",
    ]
    assert [(one.place, one.model, one.score, one.cost, one.words) for one in found.candidates] == [
        (1, "gpt-4o-mini", "1.000", "€0.00012", ""),
        (2, "gemini", "0.250", "—", "Behind the others: asked for a pause."),
        (None, "gpt-4o", "—", "—", "Left out: its circuit breaker is open, since its last calls failed."),
        (None, "nova", "—", "—", "Left out: the rule gold allows only others."),
    ]
    assert found.columns == {"model", "score", "cost", "words"}


def test_attempts_stand_in_their_order_with_hedges_and_fallbacks() -> None:
    def attempt(why: str, **changes: Any) -> FakeLine:
        return FakeLine(route_decision={"why": why, **DECISION}, **changes)

    found = routing_of([
        attempt("first choice", status="upstream_error", http_status=503, error_type="server_error"),
        attempt("after server_error of openai", provider="google", model_served="gemini", status="cancelled",
                http_status=None, error_type="hedge_lost"),
        attempt("hedge after 300 ms", provider="aws", model_served="nova"),
        FakeLine(kind="adjustment"),
    ])  # fmt: skip

    assert found is not None
    assert [(one.number, one.target, one.why, one.outcome, one.tone) for one in found.attempts] == [
        (1, "openai · gpt-4o-mini", "The first choice.", "server error (503)", "bad"),
        (2, "google · gemini", "Fallback: openai had failed (server error).", "ended: the other one answered first",
         ""),
        (3, "aws · nova", "Hedge: the first target had not begun to answer after 300 ms.", "answered", "ok"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("why", "words"),
    [
        ("retry 2 after rate_limit", "Retry 2, after rate limit."),
        ("fresh connection", "Repeated at once: the provider had closed the idle connection."),
        ("first choice; no target has a quality score", "The first choice."),
        ("something new", "something new"),
        ("", ""),
    ],
)
def test_reasons_of_attempts(why: str, words: str) -> None:
    assert why_words(why) == words


@pytest.mark.parametrize("decision", [None, {}, [], "x"])
def test_lines_that_were_not_routed_have_no_routing(decision: Any) -> None:
    assert routing_of([FakeLine(route_decision=decision)]) is None
    assert routing_of([FakeLine(kind="denied")]) is None


def test_older_lines_name_providers_alone() -> None:
    found = routing_of([FakeLine(route_decision={"attempt": 1, "targets": ["openai", "mistral"]})])

    assert found is not None
    assert found.sentences == ["The route fast orders its targets by priority."]
    assert [(one.place, one.provider, one.model) for one in found.candidates] == [(1, "openai", ""), (2, "mistral", "")]
    assert found.columns == frozenset()


def test_the_page_of_a_request_tells_how_it_was_routed(company: Company, sign_in: SignIn) -> None:
    at, rng = datetime.now(UTC) - timedelta(hours=1), Random(5)
    decided = {"route": "fast", "request_id": "routed", "model_served": "gpt-4o-mini"}
    load(company, [line(company, at, rng, route_decision={"attempt": 1, "why": "first choice", **DECISION}, **decided)])

    page = sign_in("alice").get("/admin/requests/routed/").content.decode()

    assert "The rule gold applied, and of its split the arm next" in page
    assert "Left out: its circuit breaker is open" in page
    assert "Expected cost</th>" in page
    assert "Running calls</th>" not in page
