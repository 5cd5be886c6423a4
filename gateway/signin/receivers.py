"""What happens when somebody signs in, or is locked out, by whichever door.

Django's own signal is the only place that every door of the console passes: password, single sign-on, programs that log
people in; axes' is the only one that every lock does.
"""

from typing import Any

from axes.signals import user_locked_out
from django.contrib.auth.signals import user_logged_in
from django.http import HttpRequest
from django.utils import timezone

from gateway.services import sessions
from gateway.services.sessions import CLIENT
from gateway.signin import confirmation

AGENT_CHARS = 200


def begin_session(sender: Any, request: HttpRequest, user: Any, **kwargs: Any) -> None:
    """Signing in is a confirmation; the session keeps from where it was, and the trail that it was."""
    confirmation.stamp(request)
    request.session[CLIENT] = {
        "at": int(timezone.now().timestamp()),
        "address": request.META.get("REMOTE_ADDR", ""),
        "agent": request.META.get("HTTP_USER_AGENT", "")[:AGENT_CHARS],
        "method": getattr(request, "signed_in_by", "password"),
    }
    if request.method is not None:  # of a program that logs somebody in without a request
        kept = request.session[CLIENT]
        sessions.record_sign_in(user=user, method=kept["method"], address=kept["address"])


def note_lock(sender: Any, request: HttpRequest, username: str | None, ip_address: str | None, **kwargs: Any) -> None:
    """Each refused attempt says so again; the trail has it once."""
    sessions.record_lock(username=username or "", address=ip_address or "")


def connect() -> None:
    user_logged_in.connect(begin_session, dispatch_uid="gateway.signin.begin_session")
    user_locked_out.connect(note_lock, dispatch_uid="gateway.signin.note_lock")
