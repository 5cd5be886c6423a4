"""Calls without a price are priced when one arrives: by themselves, once, after a kill, and only where it is wanted."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from costs.choices import RepricingState
from costs.models import RepricingRun
from costs.services import backfill, repricing
from costs.services.commitments import create_commitment
from costs.services.prices import set_price_override
from costs.tasks import run_repricing
from gateway.models import AuditEvent, Job, LedgerLine, Provider
from tests import factories

pytestmark = pytest.mark.django_db(transaction=True)
AT = datetime.now(UTC).replace(microsecond=0) - timedelta(days=3)


@pytest.fixture
def acme() -> factories.Acme:
    company = factories.acme()
    Provider.objects.update(price_list="openai")
    return company


def unpriced(acme: factories.Acme, **changes: Any) -> dict[str, Any]:
    """1,000 in and 100 out of a model that no list has."""
    fields: dict[str, Any] = {
        "at": AT, "model_requested": "house", "model_served": "house", "charges": [], "cost": None, "list_cost": None,
        "price_status": "unpriced",
    }  # fmt: skip
    return factories.line(acme, **(fields | changes))


def stated(acme: factories.Acme, **changes: Any) -> None:
    """3 and 5 USD a million: 1,000 in and 100 out are 0.0035."""
    fields: dict[str, Any] = {
        "provider": "openai", "model": "house", "valid_from": AT - timedelta(days=1),
        "prices": {"input": "3", "output": "5"},
    }  # fmt: skip
    set_price_override(organization=acme.organization, actor=acme.people["adam"], **(fields | changes))


def entries() -> list[LedgerLine]:
    return list(LedgerLine.objects.filter(kind="adjustment"))


def settle() -> None:
    """As often as the background comes by."""
    for _ in range(4):
        run_repricing()


def test_a_price_that_arrives_prices_what_waits(acme: factories.Acme) -> None:
    (line,) = factories.book_lines(unpriced(acme))
    factories.book_lines(unpriced(acme, model_served="unknown", model_requested="unknown"))

    stated(acme)
    settle()

    (entry,) = entries()
    assert (entry.corrects, entry.cost, entry.currency, entry.price_status) == (
        line["id"], Decimal("0.0035"), "USD", "priced"
    )  # fmt: skip
    run = RepricingRun.objects.get()
    assert (run.state, run.is_automatic, run.only_unpriced, run.applied_by) == (
        RepricingState.APPLIED,
        True,
        True,
        None,
    )
    assert run.applied is not None
    assert (run.applied["changed"], run.applied["difference"]) == (1, "0.0035000000")
    waiting = repricing.unpriced(organization=acme.organization, start=AT - timedelta(days=1), end=datetime.now(UTC))
    assert [one.model for one in waiting] == ["unknown"]
    verbs = AuditEvent.objects.filter(verb__startswith="repricing.").order_by("id").values_list("verb", "actor_id")
    assert list(verbs) == [("repricing.backfill", None), ("repricing.applied", None)]


def test_it_is_done_once_also_when_the_job_runs_again(acme: factories.Acme) -> None:
    factories.book_lines(unpriced(acme))
    stated(acme)
    backfill.run_waiting()
    Job.objects.filter(kind=backfill.KIND).update(status="queued")  # as after a kill before the job was finished
    settle()
    Job.objects.update(status="queued")
    settle()

    assert (len(entries()), RepricingRun.objects.count()) == (1, 1)


def test_nothing_begins_where_nothing_waits_or_the_price_is_of_others(acme: factories.Acme) -> None:
    factories.book_lines(unpriced(acme))

    stated(acme, model="other")
    set_price_override(
        organization=acme.globex, actor=None, provider="openai", model="house", valid_from=AT, prices={"input": "3"}
    )
    settle()

    assert not RepricingRun.objects.exists()


@pytest.mark.slow
def test_a_price_for_everybody_is_for_each_organization(acme: factories.Acme) -> None:
    factories.book_lines(unpriced(acme))
    set_price_override(
        organization=None,
        actor=None,
        provider="openai",
        model="house",
        valid_from=AT,
        prices={"input": "3", "output": "5"},
    )
    settle()

    assert [entry.cost for entry in entries()] == [Decimal("0.0035")]


@pytest.mark.slow
def test_an_organization_may_not_want_it_and_change_its_mind(acme: factories.Acme) -> None:
    factories.book_lines(unpriced(acme))
    adam = acme.people["adam"]
    backfill.set_backfill(organization=acme.organization, actor=adam, backfills_unpriced=False)
    stated(acme)
    settle()
    assert not entries()

    backfill.set_backfill(organization=acme.organization, actor=adam, backfills_unpriced=True)
    settle()

    assert len(entries()) == 1
    assert AuditEvent.objects.filter(verb="price_setting.update", actor_id=adam.pk).count() == 2


@pytest.mark.slow
def test_a_commitment_prices_what_it_covers(acme: factories.Acme) -> None:
    factories.book_lines(unpriced(acme))

    create_commitment(
        organization=acme.organization, actor=None, name="GPU", kind="fixed_monthly", provider="upstream",
        model="house", project=acme.assistant, amount=Decimal(300), per="month", currency="USD",
        starts_on=(AT - timedelta(days=1)).date(),
    )  # fmt: skip
    settle()

    assert [(entry.cost, entry.price_status) for entry in entries()] == [(Decimal(0), "priced")]


def test_only_calls_of_the_last_ninety_days_are_looked_for(acme: factories.Acme) -> None:
    factories.book_lines(unpriced(acme, at=AT - timedelta(days=100)))

    stated(acme, valid_from=AT - timedelta(days=200))
    settle()

    assert not entries()
