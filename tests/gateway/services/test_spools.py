"""Giving up a spool whose disk is lost: its leases go back, once, and no other's do."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from costs.models import BudgetCounter, BudgetLease
from gateway.ledger.ids import uuid7
from gateway.models import AuditEvent, SpoolCursor
from gateway.services import spools

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def counter() -> BudgetCounter:
    """Leased 5.00 to each of three: silent, alive and closed."""
    now = timezone.now()
    made = BudgetCounter.objects.create(
        budget_id=uuid7(), organization_id=uuid7(), subject="", period_start=now, period_end=now, leased=15
    )
    for spool, seen_s, closed_at in (("silent", 70, None), ("alive", 1, None), ("closed", 70, now)):
        SpoolCursor.objects.create(spool_id=spool, owner_seen_at=now - timedelta(seconds=seen_s), closed_at=closed_at)
        BudgetLease.objects.create(counter=made, owner=spool, granted=5)
    return made


def test_a_lost_spool_is_given_up(counter: BudgetCounter, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("write_ledger", "--give-up", "silent")

    counter.refresh_from_db()
    assert counter.leased == Decimal(10)
    assert sorted(BudgetLease.objects.values_list("owner", flat=True)) == ["alive", "closed"]
    assert spools.silent_spools(timezone.now()) == []
    event = AuditEvent.objects.get(verb="spool.give_up")
    assert (event.object_id, event.after) == ("silent", {"leased": {}})
    assert capsys.readouterr().out.startswith("Closed silent: ")


@pytest.mark.parametrize("spool", ["alive", "closed", "unknown"])
def test_what_is_not_silent_stays(counter: BudgetCounter, spool: str) -> None:
    with pytest.raises(CommandError, match=f"{spool} is no silent spool"):
        call_command("write_ledger", "--give-up", spool)

    counter.refresh_from_db()
    assert counter.leased == Decimal(15)
    assert BudgetLease.objects.count() == 3
