"""Middleware of the console and management API."""

import re
from collections.abc import Callable
from typing import Any

import structlog
from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.http import HttpRequest, HttpResponse

from gateway.ledger.ids import uuid7_hex

# A caller's id is kept when it is a sane token; anything else is replaced.
VALID_REQUEST_ID = re.compile(r"[A-Za-z0-9._:\-]{1,128}")


def request_id_from(value: str | None) -> str:
    """The caller's `X-Request-ID` when valid, else a fresh `req_…` id.

    Fresh ids ascend with time (UUIDv7): the ledger's index over them grows at its end instead of everywhere.
    """
    return value if value and VALID_REQUEST_ID.fullmatch(value) else f"req_{uuid7_hex()}"


def set_client_address(request: HttpRequest) -> None:
    """Behind the relay there is no peer address; only the relay reaches the Unix socket, and it replaces whatever
    `X-Forwarded-For` the caller sent, so then the header is the caller's address. Otherwise it is never believed."""
    if not request.META.get("REMOTE_ADDR"):
        request.META["REMOTE_ADDR"] = request.META.get("HTTP_X_FORWARDED_FOR", "").rpartition(",")[2].strip()


class RequestIdMiddleware:
    """Gives each request an id (`request.request_id`), binds it to the logs and echoes it in `X-Request-ID`; settles
    the caller's address, which throttles and lock-outs count by."""

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response
        if iscoroutinefunction(get_response):
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> Any:
        if iscoroutinefunction(self.get_response):
            return self._acall(request)
        self._begin(request)
        return self._end(request, self.get_response(request))

    async def _acall(self, request: HttpRequest) -> HttpResponse:
        self._begin(request)
        response: HttpResponse = await self.get_response(request)  # type: ignore[misc]
        return self._end(request, response)

    @staticmethod
    def _begin(request: HttpRequest) -> None:
        set_client_address(request)
        request.request_id = request_id_from(request.META.get("HTTP_X_REQUEST_ID"))  # type: ignore[attr-defined]
        # The logging middleware reads the header; without it, it would make and bind an id of its own.
        request.__dict__.pop("headers", None)  # a cached view of META, if somebody looked before
        request.META["HTTP_X_REQUEST_ID"] = request.request_id  # type: ignore[attr-defined]
        structlog.contextvars.bind_contextvars(request_id=request.request_id)  # type: ignore[attr-defined]

    @staticmethod
    def _end(request: HttpRequest, response: HttpResponse) -> HttpResponse:
        response["X-Request-ID"] = request.request_id  # type: ignore[attr-defined]
        return response
