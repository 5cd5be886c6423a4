"""The golden cost matrix through the real path: provider × endpoint × whole and streamed, tiers, interruptions.

The simulated provider reports a fixed usage in the vendor's own words; what the ledger says of it was worked out by
hand from the vendors' price pages (November 2026). The product of caches, tiers, batch and context lengths goes
through the price book alone: `tests/costs/pricing/test_cost_matrix.py`.
"""

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import httpx2 as httpx
import pytest

from tests.gateway.dataplane.conftest import World

FULL = {"prompt": 1000, "cached": 200, "written_5m": 100, "written_1h": 50, "completion": 300, "reasoning": 100}
NO_HOUR = {**FULL, "written_1h": 0}
NO_WRITES = {**NO_HOUR, "written_5m": 0}
LONG = {"prompt": 300_001, "cached": 100_000, "written_5m": 0, "written_1h": 0, "completion": 1000, "reasoning": 0}

# provider kind → its model, what it reports, and by hand: charges by meter, the cost
CASES: dict[str, dict[str, Any]] = {
    "openai": {
        "model": "gpt-5.6-terra",
        "usage": NO_HOUR,
        # 700 × $2, 200 × $0.20, 100 × $2.50, 300 × $12 a million
        "charges": {"input": "0.0014", "cache_read": "0.00004", "cache_write_5m": "0.00025", "output": "0.0036"},
        "cost": "0.00529",
    },
    "azure": {
        "model": "gpt-4o",
        "usage": NO_HOUR,
        # 700 × $2.50, 200 × $1.25, 100 × $2.50 (no fee for writes), 300 × $10
        "charges": {"input": "0.00175", "cache_read": "0.00025", "cache_write_5m": "0.00025", "output": "0.003"},
        "cost": "0.00525",
    },
    "anthropic": {
        "model": "claude-sonnet-4-5",
        "usage": FULL,
        # 650 × $3, 200 × $0.30, 100 × $3.75, 50 × $6, 300 × $15
        "charges": {
            "input": "0.00195", "cache_read": "0.00006", "cache_write_5m": "0.000375", "cache_write_1h": "0.0003",
            "output": "0.0045",
        },
        "cost": "0.007185",
    },
    "google": {
        "model": "gemini-2.5-pro",
        "usage": NO_WRITES,
        # 800 × $1.25, 200 × $0.125, 300 × $10
        "charges": {"input": "0.001", "cache_read": "0.000025", "output": "0.003"},
        "cost": "0.004025",
    },
    "bedrock": {
        "model": "global.anthropic.claude-sonnet-4-5-20250929-v1:0",
        "usage": FULL,
        "charges": {
            "input": "0.00195", "cache_read": "0.00006", "cache_write_5m": "0.000375", "cache_write_1h": "0.0003",
            "output": "0.0045",
        },
        "cost": "0.007185",
    },
}  # fmt: skip
# Above the bound of the vendor's context tiers the whole request has the higher rates.
LONG_COSTS = {
    "openai": "0.858004",  # 200,001 × $4 + 100,000 × $0.40 + 1,000 × $18
    "anthropic": "1.282506",  # 200,001 × $6 + 100,000 × $0.60 + 1,000 × $22.50
    "google": "0.5400025",  # 200,001 × $2.50 + 100,000 × $0.25 + 1,000 × $15
    "bedrock": "0.645003",  # one price for any length: 200,001 × $3 + 100,000 × $0.30 + 1,000 × $15
}
ASKED = "Say something."
BODIES: dict[str, dict[str, Any]] = {
    "/v1/chat/completions": {"messages": [{"role": "user", "content": ASKED}]},
    "/v1/completions": {"prompt": ASKED, "max_tokens": 400},
    "/v1/responses": {"input": ASKED},
    "/v1/messages": {"messages": [{"role": "user", "content": ASKED}], "max_tokens": 400},
}


@pytest.fixture(scope="session")
def priced_world(world: World) -> World:
    stack = world.stack
    simulator = stack.simulator.url
    kinds = {
        "openai": {},
        "azure": {"base_url": simulator},
        "anthropic": {"base_url": simulator},
        "google": {"base_url": simulator},
        "bedrock": {
            "base_url": simulator, "options": json.dumps({"region": "us-east-1"}),
        },
    }  # fmt: skip
    for kind, changes in kinds.items():
        provider = stack.provider(f"priced-{kind}", kind=kind, **changes)
        stack.model(provider, f"priced-{kind}", CASES[kind]["model"])
    provider = stack.provider("priced-more")
    for name in ("gpt-5.6-luna", "text-embedding-3-small"):
        stack.model(provider, f"priced-{name}", name)
    google = stack.provider("priced-google-more", kind="google", base_url=simulator)
    stack.model(google, "priced-gemini-embedding", "gemini-embedding-001")
    stack.wait_until_current()
    return world


@pytest.fixture
def report(priced_world: World) -> Iterator[Any]:
    """Sets what the provider reports, whatever it says."""
    simulator = priced_world.stack.simulator
    yield lambda usage: simulator.configure(any_model=True, usage=usage)
    simulator.configure(any_model=False, usage=None)


def call(world: World, path: str, body: dict[str, Any], request_id: str, **headers: str) -> httpx.Response:
    return httpx.post(
        f"http://127.0.0.1:{world.stack.port}{path}", json=body, timeout=20,
        headers={"Authorization": f"Bearer {world.secret}", "X-Request-ID": request_id, **headers},
    )  # fmt: skip


