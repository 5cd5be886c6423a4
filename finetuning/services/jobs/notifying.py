"""Telling people that a job is over: mails and a signed webhook, through the outbox, each at least once.

Webhooks are signed as alerts are (Standard Webhooks 1.0); `webhook-id` stays the same over retries.
"""

import base64
import json
import secrets
import time
from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db.models.functions import Lower

from analytics.alerts.delivery import TIMEOUT_S, Undelivered, signature
from finetuning.models import TuningJob
from gateway import credentials, outbound
from gateway.models import Membership, Organization
from gateway.services import mailing, outbox
from gateway.services.errors import Invalid

TOPIC = "tuning"
MOST_EMAILS = 20
OCCASIONS = ("succeeded", "failed", "cancelled", "budget", "canary")
"""On which a job tells: how it ended, that its budget limit ended it, or what was decided of its model on a route."""


def checked(given: Mapping[str, Any] | None, organization: Organization) -> tuple[dict[str, Any], str]:
    """What is stored of `{"emails", "webhook", "on"}`, and the webhook's secret, shown once (empty without one).

    Mails go to members of the organization alone. Raises `Invalid`.
    """
    wanted = given or {}
    if unknown := set(wanted) - {"emails", "webhook", "on"}:
        raise Invalid("notification", f"A notification has no {', '.join(sorted(unknown))}.", field="notification")
    stored: dict[str, Any] = {}
    if emails := list(wanted.get("emails") or ()):
        stored["emails"] = _members(emails, organization)
    occasions = list(wanted.get("on") or ())
    if not set(occasions) <= set(OCCASIONS):
        raise Invalid("notification", f"It can be on {', '.join(OCCASIONS)}.", field="notification")
    if occasions:
        stored["on"] = occasions
    secret = ""
    if url := str(wanted.get("webhook") or "").strip():
        secret = f"whsec_{base64.b64encode(secrets.token_bytes(24)).decode()}"
        stored |= {"webhook": _sealed(_webhook(url)), "secret": _sealed(secret), "host": outbound.split(url)[1]}
    return stored, secret


def shown(stored: Mapping[str, Any]) -> dict[str, Any]:
    """As the API answers it: the webhook's host alone, since its path may be a secret."""
    return {"emails": stored.get("emails", []), "on": stored.get("on", []), "webhook_host": stored.get("host", "")}


def tell(
    job: TuningJob, occasion: str, *, mark: str = "", words: str = "", news: Mapping[str, Any] | None = None
) -> int:
    """Write the messages of an occasion, in the caller's transaction; returns how many. `mark`: which of several of its
    kind; `words`: what happened, in place of the occasion's name; `news`: more for the webhook."""
    wanted = job.notification or {}
    if occasion not in (wanted.get("on") or OCCASIONS):
        return 0
    name = f"tuning.{job.pk}.{occasion}{mark and f'.{mark}'}"
    for address in wanted.get("emails", ()):
        outbox.enqueue_mail(
            to=address, subject=_subject(job, words or occasion), text=_text(job, words or occasion, news),
            dedupe_key=f"{name}.{address}",
        )  # fmt: skip
    if "webhook" in wanted:
        body = {"type": f"fine_tuning.job.{occasion}", "data": {**_data(job), **(news or {})}}
        outbox.enqueue(topic=TOPIC, dedupe_key=name, payload={"job": str(job.pk), "body": body})
    return len(wanted.get("emails", ())) + ("webhook" in wanted)


def deliver(dedupe_key: str, payload: Mapping[str, Any]) -> None:
    """Handler of the topic `tuning`. Raises `OutboundError` or `Undelivered`; both are tried again."""
    job = TuningJob.objects.filter(pk=payload["job"]).first()
    if job is None or "webhook" not in job.notification:
        return
    body = json.dumps(payload["body"], separators=(",", ":")).encode()
    secret = credentials.decrypt(job.notification["secret"].encode())
    headers = {
        "Content-Type": "application/json", "User-Agent": "llm-gateway-fine-tuning",
        **signature(secret, dedupe_key, int(time.time()), body),
    }  # fmt: skip
    url = credentials.decrypt(job.notification["webhook"].encode())
    answer = outbound.request("POST", url, headers=headers, body=body, timeout_s=TIMEOUT_S)
    if not 200 <= answer.status < 300:
        raise Undelivered(f"The receiver answered with HTTP {answer.status}.")


def _members(emails: list[Any], organization: Organization) -> list[str]:
    if len(emails) > MOST_EMAILS:
        raise Invalid("notification", f"At most {MOST_EMAILS} addresses.", field="notification")
    addresses = [str(email).strip().lower() for email in emails]
    for address in addresses:
        try:
            validate_email(address)
        except ValidationError:
            raise Invalid("notification", f"{address!r} is no mail address.", field="notification") from None
    rows = Membership.objects.filter(organization=organization, archived_at=None, user__is_active=True)
    known = set(rows.annotate(address=Lower("user__email")).values_list("address", flat=True))
    if strangers := [address for address in addresses if address not in known]:
        message = f"{', '.join(strangers)}: mails go to members of the organization alone."
        raise Invalid("notification", message, field="notification")
    return list(dict.fromkeys(addresses))


def _webhook(url: str) -> str:
    try:
        _, host, port = outbound.split(url)
    except outbound.OutboundError as error:
        raise Invalid(error.code, error.message, field="notification") from None
    if outbound.is_private(host, port) and not outbound.is_allowed(host, port):
        raise Invalid("address_not_allowed", f"{host}:{port} is not a public address.", field="notification")
    return url


def _sealed(text: str) -> str:
    return credentials.encrypt(text).decode()


def _subject(job: TuningJob, occasion: str) -> str:
    word = "stopped by its budget limit" if occasion == "budget" else occasion
    return mailing.one_line(f"[Fine-tuning] {job.name}: {word}")[:200]


def _text(job: TuningJob, occasion: str, news: Mapping[str, Any] | None) -> str:
    facts = [
        f"Base model: {job.base_model}", f"Tuned model: {job.tuned_model}" if job.tuned_model else "",
        f"Estimated cost: {job.cost_estimate:f} {job.currency}" if job.cost_estimate is not None else "",
        f"Error: {(job.error or {}).get('message', '')}" if job.error else "",
        *(f"Why: {one['why']}" for one in (news or {}).values()),
    ]  # fmt: skip
    told = [mailing.one_line(fact) for fact in facts if fact]
    return "\n".join([_subject(job, occasion), "", *told, "", f"{settings.CONSOLE_URL}/admin/", ""])


def _data(job: TuningJob) -> dict[str, Any]:
    return {
        "id": str(job.pk), "job": job.public_id, "name": job.name, "status": job.status, "base_model": job.base_model,
        "tuned_model": job.tuned_model or None, "error": job.error,
        "finished_at": job.finished_at.isoformat() if job.finished_at else None,
    }  # fmt: skip
