"""Failed proofs count as failed sign-ins do, for the name and the address, whichever page they were given on."""

from axes.handlers.proxy import AxesProxyHandler
from django.contrib.auth.signals import user_login_failed
from django.http import HttpRequest

from gateway.models import User


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
