"""Rules from the ledger to the mailbox and the webhook: what fires, what is sent, and what is not."""

import base64
import hashlib
import hmac
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.core import mail
from django.db import connection
from django.utils import timezone
from pytest_django import Settings

from analytics.alerts import services
from analytics.alerts.evaluation import evaluate_due
from analytics.alerts.models import Alert, AlertDelivery, AlertEvent, AlertRule
from analytics.alerts.openings import open_alerts
from analytics.anomalies.models import Anomaly
from analytics.anomalies.services import set_state
from costs.services.budgets import create_budget
from gateway.models import OutboxMessage
from gateway.services import outbox
from gateway.services.errors import Conflict, Invalid
from tests.analytics.alerts.receiver import Receiver, receiving
from tests.analytics.api.conftest import book
from tests.factories import Acme, acme, line

ROOT = Path(__file__).resolve().parents[3]
URLS = ("DATABASE_URL", "DATABASE_DIRECT_URL")


@pytest.fixture
def company(db: None) -> Acme:
    made = acme()
    OutboxMessage.objects.all().delete()  # its invitations
    return made


@pytest.fixture
def receiver(settings: Settings) -> Iterator[Receiver]:
    with receiving() as found:
        settings.GATEWAY_PRIVATE_UPSTREAMS = [f"127.0.0.1:{found.port}"]
        yield found


def make(company: Acme, *channels: dict[str, str], **options: Any) -> AlertRule:
    given = {"name": "Dear", "measure": "cost", "threshold": Decimal(5), "window_minutes": 60, **options}
    return services.create_rule(
        organization=company.organization, actor=company.people["alice"], channels=channels, **given
    ).rule


EMAIL = {"kind": "email", "target": "oncall@acme.example"}


def spend(company: Acme, cost: str, ago: timedelta = timedelta(minutes=1), **more: Any) -> None:
    book(line(company, at=timezone.now() - ago, cost=Decimal(cost), **more))


def later(minutes: int) -> datetime:
    return timezone.now() + timedelta(minutes=minutes)


def kinds(rule: AlertRule) -> list[str]:
    return list(AlertEvent.objects.filter(rule=rule).order_by("window", "created_at").values_list("kind", flat=True))


@pytest.mark.slow
def test_a_rule_fires_mails_and_resolves(company: Acme) -> None:
    rule = make(company, EMAIL)
    spend(company, "4.00")
    assert (evaluate_due(), kinds(rule)) == (1, [])
    spend(company, "2.00")
    assert evaluate_due() == 0  # looked at in this minute already

    evaluate_due(later(1))
    evaluate_due(later(2))
    outbox.relay()

    assert kinds(rule) == ["fired"]
    (message,) = mail.outbox
    assert (message.to, message.subject) == (["oncall@acme.example"], "[Firing] Dear")
    assert "Cost is $6.00; the threshold is above $5.00." in message.body
    assert message.extra_headers["Message-ID"].startswith(f"<alert.{AlertEvent.objects.get().pk}.")
    evaluate_due(later(150))
    outbox.relay()
    assert kinds(rule) == ["fired", "resolved"]
    assert mail.outbox[1].subject == "[Resolved] Dear"


