"""What happens to a session when somebody signs in, by whichever door.

Django's own signal is the only place that every door passes: console, single sign-on, programs that log people in.
"""

from typing import Any

from django.contrib.auth.signals import user_logged_in
from django.http import HttpRequest
from django.utils import timezone

from gateway.services.sessions import CLIENT
from gateway.signin import confirmation

AGENT_CHARS = 200


def begin_session(sender: Any, request: HttpRequest, **kwargs: Any) -> None:
    """Signing in is a confirmation; the session keeps from where it was."""
    confirmation.stamp(request)
    request.session[CLIENT] = {
        "at": int(timezone.now().timestamp()),
        "address": request.META.get("REMOTE_ADDR", ""),
        "agent": request.META.get("HTTP_USER_AGENT", "")[:AGENT_CHARS],
        "method": getattr(request, "signed_in_by", "password"),
    }


def connect() -> None:
    user_logged_in.connect(begin_session, dispatch_uid="gateway.signin.begin_session")
