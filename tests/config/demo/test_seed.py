"""The loader: each day once, whoever loads it; books beside the ledger agree; rollups follow."""

import json
import threading
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
import time_machine
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.models import Sum

from analytics.alerts.models import AlertChannel, AlertEvent, AlertRule
from analytics.anomalies.models import AnomalyScan
from analytics.outlook.models import ForecastRun
from analytics.verify import compare_rollups
from config.demo import load
from config.demo import seed as seeding
from config.demo.company import Company
from config.demo.rows import day_lines
from config.demo.seed import DemoError, seed
from config.demo.story import Calendar
from costs.budgets.verify import verify_budgets
from costs.models import Budget, BudgetCounter, Commitment, CostCenter, PriceOverride, Statement
from costs.services import statements
from costs.services.budgets import create_budget
from costs.services.commitments import book_days, line_of
from gateway.choices import JobStatus
from gateway.ledger.connect import connect
from gateway.ledger.verify import verify
from gateway.models import (
    AllowedUpstream,
    BodyPolicy,
    DirtyMark,
    Guardrail,
    Job,
    KeySpend,
    LedgerLine,
    Membership,
    Model,
    Organization,
    OutboxMessage,
    Project,
    Provider,
    Route,
    Team,
    User,
    VirtualKey,
)
from gateway.services import audit
from gateway.services.route_policies import policy_of_route

pytestmark = pytest.mark.django_db(transaction=True)
UNTIL = datetime(2026, 11, 2, tzinfo=UTC)
SMALL = datetime(2026, 11, 1, 3, tzinfo=UTC)  # three hours of a Sunday: a few hundred lines


def expected(until: datetime, days: int) -> set[str]:
    company = Company("demo", 7, Calendar(until))
    return {row[:32] for before in range(days) for row in day_lines(company, before).rows}


def stored() -> set[str]:
    """Without what is booked as anybody's: the bills of the demo's fine-tuning jobs and the calls of its tuned model,
    which name no library."""
    lines = LedgerLine.objects.exclude(kind="training").exclude(kind="attempt", sdk=None)
    return {identity.hex for identity in lines.values_list("id", flat=True)}


@pytest.mark.slow
def test_two_days_and_everything_around_them():
    done = seed(days=2, until=UNTIL)

    assert stored() == expected(UNTIL, 2)
    assert (done.added_days, done.added_lines, done.is_complete) == (2, len(stored()), True)
    assert {model: model.objects.count() for model in (Team, Project, VirtualKey, Provider, Model, Route)} == {
        Team: 5, Project: 17, VirtualKey: 45, Provider: 6, Model: 14, Route: 4,
    }  # fmt: skip
    assert (Membership.objects.count(), PriceOverride.objects.count()) == (25, 3)
    assert not any(user.has_usable_password() for user in User.objects.all())
    assert {(row.host, row.port) for row in AllowedUpstream.objects.all()} == {("127.0.0.1", 9100)}
    organization = Organization.objects.get()
    assert (organization.slug, organization.is_demo) == ("demo", True)
    job = Job.objects.get(kind="seed_demo")
    assert (job.status, job.progress, job.organization) == (JobStatus.SUCCEEDED, 1.0, organization)
    with connect() as plain:
        assert [check for check in verify(plain) if check.problems] == []
    assert compare_rollups() == []
    audit.seal(organization)
    assert audit.verify(organization).is_intact


@pytest.mark.slow
def test_commitments_are_booked_as_the_service_would_and_not_again():
    seed(days=2, until=UNTIL)
    rows = list(Commitment.objects.all())
    lines = {line.pk: line for line in LedgerLine.objects.filter(kind="commitment")}

    assert [row.booked_until for row in rows] == [UNTIL.date()] * 2
    for row in rows:
        row.full_clean()
        for before in (1, 2):
            expected = line_of(row, UNTIL.date() - timedelta(days=before))
            (line,) = [line for line in lines.values() if line.id == expected["id"]]
            assert {name: _plain(getattr(line, name)) for name in expected} == {
                name: _plain(value) for name, value in expected.items()
            }
    assert len(lines) == 4
    assert [book_days(row.pk, UNTIL.date()) for row in rows] == [0, 0]
    assert not Commitment.objects.filter(organization__slug="demo").exclude(covers_calls=True).exists()


