"""What a batch cost, into the ledger exactly once: its line's id is made with the batch, and the ledger takes it once.

Source: OpenAI API reference, "The batch object" (`usage`, on batches since September 2025) and "Batch API" (output
file). Where `usage` is missing, the output file's lines are summed.
"""

import time
from typing import TYPE_CHECKING, Any

import orjson

from gateway.dataplane import call as call_module
from gateway.dataplane import mediausage, usage
from gateway.dataplane.adapters.passed import READINGS
from gateway.dataplane.batches.store import BATCH, FILE, TERMINAL, Store, Stored, new_id
from gateway.dataplane.batches.upstream import ask, exchange_with, provider_of, safe
from gateway.dataplane.call import Call
from gateway.dataplane.endpoints import ENDPOINTS
from gateway.dataplane.errors import ApiError
from gateway.dataplane.settle import request_columns
from gateway.dataplane.usage import Usage
from gateway.dataplane.views import ProviderView, Target
from gateway.ledger.ids import started_at, uuid7
from gateway.ledger.spool import SpoolFullError

if TYPE_CHECKING:
    from gateway.dataplane.runtime import Runtime

BATCH_PRICES = {"processing": "batch"}
LINE_LIMIT_BYTES = 64 * 1024 * 1024


def called_by(call: Call) -> dict[str, Any]:
    """The columns of the ledger line that are known when the batch is made; plain JSON."""
    columns = request_columns(call)
    kept = ("request_id", "organization", "team", "project", "api_key", "user", "end_user", "tag_set", "sdk",
            "sdk_about", "client_ip_hash", "model_requested", "route")  # fmt: skip
    return {name: columns[name] for name in kept if name in columns}


