"""Forgetting kept answers: after their day, and when somebody asks for it."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from gateway.models import AuditEvent, IdempotentCall
from gateway.services import bodies, idempotency
from gateway.services.errors import NotFound
from tests import factories

pytestmark = pytest.mark.django_db
NOW = datetime.now(UTC)


def call(company: factories.Acme, request_id: str, left: timedelta = timedelta(hours=1)) -> IdempotentCall:
    return IdempotentCall.objects.create(
        organization=company.organization.pk, project=company.assistant.pk, api_key=company.keys["bob"].pk,
        key_hmac=uuid4().bytes, body_hmac=b"b", state="complete", owner="x", request_id=request_id,
        claimed_at=NOW, expires_at=NOW + left, answer=b"sealed",
    )  # fmt: skip


def test_what_is_past_its_day_is_deleted_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(idempotency, "PURGE_BATCH", 2)
    company = factories.acme()
    for n in range(5):
        call(company, f"old-{n}", -timedelta(seconds=n))
    call(company, "new")

    assert idempotency.purge_calls() == 5
    assert list(IdempotentCall.objects.values_list("request_id", flat=True)) == ["new"]
    assert idempotency.purge_calls() == 0


def test_erasing_a_requests_bodies_forgets_its_kept_answer(company: factories.Acme) -> None:
    call(company, "r1")
    call(company, "r2")

    assert bodies.erase_bodies(organization=company.organization, request_id="r1", actor=company.people["alice"]) == 1

    kept = dict(IdempotentCall.objects.values_list("request_id", "state"))
    assert kept == {"r1": "not_kept", "r2": "complete"}
    assert IdempotentCall.objects.get(request_id="r1").answer is None
    assert AuditEvent.objects.filter(verb="bodies.erase").count() == 1
    with pytest.raises(NotFound):
        bodies.erase_bodies(organization=company.organization, request_id="r1", actor=company.people["alice"])


def test_another_organization_cannot_erase_it(company: factories.Acme) -> None:
    call(company, "r1")

    with pytest.raises(NotFound):
        bodies.erase_bodies(organization=company.globex, request_id="r1", actor=company.people["mallory"])


@pytest.fixture
def company() -> factories.Acme:
    return factories.acme()
