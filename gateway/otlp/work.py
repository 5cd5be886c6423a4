"""Celery's messages carry the trace and the request id of whoever sends them; a task goes on with both.

Receivers of Celery's signals, connected by `config.celery`. Request ids travel in the header that django-structlog
writes; what is in a message is judged anew, for whoever reaches the broker writes there what he likes.
"""

from contextvars import Token
from typing import Any

import structlog

from gateway.middleware import VALID_REQUEST_ID
from gateway.otlp import local
from gateway.otlp.context import TraceContext
from gateway.otlp.local import Span

LOG_CONTEXT = "__django_structlog__"
_BEGUN = "_gateway_span"
Begun = tuple[Span, Token[TraceContext | None]]


def carry(headers: dict[str, Any] | None = None, **more: Any) -> None:
    """`before_task_publish`: the current trace, if there is one. Beat's messages have none and begin their own."""
    if headers is not None:
        headers.update(local.headers())


def begin(task_id: str = "", task: Any = None, **more: Any) -> None:
    """`task_prerun`: log lines of the task have its id and the id of the request that sent it."""
    request = task.request
    span = local.begin(
        "background", "consumer", f"process {task.name}",
        parent=request.get("traceparent"), state=request.get("tracestate"),
    )  # fmt: skip
    structlog.contextvars.clear_contextvars()
    bound = {"task_id": task_id, "task": task.name} | _request_id(request.get(LOG_CONTEXT))
    if span is not None:
        bound["trace_id"] = span.trace.trace_id
        setattr(request, _BEGUN, (span, local.current.set(span.trace)))
    structlog.contextvars.bind_contextvars(**bound)


def end(task_id: str = "", task: Any = None, state: Any = None, retval: Any = None, **more: Any) -> None:
    """`task_postrun`."""
    begun: Begun | None = getattr(task.request, _BEGUN, None)
    bound = structlog.contextvars.get_contextvars()
    structlog.contextvars.clear_contextvars()
    if begun is None:
        return
    span, token = begun
    local.current.reset(token)
    outcome = str(state or "UNKNOWN").lower()
    span.attributes = {
        "messaging.system": "celery",
        "messaging.operation.type": "process",
        "messaging.operation.name": "process",
        "messaging.destination.name": (task.request.delivery_info or {}).get("routing_key"),
        "messaging.message.id": task_id,
        "gateway.task": task.name,
        "gateway.task_retries": task.request.retries,
        "gateway.task_outcome": outcome,
        "gateway.request_id": bound.get("request_id"),
    }
    if outcome == "failure":
        span.fail(type(retval).__name__ if isinstance(retval, BaseException) else "failure")
    span.end()


def _request_id(found: Any) -> dict[str, str]:
    value = found.get("request_id") if isinstance(found, dict) else None
    return {"request_id": value} if isinstance(value, str) and VALID_REQUEST_ID.fullmatch(value) else {}