def _plain(value: object) -> object:
    return getattr(value, "pk", value) if not isinstance(value, Decimal) else value.normalize()


@pytest.mark.slow
def test_a_clean_demo_stays_clean():
    seed(days=1, until=SMALL, slug="clean", clean=True)

    assert not Commitment.objects.exists()
    with pytest.raises(DemoError, match=r"--until 2026-11-01T03:00:00\+00:00 --clean"):
        seed(days=1, until=SMALL, slug="clean")
    assert seed(days=1, slug="clean", clean=True).added_lines == 0


def shares() -> dict[str, float]:
    """How far each budget that is not for each is used."""
    spent = {row.budget_id: row.spent for row in BudgetCounter.objects.filter(subject="")}
    return {row.name: float(spent[row.pk] / row.amount) for row in Budget.objects.exclude(scope="end_user")}


def booked_later() -> float:
    """What fine-tuning jobs and the calls of their models, which are booked once the budgets are there, take of the
    whole company's: little of a month, much of its first hours."""
    whole = Budget.objects.get(name="Whole company")
    month = datetime.now(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    later = LedgerLine.objects.filter(booked_at__gte=whole.created_at, started_at__gte=month)
    return float((later.aggregate(total=Sum("cost"))["total"] or Decimal(0)) / whole.amount)


@pytest.mark.slow
def test_budgets_are_made_at_the_end_and_count_what_was_loaded():
    seed(days=2, days_first=1)
    before = Budget.objects.count()
    seed(days=2)
    again = seed(days=2)

    assert (before, Budget.objects.count(), again.added_lines) == (0, 5, 0)
    wanted = {"Whole company": 0.55, "Engineering": 0.94, "Developer copilot, trial": 1.18, "Contracts": 0.31}
    found = shares()
    assert found.keys() == wanted.keys()
    assert found["Contracts"] > 0
    later, month = booked_later(), datetime.now(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    is_young = month > datetime.now(UTC) - timedelta(days=3)  # what lies before it makes budgets larger
    for name, share in found.items():
        assert share <= 1.02 * (wanted[name] + later)
        assert is_young or share >= 0.98 * wanted[name]
    assert Budget.objects.get(is_shadow=True).name == "Developer copilot, trial"
    assert Budget.objects.filter(scope="end_user", scope_value="*").count() == 1
    with connect() as plain:
        assert [check for check in verify_budgets(plain) if check.problems] == []
    assert Guardrail.objects.count() == 3
    assert BodyPolicy.objects.get().project.slug == "support-assistant"
    for route in Route.objects.all():
        policy_of_route(route)


@pytest.mark.slow
def test_budgets_of_a_young_month_fit_a_month():
    with time_machine.travel(datetime(2026, 10, 1, 5, tzinfo=UTC), tick=True):
        seed(days=2)

    for budget in Budget.objects.filter(scope__in=("organization", "team")):
        lines = LedgerLine.objects.filter(**({"team": budget.scope_value} if budget.scope == "team" else {}))
        usual = lines.aggregate(total=Sum("cost"))["total"]
        assert float(budget.amount / usual) == pytest.approx(0.5, rel=0.05)  # fine-tuning is booked later


@pytest.mark.slow
def test_a_budget_made_while_days_are_missing_counts_them_when_they_come():
    """Older days of the running period are loaded beside the writer; a budget that is there by then follows."""
    seed(days=2, days_first=1)
    organization = Organization.objects.get()
    fields = {"organization": organization, "actor": None, "amount": Decimal(10), "period": "fiscal",
              "anchor_on": (datetime.now(UTC) - timedelta(days=5)).date(), "fiscal_days": 30}  # fmt: skip
    whole = create_budget(name="Whole", scope="organization", **fields)
    each = create_budget(name="Each", scope="model", scope_value="*", **fields)
    before = BudgetCounter.objects.get(budget_id=whole.pk).spent
    seed(days=2)

    lines = LedgerLine.objects.aggregate(total=Sum("cost"))["total"]
    assert 0 < before < BudgetCounter.objects.get(budget_id=whole.pk).spent == lines
    assert BudgetCounter.objects.filter(budget_id=each.pk).aggregate(total=Sum("spent"))["total"] == lines
    with connect() as plain:
        assert [check for check in verify_budgets(plain) if check.problems] == []


def told() -> list[tuple[str, str, datetime]]:
    rows = AlertEvent.objects.order_by("window", "rule__name", "subject")
    return [(row.rule.name, row.kind, row.window) for row in rows.select_related("rule")]


@pytest.mark.slow
def test_alert_rules_look_back_on_what_was_loaded():
    seed(days=6, until=UNTIL)
    seed(days=6)

    assert sorted(AlertRule.objects.values_list("name", flat=True)) == [
        "A key spends much at once", "Budgets of Engineering", "Many calls fail",
    ]  # fmt: skip
    assert not AlertChannel.objects.exists()
    name, night = "A key spends much at once", datetime(2026, 10, 27, 23, 50, tzinfo=UTC)
    assert told() == [(name, "fired", night), (name, "resolved", night + timedelta(hours=7))]
    assert not OutboxMessage.objects.filter(topic="alert").exists()


@pytest.mark.slow
def test_somebody_locks_the_statement_while_the_demo_is_made(monkeypatch):
    compute = statements.compute_statement

    def overtaken(**given):
        row = compute(**given)
        if not Statement.objects.filter(status="locked").exists():
            statements.lock_statement(statement=row, actor=None)
        return row

    monkeypatch.setattr(statements, "compute_statement", overtaken)

    assert seed(days=1, until=SMALL).is_complete
    assert list(Statement.objects.order_by("month").values_list("status", flat=True)) == ["locked", "draft"]
    assert CostCenter.objects.count() == 3


@pytest.mark.slow
def test_a_second_run_adds_nothing_and_a_longer_one_the_rest():
    first = seed(days=2, until=SMALL, days_first=1)
    again = seed(days=2, days_first=1)
    spend = {row.key_id: (row.spent, row.requests) for row in KeySpend.objects.all()}
    rest = seed(days=2)
    done = seed(days=2, until=SMALL)

    assert (first.added_days, first.is_complete, again.added_lines) == (1, False, 0)
    assert (rest.added_days, rest.is_complete, done.added_lines) == (1, True, 0)
    assert spend != {row.key_id: (row.spent, row.requests) for row in KeySpend.objects.all()}
    assert stored() == expected(SMALL, 2)


@pytest.mark.slow
def test_a_killed_day_leaves_nothing_and_the_next_run_goes_on(monkeypatch):
    class Killed(BaseException):
        pass

    def die(*args: object) -> None:
        raise Killed

    seed(days=2, until=SMALL, days_first=1)
    before = stored()
    with monkeypatch.context() as patch:
        patch.setattr(load, "_mark_dirty", die)  # behind COPY and key spend
        with pytest.raises(Killed):
            seed(days=2)
    after_kill = stored()
    seed(days=2)

    assert after_kill == before == expected(SMALL, 1)
    assert stored() == expected(SMALL, 2)
    with connect() as plain:
        assert [check for check in verify(plain) if check.problems] == []


@pytest.mark.slow
def test_rollups_of_a_day_that_was_loaded_by_a_killed_run(monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(seeding, "refresh_days", lambda *args: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            seed(days=1, until=SMALL)
    job = Job.objects.get()
    assert (job.status, job.error) == (JobStatus.FAILED, "ZeroDivisionError: division by zero")
    assert DirtyMark.objects.filter(grain="quarter_hour").exists()

    seed(days=1)

    assert not DirtyMark.objects.filter(grain="quarter_hour").exists()
    assert Job.objects.get(kind=job.kind).status == JobStatus.SUCCEEDED


@pytest.mark.slow
def test_rollups_follow_while_further_days_are_loaded(monkeypatch):
    monkeypatch.setattr(seeding, "DAYS_PER_REFRESH", 1)

    seed(days=5, until=SMALL)

    assert not DirtyMark.objects.filter(grain="quarter_hour").exists()
    assert compare_rollups() == []


@pytest.mark.slow
def test_a_failed_refresh_ends_the_run_and_the_next_one_catches_up(monkeypatch):
    monkeypatch.setattr(seeding, "DAYS_PER_REFRESH", 1)
    refresh, calls = seeding.refresh_days, []

    def second_fails(*args: object) -> None:
        calls.append(args)
        if len(calls) == 2:
            raise ArithmeticError("broken")
        refresh(*args)

    with monkeypatch.context() as patch:
        patch.setattr(seeding, "refresh_days", second_fails)
        with pytest.raises(ArithmeticError, match="broken"):
            seed(days=5, until=SMALL)
    assert Job.objects.get().status == JobStatus.FAILED

    seed(days=5)

    assert stored() == expected(SMALL, 5)
    assert not DirtyMark.objects.filter(grain="quarter_hour").exists()
    assert compare_rollups() == []


@pytest.mark.slow
def test_two_runs_at_once_load_each_day_once():
    start, errors = threading.Barrier(2), []

    def work() -> None:
        try:
            start.wait()
            seed(days=3, until=SMALL)
        except Exception as error:
            errors.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert errors == []
    assert stored() == expected(SMALL, 3)
    assert Organization.objects.count() == 1
    with connect() as plain:
        assert [check for check in verify(plain) if check.problems] == []


@pytest.mark.slow
def test_another_seed_or_end_is_refused():
    seed(days=1, until=SMALL)

    with pytest.raises(DemoError, match="was made with --seed 7 --until 2026-11-01T03:00:00"):
        seed(days=1, until=SMALL, seed=8)
    with pytest.raises(DemoError, match="make another one with --organization SLUG"):
        seed(days=1, until=UNTIL)
    with pytest.raises(DemoError, match="--days must lie between 1 and 120"):
        seed(days=121)

    other = seed(days=1, until=UNTIL - timedelta(hours=22), seed=8, slug="second")
    assert other.added_lines > 0
    assert Organization.objects.count() == 2


def test_an_organization_of_that_name_is_left_alone():
    Organization.objects.create(slug="demo", name="Ours")

    with pytest.raises(DemoError, match="is no demo"):
        seed(days=1, until=SMALL)


@pytest.mark.slow
def test_without_an_end_it_goes_up_to_the_current_quarter_hour(time_machine_now):
    done = seed(days=1)

    assert done.until == datetime(2026, 10, 20, 4, 30, tzinfo=UTC)
    newest = LedgerLine.objects.latest("started_at").started_at
    assert timedelta(0) < done.until - newest < timedelta(minutes=5)
    assert DirtyMark.objects.filter(grain="minute").exists()


@pytest.mark.slow
def test_what_a_killed_run_did_not_come_to_is_made_by_the_next(time_machine_now, monkeypatch):
    monkeypatch.setattr(seeding, "FORECAST_DAYS", 0)
    seed(days=1)
    scanned = AnomalyScan.objects.get().scanned_until
    assert scanned == datetime(2026, 10, 20, 4, tzinfo=UTC)
    stored = ForecastRun.objects.count()
    assert stored > 0

    AnomalyScan.objects.all().delete()
    ForecastRun.objects.all().delete()
    assert seed(days=1).added_days == 0

    assert AnomalyScan.objects.get().scanned_until == scanned
    assert ForecastRun.objects.count() >= stored  # and those of what came after the first: jobs of fine-tuning


@pytest.fixture
def time_machine_now():
    with time_machine.travel(datetime(2026, 10, 20, 4, 37, 12, tzinfo=UTC), tick=True):
        yield


@pytest.mark.slow
def test_the_command(capsys):
    call_command("seed_demo", "--days", "2", "--days-first", "1", "--until", "2026-11-01T03:00", "--json")
    first = json.loads(capsys.readouterr().out)
    call_command("seed_demo", "--days", "2", "--background")
    text = capsys.readouterr().out

    assert (first["until"], first["days"], first["wanted_days"]) == ("2026-11-01T03:00:00+00:00", 1, 2)
    assert first["added_lines"] == len(expected(SMALL, 1))
    assert "2 of 2 days are there, until 2026-11-01 03:00 UTC" in text
    with pytest.raises(CommandError, match="--days must lie between"):
        call_command("seed_demo", "--days", "0")
