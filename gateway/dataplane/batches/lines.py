"""The input file of a batch: each line is a call, checked, screened and rewritten as a call of its own would be.

Source: OpenAI, "Batch API" (one model and one endpoint a file, `custom_id`, `method`, `url`, `body`).
"""

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from gateway.dataplane import call as call_module
from gateway.dataplane import jsonsplice
from gateway.dataplane.batches.upstream import OFFERS
from gateway.dataplane.call import Call
from gateway.dataplane.endpoints import ENDPOINTS, OPENAI_MODERATIONS
from gateway.dataplane.errors import ApiError
from gateway.dataplane.views import Target

if TYPE_CHECKING:
    from gateway.dataplane.adapters.openai import OpenAIAdapter
    from gateway.dataplane.runtime import Runtime

MAX_LINES = 50_000
SLICE = 50
PATHS = ("/v1/chat/completions", "/v1/completions", "/v1/embeddings", "/v1/responses", "/v1/moderations")
REPEATED = ("resolve", "guard_input")
"""Stages that every line passes; limits and budgets are asked once, when the batch is made."""


@dataclass(slots=True)
class Input:
    """A file as the provider gets it."""

    data: bytes
    model: str
    endpoint: str
    target: Target


async def read(runtime: "Runtime", caller: Call, data: bytes) -> Input:
    """Raises `ApiError` 400 naming the line, or what the stages raise."""
    out: list[bytes] = []
    first: Input | None = None
    for number, line in enumerate(data.splitlines(), 1):
        if not line.strip():
            continue
        if len(out) >= MAX_LINES:
            raise _bad(number, f"a batch has at most {MAX_LINES:,} requests")
        if len(out) % SLICE == SLICE - 1:
            await asyncio.sleep(0)  # calls come first
        call, item = _call(caller, line, number)
        if first is not None and (call.model, item["url"]) != (first.model, first.endpoint):
            raise _bad(number, "all requests of a batch have the same model and url")
        caller.model = call.model
        await _pass(call, runtime)
        target = first.target if first is not None else _target(call, runtime)
        out.append(_rewritten(runtime, call, target, line))
        first = first or Input(b"", call.model, item["url"], target)
    if first is None:
        raise ApiError(400, "invalid_batch_file", "The file has no requests.", param="file")
    first.data = b"\n".join(out) + b"\n"
    return first


def _call(caller: Call, line: bytes, number: int) -> tuple[Call, dict[str, Any]]:
    if jsonsplice.is_too_long_to_scan(line):
        raise _bad(number, f"it has more than {jsonsplice.MAX_SCANNED:,} parts")
    try:
        item = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise _bad(number, "it is not valid JSON") from error
    if not isinstance(item, dict) or not isinstance(item.get("body"), dict):
        raise _bad(number, "'body' is required and must be an object")
    if item.get("url") not in PATHS or item.get("method") != "POST":
        raise _bad(number, f"'method' must be POST and 'url' one of {', '.join(PATHS)}")
    call = call_module.new_call(ENDPOINTS[item["url"]], caller.headers, caller.client_ip)
    call.request_id, call.key = caller.request_id, caller.key
    try:
        span = jsonsplice.top_level(line)["body"]
        call_module.parse(call, line[span.start : span.end])
    except jsonsplice.DuplicateKeyError as error:
        raise _bad(number, f"the key {error} appears twice") from error
    except ApiError as error:
        raise _bad(number, error.message, error.param) from error
    if call.is_stream:
        raise _bad(number, "a batch has no streams", "stream")
    return call, item


async def _pass(call: Call, runtime: "Runtime") -> None:
    for stage in runtime.stages[1:]:
        if getattr(stage, "__name__", "") in REPEATED:
            result = stage(call, runtime)
            if result is not None:
                await result
    if call.filters or call.reviewers:
        message = "A guardrail has to see the answers of this project, which a batch does not show it."
        raise ApiError(403, "guardrail_blocked", message, kind="permission_error")


def _target(call: Call, runtime: "Runtime") -> Target:
    """The first target that takes batches of such calls as they are."""
    for target in sorted(call.candidates, key=lambda target: target.priority):
        adapter = runtime.adapters.get(target.provider.kind)
        takes = adapter is not None and call.endpoint.dialect in adapter.natives(target)
        if target.provider.kind in OFFERS and takes:
            return target
    message = f"No provider of '{call.model}' offers batches of {call.endpoint.path}."
    raise ApiError(400, "endpoint_not_supported", message, param="model")


def _rewritten(runtime: "Runtime", call: Call, target: Target, line: bytes) -> bytes:
    """The line with the provider's name for the model, and what guardrails and routes changed."""
    adapter: OpenAIAdapter = runtime.adapters[target.provider.kind]  # type: ignore[assignment]  # kinds in OFFERS
    if call.endpoint.dialect == OPENAI_MODERATIONS:
        changed = call.fields.get("model") != target.upstream_name
        body = jsonsplice.splice(call.body, {"model": target.upstream_name}, call.fields) if changed else call.body
    else:
        body = adapter.native_body(call, target)
    span = jsonsplice.top_level(line)["body"]
    return line[: span.start] + body.replace(b"\n", b" ").replace(b"\r", b" ") + line[span.end :]


def _bad(number: int, why: str, param: str | None = None) -> ApiError:
    where = f"line {number}" if param is None else f"line {number}, body.{param}"
    return ApiError(400, "invalid_batch_file", f"Line {number} of the file: {why}.", param=where)