def test_a_signed_webhook_is_verified_and_tried_again_with_the_same_id(company: Acme, receiver: Receiver) -> None:
    made = services.create_rule(
        organization=company.organization, actor=None, name="Dear", measure="cost", threshold=Decimal(1),
        channels=[{"kind": "webhook", "target": receiver.url}],
    )  # fmt: skip
    (secret,) = made.secrets.values()
    receiver.statuses = [500]
    spend(company, "2.00")
    evaluate_due()

    assert outbox.relay().failed == 1
    OutboxMessage.objects.update(due_at=timezone.now())
    assert outbox.relay().delivered == 1

    first, second = receiver.got
    assert first[0]["webhook-id"] == second[0]["webhook-id"]
    headers, body = second
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    key = base64.b64decode(secret.removeprefix("whsec_"))
    assert (
        headers["webhook-signature"]
        == "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    )
    data = receiver.bodies[1]["data"]
    assert (receiver.bodies[1]["type"], data["value"], data["threshold"]) == (
        "alert.fired",
        "2.0000000000",
        "1.0000000000",
    )
    delivery = AlertDelivery.objects.select_related("message").get()
    assert (delivery.status, delivery.message.attempts, delivery.message.last_error) == ("delivered", 2, "")


def test_slack_gets_blocks_without_made_up_links(company: Acme, receiver: Receiver) -> None:
    rule = make(company, {"kind": "slack", "target": receiver.url}, name="<Dear> & co", threshold=Decimal(1))
    spend(company, "2.00")
    evaluate_due()
    outbox.relay()

    (body,) = receiver.bodies
    assert body["text"] == "[Firing] &lt;Dear&gt; &amp; co: Cost is $2.00; the threshold is above $1.00."
    assert f"/admin/alerts/{rule.pk}/|Open>" in body["blocks"][0]["text"]["text"]
    assert "webhook-signature" not in receiver.got[0][0]


def test_a_private_address_is_not_called(company: Acme, settings: Settings) -> None:
    with receiving() as inside:
        with pytest.raises(Invalid) as refused:
            make(company, {"kind": "webhook", "target": inside.url})
        settings.GATEWAY_PRIVATE_UPSTREAMS = [f"127.0.0.1:{inside.port}"]
        make(company, {"kind": "webhook", "target": inside.url}, threshold=Decimal(1))
        settings.GATEWAY_PRIVATE_UPSTREAMS = []
        spend(company, "2.00")
        evaluate_due()

        assert (refused.value.code, outbox.relay().failed, inside.got) == ("address_not_allowed", 1, [])
        assert "not a public address" in AlertDelivery.objects.get().message.last_error


def test_each_project_has_an_alert_of_its_own(company: Acme) -> None:
    rule = make(company, scope="project", scope_value="*", threshold=Decimal(1))
    spend(company, "2.00")
    spend(company, "0.50", project=company.banner)
    evaluate_due()

    states = dict(Alert.objects.filter(rule=rule).values_list("label", "state"))
    assert states == {"Assistant": "firing", "Banner": "ok"}
    assert AlertEvent.objects.get().text == "Cost of Assistant is $2.00; the threshold is above $1.00."


def test_the_scope_narrows(company: Acme) -> None:
    mine = make(company, scope="project", scope_value=str(company.banner.pk), threshold=Decimal(1))
    spend(company, "2.00")
    evaluate_due()

    assert Alert.objects.get(rule=mine).state == "ok"


def test_against_the_window_before(company: Acme) -> None:
    rule = make(company, baseline="previous_period", threshold=Decimal("0.5"), window_minutes=60)
    now = timezone.now().replace(minute=30, second=0, microsecond=0) - timedelta(hours=3)
    book(line(company, at=now - timedelta(minutes=90), cost=Decimal(1)),
         line(company, at=now - timedelta(minutes=30), cost=Decimal("1.8")))  # fmt: skip

    evaluate_due(now + timedelta(minutes=3))

    alert = Alert.objects.get(rule=rule)
    assert (alert.state, alert.value) == ("firing", Decimal("0.8"))
    assert "+80.0% against the window before ($1.00)" in alert.text


def test_too_few_requests_say_nothing(company: Acme) -> None:
    rule = make(company, minimum_requests=2, threshold=Decimal(1))
    spend(company, "2.00")
    evaluate_due()

    assert (Alert.objects.get(rule=rule).state, kinds(rule)) == ("ok", [])


def test_acknowledged_is_told_no_more(company: Acme) -> None:
    rule = make(company, EMAIL, threshold=Decimal(1), repeat_minutes=5)
    spend(company, "2.00")
    evaluate_due()
    assert [one.rule for one in open_alerts(company.people["alice"], company.organization)] == ["Dear"]

    assert services.acknowledge(rule=rule, actor=company.people["adam"]) == 1
    evaluate_due(later(6))

    assert kinds(rule) == ["fired", "acknowledged"]
    (alert,) = open_alerts(company.people["alice"], company.organization)
    assert alert.acknowledged_by == company.people["adam"].pk
    evaluate_due(later(150))
    with pytest.raises(Conflict):
        services.acknowledge(rule=rule, actor=company.people["adam"])


def test_muted_rules_tell_nobody(company: Acme) -> None:
    rule = make(company, EMAIL, threshold=Decimal(1), muted_until=later(10))
    spend(company, "2.00")
    evaluate_due()
    assert (Alert.objects.get(rule=rule).state, kinds(rule)) == ("firing", [])

    evaluate_due(later(11))
    assert kinds(rule) == ["fired"]


def test_managers_see_their_teams_alone(company: Acme) -> None:
    make(company, threshold=Decimal(1))
    make(company, name="Mine", scope="team", scope_value=str(company.search.pk), threshold=Decimal(1))
    spend(company, "2.00")
    evaluate_due()

    def seen(name: str) -> set[str]:
        return {one.rule for one in open_alerts(company.people[name], company.organization)}

    assert (seen("carol"), seen("dave"), seen("bob")) == ({"Dear", "Mine"}, {"Mine"}, set())


def test_a_budget_tells_once_a_period(company: Acme) -> None:
    create_budget(
        organization=company.organization, actor=None, name="Monthly", scope="organization", amount=Decimal(10),
        period="month", enforcement="soft",
        alert_thresholds=[{"percent": 50, "basis": "actual"}, {"percent": 90, "basis": "actual"}],
    )  # fmt: skip
    rule = make(company, EMAIL, source="budget", name="Budgets")
    from costs.models import BudgetCounter

    BudgetCounter.objects.update(spent=Decimal(6))
    evaluate_due()
    evaluate_due(later(1))

    assert kinds(rule) == ["fired"]
    assert AlertEvent.objects.get().text == "60.0\u202f% of the budget Monthly is used: $6.00 of $10.00."
    next_month = timezone.now() + timedelta(days=40)
    evaluate_due(next_month)
    assert kinds(rule)[-1] == "resolved"


def test_an_anomaly_tells_until_it_is_over_or_judged(company: Acme) -> None:
    rule = make(company, EMAIL, source="anomaly", name="Odd")
    hour = timezone.now().replace(minute=0, second=0, microsecond=0)
    found = Anomaly.objects.create(
        organization=company.organization, metric="cost", dimension="organization", started_at=hour, last_seen_at=hour,
        actual=50.0, expected=10.0, lower=5.0, upper=15.0, score=0.9, severity="high", impact_amount=Decimal(40),
        currency="USD", explanation="Cost was 50 where 5 to 15 were expected.",
    )  # fmt: skip
    evaluate_due()
    assert AlertEvent.objects.get().text == "Cost was 50 where 5 to 15 were expected."
    set_state(anomaly=found, actor=company.people["alice"], state="acknowledged", feedback="key revoked")

    evaluate_due(later(1))

    assert kinds(rule) == ["fired", "resolved"]
    assert AlertEvent.objects.get(kind="resolved").text == (
        "Acknowledged by Alice: key revoked. Cost was 50 where 5 to 15 were expected."
    )
    assert open_alerts(company.people["alice"], company.organization) == []


def test_a_test_goes_to_every_channel_once_a_minute(company: Acme) -> None:
    rule = make(company, EMAIL, {"kind": "email", "target": "second@acme.example"})

    first, again = (services.send_test(rule=rule, actor=company.people["alice"]) for _ in range(2))
    outbox.relay()

    assert first.pk == again.pk
    assert sorted(message.to[0] for message in mail.outbox) == ["oncall@acme.example", "second@acme.example"]


def test_a_channel_taken_away_gets_nothing(company: Acme, receiver: Receiver) -> None:
    rule = make(company, {"kind": "webhook", "target": receiver.url}, threshold=Decimal(1))
    spend(company, "2.00")
    evaluate_due()
    services.update_rule(rule=rule, actor=None, channels=[])
    outbox.relay()

    assert receiver.got == []


@pytest.mark.parametrize(
    ("options", "code"),
    [({"measure": "nonsense"}, "unknown_measure"), ({"threshold": None}, "threshold_missing"),
     ({"window_minutes": 20}, "window_invalid"), ({"source": "stars"}, "source_unknown"),
     ({"filters": [{"dimension": "weather", "op": "eq", "values": ["x"]}]}, "unknown_dimension"),
     ({"mute_windows": [{"weekdays": [9], "start": "22:00", "end": "06:00"}]}, "mute_window_invalid"),
     ({"after": 0}, "after_invalid"), ({"timezone": "Mars/Base"}, "timezone"),
     ({"repeat_minutes": 1}, "repeat_invalid")],
)  # fmt: skip
def test_what_makes_no_sense_is_refused(company: Acme, options: dict[str, Any], code: str) -> None:
    with pytest.raises(Invalid) as refused:
        make(company, **options)

    assert (refused.value.code, AlertRule.objects.count()) == (code, 0)


def test_addresses_are_checked_and_kept_from_view(company: Acme, receiver: Receiver) -> None:
    with pytest.raises(Invalid):
        make(company, {"kind": "email", "target": "nobody"})
    rule = make(company, {"kind": "webhook", "target": receiver.url})

    (channel,) = rule.channels.all()
    assert channel.shown == f"http://127.0.0.1:{receiver.port}/…"
    assert b"secret" not in bytes(channel.target)


def scheduler(minute: datetime) -> "subprocess.Popen[str]":
    database = connection.settings_dict["NAME"]
    urls = {name: urlsplit(os.environ[name])._replace(path=f"/{database}").geturl() for name in URLS}
    command = [sys.executable, "-m", "tests.analytics.alerts.look", minute.isoformat()]
    return subprocess.Popen(
        command, cwd=ROOT, env={**os.environ, **urls}, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_three_schedulers_send_one() -> None:
    company = acme()
    rules = [make(company, EMAIL, name=f"Rule {i}", threshold=Decimal(1)) for i in range(12)]
    spend(company, "2.00")
    processes = [scheduler(timezone.now()) for _ in range(3)]
    ready = [process.stdout.readline().strip() for process in processes if process.stdout]

    for process in processes:
        assert process.stdin
        process.stdin.write("go\n")
        process.stdin.flush()
    counts = [int(process.communicate(timeout=60)[0]) for process in processes]

    assert (ready, sum(counts)) == (["ready"] * 3, 12)
    assert AlertEvent.objects.count() == AlertDelivery.objects.count() == len(rules)
    assert OutboxMessage.objects.filter(topic="mail", dedupe_key__startswith="alert.").count() == 12


def test_a_rule_that_fails_says_so_and_stops_no_other(company: Acme) -> None:
    broken, fine = make(company, name="A"), make(company, name="B", threshold=Decimal(1))
    AlertRule.objects.filter(pk=broken.pk).update(filters=[{"dimension": "gone", "op": "eq", "values": ["x"]}])
    spend(company, "2.00")

    assert evaluate_due() == 2

    broken.refresh_from_db()
    assert broken.problem.startswith("QueryError: ")
    assert kinds(fine) == ["fired"]
