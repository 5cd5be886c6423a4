"""A server span for each request of the console and the management API, in the caller's trace."""

from collections.abc import Callable
from contextvars import Token
from functools import cache
from typing import Any

import structlog
from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.conf import settings
from django.contrib.admindocs.views import simplify_regex
from django.core.exceptions import DisallowedHost, MiddlewareNotUsed
from django.http import HttpRequest, HttpResponse
from django.http.request import split_domain_port

from gateway.otlp import local
from gateway.otlp.context import TraceContext
from gateway.otlp.local import Span

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "CONNECT", "TRACE"})
_FAILED = "_failed_with"
Begun = tuple[Span, Token[TraceContext | None]]


class TracingMiddleware:
    """Behind `RequestIdMiddleware` and the static files, which are not worth a span. Of a request only its method, its
    route as the resolver has it, the host and its id are kept: a path, a query or a header may hold a secret."""

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        if not settings.GATEWAY_OTLP_ENDPOINT:
            raise MiddlewareNotUsed
        self.get_response = get_response
        if iscoroutinefunction(get_response):
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> Any:
        if iscoroutinefunction(self.get_response):
            return self._acall(request)
        begun = _begin(request)
        if begun is None:
            return self.get_response(request)
        response: HttpResponse | None = None
        try:
            response = self.get_response(request)
        finally:
            _end(begun, request, response)
        return response

    async def _acall(self, request: HttpRequest) -> HttpResponse:
        begun = _begin(request)
        if begun is None:
            return await self.get_response(request)  # type: ignore[misc]
        response: HttpResponse | None = None
        try:
            response = await self.get_response(request)  # type: ignore[misc]
        finally:
            _end(begun, request, response)
        return response

    @staticmethod
    def process_exception(request: HttpRequest, exception: Exception) -> None:
        """What a view raised; it is told only when the answer is a 500."""
        setattr(request, _FAILED, type(exception).__name__)


def _begin(request: HttpRequest) -> Begun | None:
    meta = request.META
    span = local.begin("console", "server", "", parent=meta.get("HTTP_TRACEPARENT"), state=meta.get("HTTP_TRACESTATE"))
    if span is None:
        return None
    structlog.contextvars.bind_contextvars(trace_id=span.trace.trace_id)
    return span, local.current.set(span.trace)


def _end(begun: Begun, request: HttpRequest, response: HttpResponse | None) -> None:
    """Without a response the caller left: the server cancelled the request."""
    span, token = begun
    local.current.reset(token)
    method = request.method if request.method in METHODS else "_OTHER"
    match = request.resolver_match
    route = _pattern(match.route) if match is not None else None
    span.name = f"{method} {route}" if route else str(method)
    span.attributes |= {
        "http.request.method": method, "http.route": route, "url.scheme": request.scheme,
        "server.address": _host(request), "gateway.request_id": getattr(request, "request_id", None),
    }  # fmt: skip
    if response is None:
        span.fail("cancelled")
    else:
        span.attributes["http.response.status_code"] = response.status_code
        if response.status_code >= 500:  # HTTP conventions: a server's span fails with 5xx alone
            span.fail(getattr(request, _FAILED, str(response.status_code)))
    span.end()


def _host(request: HttpRequest) -> str | None:
    try:
        return split_domain_port(request.get_host())[0] or None
    except DisallowedHost:
        return None


@cache
def _pattern(route: str) -> str:
    """A route for people: names in angle brackets instead of regular expressions, no slash that may be left out."""
    return simplify_regex(route.replace("/?$", "$"))