def line_of(world: World, request_id: str) -> dict[str, Any]:
    (line,) = world.stack.lines(request_id)
    return line


def charges(line: dict[str, Any]) -> dict[str, Decimal]:
    return {charge["meter"]: Decimal(charge["cost"]) for charge in line["charges"]}


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("path", BODIES)
@pytest.mark.parametrize("kind", CASES)
def test_provider_by_endpoint_by_stream(priced_world: World, report: Any, kind: str, path: str, stream: bool) -> None:
    case = CASES[kind]
    report(case["usage"])
    request_id = f"matrix-{kind}{path.replace('/', '-')}-{stream}"

    answer = call(priced_world, path, {**BODIES[path], "model": f"priced-{kind}", "stream": stream}, request_id)

    assert answer.status_code == 200, answer.text
    line = line_of(priced_world, request_id)
    usage = case["usage"]
    assert (line["input_tokens"], line["output_tokens"]) == (1000, 300)
    assert (line["cache_read_tokens"], line["cache_write_5m_tokens"], line["cache_write_1h_tokens"]) == (
        200, usage["written_5m"], usage["written_1h"],
    )  # fmt: skip
    assert (line["usage_source"], line["price_status"], line["is_stream"]) == ("reported", "priced", stream)
    assert charges(line) == {meter: Decimal(cost) for meter, cost in case["charges"].items()}
    assert line["cost"] == line["list_cost"] == Decimal(case["cost"])


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("kind", LONG_COSTS)
def test_a_long_context_prices_the_whole_request(priced_world: World, report: Any, kind: str, stream: bool) -> None:
    report(LONG)
    path, request_id = "/v1/chat/completions", f"matrix-long-{kind}-{stream}"

    call(priced_world, path, {**BODIES[path], "model": f"priced-{kind}", "stream": stream}, request_id)

    assert line_of(priced_world, request_id)["cost"] == Decimal(LONG_COSTS[kind])


@pytest.mark.parametrize(
    ("tier", "cost"),
    [
        ("default", "0.00529"),
        ("flex", "0.002645"),  # 700 × $1 + 200 × $0.10 + 100 × $1.25 + 300 × $6
        ("priority", "0.01058"),  # 700 × $4 + 200 × $0.40 + 100 × $5 + 300 × $24
    ],
)
@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/responses"])
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_the_tier_that_was_served(
    priced_world: World, report: Any, tier: str, cost: str, path: str, stream: bool
) -> None:
    report(NO_HOUR)
    request_id = f"matrix-tier-{tier}-{path.rpartition('/')[2]}-{stream}"

    call(priced_world, path, {**BODIES[path], "model": "priced-openai", "stream": stream, "service_tier": tier},
         request_id)  # fmt: skip

    line = line_of(priced_world, request_id)
    assert (line["service_tier_served"], line["cost"]) == (tier, Decimal(cost))


def test_openais_writes_for_twelve_hours_have_no_price_on_the_list(priced_world: World, report: Any) -> None:
    report(FULL)
    path = "/v1/responses"

    call(priced_world, path, {**BODIES[path], "model": "priced-openai"}, "matrix-12h")

    line = line_of(priced_world, "matrix-12h")
    assert (line["cache_write_5m_tokens"], line["cache_write_1h_tokens"]) == (100, 50)
    assert (line["cost"], line["price_status"]) == (None, "unpriced")


@pytest.mark.parametrize(
    ("model", "tokens", "cost"),
    # six words, which the simulated vendors count as tokens: at $0.02 and at $0.15 a million
    [("priced-text-embedding-3-small", 6, "0.00000012"), ("priced-gemini-embedding", 6, "0.0000009")],
)
def test_embeddings(priced_world: World, report: Any, model: str, tokens: int, cost: str) -> None:
    report(None)

    call(priced_world, "/v1/embeddings", {"model": model, "input": "one two three four five six"}, f"matrix-{model}")

    line = line_of(priced_world, f"matrix-{model}")
    assert (line["input_tokens"], line["output_tokens"]) == (tokens, 0)
    assert line["cost"] == Decimal(cost)


# ---- interrupted -----------------------------------------------------------------------------------------------------
RATES = {"openai": "12", "azure": "10", "anthropic": "15", "google": "10", "bedrock": "15"}  # output, per million


@pytest.mark.parametrize("kind", RATES)
def test_an_interrupted_stream_costs_what_arrived(priced_world: World, report: Any, kind: str) -> None:
    """Anthropic has said what the prompt cost by then; of the others the gateway counts it."""
    report(CASES[kind]["usage"])
    path, request_id = "/v1/chat/completions", f"matrix-cut-{kind}"
    stack = priced_world.stack
    stack.simulator.configure(next_faults=["cut-stream@3"])

    call(priced_world, path, {**BODIES[path], "model": f"priced-{kind}", "stream": True}, request_id)

    line = line_of(priced_world, request_id)
    assert (line["status"], line["usage_source"]) == ("upstream_error", "estimated")
    assert 0 < line["output_tokens"] < 300
    spoken = Decimal(RATES[kind]) * line["output_tokens"] / 1_000_000
    found = charges(line)
    assert found["output"] == spoken
    if kind == "anthropic":
        heard = {meter: Decimal(cost) for meter, cost in CASES[kind]["charges"].items() if meter != "output"}
        assert {meter: cost for meter, cost in found.items() if meter != "output"} == heard
    assert line["cost"] == sum(found.values())
