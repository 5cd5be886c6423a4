"""The installation's own figures for Prometheus."""

from datetime import timedelta

import pytest
import time_machine
from django.test import Client
from django.utils import timezone

from gateway.models import DirtyMark, Heartbeat, Job, OutboxMessage
from tests import factories

pytestmark = pytest.mark.django_db
NOW = "2026-11-28T12:00:00+00:00"


@pytest.fixture
def samples() -> dict[str, str]:
    company = factories.OrganizationFactory()
    with time_machine.travel(NOW, tick=False):
        now = timezone.now()
        Heartbeat.objects.create(name="writer", at=now - timedelta(seconds=2), info={"lag_s": 1.5})
        Heartbeat.objects.create(name="dataplane:abc", at=now - timedelta(seconds=3), info={})
        Heartbeat.objects.create(name="dataplane:old", at=now - timedelta(days=2), info={})
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
    assert samples["gateway_ledger_lag_seconds"] == "3.500000"
    assert samples['gateway_heartbeat_age_seconds{kind="dataplane",name="abc"}'] == "3.000"
    assert 'gateway_heartbeat_age_seconds{kind="dataplane",name="old"}' not in samples
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
