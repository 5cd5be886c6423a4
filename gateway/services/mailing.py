"""Handing a mail to the configured backend, so that its acknowledgement is the last word."""

import re
import unicodedata
from email.utils import parseaddr

import structlog
from django.conf import settings
from django.core.mail import EmailMessage, get_connection

log = structlog.get_logger(__name__)


def message_id(key: str) -> str:
    """The stable Message-ID of a mail (RFC 5322 §3.6.4) from its key."""
    domain = parseaddr(settings.DEFAULT_FROM_EMAIL)[1].rpartition("@")[2] or "localhost"
    return f"<{key}@{domain}>"


_CONTROL = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


def one_line(subject: str) -> str:
    """A subject without line ends and other control characters: names are in it, and a header ends with its line. Wide
    and narrow spaces stay."""
    kept = "".join(" " if unicodedata.category(letter) in _CONTROL else letter for letter in subject)
    return re.sub(" +", " ", kept).strip(" ")


def send(message: EmailMessage) -> None:
    """Deliver one mail; raises when the server did not take it.

    The server's reply to the data is what counts (RFC 5321 §4.2.5): a connection that fails at the good-bye after it
    is no failure, for the mail would be sent twice.
    """
    connection = get_connection()
    connection.open()
    try:
        if not connection.send_messages([message]):
            raise OSError("the mail has no recipients")
    except BaseException:
        _close(connection)
        raise
    _close(connection)


def _close(connection: object) -> None:
    try:
        connection.close()  # type: ignore[attr-defined]
    except Exception as error:
        log.info("mail_goodbye_failed", error=f"{type(error).__name__}: {error}")