def stored_batch(call: Call, file: Stored, batch: dict[str, Any], endpoint: str) -> Stored:
    """A row for a batch that was just made; its line begins now."""
    return Stored(
        new_id(), BATCH, str(batch["id"]), file.organization, file.project, file.provider, file.model,
        file.model_served, file.upstream_name, endpoint, str(batch.get("status", ""))[:20], batch, called_by(call),
        str(uuid7(time.time_ns() // 1_000_000)), is_settled=False,
    )  # fmt: skip


async def refresh(runtime: "Runtime", store: Store, one: Stored, request_id: str) -> dict[str, Any]:
    """The batch as the provider describes it now; what it made belongs to the project, what it used is booked."""
    provider = provider_of(runtime, one.provider)
    batch = await ask(runtime, provider, "GET", f"/batches/{safe(one.object_id)}", request_id)
    await follow(runtime, store, one, provider, batch, request_id)
    return batch


async def follow(
    runtime: "Runtime", store: Store, one: Stored, provider: ProviderView, batch: dict[str, Any], request_id: str
) -> None:
    """Files first, then the line, then the mark that nothing is left: killed in between, all of it is done again."""
    made = [name for name in (batch.get("output_file_id"), batch.get("error_file_id")) if isinstance(name, str)]
    if made:
        await store.add(*(_output_file(one, name) for name in made))
    is_over = batch.get("status") in TERMINAL
    if is_over and not one.is_settled:
        await _book(runtime, one, provider, batch, request_id)
    await store.seen(one, batch, is_settled=is_over)


def _output_file(one: Stored, name: str) -> Stored:
    content = {"id": name, "object": "file", "purpose": "batch_output"}
    return Stored(
        new_id(), FILE, name, one.organization, one.project, one.provider, one.model, one.model_served,
        one.upstream_name, one.endpoint, "processed", content, {}, None, is_settled=True,
    )  # fmt: skip


async def _book(
    runtime: "Runtime", one: Stored, provider: ProviderView, batch: dict[str, Any], request_id: str
) -> None:
    counts = batch.get("request_counts")
    done = counts.get("completed", 0) if isinstance(counts, dict) else 0
    used = reported(batch)
    if used is None and (done or batch.get("output_file_id")):
        used = await summed(runtime, one, provider, batch, request_id)
    if used is None or not (done or any(used.tokens.values())):
        return  # nothing was made, so nothing is billed
    assert one.line_id is not None
    line = line_of(one, provider, used, done) | _price(runtime, one, provider, used, done)
    try:
        runtime.spool.line(one.line_id, orjson.dumps(line))
    except SpoolFullError as error:
        raise ApiError(503, "ledger_unavailable", "The gateway cannot record batches right now.", kind="api_error",
                       headers={"Retry-After": "5"}) from error  # fmt: skip


def reported(batch: dict[str, Any]) -> Usage | None:
    """The sum that the provider reports; None without one, and for one that is all zero."""
    said = batch.get("usage")
    found = usage.reported_response(said, {}) if isinstance(said, dict) else None
    return found if found is not None and any(found.tokens.values()) else None


async def summed(
    runtime: "Runtime", one: Stored, provider: ProviderView, batch: dict[str, Any], request_id: str
) -> Usage | None:
    """Usage of the output file's lines; None without one, or when no line reports any."""
    name = batch.get("output_file_id")
    if not isinstance(name, str):
        return None
    tokens: dict[str, int] = {}
    path = f"/files/{safe(name)}/content"
    async with exchange_with(runtime, provider, "GET", path, request_id) as exchange:
        rest = b""
        while piece := await exchange.next_piece():
            *lines, rest = (rest + piece).split(b"\n")
            if len(rest) > LINE_LIMIT_BYTES:
                raise ApiError(502, "upstream_error", "The provider's file has an endless line.", kind="upstream_error")
            for line in lines:
                _add(tokens, line, one.endpoint)
        _add(tokens, rest, one.endpoint)
    return Usage(tokens, "reported") if tokens else None


def _add(tokens: dict[str, int], line: bytes, endpoint: str) -> None:
    try:
        body = orjson.loads(line)["response"]["body"]
        reading = READINGS.get(ENDPOINTS[endpoint].dialect)
        found = reading.usage(body) if reading is not None else None
    except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError):
        return
    for name, count in (found.tokens if found is not None else {}).items():
        tokens[name] = tokens.get(name, 0) + count


def line_of(one: Stored, provider: ProviderView, used: Usage, done: int) -> dict[str, Any]:
    """The line without its price: as many requests as the provider answered, at the time the batch was made."""
    columns = {name: value for name, value in used.tokens.items() if name not in mediausage.UNSTORED}
    return {
        **one.called_by,
        **columns,
        "id": one.line_id,
        "kind": "attempt",
        "is_final": True,
        "endpoint": "/v1/batches",
        "is_stream": False,
        "provider": provider.slug,
        "model_served": one.model_served,
        "status": "ok",
        "http_status": 200,
        "usage_source": used.source,
        "service_tier_served": "batch",
        "request_count": max(1, done),
    }


def _price(runtime: "Runtime", one: Stored, provider: ProviderView, used: Usage, done: int) -> dict[str, Any]:
    """Of so many requests: none of them is as long as all together, which decides what tokens cost."""
    from uuid import UUID

    return dict(
        runtime.pricer.price(
            {**used.tokens, "requests": max(1, done)}, price_list=provider.price_list, model=one.upstream_name,
            at=started_at(UUID(one.line_id)), organization=one.organization,
            context=provider.price_context(BATCH_PRICES), served_by=provider.slug,
        )
    )  # fmt: skip


def stored_file(call: Call, target: Target, model: str, endpoint: str, file: dict[str, Any]) -> Stored:
    key = call.key
    assert key is not None
    return Stored(
        new_id(), FILE, str(file["id"]), key.organization, key.project, target.provider.id,
        call_module.clean(model, 200), target.name, target.upstream_name, endpoint,
        str(file.get("status", ""))[:20], file, {}, None, is_settled=True,
    )  # fmt: skip
