"""The outbox's handler of reports: one mail with pictures, documents and the way to have no more of them."""

from __future__ import annotations

from collections.abc import Mapping
from email.message import EmailMessage as StandardMessage
from email.policy import SMTP, Policy
from email.utils import formatdate
from typing import Any

from django.conf import settings
from django.core import signing
from django.core.mail import EmailMessage
from django.urls import reverse

from analytics.reports.models import Report, ReportDelivery
from analytics.reports.render.mail import UNSUBSCRIBE, Rendered
from analytics.reports.running import opened
from gateway.services import mailing

SALT = "analytics.reports.unsubscribe"


def deliver(dedupe_key: str, payload: Mapping[str, Any]) -> None:
    """Send the mail of a delivery; raises when the server does not take it. One that is gone is done."""
    rows = ReportDelivery.objects.select_related("run__report", "content")
    delivery = rows.filter(pk=payload["delivery"]).first()
    if delivery is None or delivery.content is None:
        return
    mailing.send(ReportEmail(opened(delivery.content), delivery.run.report, delivery.address, dedupe_key))


class ReportEmail(EmailMessage):
    """alternative(text, related(HTML, pictures)) and the attachments, by the standard library (RFC 2387, RFC 8058)."""

    def __init__(self, rendered: Rendered, report: Report, address: str, key: str) -> None:
        super().__init__(mailing.one_line(rendered.subject), "", to=[address])
        self.rendered, self.key = rendered, key
        self.unsubscribe = unsubscribe_url(report, address)

    def message(self, *, policy: Policy[Any] | None = None) -> Any:
        found = _Message(policy=policy or SMTP)
        found["Subject"] = self.subject
        found["From"] = settings.DEFAULT_FROM_EMAIL
        found["To"] = self.to[0]
        found["Date"] = formatdate(localtime=False)
        found["Message-ID"] = mailing.message_id(self.key)
        found["Auto-Submitted"] = "auto-generated"
        found["List-Unsubscribe"] = f"<{self.unsubscribe}>"
        found["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
        found.set_content(self.rendered.text.replace(UNSUBSCRIBE, self.unsubscribe))
        found.add_alternative(self.rendered.html.replace(UNSUBSCRIBE, self.unsubscribe), subtype="html")
        page: Any = found.get_payload(1)
        for number, image in enumerate(self.rendered.images):
            page.add_related(image, "image", "png", cid=f"<chart-{number}>", filename=f"chart-{number}.png",
                             disposition="inline")  # fmt: skip
        for document in self.rendered.attachments:
            main, _, sub = document.content_type.partition(";")[0].partition("/")
            found.add_attachment(document.content, maintype=main, subtype=sub, filename=document.name)
        return found


class _Message(StandardMessage):
    """What Django's backends ask of a message."""

    def as_bytes(self, unixfrom: bool = False, policy: Any = None, linesep: str = "\n") -> bytes:
        return super().as_bytes(unixfrom, policy=(policy or self.policy).clone(linesep=linesep))


def unsubscribe_url(report: Report, address: str) -> str:
    """Signed: whoever has the mail may end it, and nobody else."""
    token = signing.dumps([str(report.pk), address.lower()], salt=SALT)
    return f"{settings.CONSOLE_URL}{reverse('report-unsubscribe', args=[token])}"


def read_token(token: str) -> tuple[str, str]:
    """The report's id and the address. Raises `django.core.signing.BadSignature`."""
    report, address = signing.loads(token, salt=SALT)
    return str(report), str(address)
