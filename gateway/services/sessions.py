"""Sessions of people: what is recorded of them, and ending them."""

from django.db import transaction

from gateway.models import User
from gateway.services import audit


@transaction.atomic
def record_confirmation(*, user: User, method: str) -> None:
    """A person proved again that it is them, by `password`, `code` or `sso`."""
    audit.record(organization=None, actor=user, verb="session.confirm", target=user, after={"method": method})
