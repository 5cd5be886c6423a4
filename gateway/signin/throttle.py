"""Failed proofs count as failed sign-ins do, for the name and the address, whichever page they were given on; wrong
passwords also for the name from wherever they come (`guesses`)."""

from collections.abc import Callable, Mapping
from typing import Any

from axes.handlers.proxy import AxesProxyHandler
from axes.models import AccessFailureLog
from django.contrib.auth.signals import user_login_failed
from django.http import HttpRequest

from gateway.models import User
from gateway.services import guesses, sessions

LOCKED_S = "locked_s"
"""Attribute of a request that met the bound of its name: seconds until an attempt is free again."""


def is_locked(request: HttpRequest, user: User) -> bool:
    """Marks the request, so that axes' middleware answers 429."""
    if AxesProxyHandler.is_allowed(request, {"username": user.get_username()}):
        return False
    request.axes_locked_out = True  # type: ignore[attr-defined]
    return True


def count_failure(request: HttpRequest, user: User) -> None:
    """One more; the tenth locks for 15 minutes and marks the request."""
    credentials = {"username": user.get_username()}
    user_login_failed.send(sender=__name__, credentials=credentials, request=request)


def counted_name(request: HttpRequest, given: Mapping[str, Any] | None) -> str | None:
    """`AXES_USERNAME_CALLABLE`: under which name a failed sign-in is kept. Of one that nobody has, a keyed hash: people
    type their password there by mistake. `given`: what was to be proved, None for the form. One query."""
    name = (request.POST if given is None else given).get("username")
    return name if not name or User.objects.filter(username=name).exists() else sessions.unknown_name(name)


def begin_guess(request: HttpRequest, username: str) -> AccessFailureLog | None:
    """An attempt at this name's password; None, with the request marked for 429, when the name has none left."""
    name = counted_name(request, {"username": username}) or ""
    attempt = guesses.begin(name=name)
    if attempt is None:
        request.axes_locked_out = True  # type: ignore[attr-defined]
        setattr(request, LOCKED_S, guesses.wait_s(name=name))
        sessions.record_lock(username=name, address=request.META.get("REMOTE_ADDR", ""))
    return attempt


def is_own_password(request: HttpRequest, user: User, check: Callable[[], bool]) -> bool:
    """Whether `check` says that a person who is signed in knows their password; wrong ones are bounded and counted as
    on the sign-in page. A locked one is not looked at."""
    if is_locked(request, user) or (attempt := begin_guess(request, user.get_username())) is None:
        return False
    if check():
        guesses.take_back(attempt)
        return True
    count_failure(request, user)
    return False
