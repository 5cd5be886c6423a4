"""What happens to a session when somebody signs in, by whichever door.

Django's own signal is the only place that every door passes: console, single sign-on, programs that log people in.
"""

from typing import Any

from django.contrib.auth.signals import user_logged_in
from django.http import HttpRequest

from gateway.signin import confirmation


def begin_session(sender: Any, request: HttpRequest, **kwargs: Any) -> None:
    """Signing in is a confirmation."""
    confirmation.stamp(request)


def connect() -> None:
    user_logged_in.connect(begin_session, dispatch_uid="gateway.signin.begin_session")
