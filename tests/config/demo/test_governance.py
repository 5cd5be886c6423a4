"""What the console's pages on privacy, people and security have to show of the demo company."""

from datetime import UTC, datetime

import pytest
from django.test import Client
from django.urls import reverse

from config.demo import governance
from config.demo.seed import seed
from gateway.choices import JobStatus
from gateway.models import (
    AuditEvent,
    EndUserErasure,
    LedgerLine,
    Membership,
    Organization,
    ProvisionedPerson,
    RetentionPolicy,
    SecurityEvent,
)

UNTIL = datetime(2026, 11, 2, tzinfo=UTC)
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]


def test_pages_of_governance_show_something(plain_static_files: None) -> None:
    seed(days=2, until=UNTIL)

    organization = Organization.objects.get(slug="demo")
    policy = RetentionPolicy.objects.get(organization=organization)
    assert (policy.end_user_days, policy.export_days) == (540, 7)
    erased = EndUserErasure.objects.get(organization=organization)
    assert (erased.status, erased.error) == (JobStatus.SUCCEEDED, "")
    lines = LedgerLine.objects.filter(organization=organization.pk)
    assert not lines.filter(end_user=governance.FORGOTTEN).exists()
    assert lines.filter(end_user=erased.pseudonym).count() == erased.found["ledger_lines"] > 0
    newcomer = ProvisionedPerson.objects.get(organization=organization)
    assert (newcomer.user.get_full_name(), newcomer.is_managed) == ("Ada Nyberg", True)
    assert not newcomer.user.has_usable_password()
    assert SecurityEvent.objects.filter(organization=organization.pk, kind="guardrail").count() == 13
    verbs = set(AuditEvent.objects.filter(organization=organization).values_list("verb", flat=True))
    assert {"retention.update", "end_user.erase", "directory.link"} <= verbs

    owner = Membership.objects.get(organization=organization, role="owner").user
    client = Client()
    client.force_login(owner)
    shown = {
        page: client.get(reverse(page)).content.decode()
        for page in ("admin:privacy", "admin:gateway_membership_changelist", "admin:gateway_auditevent_changelist")
    }
    assert erased.pseudonym in shown["admin:privacy"]
    assert "540" in shown["admin:privacy"]
    assert "Ada Nyberg" in shown["admin:gateway_membership_changelist"]
    assert "retention.update" in shown["admin:gateway_auditevent_changelist"]

    seed(days=2)  # and once only
    assert (EndUserErasure.objects.count(), ProvisionedPerson.objects.count()) == (1, 1)
    assert SecurityEvent.objects.count() == 13
