"""Requests to providers that are no calls of models: files and batches, with the provider's credential."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import orjson

from gateway.dataplane import failures
from gateway.dataplane.adapters.azure import authorization, is_dated
from gateway.dataplane.adapters.passed import passed_error
from gateway.dataplane.adapters.wire import AGENT
from gateway.dataplane.connection import Exchange
from gateway.dataplane.errors import ApiError, UpstreamError
from gateway.dataplane.views import ProviderView
from gateway.provideroptions import API_VERSION

if TYPE_CHECKING:
    from gateway.dataplane.runtime import Runtime

OFFERS = frozenset({"openai", "azure", "groq", "openai-compatible"})
"""Kinds with OpenAI's files and batches."""
ANSWER_LIMIT_BYTES = 4 * 1024 * 1024
JSON_TYPE = "application/json"


def provider_of(runtime: "Runtime", identity: str) -> ProviderView:
    """The provider as it is configured now. Raises 404 when it is no longer there, or disabled."""
    catalog = runtime.snapshot.catalog
    for targets in catalog.models.values():
        for target in targets:
            if target.provider.id == identity:
                return target.provider
    raise ApiError(404, "not_found", "The provider that keeps this object is no longer available.")


def path_of(provider: ProviderView, path: str) -> str:
    """Behind the base URL; Azure's has no deployment here."""
    if provider.kind != "azure" or provider.path_prefix.endswith("/openai/v1"):
        return path
    lead = "" if provider.path_prefix.endswith("/openai") else "/openai"
    if not is_dated(provider):
        return f"{lead}/v1{path}"
    return f"{lead}{path}?api-version={provider.options[API_VERSION]}"


def _request(provider: ProviderView, method: str, path: str, request_id: str, content_type: str, body: bytes) -> bytes:
    lines = [f"{method} {provider.path_prefix}{path_of(provider, path)} HTTP/1.1", f"host: {provider.origin.authority}"]
    if provider.kind == "azure":
        lines += [f"{name}: {value}" for name, value in authorization(provider).items()]
    elif provider.credential:
        lines.append(f"authorization: Bearer {provider.credential}")
    if body or method == "POST":
        lines += [f"content-type: {content_type}", f"content-length: {len(body)}"]
    lines += [f"x-request-id: {request_id}", f"user-agent: {AGENT}", "accept-encoding: identity", "", ""]
    return "\r\n".join(lines).encode("latin-1") + body


@asynccontextmanager
async def exchange_with(
    runtime: "Runtime", provider: ProviderView, method: str, path: str, request_id: str, *,
    content_type: str = JSON_TYPE, body: bytes = b"",
) -> AsyncIterator[Exchange]:  # fmt: skip
    """An answer with a good status. Raises `ApiError`: the provider's refusal, or that it cannot be reached."""
    request = _request(provider, method, path, request_id, content_type, body)
    pool = runtime.client.pool(provider.origin)
    exchange: Exchange | None = None
    try:
        # on a new connection: what is made must not be made twice because an idle one turned out closed
        exchange = await pool.start(request, provider.timeouts, is_fresh=method == "POST")
        await exchange.head()
        if exchange.status >= 300:
            said = await exchange.read(ANSWER_LIMIT_BYTES)
            raise failures.of_status(
                exchange.status, said, exchange.header(b"retry-after"), provider.credential, passed_error
            ).error
        yield exchange
    except UpstreamError as error:
        raise failures.of_exception(error).error from error
    finally:
        if exchange is not None:
            exchange.release()


async def ask(
    runtime: "Runtime", provider: ProviderView, method: str, path: str, request_id: str, *,
    content_type: str = JSON_TYPE, body: bytes = b"",
) -> dict[str, Any]:  # fmt: skip
    """The object that the provider answers with. Raises `ApiError`."""
    async with exchange_with(
        runtime, provider, method, path, request_id, content_type=content_type, body=body
    ) as exchange:
        said = await exchange.read(ANSWER_LIMIT_BYTES)
    try:
        answer = orjson.loads(said)
    except orjson.JSONDecodeError:
        answer = None
    if not isinstance(answer, dict):
        raise ApiError(502, "upstream_error", "The provider gave no valid answer.", kind="upstream_error")
    return answer


def safe(object_id: str) -> str:
    """An id as a part of a path."""
    return quote(object_id, safe="")
