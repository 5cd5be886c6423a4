"""Thresholds of budgets: on what is spent and on what is forecast, each told once a period, to whom it concerns."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.core import mail
from django.db import IntegrityError, transaction
from django.utils import timezone
from pytest_django import Settings
from time_machine import TimeMachineFixture

from analytics.alerts import machine, services
from analytics.alerts.defaults import create_defaults
from analytics.alerts.evaluation import evaluate_due
from analytics.alerts.models import Alert, AlertDelivery, AlertEvent, AlertRule
from costs.models import Budget, BudgetCounter, BudgetForecast
from costs.services.budgets import create_budget, update_budget
from gateway.models import OutboxMessage
from gateway.services import identity, outbox
from gateway.services.errors import Invalid
from tests.analytics.alerts.test_alerts import EMAIL, scheduler
from tests.factories import Acme, acme

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
TODAY = datetime(2026, 11, 20, tzinfo=UTC)
BOTH = [{"percent": 80, "basis": "actual"}, {"percent": 100, "basis": "forecast"}]


@pytest.fixture
def company(db: None) -> Acme:
    made = acme()
    OutboxMessage.objects.all().delete()  # its invitations
    return made


@pytest.fixture
def november(time_machine: TimeMachineFixture) -> None:
    time_machine.move_to(NOW, tick=False)


def make(company: Acme, **changes: Any) -> Budget:
    fields = {"name": "All", "scope": "organization", "amount": Decimal(100), "alert_thresholds": BOTH} | changes
    return create_budget(organization=company.organization, actor=None, **fields)


def rule_of(company: Acme, *channels: dict[str, str], **options: Any) -> AlertRule:
    return services.create_rule(
        organization=company.organization, actor=None, name="Budgets", source="budget", channels=channels, **options
    ).rule


def spend(budget: Budget, amount: str) -> None:
    BudgetCounter.objects.filter(budget_id=budget.pk).update(spent=Decimal(amount))


def expect(budget: Budget, a_day: float) -> None:
    BudgetForecast.objects.update_or_create(
        budget=budget, subject="",
        defaults={"grain": "day", "origin_at": TODAY, "mean": [a_day] * 16, "half_width": 8.0, "made_at": NOW},
    )  # fmt: skip


def told(rule: AlertRule) -> list[tuple[str, str]]:
    return list(AlertEvent.objects.filter(rule=rule).order_by("window", "id").values_list("kind", "text"))


def test_a_forecast_over_the_amount_is_told_with_its_interval(company: Acme, november: None) -> None:
    budget = make(company, timezone_name="UTC")
    rule = rule_of(company, EMAIL)
    expect(budget, 4.0)
    spend(budget, "70")

    evaluate_due()

    # 70 + 42 ± 6.48; 30 are left: 2 today and 28 in seven days
    assert told(rule) == [
        ("fired", "112.0\u202f% of the budget All is expected to be used by its end: $112.00 ($105.52 to $118.48) of "
         "$100.00. It is expected to be used up on 2026-11-28 (2026-11-26 to 2026-11-29).")
    ]  # fmt: skip
    assert Alert.objects.get(state="firing").value == Decimal(112)


def test_each_threshold_is_told_once_in_a_period_however_the_forecast_moves(company: Acme, november: None) -> None:
    budget = make(company, timezone_name="UTC")
    rule = rule_of(company, EMAIL)
    spend(budget, "70")
    for minute, a_day in enumerate((4.0, 1.0, 4.0, 1.0, 4.0)):
        expect(budget, a_day)
        evaluate_due(NOW + timedelta(minutes=minute))

    assert [kind for kind, _ in told(rule)] == ["fired", "resolved"]
    spend(budget, "85")
    evaluate_due(NOW + timedelta(minutes=6))
    evaluate_due(NOW + timedelta(minutes=7))
    assert [kind for kind, _ in told(rule)] == ["fired", "resolved", "fired"]  # the other threshold
    evaluate_due(NOW + timedelta(days=12))  # the period of both is over
    assert [kind for kind, _ in told(rule)] == ["fired", "resolved", "fired", "resolved"]


def test_another_amount_is_told_anew(company: Acme, november: None) -> None:
    budget = make(company, alert_thresholds=BOTH[:1])
    rule = rule_of(company)
    spend(budget, "85")
    evaluate_due()
    update_budget(budget=budget, actor=None, amount=Decimal(1000))
    evaluate_due(NOW + timedelta(minutes=1))
    spend(budget, "900")
    evaluate_due(NOW + timedelta(minutes=2))

    assert [kind for kind, _ in told(rule)] == ["fired", "resolved", "fired"]


def test_a_budget_of_nothing_is_used_when_something_is_spent(company: Acme, november: None) -> None:
    budget = make(company, amount=Decimal(0), alert_thresholds=BOTH[:1])
    rule = rule_of(company)
    evaluate_due()
    assert told(rule) == []

    spend(budget, "0.01")
    evaluate_due(NOW + timedelta(minutes=1))

    assert [kind for kind, _ in told(rule)] == ["fired"]


def test_a_budget_without_thresholds_has_three(company: Acme, november: None) -> None:
    budget = make(company, alert_thresholds=[])
    rule = rule_of(company)
    spend(budget, "81")

    evaluate_due()

    labels = set(Alert.objects.filter(rule=rule).values_list("label", "state"))
    assert labels == {("All, 80\u202f%", "firing"), ("All, 100\u202f%", "ok"), ("All, 100\u202f% by its end", "firing")}


def test_a_pace_of_the_first_days_tells_nothing(company: Acme, time_machine: TimeMachineFixture) -> None:
    time_machine.move_to(datetime(2026, 11, 3, tzinfo=UTC), tick=False)
    budget = make(company, timezone_name="UTC")
    rule = rule_of(company)
    spend(budget, "20")

    evaluate_due()

    assert told(rule) == []


def test_the_longest_subjects_are_still_told_apart(company: Acme, november: None) -> None:
    budget = make(company, scope="tag", scope_value=f"{'n' * 120}=*", alert_thresholds=BOTH[:1])
    for end in "ab":
        BudgetCounter.objects.create(
            budget_id=budget.pk, organization_id=company.organization.pk, subject=f"{'n' * 120}={'v' * 119}{end}",
            period_start=datetime(2026, 11, 1, tzinfo=UTC), period_end=datetime(2026, 12, 1, tzinfo=UTC),
            spent=Decimal(90),
        )  # fmt: skip
    rule = rule_of(company)

    evaluate_due()

    assert (rule.problem, len(told(rule))) == ("", 2)


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_three_schedulers_tell_a_threshold_once() -> None:
    company = acme()
    budget = make(company, alert_thresholds=BOTH[:1])
    rules = [rule_of(company, EMAIL) for _ in range(6)]
    spend(budget, "90")
    processes = [scheduler(timezone.now()) for _ in range(3)]
    assert [process.stdout.readline().strip() for process in processes if process.stdout] == ["ready"] * 3

    for process in processes:
        assert process.stdin
        process.stdin.write("go\n")
        process.stdin.flush()
    counts = [int(process.communicate(timeout=60)[0]) for process in processes]

    assert sum(counts) == len(rules)
    assert AlertEvent.objects.filter(is_once=True).count() == AlertDelivery.objects.count() == len(rules)
    assert OutboxMessage.objects.filter(dedupe_key__startswith="alert.").count() == len(rules)


def test_the_database_itself_refuses_a_second_time(company: Acme) -> None:
    rule = rule_of(company)
    first = AlertEvent.objects.create(rule=rule, subject="b", kind="fired", window=NOW, is_once=True)

    with pytest.raises(IntegrityError, match="alert_event_once"), transaction.atomic():
        AlertEvent.objects.create(
            rule=rule, subject="b", kind="fired", window=first.window + timedelta(days=1), is_once=True
        )
    AlertEvent.objects.create(rule=rule, subject="b", kind="repeated", window=NOW, is_once=True)


# ---- what an organization begins with --------------------------------------------------------------------------------
def test_a_new_organization_tells_its_owners(company: Acme, settings: Settings) -> None:
    settings.GATEWAY_NEW_ORGANIZATION = ["analytics.alerts.defaults.create_defaults"]
    made = identity.create_organization(actor=None, slug="fresh", name="Fresh")
    demo = identity.create_organization(actor=None, slug="tour", name="Tour", is_demo=True)

    rules = AlertRule.objects.filter(organization=made).order_by("name")
    assert [(rule.name, rule.source, rule.default) for rule in rules] == [
        ("Budgets reach a threshold", "budget", "budgets"), ("Something unusual", "anomaly", "anomalies"),
    ]  # fmt: skip
    assert {channel.shown for rule in rules for channel in rule.channels.all()} == {"owners of the organization"}
    assert AlertRule.objects.filter(organization=demo).count() == 0


def test_defaults_are_made_once_and_an_ended_one_stays_ended(company: Acme) -> None:
    assert create_defaults(organization=company.organization, actor=None) == 2
    services.archive_rule(rule=AlertRule.objects.get(default="anomalies"), actor=None)

    assert create_defaults(organization=company.organization, actor=None) == 0
    assert AlertRule.objects.filter(organization=company.organization).count() == 2


def test_each_owner_of_the_moment_gets_a_mail(company: Acme) -> None:
    create_defaults(organization=company.organization, actor=None)
    alice, adam = company.people["alice"], company.people["adam"]
    for person in (alice, adam):
        person.email = person.username
        person.save()
    company.members["adam"].role = "owner"
    company.members["adam"].save()
    budget = make(company, alert_thresholds=BOTH[:1])
    spend(budget, "90")

    evaluate_due()
    outbox.relay()

    assert sorted(message.to[0] for message in mail.outbox) == ["adam@acme.example", "alice@acme.example"]
    assert {message.subject for message in mail.outbox} == {"[Firing] Budgets reach a threshold (All, 80\u202f%)"}
    event = AlertEvent.objects.get()
    assert event.deliveries.count() == 2
    assert services.send_test(rule=event.rule, actor=alice).deliveries.count() == 2


# ---- mutes -----------------------------------------------------------------------------------------------------------
def test_a_mute_from_and_to() -> None:
    windows = [{"starts_at": "2026-12-24T12:00:00+01:00", "ends_at": "2026-12-27T00:00:00+01:00"}]

    def muted(*at: int) -> bool:
        return machine.is_muted(windows, "UTC", datetime(2026, 12, *at, tzinfo=UTC))

    assert (muted(24, 10, 59), muted(24, 11), muted(26, 22, 59), muted(26, 23)) == (False, True, True, False)


@pytest.mark.parametrize(
    "window",
    [
        {"starts_at": "2026-12-24T12:00:00", "ends_at": "2026-12-27T00:00:00"},  # of which zone?
        {"starts_at": "2026-12-24T12:00:00Z", "ends_at": "2026-12-24T12:00:00Z"},
        {"starts_at": "soon", "ends_at": "2026-12-24T12:00:00Z"},
        {"starts_at": "2026-12-24T12:00:00Z"},
    ],
)
def test_a_mute_that_makes_no_sense_is_refused(company: Acme, window: dict[str, str]) -> None:
    with pytest.raises(Invalid) as refused:
        rule_of(company, mute_windows=[window])

    assert refused.value.code == "mute_window_invalid"
