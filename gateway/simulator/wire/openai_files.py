"""OpenAI's files and batches, kept in memory.

Source: https://platform.openai.com/docs/api-reference/files, …/batch and https://platform.openai.com/docs/guides/batch.
A batch waits `BATCH_STEP_S` in each state (not at all in a simulator without delays) and is worked on when it is next
looked at.
"""

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs

import orjson

from gateway.simulator.calls import ProviderError
from gateway.simulator.latency import Pace
from gateway.simulator.multipart import read_form
from gateway.simulator.request_log import Outcome, Record
from gateway.simulator.server import Exchange
from gateway.simulator.turn import Endpoint, Turn
from gateway.simulator.wire import openai_requests as requests

FILES_PATH = b"/v1/files"
BATCHES_PATH = b"/v1/batches"
BATCH_STEP_S = 2.0
BATCH_ENDPOINTS = ("/v1/chat/completions", "/v1/completions", "/v1/embeddings", "/v1/responses", "/v1/moderations")
PURPOSES = ("assistants", "batch", "fine-tune", "vision", "user_data", "evals")
MAX_PAGE = 100
EndpointFinder = Callable[[bytes, bytes], Endpoint | None]


def find_endpoint(method: bytes, path: bytes, finder: EndpointFinder) -> Endpoint | None:
    """The endpoint for `method path`; `finder` serves the lines of batches."""
    if path == FILES_PATH:
        return {b"POST": upload, b"GET": list_files}.get(method)
    if path.startswith(FILES_PATH + b"/"):
        return {b"GET": read_file, b"DELETE": delete_file}.get(method)
    if path == BATCHES_PATH:
        return {b"POST": create_batch, b"GET": list_batches}.get(method)
    if path.startswith(BATCHES_PATH + b"/") and method in (b"GET", b"POST"):

        async def one_batch(turn: Turn) -> Outcome:
            return await _one_batch(turn, finder)

        return one_batch
    return None


async def _send(turn: Turn, body: Any, content_type: bytes = b"application/json") -> Outcome:
    delivery = turn.deliver(Pace())
    data = body if isinstance(body, bytes) else orjson.dumps(body)
    await delivery.send_body(data, after_s=0, content_type=content_type)
    return delivery.outcome


# ---- files -----------------------------------------------------------------------------------------------------------
def store(turn: Turn, data: bytes, filename: str, purpose: str) -> dict[str, Any]:
    storage = turn.storage
    storage.made += 1
    made = {
        "id": f"file-{turn.number:016x}{storage.made:06x}",
        "object": "file",
        "bytes": len(data),
        "created_at": int(time.time()),
        "filename": filename,
        "purpose": purpose,
        "status": "processed",
        "expires_at": None,
    }
    storage.files[str(made["id"])] = (turn.key, made, data)
    return made


async def upload(turn: Turn) -> Outcome:
    """`POST /v1/files`."""
    form = read_form(turn.exchange.headers.get(b"content-type", b""), turn.exchange.body)
    purpose, part = form.get("purpose"), form.get("file")
    if purpose is None or purpose.text not in PURPOSES:
        raise ProviderError(400, f"Invalid 'purpose'. Must be one of {', '.join(PURPOSES)}.", param="purpose")
    if part is None or part.filename is None:
        raise ProviderError(400, "Missing required parameter: 'file'.", param="file")
    return await _send(turn, store(turn, part.data, part.filename, purpose.text))


async def list_files(turn: Turn) -> Outcome:
    """`GET /v1/files`, newest first."""
    found = [entry for owner, entry, _ in reversed(turn.storage.files.values()) if owner == turn.key]
    return await _send(turn, page(turn, found))


def file_of(turn: Turn, name: str) -> tuple[dict[str, Any], bytes]:
    owner, entry, data = turn.storage.files.get(name, ("", {}, b""))
    if not entry or owner != turn.key:
        raise ProviderError(404, f"No such File object: {name}", param="id")
    return entry, data


async def read_file(turn: Turn) -> Outcome:
    """`GET /v1/files/{id}` and `/content`."""
    name, _, rest = turn.exchange.path.removeprefix(FILES_PATH + b"/").decode("latin-1").partition("/")
    entry, data = file_of(turn, name)
    if rest == "content":
        return await _send(turn, data, b"application/octet-stream")
    return await _send(turn, entry)


async def delete_file(turn: Turn) -> Outcome:
    """`DELETE /v1/files/{id}`."""
    name = turn.exchange.path.removeprefix(FILES_PATH + b"/").decode("latin-1")
    file_of(turn, name)
    del turn.storage.files[name]
    return await _send(turn, {"id": name, "object": "file", "deleted": True})


def page(turn: Turn, found: list[dict[str, Any]]) -> dict[str, Any]:
    """One page of a list, after the id given as `after`."""
    query = parse_qs(turn.exchange.query.decode("latin-1"))
    limit = min(int(query.get("limit", ["20"])[-1]), MAX_PAGE)
    if after := query.get("after", [""])[-1]:
        ids = [entry["id"] for entry in found]
        found = found[ids.index(after) + 1 :] if after in ids else []
    shown = found[:limit]
    first, last = (shown[0]["id"], shown[-1]["id"]) if shown else (None, None)
    return {"object": "list", "data": shown, "first_id": first, "last_id": last, "has_more": len(found) > limit}


