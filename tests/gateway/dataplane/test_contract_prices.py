"""Prices that hold at one provider alone, through the real path: regions, commitments that cover calls.

What the ledger says was worked out by hand from the vendors' price pages (November 2026).
"""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from tests.gateway.dataplane.conftest import World
from tests.gateway.dataplane.test_cost_matrix import BODIES, NO_WRITES, call, charges, line_of

PATH = "/v1/chat/completions"
# provider kind → model, options, and by hand: 800 uncached, 200 cached, 300 out
REGIONS: dict[str, tuple[str, dict[str, str], str]] = {
    # EU data zone: 800 × $2.75 + 200 × $1.375 + 300 × $11 a million
    "azure": ("gpt-4o", {"price_region": "eu"}, "0.005775"),
    # regional location, 10 % more: 800 × $1.65 + 200 × $0.165 + 300 × $9.90
    "google": ("gemini-3.5-flash", {"price_region": "europe-west4"}, "0.004323"),
    # GovCloud, by the region that requests are signed for: 800 × $0.96 + 200 × $0.24 + 300 × $3.84
    "bedrock": ("amazon.nova-pro-v1:0", {"region": "us-gov-west-1"}, "0.001968"),
    # data residency, 10 % more: 800 × $2.75 + 200 × $0.275 + 300 × $16.50
    "openai": ("gpt-5.4", {"price_region": "eu"}, "0.007205"),
}


@pytest.fixture(scope="session")
def regional_world(world: World) -> World:
    stack = world.stack
    for kind, (model, options, _) in REGIONS.items():
        base = {"base_url": stack.simulator.url} if kind != "openai" else {}
        provider = stack.provider(f"regional-{kind}", kind=kind, options=json.dumps(options), **base)
        stack.model(provider, f"regional-{kind}", model)
    for name in ("ptu", "paygo"):
        stack.model(stack.provider(f"contract-{name}"), f"contract-{name}", "gpt-4o")
    stack.wait_until_current()
    return world


@pytest.fixture
def report(regional_world: World) -> Iterator[Any]:
    simulator = regional_world.stack.simulator
    simulator.configure(any_model=True, usage=NO_WRITES)
    yield
    simulator.configure(any_model=False, usage=None)


@pytest.mark.usefixtures("report")
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("kind", REGIONS)
def test_a_call_has_the_price_of_its_providers_region(regional_world: World, kind: str, stream: bool) -> None:
    request_id = f"region-{kind}-{stream}"

    call(regional_world, PATH, {**BODIES[PATH], "model": f"regional-{kind}", "stream": stream}, request_id)

    line = line_of(regional_world, request_id)
    assert (line["price_status"], line["cost"]) == ("priced", Decimal(REGIONS[kind][2]))
    assert all("region=" in charge["rate_id"] for charge in line["charges"])


@pytest.mark.usefixtures("report")
def test_a_covered_call_costs_nothing_at_its_provider_and_its_price_elsewhere(regional_world: World) -> None:
    today = datetime.now(UTC).date()
    commitment = regional_world.stack.insert(
        "costs_commitment", organization_id=regional_world.organization, project_id=regional_world.project, name="PTU",
        kind="provisioned_throughput", provider="contract-ptu", model="contract-p*", amount=Decimal(1), per="hour",
        units=Decimal(50), unit_name="PTU", currency="USD", covers_calls=True, starts_on=today - timedelta(days=1),
        booked_until=today, note="",
    )  # fmt: skip
    regional_world.stack.wait_until_current()

    for name in ("ptu", "paygo"):
        call(regional_world, PATH, {**BODIES[PATH], "model": f"contract-{name}"}, f"contract-{name}")

    covered, paid = line_of(regional_world, "contract-ptu"), line_of(regional_world, "contract-paygo")
    # 800 × $2.50 + 200 × $1.25 + 300 × $10 a million
    assert (covered["cost"], covered["list_cost"], covered["price_status"]) == (0, Decimal("0.00525"), "priced")
    assert charges(covered) == {"input": Decimal(0), "cache_read": Decimal(0), "output": Decimal(0)}
    assert {charge["rate_id"].split(":")[1] for charge in covered["charges"]} == {commitment}
    assert (paid["cost"], paid["list_cost"]) == (Decimal("0.00525"), Decimal("0.00525"))
