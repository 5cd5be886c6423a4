"""One path whose methods are of different views, each with callers of its own: DRF gives a path to one view alone."""

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponseBase
from django.views.decorators.csrf import csrf_exempt

View = Callable[..., HttpResponseBase]


def by_method(**views: View) -> View:
    """`get=…`, `post=…`; any other method goes to the first view, which refuses it. Documented by the views' own
    patterns, which stand behind it and have its name."""
    first = next(iter(views.values()))
    heads = {"head"} if "get" in views else set()
    allowed = ", ".join(name.upper() for name in sorted({*views, *heads, "options"}))

    @csrf_exempt  # DRF's session authentication checks the token itself
    def dispatch(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        view = views.get((request.method or "").lower(), first)
        response = view(request, *args, **kwargs)
        if "Allow" in response:  # of OPTIONS, and of 405
            response["Allow"] = allowed
        return response

    dispatch.actions = dict.fromkeys(views, "")  # type: ignore[attr-defined]  # which methods there are, as viewsets say
    return dispatch
