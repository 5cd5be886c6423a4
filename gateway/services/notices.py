"""Mails that tell people what happened to how they sign in, whoever did it; in the transaction that did it."""

from django.conf import settings
from django.utils import timezone

from gateway.ledger.ids import uuid7
from gateway.models import User
from gateway.services import outbox

TEXTS = {
    "user.change_password": "Your password was changed",
    "user.reset_password": "Your password was set anew with a mailed link",
    "second_factor.enable": "A second factor was switched on for your account",
    "second_factor.disable": "The second factor of your account was switched off",
    "second_factor.reset": "The second factor of your account was switched off by somebody who may",
    "second_factor.lock": "Ten wrong codes locked the second factor of your account for 15 minutes",
    "second_factor.use_recovery_code": "A recovery code of your account was used to sign in",
    "second_factor.renew_recovery_codes": "New recovery codes were made for your account; the former ones ended",
}
"""By the verb of the audit trail."""


def tell(*, user: User, verb: str) -> None:
    """Mail the person; who has no address has nothing to read."""
    if not user.email:
        return
    what = TEXTS[verb]
    outbox.enqueue_mail(
        to=user.email,
        subject=f"{what} - LLM Gateway",
        text=f"{what}: {user.get_username()}, {timezone.now():%Y-%m-%d %H:%M} UTC, {settings.CONSOLE_URL}/admin/\n\n"
        "If this was not you or somebody you asked, set a new password and tell your administrator at once.\n",
        dedupe_key=f"notice-{uuid7()}",
    )
