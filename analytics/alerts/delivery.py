"""Telling people: an event becomes one outbox message for each channel, delivered at least once with a stable id.

Webhooks are signed by the Standard Webhooks specification 1.0 (github.com/standard-webhooks/standard-webhooks,
spec/standard-webhooks.md): headers `webhook-id` (stable over retries), `webhook-timestamp` and `webhook-signature`,
`v1,` and the base64 HMAC-SHA-256 of `id.timestamp.body`. Every URL is called through the client that refuses private
addresses and follows no redirect.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Iterator, Mapping
from typing import Any
from uuid import UUID

from django.conf import settings
from django.urls import reverse

from analytics.alerts.models import AlertChannel, AlertDelivery, AlertEvent, ChannelKind, EventKind
from gateway import credentials, outbound
from gateway.choices import Role
from gateway.models import Membership, Organization, OutboxMessage
from gateway.services import mailing, outbox

TOPIC = "alert"
TIMEOUT_S = 10.0
WORDS = {
    EventKind.FIRED: "Firing", EventKind.REPEATED: "Still firing", EventKind.RESOLVED: "Resolved",
    EventKind.ACKNOWLEDGED: "Acknowledged", EventKind.TEST: "Test",
}  # fmt: skip


class Undelivered(Exception):
    """The receiver did not take it; the text is safe to show."""


def send(event: AlertEvent) -> list[AlertDelivery]:
    """Write a message for each channel of the rule, in the caller's transaction."""
    channels = AlertChannel.objects.filter(rule=event.rule_id, archived_at=None)
    return [
        AlertDelivery.objects.create(event=event, channel=channel, message=message)
        for channel in channels
        for message in _messages(event, channel)
    ]


def _messages(event: AlertEvent, channel: AlertChannel) -> Iterator[OutboxMessage]:
    name = f"alert.{event.pk}.{channel.pk}"
    if channel.kind == ChannelKind.OWNERS:
        for person, address in owners_of(event.rule.organization):
            yield _mail(event, address, f"{name}.{person}")
    elif channel.kind == ChannelKind.EMAIL:
        yield _mail(event, credentials.decrypt(bytes(channel.target)), name)
    else:
        yield _post(event, channel, name)


def _mail(event: AlertEvent, address: str, name: str) -> OutboxMessage:
    return outbox.enqueue_mail(to=address, subject=subject_of(event), text=text_of(event), dedupe_key=name)


def owners_of(organization: Organization) -> list[tuple[UUID, str]]:
    """Id and address of each active owner; nobody of the demo company. One query."""
    if organization.is_demo:
        return []
    rows = Membership.objects.filter(
        organization=organization, role=Role.OWNER, archived_at=None, user__is_active=True
    ).select_related("user")
    return [(row.user_id, row.user.email) for row in rows.order_by("created_at", "id") if row.user.email]


def _post(event: AlertEvent, channel: AlertChannel, name: str) -> OutboxMessage:
    body = slack_of(event) if channel.kind == ChannelKind.SLACK else payload_of(event)
    return outbox.enqueue(topic=TOPIC, dedupe_key=name, payload={"channel": str(channel.pk), "body": body})


def deliver(dedupe_key: str, payload: Mapping[str, Any]) -> None:
    """Handler of the topic `alert`. Raises `OutboundError` or `Undelivered`; both are tried again. A channel that was
    taken away meanwhile gets nothing."""
    channel = AlertChannel.objects.filter(pk=payload["channel"], archived_at=None).first()
    if channel is None:
        return
    body = json.dumps(payload["body"], separators=(",", ":"), ensure_ascii=False).encode()
    headers = {"Content-Type": "application/json", "User-Agent": "llm-gateway-alerts"}
    if channel.secret is not None:
        headers |= signature(credentials.decrypt(bytes(channel.secret)), dedupe_key, int(time.time()), body)
    answer = outbound.request(
        "POST", credentials.decrypt(bytes(channel.target)), headers=headers, body=body, timeout_s=TIMEOUT_S
    )
    if not 200 <= answer.status < 300:
        raise Undelivered(f"The receiver answered with HTTP {answer.status}.")


def signature(secret: str, identity: str, timestamp: int, body: bytes) -> dict[str, str]:
    """Headers of a signed webhook. `secret`: `whsec_` and base64."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = hmac.digest(key, f"{identity}.{timestamp}.".encode() + body, hashlib.sha256)
    return {
        "webhook-id": identity,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": f"v1,{base64.b64encode(signed).decode()}",
    }


def subject_of(event: AlertEvent) -> str:
    about = f" ({event.label})" if event.label else ""
    return mailing.one_line(f"[{WORDS[EventKind(event.kind)]}] {event.rule.name}{about}")[:200]


def url_of(event: AlertEvent) -> str:
    return f"{settings.CONSOLE_URL}{reverse('admin:alert', args=[event.rule_id])}"


def text_of(event: AlertEvent) -> str:
    """The mail's text. Names keep to their line: what they say must not look like ours."""
    rule = event.rule
    name, owner = mailing.one_line(rule.name), mailing.one_line(rule.organization.name)
    return (
        f"{WORDS[EventKind(event.kind)]}: {name}\n\n{mailing.one_line(event.text)}\n\n"
        f"Organization: {owner}\nSeverity: {rule.get_severity_display()}\n"
        f"Found at: {event.window:%Y-%m-%d %H:%M} UTC\n\n{url_of(event)}\n"
    )


def slack_of(event: AlertEvent) -> dict[str, Any]:
    """Slack's incoming-webhook message; `text` is the fallback (docs.slack.dev, messaging/sending-messages-using-
    incoming-webhooks). `&`, `<` and `>` are escaped, so that no name becomes a link."""
    title, text = (_escaped(part) for part in (subject_of(event), event.text))
    return {
        "text": f"{title}: {text}",
        "blocks": [
            {"type": "section", "text": {"type": "mrkdwn", "text": f"*{title}*\n{text}\n<{url_of(event)}|Open>"}}
        ],
    }


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def payload_of(event: AlertEvent) -> dict[str, Any]:
    """The signed webhook's body."""
    rule = event.rule
    return {
        "type": f"alert.{event.kind}",
        "timestamp": event.created_at.isoformat(),
        "data": {
            "event": str(event.pk), "rule": str(rule.pk), "name": rule.name, "organization": rule.organization.slug,
            "severity": rule.severity, "subject": event.subject, "label": event.label, "text": event.text,
            "value": None if event.value is None else f"{event.value:f}",
            "threshold": None if event.threshold is None else f"{event.threshold:f}",
            "window": event.window.isoformat(), "url": url_of(event),
        },
    }  # fmt: skip
