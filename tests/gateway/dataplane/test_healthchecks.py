"""Health checks: a dead provider is found before a call meets it, and its return as well."""

import json

import pytest

from gateway.simulator.process import SimulatorProcess
from tests.gateway.dataplane.stack import free_port
from tests.gateway.dataplane.test_routing import Routes, routes

__all__ = ["routes"]


@pytest.mark.slow
def test_a_dead_provider_is_found_before_a_call_meets_it_and_its_return_too(routes: Routes) -> None:
    stack, port = routes.stack, free_port()
    stack.insert("gateway_allowedupstream", host="127.0.0.1", port=port, note="")
    own = {"base_url": f"http://127.0.0.1:{port}/v1", "options": json.dumps({"health_check_s": "3"})}
    upstream = SimulatorProcess(port=port, latency_ms=0)
    watched, other = routes.model("gpt-4o", **own), routes.model("gpt-4o-mini")
    alias = routes.route(watched, other)
    gauge = f'provider="{watched.replace("m", "p")}"'

    def metric(name: str) -> str | None:
        lines = stack.get("/metrics").body.decode().splitlines()
        return next((line.rpartition(" ")[2] for line in lines if line.startswith(f"{name}{{") and gauge in line), None)

    def served() -> tuple[str, str]:
        answer = routes.call(alias)
        return answer.headers["x-gateway-model"], answer.headers["x-gateway-attempts"]

    stack.wait_for(lambda: metric("gateway_provider_up") == "1", timeout_s=20)
    assert served() == (watched, "1")

    upstream.kill()
    stack.wait_for(lambda: metric("gateway_breaker_state") == "2", timeout_s=20)
    assert metric("gateway_provider_up") == "0"
    assert served() == (other, "1")

    upstream = SimulatorProcess(port=port, latency_ms=0)
    try:
        stack.wait_for(lambda: served() == (watched, "1"), timeout_s=20)
    finally:
        upstream.stop()


def test_providers_that_did_not_ask_for_it_are_not_asked(routes: Routes) -> None:
    name = routes.model("gpt-4o")
    routes.route(name)

    lines = routes.stack.get("/metrics").body.decode().splitlines()

    assert [
        line for line in lines if line.startswith("gateway_provider_up") and f'"{name.replace("m", "p")}"' in line
    ] == []
