"""The scan over the demo company's real rollups: found, grown, grouped, told; once, and not twice."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from analytics.anomalies.models import Anomaly, AnomalyScan
from analytics.anomalies.scan import scan, scan_once_an_hour
from analytics.anomalies.services import change_settings, open_anomalies, set_state
from analytics.models import TotalDay
from config.demo.seed import seed
from config.schedules import SCHEDULES
from gateway.models import AuditEvent, Job, Organization, Project, VirtualKey

UNTIL = datetime(2026, 11, 22, tzinfo=UTC)
pytestmark = pytest.mark.django_db


@pytest.fixture
def demo(transactional_db: None) -> Organization:
    seed(days=33, seed=99, until=UNTIL)
    return Organization.objects.get(slug="demo")


@pytest.mark.slow
def test_the_history_of_the_demo_is_told(demo: Organization) -> None:
    rows = {row.metric: row for row in Anomaly.objects.filter(organization=demo)}
    project = Project.objects.get(organization=demo, slug="dev-copilot")
    key = VirtualKey.objects.get(organization=demo, name="agent-sandbox")

    assert set(rows) == {"served_model", "cached_share", "cost"}
    switch, cache, cost = (rows[name] for name in ("served_model", "cached_share", "cost"))
    assert (switch.dimension, switch.value) == ("model_requested", "support-chat")
    assert switch.explanation == (
        "Requests for support-chat have been served by gpt-4o-mini since 4 Nov, 03:00: "
        "0\u202f% instead of 99.0\u202f% by the usual model."
    )
    assert (cache.causes[0]["dimension"], cache.causes[0]["value"]) == ("project", str(project.pk))
    assert cache.team == project.team_id
    assert (cost.dimension, cost.value, cost.severity) == ("organization", "", "critical")
    assert (cost.causes[0]["dimension"], cost.causes[0]["value"]) == ("api_key", str(key.pk))
    assert cost.started_at == UNTIL - timedelta(days=6) + timedelta(hours=22)
    assert cost.last_seen_at == UNTIL - timedelta(days=5) + timedelta(hours=5)
    effects = {name: Decimal(amount) for name, amount in cost.effects.items()}
    assert sum(effects.values()) == 2 * effects["change"]

    # the same again, hour by hour from where one stopped: nothing twice
    told = list(Anomaly.objects.order_by("pk").values_list("pk", "explanation", "impact_amount"))
    assert scan(demo, end=UNTIL).hours == 0
    AnomalyScan.objects.update(scanned_until=UNTIL - timedelta(hours=2), rebuilt_at=UNTIL - timedelta(hours=2))
    assert scan(demo, end=UNTIL).hours == 2
    assert list(Anomaly.objects.order_by("pk").values_list("pk", "explanation", "impact_amount")) == told

    # judged again: what people have said something of stays
    set_state(anomaly=cost, actor=None, state="acknowledged", feedback="key revoked")
    scan(demo, end=UNTIL, since=UNTIL - timedelta(days=33))
    again = {row.metric: row for row in Anomaly.objects.filter(organization=demo)}
    assert {name: row.value for name, row in again.items()} == {name: row.value for name, row in rows.items()}
    assert again["cost"].pk == cost.pk
    assert again["cost"].feedback == "key revoked"
    assert again["cost"].impact_amount == cost.impact_amount
    assert open_anomalies(demo).count() == 3

    # judged again much later: what people have said something of is not told a second time
    for row in again.values():
        set_state(anomaly=row, actor=None, state="acknowledged")
    scan(demo, end=UNTIL + timedelta(days=60), since=UNTIL - timedelta(days=33))
    states = {row.pk: row.state for row in Anomaly.objects.filter(organization=demo, started_at__lt=UNTIL)}
    assert states == dict.fromkeys((row.pk for row in again.values()), "acknowledged")


def test_each_hour_is_claimed_once() -> None:
    organization = Organization.objects.create(slug="acme", name="Acme")
    now = datetime(2026, 11, 22, 10, 10, tzinfo=UTC)

    assert scan_once_an_hour(now) == 1
    assert scan_once_an_hour(now) == 0
    assert Job.objects.get(kind="analytics.scan_anomalies").period == f"{organization.pk}/2026-11-22T10"
    assert TotalDay.objects.count() == Anomaly.objects.count() == 0


def test_beat_offers_it_ten_minutes_past_the_hour() -> None:
    entry = SCHEDULES["analytics-scan-anomalies"]

    assert entry["task"] == "analytics.scan_anomalies"
    assert entry["schedule"].minute == {10}


def test_settings_are_checked_and_audited() -> None:
    organization = Organization.objects.create(slug="acme", name="Acme")

    row = change_settings(organization=organization, actor=None, sensitivity=8, min_impact=Decimal(5))

    assert (row.sensitivity, row.min_impact, row.is_enabled) == (8, Decimal(5), True)
    (event,) = AuditEvent.objects.filter(verb="anomaly.settings")
    assert (event.before["sensitivity"], event.after["sensitivity"]) == (5, 8)
