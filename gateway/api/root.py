"""What `/api/v1/` itself answers: every path that opens with GET and no parameter, whichever app brings it."""

from collections.abc import Iterator
from typing import Any

from django.urls import URLPattern, URLResolver, get_resolver
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.routers import APIRootView

from gateway.api.permissions import ANYONE

PREFIX = "api/v1/"


class RootView(APIRootView):
    """Management API of the LLM Gateway."""

    roles = {"get": ANYONE}
    schema = None

    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        here = request.build_absolute_uri(f"{request.path.rstrip('/')}/")
        return Response({path: f"{here}{path}" for path in paths()})


def paths() -> list[str]:
    """Below the prefix, without slashes at the ends, in the order of the apps."""
    return [path for pattern in _patterns() if (path := _plain(pattern)) and _opens(pattern.callback)]


def _patterns() -> Iterator[URLPattern]:
    for place in get_resolver().url_patterns:
        if isinstance(place, URLResolver) and str(place.pattern) == PREFIX:
            yield from (pattern for pattern in place.url_patterns if isinstance(pattern, URLPattern))


def _plain(pattern: URLPattern) -> str:
    """The path of a pattern without parameters; empty for one with, and for the root."""
    text = str(pattern.pattern).removeprefix("^").removesuffix("$").removesuffix("/?")
    return "" if pattern.pattern.regex.groups else text


def _opens(view: Any) -> bool:
    actions = getattr(view, "actions", None)
    return "get" in actions if actions else hasattr(getattr(view, "view_class", view), "get")
