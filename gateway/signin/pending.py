"""A sign-in that lacks its second step: the first was right, the session is nobody's yet.

What is kept names the person, how they came, where they want to go; it ends after ten minutes, with the person's
password, and with the browser's sign-in.
"""

from dataclasses import asdict, dataclass

from django.contrib.auth import login
from django.http import HttpRequest
from django.utils import timezone
from django.utils.crypto import constant_time_compare

from gateway.models import User

KEY = "signing_in"
PATIENCE_S = 600


@dataclass(frozen=True, slots=True)
class Pending:
    """`proof`: Django's session hash of the password, so that a changed one ends this too."""

    user_id: str
    backend: str
    next: str
    method: str
    at: int
    proof: str


def begin(request: HttpRequest, user: User, *, backend: str, next_path: str, method: str) -> None:
    """The first step is done. The session gets a new key, so that nobody who knew the old one follows."""
    request.session.cycle_key()
    at = int(timezone.now().timestamp())
    kept = Pending(str(user.pk), backend, next_path, method, at, user.get_session_auth_hash())
    request.session[KEY] = asdict(kept)


def read(request: HttpRequest) -> tuple[Pending, User] | None:
    """What waits, with its person, who may still sign in. One query."""
    kept = request.session.get(KEY)
    if not isinstance(kept, dict):
        return None
    pending = Pending(**kept)
    if not 0 <= timezone.now().timestamp() - pending.at < PATIENCE_S:
        return None
    user = User.objects.filter(pk=pending.user_id, is_active=True).first()
    if user is None or not constant_time_compare(user.get_session_auth_hash(), pending.proof):
        return None
    return pending, user


def finish(request: HttpRequest, pending: Pending, user: User, second: str = "") -> None:
    """Sign the person in."""
    request.session.pop(KEY, None)
    request.signed_in_by = f"{pending.method}, {second}" if second else pending.method  # type: ignore[attr-defined]
    login(request, user, backend=pending.backend)
