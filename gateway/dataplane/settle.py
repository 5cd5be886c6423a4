"""From an attempt's outcome to its ledger line. Synchronous: settle and journal happen with no await between."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import orjson

from gateway.dataplane import call as call_module
from gateway.dataplane import callers, clock
from gateway.dataplane.adapters.outbound import Outbound
from gateway.dataplane.call import Call
from gateway.dataplane.connection import Exchange
from gateway.dataplane.deployments import Deployment
from gateway.dataplane.plan import Step
from gateway.dataplane.usage import Usage, guessed
from gateway.dataplane.views import Target

if TYPE_CHECKING:
    from gateway.dataplane.runtime import Runtime

NOTHING = Usage({}, "reported")


@dataclass(slots=True)
class Outcome:
    """How an attempt ended. Clocks are `perf_counter` seconds; `usage` None means nothing was consumed.

    `first_byte_s` is filled in when the attempt is settled: from its start to the client's first byte of a stream.
    """

    status: str
    http_status: int | None = None
    error_type: str | None = None
    usage: Usage | None = None
    is_final: bool = True
    first_byte_clock: float | None = None
    first_byte_s: float | None = None
    finish_reason: str | None = None
    tool_calls: int = 0


@dataclass(slots=True, eq=False)
class Attempt:
    """One upstream try of a call, from its begin frame on. `broken`: usage of a whole answer that broke off."""

    id: str
    call: Call
    step: Step
    deployment: Deployment
    epoch: int
    ms: int
    clock: float
    line: dict[str, Any]
    exchange: Exchange | None = None
    is_settled: bool = False
    broken: Usage | None = None

    @property
    def target(self) -> Target:
        return self.step.target

    @property
    def outbound(self) -> Outbound:
        return self.step.outbound


def request_columns(call: Call) -> dict[str, Any]:
    """Columns known as soon as the stages are passed; shared by all lines of the request."""
    key, headers = call.key, call.headers
    assert key is not None
    fields = call.fields
    turns, tools = call.turns, fields.get("tools")
    line: dict[str, Any] = {
        "request_id": call.request_id,
        "organization": key.organization,
        "team": key.team,
        "project": key.project,
        "api_key": key.id,
        "user": key.user,
        "end_user": call_module.end_user(call),
        "tag_set": call_module.tags(call),
        "endpoint": call.endpoint.path,
        "is_stream": call.is_stream,
        "model_requested": call_module.clean(call.model, 200),
        "route": call.route,
        "cache_status": call.cache_status,
        "max_tokens": call.max_tokens if abs(call.max_tokens or 0) < 2**62 else None,
        "message_count": len(turns) if turns is not None else None,
        "tool_count": len(tools) if isinstance(tools, list) else None,
        "sdk": callers.sdk_of(headers.get(b"user-agent", b""), headers.get(b"x-gateway-sdk")),
        "sdk_about": callers.about_of(headers.get(b"x-gateway-sdk")),
        "client_ip_hash": call_module.ip_hash(call.client_ip),
    }
    if call.is_inner:
        line["is_final"] = False
    tier = fields.get("service_tier")
    if isinstance(tier, str):
        line["service_tier_requested"] = call_module.clean(tier, 30)
    return {name: value for name, value in line.items() if value is not None}


def begin(call: Call, step: Step, runtime: "Runtime") -> Attempt:
    """Journal the attempt; raises `SpoolFullError` before anything was sent."""
    target = step.target
    ms = clock.now_ms()
    call.attempts += 1
    attempt_id = call_module.new_id(ms)
    line = {**request_columns(call), "kind": "attempt", "provider": target.provider.slug, "model_served": target.name}
    if call.route or call.attempts > 1 or len(call.targets) > 1:
        line["route_decision"] = {"attempt": call.attempts, "why": step.why, **decided(call)}
    for on_begin in call.begun:
        on_begin(target, ms, line)
    begun = line | {
        "estimate": guessed(call),
        "pricing": {"price_list": target.provider.price_list, "model": target.upstream_name},
    }
    if target.provider.price_region:
        begun["pricing"]["region"] = target.provider.price_region
    runtime.spool.begin(attempt_id, orjson.dumps(begun))
    deployment = runtime.deployments.of(target)
    epoch = deployment.began(runtime.deployments.clock())
    return Attempt(attempt_id, call, step, deployment, epoch, ms, time.perf_counter(), line)


def decided(call: Call) -> dict[str, Any]:
    """How the targets were chosen, for the ledger: what routing said, else their order."""
    if call.decision is not None:
        return call.decision
    return {"targets": [{"provider": t.provider.slug, "model": t.name} for t in call.targets[:8]]}


def settle(attempt: Attempt, outcome: Outcome, runtime: "Runtime") -> Mapping[str, Any]:
    """Price, journal, and feed limits back; returns the line. Never raises for an unknown price."""
    call, line = attempt.call, attempt.line
    usage = outcome.usage or NOTHING
    _add_outcome(attempt, outcome, usage)
    line |= _price(attempt, usage, runtime)
    if outcome.status == "ok":
        line |= call_module.fingerprints(call)
    runtime.spool.settle(attempt.id, orjson.dumps(line))
    attempt.is_settled = True
    deployments = runtime.deployments
    attempt.deployment.settled(deployments.clock(), attempt.epoch, outcome, line["duration_ms"] / 1000, call.is_stream)
    runtime.metrics.settled(outcome.status, line)
    for on_settled in call.settled:
        on_settled(attempt, outcome, line)
    return line


def _add_outcome(attempt: Attempt, outcome: Outcome, usage: Usage) -> None:
    line, now = attempt.line, time.perf_counter()
    line |= usage.tokens
    line |= {
        "id": attempt.id,
        "is_final": outcome.is_final and not attempt.call.is_inner,
        "status": outcome.status,
        "usage_source": usage.source,
        "duration_ms": round((now - attempt.clock) * 1000, 3),
    }
    if outcome.first_byte_clock is not None:
        outcome.first_byte_s = outcome.first_byte_clock - attempt.clock
        line["ttft_ms"] = round(outcome.first_byte_s * 1000, 3)
        line["output_ms"] = round((now - outcome.first_byte_clock) * 1000, 3)
    optional = {
        "http_status": outcome.http_status,
        "error_type": outcome.error_type,
        "finish_reason": outcome.finish_reason,
        "tool_calls": outcome.tool_calls or None,
        "service_tier_served": usage.service_tier and call_module.clean(usage.service_tier, 30),
    }
    line |= {name: value for name, value in optional.items() if value is not None}


def _price(attempt: Attempt, usage: Usage, runtime: "Runtime") -> Mapping[str, Any]:
    if not usage.tokens:  # refused, or failed before anything was consumed: nothing to pay for
        return {"cost": "0", "list_cost": "0", "price_status": "free"}
    provider = attempt.target.provider
    key = attempt.call.key
    assert key is not None
    return runtime.pricer.price(
        usage.tokens,
        price_list=provider.price_list,
        model=attempt.target.upstream_name,
        at=datetime.fromtimestamp(attempt.ms / 1000, UTC),
        organization=key.organization,
        context=provider.price_context(usage.context),
        served_by=provider.slug,
    )


def deny(call: Call, code: str, status: int, runtime: "Runtime") -> None:
    """A refused call of an authenticated caller: one zero-cost line."""
    _without_attempt(call, "denied", code, status, runtime)


def abandon(call: Call, runtime: "Runtime") -> None:
    """The client left between two attempts: the request's outcome is a zero-cost line of its own."""
    _without_attempt(call, "cancelled", "client_gone", None, runtime)


def _without_attempt(call: Call, status: str, code: str, http_status: int | None, runtime: "Runtime") -> None:
    line_id = call_module.new_id(clock.now_ms())
    line = request_columns(call) | {
        "id": line_id,
        "kind": "denied",
        "status": status,
        "error_type": code,
        "usage_source": "counted",  # no vendor was asked: that nothing was used, we know ourselves
        "cost": "0",
        "list_cost": "0",
        "price_status": "free",
        "duration_ms": round((time.perf_counter() - call.clock) * 1000, 3),
    }
    if http_status is not None:
        line["http_status"] = http_status
    runtime.spool.line(line_id, orjson.dumps(line))
    runtime.metrics.settled(status, line)
