"""`POST /v1/messages/count_tokens` for targets that cannot count themselves: counted here, and labelled so."""

import asyncio
from typing import TYPE_CHECKING

import orjson

from gateway.dataplane import usage
from gateway.dataplane.adapters.wire import malformed
from gateway.dataplane.call import Call
from gateway.dataplane.endpoints import ANTHROPIC_COUNT
from gateway.dataplane.formats.base import Malformed
from gateway.dataplane.protocols import Send

if TYPE_CHECKING:
    from gateway.dataplane.runtime import Runtime


def count_here(call: Call, runtime: "Runtime") -> None:
    """Answers a count whose first target has no endpoint for it; others go the way of every call."""
    if call.endpoint.dialect != ANTHROPIC_COUNT or not call.targets:
        return
    target = call.targets[0]
    adapter = runtime.adapters.get(target.provider.kind)
    if adapter is None or ANTHROPIC_COUNT in adapter.natives(target):
        return

    async def respond(send: Send) -> None:
        from gateway import tokens  # the vocabularies cost 100 MB: only a process that must count loads them

        try:
            messages, tools = usage.chat_form(call)
        except Malformed as error:
            raise malformed(error) from error
        counted = await asyncio.to_thread(tokens.count_chat, messages, tools, target.upstream_name)
        body = orjson.dumps({"input_tokens": counted.tokens})
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", str(len(body)).encode()),
            (b"x-request-id", call.request_id.encode()),
            (b"x-gateway-counted", b"exact" if counted.exact else b"estimated"),
            *call.response_headers,
        ]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    call.responder = respond
