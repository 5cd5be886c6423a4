"""What the demo company has agreed beforehand: a flat rate for its translations, worth more than it costs, a price in
euro, and the exchange rates that its treasury states."""

from datetime import timedelta
from decimal import Decimal

from django.db import connection, transaction

from config.demo.company import Company
from costs.models import RepricingRun
from costs.services import commitments, currencies, prices, repricing
from gateway.models import Job, Organization, Project

NOTE = "commitments"
FEWEST_DAYS = 30
"""A shorter demo has none: there is too little to show of it."""
AGREED = 7
"""Days before the last on which the flat rate begins; calls since then are priced anew."""
PROVIDER, MODEL, PROJECT = "google", "gemini-2.5-flash", "translation"
FEE = Decimal(24)
"""USD a month; a day of translations is worth about 1.50 by the list."""
EURO_PRICE = {"input": Decimal("0.26"), "output": Decimal("0.78")}
RATES = {85: Decimal("1.158"), 55: Decimal("1.171"), 25: Decimal("1.164")}
"""USD for a euro, by days before the last from which on."""


def ensure_commitments(job: Job, company: Company, days: int) -> bool:
    """Make them once, when every day is in. The days of the flat rate that are over are booked at once, and the calls
    that it covers re-priced; in a caller's transaction the background process does so."""
    if days < FEWEST_DAYS or not _agree(job, company):
        return False
    if not connection.in_atomic_block:
        commitments.run_waiting()
        repricing.run_waiting()  # counts
        repricing.run_waiting()  # and books
    return True


@transaction.atomic
def _agree(job: Job, company: Company) -> bool:
    locked = Job.objects.select_for_update().get(pk=job.pk)
    result = locked.result or {"days": {}}
    if NOTE in result:
        return False
    organization = Organization.objects.get(pk=company.organization)
    _flat_rate(organization, company)
    _euro(organization, company)
    locked.result = {**result, NOTE: 1}
    locked.save(update_fields=["result", "updated_at"])
    return True


def _flat_rate(organization: Organization, company: Company) -> None:
    commitments.create_commitment(
        organization=organization, actor=None, name="Translations, flat rate", kind="fixed_monthly", provider=PROVIDER,
        model=MODEL, project=Project.objects.get(pk=company.project(PROJECT)), amount=FEE, per="month",
        units=Decimal(1), unit_name="", currency=organization.currency, starts_on=company.calendar.day(AGREED),
        note="Agreed for a year, to be looked at again after a quarter.",
    )  # fmt: skip
    run = repricing.request_repricing(
        organization=organization, actor=None, start=company.calendar.midnight(AGREED), end=company.calendar.until,
        provider=PROVIDER, model=MODEL,
    )  # fmt: skip
    RepricingRun.objects.filter(pk=run.pk).update(is_automatic=True)


def _euro(organization: Organization, company: Company) -> None:
    """A model that is about to be tried is priced in euro."""
    stated = [
        currencies.NewRate("EUR", "USD", rate, company.calendar.day(ago), "Treasury, monthly rate")
        for ago, rate in RATES.items()
    ]
    currencies.state_rates(organization=organization, actor=None, stated=stated)
    prices.set_price_override(
        organization=organization, actor=None, provider="mistral", model="codestral-2508", prices=EURO_PRICE,
        currency="EUR", valid_from=company.calendar.until - timedelta(days=1), source="Offer of the vendor",
        note="Invoiced in euro.",
    )  # fmt: skip