# ---- batches ---------------------------------------------------------------------------------------------------------
async def create_batch(turn: Turn) -> Outcome:
    """`POST /v1/batches`."""
    payload = requests.read_object(turn.exchange.body)
    endpoint, window = payload.get("endpoint"), payload.get("completion_window")
    if endpoint not in BATCH_ENDPOINTS:
        names = ", ".join(BATCH_ENDPOINTS)
        message = f"Invalid value: '{endpoint}'. Supported values are: {names}."
        raise ProviderError(400, message, param="endpoint", code="invalid_value")
    if window != "24h":
        raise ProviderError(400, f"Invalid value: '{window}'. Supported values are: '24h'.", param="completion_window")
    entry, data = file_of(turn, str(payload.get("input_file_id")))
    if entry["purpose"] != "batch":
        raise ProviderError(400, "The input file must have the purpose 'batch'.", param="input_file_id")
    now = int(time.time())
    batch = {
        "id": f"batch_{turn.number:016x}",
        "object": "batch",
        "endpoint": endpoint,
        "model": None,
        "errors": None,
        "input_file_id": entry["id"],
        "completion_window": window,
        "status": "validating",
        "output_file_id": None,
        "error_file_id": None,
        "created_at": now,
        "in_progress_at": None,
        "expires_at": now + 86_400,
        "finalizing_at": None,
        "completed_at": None,
        "failed_at": None,
        "expired_at": None,
        "cancelling_at": None,
        "cancelled_at": None,
        "request_counts": {"total": 0, "completed": 0, "failed": 0},
        "usage": None,
        "metadata": payload.get("metadata"),
    }
    errors = _check_lines(data, endpoint)
    if errors:
        batch |= {"status": "failed", "failed_at": now, "errors": {"object": "list", "data": errors}}
    turn.storage.batches[str(batch["id"])] = (turn.key, batch)
    return await _send(turn, batch)


def _check_lines(data: bytes, endpoint: str) -> list[dict[str, Any]]:
    """What the vendor finds while validating: bad JSON, missing ids, another endpoint."""
    errors: list[dict[str, Any]] = []
    seen: set[str] = set()
    lines = data.splitlines()
    if not any(line.strip() for line in lines):
        return [{"code": "empty_file", "message": "The input file is empty.", "param": None, "line": None}]
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        code = _line_error(line, endpoint, seen)
        if code:
            errors.append({"code": code[0], "message": code[1], "param": code[2], "line": number})
    return errors


def _line_error(line: bytes, endpoint: str, seen: set[str]) -> tuple[str, str, str | None] | None:
    try:
        item = orjson.loads(line)
    except orjson.JSONDecodeError:
        return "invalid_json_line", "This line is not parseable as valid JSON.", None
    if not isinstance(item, dict) or not isinstance(item.get("custom_id"), str):
        return "missing_required_parameter", "Missing required parameter: 'custom_id'.", "custom_id"
    if item["custom_id"] in seen:
        return (
            "duplicate_custom_id",
            f"The custom_id for this request is a duplicate: {item['custom_id']}.",
            "custom_id",
        )
    seen.add(item["custom_id"])
    if item.get("url") != endpoint or item.get("method") != "POST":
        return "mismatched_endpoint", "The URL provided for this request does not match the batch endpoint.", "url"
    if not isinstance(item.get("body"), dict):
        return "missing_required_parameter", "Missing required parameter: 'body'.", "body"
    return None


async def list_batches(turn: Turn) -> Outcome:
    """`GET /v1/batches`, newest first."""
    found = [batch for owner, batch in reversed(turn.storage.batches.values()) if owner == turn.key]
    return await _send(turn, page(turn, found))


async def _one_batch(turn: Turn, finder: EndpointFinder) -> Outcome:
    """`GET /v1/batches/{id}`, `POST /v1/batches/{id}/cancel`."""
    name, _, verb = turn.exchange.path.removeprefix(BATCHES_PATH + b"/").decode("latin-1").partition("/")
    owner, batch = turn.storage.batches.get(name, ("", {}))
    if not batch or owner != turn.key:
        raise ProviderError(404, f"No batch found with id '{name}'.", param="batch_id")
    now = int(time.time())
    if verb == "cancel" and turn.exchange.method == b"POST":
        if batch["status"] not in ("validating", "in_progress", "finalizing"):
            raise ProviderError(400, f"Cannot cancel a batch with status '{batch['status']}'.")
        batch |= {"status": "cancelling", "cancelling_at": now}
        return await _send(turn, batch)
    if verb or turn.exchange.method != b"GET":
        raise ProviderError(
            404, f"Invalid URL ({turn.exchange.method.decode()} {turn.exchange.path.decode('latin-1')})"
        )
    await _advance(turn, batch, finder, now)
    return await _send(turn, {**batch, "usage": None} if turn.fault_kind == "no-usage" else batch)


