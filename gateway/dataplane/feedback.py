"""`POST /v1/feedback`: an application's opinion of a request it made, with the key of the same project.

Answered when it is stored. The work is done in one thread with one connection of its own: feedback is rare beside calls
and must never take the event loop or the keeper's connection.
"""

import asyncio
import logging
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import orjson
import psycopg
from django.conf import settings

from gateway.choices import Scope
from gateway.dataplane import call as call_module
from gateway.dataplane.app import answer, answer_error, read_body
from gateway.dataplane.endpoints import unknown
from gateway.dataplane.errors import ApiError
from gateway.dataplane.protocols import Receive, Send
from gateway.dataplane.stages import identify
from gateway.scores import RECORD_SQL, BadScoreError, Opinion, read

if TYPE_CHECKING:
    from gateway.dataplane.runtime import Runtime
    from gateway.dataplane.views import KeyView

logger = logging.getLogger(__name__)
MAX_WAITING = 200
WAIT_FOR_BOOKING_S = 2.0
LOOK_AGAIN_S = 0.1
SCOPES = frozenset({Scope.INFERENCE.value, Scope.INGEST.value})


class Feedback:
    """The handler, one a process."""

    def __init__(self, runtime: "Runtime") -> None:
        self._runtime = runtime
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="feedback")
        self._connection: psycopg.Connection[Any] | None = None
        self._waiting = 0
        self._stored = 0

    def metrics(self) -> list[str]:
        return ["# HELP gateway_feedback_total Quality scores stored.", "# TYPE gateway_feedback_total counter",
                f"gateway_feedback_total {self._stored}"]  # fmt: skip

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        headers = dict(scope["headers"])
        call = call_module.new_call(unknown(scope["path"]), headers, (scope.get("client") or ("", 0))[0])
        try:
            if scope["method"] != "POST":
                raise ApiError(405, "method_not_allowed", "/v1/feedback takes POST.", headers={"Allow": "POST"})
            key = identify(call, self._runtime)
            if SCOPES.isdisjoint(key.scopes):
                raise ApiError(403, "scope_missing", "This key may not send feedback.", kind="permission_error")
            body = await read_body(headers, receive)
            if body is None:
                return
            opinion = _read(body)
            identity, is_new = await self._store(opinion, key)
            said = {
                "id": identity, "object": "feedback", "request_id": opinion.request_id, "name": opinion.name,
                "source": opinion.source, "score": None if opinion.score is None else float(opinion.score),
                "label": opinion.label, "replaced": not is_new,
            }  # fmt: skip
            await answer(send, 200, orjson.dumps(said), call.request_id)
        except ApiError as error:
            await answer_error(send, error, call)

    async def _store(self, opinion: Opinion, key: "KeyView") -> tuple[str, bool]:
        """Raises 404 for a request that the key's project has not made, 503 while the database is away. A request that
        just ended is on its way into the ledger, so it is looked for a moment longer."""
        if self._waiting >= MAX_WAITING:
            raise _unavailable()
        self._waiting += 1
        deadline = time.monotonic() + WAIT_FOR_BOOKING_S
        try:
            loop = asyncio.get_running_loop()
            while True:
                found = await loop.run_in_executor(self._thread, self._record, opinion, key)
                if found is not None:
                    self._stored += 1
                    return found
                if time.monotonic() >= deadline:
                    message = f"No request '{opinion.request_id}' of this project."
                    raise ApiError(404, "request_not_found", message, param="request_id")
                await asyncio.sleep(LOOK_AGAIN_S)
        finally:
            self._waiting -= 1

    def _record(self, opinion: Opinion, key: "KeyView") -> tuple[str, bool] | None:
        """In the thread."""
        try:
            if self._connection is None or self._connection.closed:
                options = "-c statement_timeout=5s"
                self._connection = psycopg.connect(
                    settings.DATABASE_DIRECT_URL, autocommit=True, connect_timeout=3, options=options
                )
            parameters = opinion.parameters(key.organization, key.project, by_key=key.id)
            row = self._connection.execute(RECORD_SQL, parameters).fetchone()
        except psycopg.Error as error:
            logger.warning("feedback waits for the database: %s", str(error).strip().split("\n")[0])
            self._connection = None
            raise _unavailable() from error
        return (str(row[0]), bool(row[1])) if row else None


def _unavailable() -> ApiError:
    message = "Feedback cannot be stored at the moment."
    return ApiError(503, "feedback_unavailable", message, kind="api_error", headers={"Retry-After": "5"})


def _read(body: bytes) -> Opinion:
    try:
        fields = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise ApiError(400, "invalid_json", f"The body is not valid JSON: {error}.") from error
    if not isinstance(fields, dict):
        raise ApiError(400, "invalid_json", "The body must be a JSON object.")
    try:
        return read(fields)
    except BadScoreError as error:
        message = f"{error.message[:1].upper()}{error.message[1:]}."
        raise ApiError(400, "invalid_request", message, param=error.field) from error
