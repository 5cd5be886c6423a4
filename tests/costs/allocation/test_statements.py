"""Statements: drafts follow the ledger, locked months stay, and the next one corrects them exactly once."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from costs.allocation.showback import showback
from costs.models import CostCenter, Statement, StatementStatus
from costs.services import allocation, statements
from gateway.models import AuditEvent, Team
from gateway.services.errors import Conflict, Invalid
from tests.factories import Acme, book_lines, line

JUNE = datetime(2026, 6, 1, tzinfo=UTC)
DAY = timedelta(days=1)
pytestmark = pytest.mark.django_db


@pytest.fixture
def centers(company: Acme) -> dict[str, CostCenter]:
    """Search and Ads, by team; nobody for the rest."""
    made = {
        code: allocation.create_cost_center(organization=company.organization, actor=None, code=code, name=code.title())
        for code in ("search", "ads")
    }
    values = [{"value": str(team.pk), "cost_center": str(made[team.slug].pk)} for team in (company.search, company.ads)]
    allocation.create_rule(
        organization=company.organization, actor=None, name="Teams", method="direct",
        targets={"by": "team", "values": values}, valid_from=JUNE,
    )  # fmt: skip
    return made


def spend(company: Acme, cost: str, at: datetime, **more: Any) -> None:
    book_lines(line(company, at=at, cost=Decimal(cost), **more))


def statement(company: Acme, month: int) -> Statement:
    return statements.compute_statement(organization=company.organization, month=date(2026, month, 1), actor=None)


def lines_of(row: Statement) -> dict[str, Decimal]:
    return dict(row.items.values_list("cost_center__code", "amount"))


def corrections_of(row: Statement) -> list[tuple[int, str | None, Decimal]]:
    found = row.corrections.values_list("corrects__month", "cost_center__code", "amount")
    return [(month.month, code, amount) for month, code, amount in found]


def test_a_draft_follows_the_ledger(company: Acme, centers: dict[str, CostCenter]) -> None:
    spend(company, "10", JUNE + DAY)
    first = statement(company, 6)
    spend(company, "5", JUNE + 2 * DAY, project=company.banner)

    again = statement(company, 6)

    assert again.pk == first.pk
    assert (lines_of(again), again.total, again.unallocated) == ({"search": 10, "ads": 5}, 15, 0)
    assert again.items.get(cost_center__code="search").basis == [
        {"rule": again.rules[0]["id"], "name": "Teams", "method": "direct", "amount": "10.0000000000"}
    ]


def test_a_month_of_the_reporting_zone(company: Acme, centers: dict[str, CostCenter]) -> None:
    company.organization.reporting_timezone = "Asia/Kathmandu"
    company.organization.save()
    spend(company, "1", JUNE - timedelta(hours=5, minutes=46))
    spend(company, "10", JUNE - timedelta(hours=5, minutes=45))

    assert statement(company, 6).total == 10


def test_a_locked_month_stays_and_the_next_one_corrects_it_once(company: Acme, centers: dict[str, CostCenter]) -> None:
    spend(company, "10", JUNE + DAY)
    june = statements.lock_statement(statement=statement(company, 6), actor=company.people["alice"])
    spend(company, "3", JUNE + 5 * DAY)  # late
    spend(company, "-1", JUNE + 5 * DAY)
    spend(company, "7", JUNE + 5 * DAY, project=company.banner)
    spend(company, "20", JUNE + 31 * DAY)

    july = statement(company, 7)
    assert (lines_of(july), corrections_of(july)) == ({"search": 20}, [(6, "ads", 7), (6, "search", 2)])
    statements.lock_statement(statement=july, actor=None)
    spend(company, "1", JUNE + 6 * DAY)
    spend(company, "2", JUNE + 32 * DAY)

    august = statement(company, 8)
    june.refresh_from_db()
    assert (june.total, lines_of(june), statement(company, 6).pk) == (10, {"search": 10}, june.pk)
    assert corrections_of(august) == [(6, "search", 1), (7, "search", 2)]


def test_another_time_zone_charges_no_hour_twice(company: Acme, centers: dict[str, CostCenter]) -> None:
    """By Kathmandu July begins at 18:15 UTC of 30 June, which June was charged for by UTC already."""
    allocation.create_rule(
        organization=company.organization, actor=None, name="Hosting", method="fixed", monthly_amount=Decimal(720),
        targets={"shares": [{"cost_center": str(centers["ads"].pk), "percent": "100"}]}, valid_from=JUNE,
    )  # fmt: skip
    spend(company, "10", JUNE + 30 * DAY - timedelta(hours=1))
    spend(company, "20", JUNE + 31 * DAY)
    june, draft = statement(company, 6), statement(company, 7)
    statements.lock_statement(statement=june, actor=None)
    company.organization.reporting_timezone = "Asia/Kathmandu"
    company.organization.save()

    july = statement(company, 7)

    assert july.pk == draft.pk
    assert (july.start, july.end) == (JUNE + 30 * DAY, JUNE + 61 * DAY - timedelta(hours=5, minutes=45))
    assert (lines_of(july), corrections_of(july)) == ({"search": 20, "ads": 720}, [])
    statements.lock_statement(statement=july, actor=None)
    assert statement(company, 8).start == july.end


def test_a_locked_month_is_shown_with_its_own_hours(company: Acme, centers: dict[str, CostCenter]) -> None:
    """By Kathmandu June ends at 18:15 UTC of the 30th; it was locked by UTC, and July begins there."""
    spend(company, "10", JUNE + 30 * DAY - timedelta(hours=1))
    spend(company, "20", JUNE + 31 * DAY)
    CostCenter.objects.filter(code="search").update(team=company.search)
    june = statements.lock_statement(statement=statement(company, 6), actor=None)
    company.organization.reporting_timezone = "Asia/Kathmandu"
    company.organization.save()
    team = Team.objects.select_related("organization").get(pk=company.search.pk)

    shown, after = (showback(team, date(2026, month, 1)) for month in (6, 7))

    assert (shown.window, shown.spent, shown.total_charged) == ((june.start, june.end), 10, 10)
    assert after.window == (june.end, JUNE + 61 * DAY - timedelta(hours=5, minutes=45))
    assert (after.before, after.spent, after.previous) == (shown.window, 20, 10)
    assert shown.notes == [(
        "locked_window",
        "As statements are locked, June 2026 is from 2026-06-01 05:45 to 2026-07-01 05:45 here.",
    )]  # fmt: skip


def test_a_draft_made_by_another_time_zone_is_locked_by_the_zone_of_now(
    company: Acme, centers: dict[str, CostCenter]
) -> None:
    spend(company, "10", JUNE + 30 * DAY - timedelta(hours=1))
    draft = statement(company, 6)
    company.organization.reporting_timezone = "Asia/Kathmandu"
    company.organization.save()

    june = statements.lock_statement(statement=draft, actor=None)

    assert (draft.total, june.total, june.end) == (10, 0, JUNE + 30 * DAY - timedelta(hours=5, minutes=45))
    assert lines_of(statement(company, 7)) == {"search": 10}


def test_rules_made_later_leave_locked_months_alone(company: Acme, centers: dict[str, CostCenter]) -> None:
    spend(company, "10", JUNE + DAY)
    statements.lock_statement(statement=statement(company, 6), actor=None)
    allocation.create_rule(
        organization=company.organization, actor=None, name="All to ads", method="direct", position=1,
        targets={"cost_center": str(centers["ads"].pk)}, valid_from=JUNE,
    )  # fmt: skip
    spend(company, "1", JUNE + 2 * DAY)

    assert corrections_of(statement(company, 7)) == [(6, "search", 1)]


def test_what_nobody_was_given_is_corrected_too(company: Acme, centers: dict[str, CostCenter]) -> None:
    spend(company, "10", JUNE + DAY, team=None)
    assert statements.lock_statement(statement=statement(company, 6), actor=None).unallocated == 10
    spend(company, "4", JUNE + DAY, team=None)

    assert corrections_of(statement(company, 7)) == [(6, None, 4)]


def test_locking_has_an_order_and_is_audited(company: Acme, centers: dict[str, CostCenter]) -> None:
    june, july = statement(company, 6), statement(company, 7)
    with pytest.raises(Conflict, match="June 2026 comes first"):
        statements.lock_statement(statement=july, actor=None)
    statements.lock_statement(statement=june, actor=company.people["alice"])
    with pytest.raises(Conflict, match="locked already"):
        statements.lock_statement(statement=june, actor=None)

    assert Statement.objects.get(pk=june.pk).status == StatementStatus.LOCKED
    event = AuditEvent.objects.get(verb="statement.lock")
    assert (event.actor_id, event.after["month"]) == (company.people["alice"].pk, "2026-06-01")


def test_months_that_cannot_be_stated(company: Acme) -> None:
    now = datetime.now(UTC)
    running = statements.compute_statement(
        organization=company.organization, month=date(now.year, now.month, 1), actor=None
    )
    with pytest.raises(Conflict, match="The month ends at"):
        statements.lock_statement(statement=running, actor=None)
    for month, code in ((date(2026, 6, 2), "first day"), (date(now.year + 1, 12, 1), "not begun")):
        with pytest.raises(Invalid, match=code):
            statements.compute_statement(organization=company.organization, month=month, actor=None)
