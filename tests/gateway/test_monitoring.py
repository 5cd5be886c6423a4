"""The installation's own figures for Prometheus."""

from datetime import timedelta

import pytest
import time_machine
from django.test import Client
from django.utils import timezone

from config.doctor import Outcome, data
from costs.models import Budget, BudgetCounter, BudgetLease
from gateway import monitoring
from gateway.ledger.ids import uuid7
from gateway.models import DirtyMark, Heartbeat, Job, OutboxMessage, SpoolCursor
from tests import factories

pytestmark = pytest.mark.django_db
NOW = "2026-11-28T12:00:00+00:00"


@pytest.fixture
def samples() -> dict[str, str]:
    company = factories.OrganizationFactory()
    with time_machine.travel(NOW, tick=False):
        now = timezone.now()
        Heartbeat.objects.create(name="writer:one", at=now - timedelta(seconds=2), info={"lag_s": 1.5})
        Heartbeat.objects.create(name="writer:two", at=now - timedelta(seconds=90), info={"lag_s": 0.5})
        Heartbeat.objects.create(name="dataplane:abc", at=now - timedelta(seconds=3), info={})
        Heartbeat.objects.create(name="dataplane:killed", at=now - timedelta(hours=20), info={})
        mark = DirtyMark.objects.create(organization=company.pk, grain="minute", bucket=now)
        DirtyMark.objects.filter(pk=mark.pk).update(created_at=now - timedelta(seconds=8))
        OutboxMessage.objects.create(topic="mail", dedupe_key="1", payload={}, due_at=now - timedelta(seconds=40))
        OutboxMessage.objects.create(topic="mail", dedupe_key="2", payload={}, due_at=now, dead_at=now)
        Job.objects.create(kind="gateway.usage_import", period="1", status="failed")
        response = Client().get("/metrics/ledger")
    assert response.status_code == 200
    lines = [line for line in response.content.decode().splitlines() if not line.startswith("#")]
    return dict(line.rsplit(" ", 1) for line in lines)


def test_lags_and_queues(samples):
    assert samples["gateway_ledger_lag_seconds"] == "90.500000"  # the worst of both
    assert samples['gateway_heartbeat_age_seconds{kind="writer",name="two"}'] == "90.000"
    assert samples['gateway_heartbeat_age_seconds{kind="dataplane",name="abc"}'] == "3.000"
    assert samples['gateway_heartbeat_age_seconds{kind="dataplane",name="killed"}'] == "72000.000"
    assert (samples["gateway_rollup_marks"], samples["gateway_rollup_lag_seconds"]) == ("1", "8.000000")
    assert (samples["gateway_outbox_waiting"], samples["gateway_outbox_dead"]) == ("1", "1")
    assert samples["gateway_outbox_lag_seconds"] == "40.000000"
    assert samples['gateway_jobs{kind="gateway.usage_import",status="failed"}'] == "1"
    assert samples["gateway_quarantined_lines"] == "0"
    assert int(samples["gateway_database_bytes"]) > 1_000_000


def test_other_hosts_need_the_token(settings, client):
    assert client.get("/metrics/ledger", REMOTE_ADDR="192.0.2.7").status_code == 403
    settings.METRICS_TOKEN = "s3cret"

    assert client.get("/metrics/ledger").status_code == 403
    assert client.get("/metrics/ledger", headers={"Authorization": "Bearer s3cret"}).status_code == 200
    assert client.post("/metrics/ledger", headers={"Authorization": "Bearer s3cret"}).status_code == 405


def test_nine_queries(django_assert_num_queries, client):
    with django_assert_num_queries(9):
        client.get("/metrics/ledger")


def test_a_silent_spool_shows_what_its_leases_hold():
    now, company = timezone.now(), factories.OrganizationFactory(currency="EUR")
    budget = Budget.objects.create(
        organization=company,
        name="b",
        scope="organization",
        scope_value="",
        amount=100,
        currency="USD",
        tracked_from=now,
    )
    for spool, seen_s, closed in (
        ("alive", 1, None),
        ("silent", 61, None),
        ("never-beat", None, None),
        ("done", 99, now),
    ):
        seen = None if seen_s is None else now - timedelta(seconds=seen_s)
        SpoolCursor.objects.create(spool_id=spool, owner_seen_at=seen, closed_at=closed)
        for budget_id, granted in ((budget.pk, "5"), (uuid7(), "0.5")):  # the other one is a key's own
            counter, _ = BudgetCounter.objects.get_or_create(
                budget_id=budget_id, organization_id=company.pk, subject="", period_start=now, period_end=now
            )
            BudgetLease.objects.create(counter=counter, owner=spool, granted=granted, booked="0.25")
    SpoolCursor.objects.filter(spool_id="never-beat").update(registered_at=now - timedelta(hours=1))

    lines = monitoring.lines()
    assert "gateway_spools_silent 2" in lines
    assert [line for line in lines if line.startswith("gateway_spools_silent_leased{")] == [
        'gateway_spools_silent_leased{currency="EUR"} 0.5000000000',
        'gateway_spools_silent_leased{currency="USD"} 9.5000000000',
    ]
    finding = data.silent_spools()
    assert finding.outcome is Outcome.FAILED
    assert finding.detail == (
        "2 without a sign of life of its data plane: never-beat, silent; its leases hold 0.50 EUR and 9.50 USD"
    )

    SpoolCursor.objects.update(closed_at=now)
    assert "gateway_spools_silent 0" in monitoring.lines()
    assert data.silent_spools().outcome is Outcome.OK
