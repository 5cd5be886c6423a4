"""Logged requests of Acme's assistant, as data plane and writer leave them."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from gateway import credentials
from gateway.models import LoggedBody, Project, QualityScore
from tests.factories import Acme, book_lines, line

NOW = datetime.now(UTC).replace(microsecond=0)


def logged(
    company: Acme, question: str, answer: str, *, at: datetime | None = None, project: Project | None = None,
    is_truncated: bool = False, **columns: Any,
) -> dict[str, Any]:  # fmt: skip
    """A line in the ledger, and its bodies."""
    (booked,) = book_lines(line(company, at=at or NOW - timedelta(hours=1), project=project, **columns))
    asked = {"model": "gpt-4o", "messages": [{"role": "user", "content": question}]}
    choice = {"index": 0, "message": {"role": "assistant", "content": answer}, "finish_reason": "stop"}
    reply = {"id": "c", "object": "chat.completion", "created": 1, "model": "gpt-4o", "choices": [choice]}
    LoggedBody.objects.create(
        organization=booked["organization"], project=booked["project"], api_key=booked["api_key"],
        request_id=booked["request_id"], logged_at=at or NOW, expires_at=NOW + timedelta(days=30),
        endpoint="/v1/chat/completions", request=credentials.encrypt(json.dumps(asked)),
        response=credentials.encrypt(json.dumps(reply)), is_truncated=is_truncated,
    )  # fmt: skip
    return booked


def scored(booked: dict[str, Any], score: str, *, name: str = "helpfulness", label: str | None = None) -> None:
    QualityScore.objects.create(
        organization=booked["organization"], project=booked["project"], request_id=booked["request_id"], name=name,
        source="user", score=score, label=label, line=booked["id"], line_started_at=NOW,
    )  # fmt: skip
