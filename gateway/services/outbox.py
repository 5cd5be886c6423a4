"""Must-happen effects: written in the transaction that decides them, delivered by a relay at least once.

A relay that dies between the delivery and its commit delivers again, with the same Message-ID; readers fold by it.
Payloads are encrypted, because mails carry addresses and one-time links, and are emptied once delivered.
"""

import json
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import structlog
from django.conf import settings
from django.core.mail import EmailMessage
from django.db import transaction
from django.db.models import F
from django.utils import timezone
from django.utils.module_loading import import_string

from gateway import credentials
from gateway.models import OutboxMessage
from gateway.services import mailing

MAIL = "mail"
MAX_ATTEMPTS = 20
FIRST_DELAY_S = 5
LONGEST_DELAY_S = 3600
_SEALED = "sealed"
log = structlog.get_logger(__name__)

Handler = Callable[[str, Mapping[str, Any]], None]  # (dedupe_key, payload); raises when not delivered


@dataclass(frozen=True, slots=True)
class Relayed:
    """What one round did."""

    delivered: int = 0
    failed: int = 0
    dead: int = 0


def enqueue(*, topic: str, dedupe_key: str, payload: Mapping[str, Any]) -> OutboxMessage:
    """Write a message; the same `dedupe_key` twice is one message. Call it in the deciding transaction."""
    sealed = {_SEALED: credentials.encrypt(json.dumps(payload)).decode()}
    message, _ = OutboxMessage.objects.get_or_create(
        dedupe_key=dedupe_key, defaults={"topic": topic, "payload": sealed, "due_at": timezone.now()}
    )
    return message


def enqueue_mail(*, to: str, subject: str, text: str, dedupe_key: str) -> OutboxMessage:
    """A plain-text mail to one address."""
    return enqueue(topic=MAIL, dedupe_key=dedupe_key, payload={"to": to, "subject": subject, "text": text})


def deliver_mail(dedupe_key: str, payload: Mapping[str, Any]) -> None:
    """Handler of the topic `mail`: Django's configured backend, with a stable Message-ID (RFC 5322 §3.6.4)."""
    headers = {"Message-ID": mailing.message_id(dedupe_key), "Auto-Submitted": "auto-generated"}
    mailing.send(
        EmailMessage(mailing.one_line(payload["subject"]), payload["text"], to=[payload["to"]], headers=headers)
    )


def relay(*, limit: int = 50) -> Relayed:
    """Deliver what is due, oldest first. Any number of relays may run: each message is locked by one of them."""
    counts = {"delivered": 0, "failed": 0, "dead": 0}
    for _ in range(limit):
        outcome = _deliver_next()
        if outcome is None:
            break
        counts[outcome] += 1
    return Relayed(**counts)


def retry(*, message: OutboxMessage) -> None:
    """Offer a dead or waiting message again at once."""
    OutboxMessage.objects.filter(pk=message.pk, delivered_at=None).update(
        dead_at=None, attempts=0, due_at=timezone.now(), updated_at=timezone.now()
    )


def delay_s(attempts: int) -> float:
    """Seconds until the next try after `attempts` failures: doubling from 5 s, at most an hour, ± 20 %."""
    base: float = min(LONGEST_DELAY_S, FIRST_DELAY_S * 2 ** min(attempts - 1, 20))
    return min(LONGEST_DELAY_S, base * random.uniform(0.8, 1.2))  # noqa: S311  (spreading, not a secret)


@transaction.atomic
def _deliver_next() -> str | None:
    """Deliver one due message inside its lock; None when there is none."""
    due = OutboxMessage.objects.filter(delivered_at=None, dead_at=None, due_at__lte=timezone.now())
    message = due.select_for_update(skip_locked=True).order_by("due_at").first()
    if message is None:
        return None
    try:
        with transaction.atomic():
            _handler(message.topic)(message.dedupe_key, _opened(message))
    except Exception as error:
        return _failed(message, error)
    message.delivered_at, message.payload, message.last_error = timezone.now(), {}, ""
    message.attempts = F("attempts") + 1
    message.save(update_fields=["delivered_at", "payload", "last_error", "attempts", "updated_at"])
    return "delivered"


def _failed(message: OutboxMessage, error: Exception) -> str:
    now = timezone.now()
    message.attempts += 1
    message.last_error = f"{type(error).__name__}: {error}"[:1000]
    message.due_at = now + timedelta(seconds=delay_s(message.attempts))
    message.dead_at = now if message.attempts >= MAX_ATTEMPTS else None
    message.save(update_fields=["attempts", "last_error", "due_at", "dead_at", "updated_at"])
    log.warning("outbox_failed", topic=message.topic, attempts=message.attempts, error=message.last_error)
    return "dead" if message.dead_at else "failed"


def _opened(message: OutboxMessage) -> Mapping[str, Any]:
    return json.loads(credentials.decrypt(message.payload[_SEALED].encode()))


def _handler(topic: str) -> Handler:
    path = settings.GATEWAY_OUTBOX_HANDLERS.get(topic)
    if path is None:
        raise LookupError(f"GATEWAY_OUTBOX_HANDLERS has no handler for {topic!r}")
    return import_string(path)
