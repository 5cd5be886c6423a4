"""Mounts that Django answers: the request goes to the console's socket as it comes, the answer comes back as it is.

`/v1/fine_tuning/jobs` arrives as `/api/openai/v1/fine_tuning/jobs` (`finetuning.front.urls`), whose views authenticate
the virtual key themselves. What goes wrong on the way is said in OpenAI's shape.
"""

from typing import TYPE_CHECKING, Any

from django.conf import settings

from gateway.dataplane import call as call_module
from gateway.dataplane.app import answer_error, refuse_repeated
from gateway.dataplane.call import Call
from gateway.dataplane.console import ConsoleRelay, asked_as, plain
from gateway.dataplane.endpoints import unknown
from gateway.dataplane.errors import ApiError
from gateway.dataplane.metrics import count_error
from gateway.dataplane.protocols import Receive, Send

if TYPE_CHECKING:
    from gateway.dataplane.runtime import Runtime

BELOW = b"/api/openai"


class OpenAIRelay(ConsoleRelay):
    """The relay to the console, for clients that speak OpenAI's wire format."""

    async def refuse(self, scope: dict[str, Any], send: Any, status: int, code: str, detail: str) -> None:
        headers = [(b"x-request-id", asked_as(scope).encode()), (b"connection", b"close")]
        await plain(send, status, ApiError(status, code, detail).body(), b"application/json", headers)

    async def away(self, scope: dict[str, Any], send: Any) -> None:
        error = ApiError(503, "storage_unavailable", "The gateway's console does not answer.", kind="api_error")
        count_error(error)
        headers = [(b"x-request-id", asked_as(scope).encode())]
        await plain(send, 503, error.body(), b"application/json", headers)


class ForwardToConsole:
    """A mount for paths under `/v1` whose views are Django's. It authenticates nobody."""

    def __init__(self, runtime: "Runtime") -> None:
        self._relay = OpenAIRelay(runtime.client, str(settings.CONSOLE_SOCKET))

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        try:
            refuse_repeated(scope["headers"])
        except ApiError as error:
            await answer_error(send, error, _call_of(scope))
            return
        await self.forward(scope, receive, send)

    async def forward(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        """Pass one request on; `receive` may begin with what was read of the body already."""
        raw = scope.get("raw_path") or scope["path"].encode()
        await self._relay({**scope, "raw_path": BELOW + raw}, receive, send)

    def metrics(self) -> list[str]:
        return []


def _call_of(scope: dict[str, Any]) -> Call:
    client = (scope.get("client") or ("", 0))[0]
    return call_module.new_call(unknown(scope["path"]), call_module.headers_of(scope["headers"]), client)
