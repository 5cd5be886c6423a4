"""What runs in the playground's Pyodide: one call with the generated package, told of as it goes."""

import asyncio
import json
import sys

sys.path.insert(0, "/sdk")
from llm_gateway import AsyncGateway, errors
from llm_gateway._runtime.aio import FetchTransport
from llm_gateway._runtime.options import Timeouts


class Body:
    """The answer's bytes, shown as they pass."""

    def __init__(self, inner, emit):
        self._inner, self._emit = inner, emit

    async def pieces(self):
        async for piece in self._inner.pieces():
            self._emit("raw", json.dumps({"text": piece.decode("utf-8", "replace")}))
            yield piece

    async def read(self):
        return await self._inner.read()

    async def close(self):
        await self._inner.close()


class Watched(FetchTransport):
    """The package's own transport, with each try told of."""

    def __init__(self, base_url, emit):
        super().__init__(base_url)
        self._emit, self._tries = emit, 0

    async def send(self, request):
        self._tries += 1
        self._emit("try", json.dumps({"number": self._tries}))
        try:
            reply = await super().send(request)
        except errors.GatewayError as error:
            self._emit("unanswered", json.dumps({"number": self._tries, "text": str(error)}))
            raise
        said = {"number": self._tries, "status": reply.status, "headers": dict(reply.headers)}
        self._emit("answered", json.dumps(said))
        if reply.status < 400:
            reply.body = Body(reply.body, self._emit)
        return reply


RUNNING = {}


def stop(run):
    if run in RUNNING:
        RUNNING[run].cancel()


async def call(text, emit):
    asked = json.loads(text)
    RUNNING[asked["run"]] = asyncio.current_task()

    def on_retry(retry):
        said = {"retries": retry.attempt, "delayMs": retry.delay_s * 1000, "status": retry.status, "text": retry.reason}
        emit("retry", json.dumps(said))

    seconds = {name: value / 1000 for name, value in asked["timeouts"].items()}
    timeouts = Timeouts(**{{"firstByte": "first_byte"}.get(name, name): value for name, value in seconds.items()})
    options = {"max_retries": asked["maxRetries"], "timeouts": timeouts, "on_retry": on_retry}
    transport = Watched(asked["origin"], emit)
    try:
        async with AsyncGateway(
            base_url=asked["origin"], api_key=asked["secret"], transport=transport, **options
        ) as client:
            stream = await client.chat.completions.stream(**asked["body"], request_options=request_options(asked))
            seen = 0
            async with stream:
                async for chunk in stream:
                    for event, data in stream.unknown[seen:]:
                        emit("unknown", json.dumps({"event": event, "data": json.dumps(data)}))
                    seen = len(stream.unknown)
                    emit("chunk", json.dumps({"chunk": chunk.to_dict()}))
            emit("done", json.dumps({"gateway": about(stream.gateway)}))
    except asyncio.CancelledError:
        emit("failed", json.dumps({"name": "CancelledError", "text": "The call was stopped.", "isStopped": True}))
    except errors.GatewayError as error:
        names = {"status": "status", "code": "code", "requestId": "request_id"}
        said = {name: getattr(error, attribute, None) for name, attribute in names.items()}
        emit("failed", json.dumps({"name": type(error).__name__, "text": str(error), **said}))
    finally:
        del RUNNING[asked["run"]]


def request_options(asked):
    cache = asked["gateway"].get("cache")
    return {"cache": cache} if cache else {}


def about(info):
    return {
        "requestId": info.request_id,
        "cost": None if info.cost is None else f"{info.cost:f}",
        "cache": info.cache,
        "provider": info.provider,
        "model": info.model,
        "attempts": info.attempts,
        "retries": info.retries,
    }