async def _advance(turn: Turn, batch: dict[str, Any], finder: EndpointFinder, now: int) -> None:
    """Bring a batch to the state that its age asks for."""
    if batch["status"] == "cancelling":
        batch |= {"status": "cancelled", "cancelled_at": now}
    if batch["status"] not in ("validating", "in_progress"):
        return
    step = 0.0 if turn.options.instant or turn.options.latency_ms == 0 else BATCH_STEP_S
    age = now - batch["created_at"]
    if age >= step:
        batch |= {"status": "in_progress", "in_progress_at": batch["in_progress_at"] or now}
    if age >= 2 * step:
        await _work(turn, batch, finder)
        batch |= {"status": "completed", "finalizing_at": now, "completed_at": now}


async def _work(turn: Turn, batch: dict[str, Any], finder: EndpointFinder) -> None:
    """Answer every line; good ones go to the output file, refused ones to the error file."""
    _, data = file_of(turn, batch["input_file_id"])
    good: list[bytes] = []
    bad: list[bytes] = []
    totals = {"input_tokens": 0, "cached_tokens": 0, "output_tokens": 0, "reasoning_tokens": 0}
    for number, line in enumerate(filter(bytes.strip, data.splitlines())):
        item = orjson.loads(line)
        status, body = await _answer_line(turn, batch["endpoint"], item["body"], finder)
        entry = {
            "id": f"batch_req_{turn.number:016x}{number:06x}",
            "custom_id": item["custom_id"],
            "response": {"status_code": status, "request_id": f"req_{turn.number:016x}{number:06x}", "body": body},
            "error": None,
        }
        (good if status == 200 else bad).append(orjson.dumps(entry))
        batch["model"] = batch["model"] or item["body"].get("model")
        _add_usage(totals, body.get("usage"))
    if good:
        batch["output_file_id"] = store(turn, b"\n".join(good) + b"\n", f"{batch['id']}_output.jsonl", "batch_output")[
            "id"
        ]
    if bad:
        batch["error_file_id"] = store(turn, b"\n".join(bad) + b"\n", f"{batch['id']}_error.jsonl", "batch_output")[
            "id"
        ]
    batch["request_counts"] = {"total": len(good) + len(bad), "completed": len(good), "failed": len(bad)}
    batch["usage"] = {
        "input_tokens": totals["input_tokens"],
        "input_tokens_details": {"cached_tokens": totals["cached_tokens"]},
        "output_tokens": totals["output_tokens"],
        "output_tokens_details": {"reasoning_tokens": totals["reasoning_tokens"]},
        "total_tokens": totals["input_tokens"] + totals["output_tokens"],
    }


def _add_usage(totals: dict[str, int], usage: Any) -> None:
    """Usage of chat and of responses in one sum."""
    if not isinstance(usage, dict):
        return
    kind = "input" if "input_tokens" in usage else "prompt"
    read = usage.get(f"{kind}_tokens_details") or {}
    written = usage.get("output_tokens_details" if kind == "input" else "completion_tokens_details") or {}
    totals["input_tokens"] += usage[f"{kind}_tokens"]
    totals["output_tokens"] += usage.get("output_tokens" if kind == "input" else "completion_tokens") or 0
    totals["cached_tokens"] += read.get("cached_tokens", 0)
    totals["reasoning_tokens"] += written.get("reasoning_tokens", 0)


class _Captured(Exchange):
    """An exchange whose answer stays here."""

    __slots__ = ("answer", "status")

    def __init__(self, path: bytes, body: bytes) -> None:
        self.method, self.path, self.query = b"POST", path, b""
        self.headers, self.body = {b"content-type": b"application/json"}, body
        self.answer, self.status = b"", 0

    def start(self, status: int, headers: Any, content_type: bytes, *, length: int | None = None) -> None:
        """Keep the status."""
        self.status = status

    def send_raw(self, data: bytes) -> None:
        """Keep the body."""
        self.answer += data

    def finish(self) -> None:
        """Nothing to end."""


async def _answer_line(
    turn: Turn, endpoint: str, body: dict[str, Any], finder: EndpointFinder
) -> tuple[int, dict[str, Any]]:
    """Status and body of one line, served by the endpoint itself without delays."""
    found = finder(b"POST", endpoint.encode())
    assert found is not None
    exchange = _Captured(endpoint.encode(), orjson.dumps({**body, "stream": False}))
    record = Record(0, 0.0, None, None, endpoint, str(body.get("model")), stream=False)
    inner = replace(
        turn, options=replace(turn.options, instant=True), exchange=exchange, record=record, fault=None, headers=[]
    )
    try:
        await found(inner)
    except ProviderError as error:
        failed: dict[str, Any] = orjson.loads(turn.format.error_body(error, turn.number))
        return error.status, failed
    answered: dict[str, Any] = orjson.loads(exchange.answer)
    return exchange.status, answered
