"""Recordings over the management API."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from finetuning.models import Recording, TuningFile
from tests.factories import Acme, offer

pytestmark = pytest.mark.django_db
API = "/api/v1/fine-tuning/recordings"
CHAT = {"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello!"}]}


def test_made_listed_and_cancelled(
    company: Acme, caller: Callable[[str], Any], upload: Callable[..., TuningFile]
) -> None:
    offer(company, "sim-a", "sim-b", "sim-c")
    source = upload(CHAT)
    asked = {"project": str(company.assistant.pk), "model": "sim-a", "consent": True, "source": str(source.pk),
             "budget_limit": "2"}  # fmt: skip
    developer = caller("developer")

    assert developer.post(API, {**asked, "consent": False}, format="json").json()["code"] == "consent_required"
    nothing = developer.post(API, {**asked, "model": "ft:local-head:bogus:x:1"}, format="json").json()
    assert (nothing["code"], nothing["errors"][0]["field"]) == ("model_not_found", "model")
    made = developer.post(API, asked, format="json")
    again = developer.post(API, asked, format="json")

    assert (made.status_code, made.json()["status"], made.json()["budget_limit"]) == (202, "queued", "2.0000000000")
    assert made["Location"].endswith(f"{API}/{made.json()['id']}")
    assert (again.status_code, again.json()["code"]) == (409, "recording_runs")

    def queries() -> int:
        with CaptureQueriesContext(
            connection,
        ) as found:
            assert developer.get(API).status_code == 200
        return len(found)

    few = queries()
    developer.post(API, {**asked, "model": "sim-b"}, format="json")
    developer.post(API, {**asked, "model": "sim-c"}, format="json")
    assert queries() == few
    over = developer.post(f"{API}/{made.json()['id']}/cancel")
    assert (over.status_code, over.json()["status"]) == (200, "cancelled")
    assert developer.post(f"{API}/{made.json()['id']}/cancel").json()["code"] == "recording_over"
    assert Recording.objects.count() == 3
