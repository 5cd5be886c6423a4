"""A mail server on loopback that may fail, and what it took."""

import email
import email.policy
import socket
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP

FAULTS = {0: "refused", 2: "cut", 4: "good-bye"}
"""By the number of the mail modulo six: refused, cut before the reply, or cut at the good-bye after the reply."""


class Server:
    """Every second mail meets a fault, or none does when `is_failing` is off."""

    def __init__(self, *, is_failing: bool = True) -> None:
        self.is_failing = is_failing
        self.acknowledged: list[Any] = []
        self.faults: Counter[str] = Counter()
        self.count = 0
        self.cut_at_goodbye: set[int] = set()

    async def handle_DATA(self, server: SMTP, session: Any, envelope: Any) -> str:
        self.count += 1
        fault = FAULTS.get(self.count % 6) if self.is_failing else None
        if fault:
            self.faults[fault] += 1
        if fault == "refused":
            return "451 4.3.0 try again later"
        if fault == "cut":
            server.transport.abort()  # type: ignore[union-attr]
            return "421 gone"
        self.acknowledged.append(envelope)
        if fault == "good-bye":
            self.cut_at_goodbye.add(id(session))
        return "250 OK"

    async def handle_QUIT(self, server: SMTP, session: Any, envelope: Any) -> str:
        if id(session) in self.cut_at_goodbye:
            self.cut_at_goodbye.discard(id(session))
            return "554 5.0.0 no good-bye today"
        return "221 Bye"

    def mails(self) -> list[Any]:
        return [email.message_from_bytes(one.content, policy=email.policy.default) for one in self.acknowledged]


@contextmanager
def listening(box: Server, settings: Any) -> Iterator[Server]:
    """Django's mail goes to `box` over SMTP."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    controller = Controller(box, hostname="127.0.0.1", port=port)
    controller.start()
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT, settings.EMAIL_TIMEOUT = "127.0.0.1", port, 5
    try:
        yield box
    finally:
        controller.stop()
