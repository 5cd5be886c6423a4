"""The demo's commitment, price in euro and exchange rates: made once, well used, and billed as FOCUS says."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.db.models import Sum

from analytics.exports.datasets.base import View
from analytics.query import Query
from analytics.query.scope import operator, scope_of
from config.demo.agreements import FEWEST_DAYS, ensure_commitments
from config.demo.company import Company
from config.demo.seed import seed
from config.demo.story import Calendar
from costs.commitments.reading import utilisation
from costs.focus.dataset import FocusDataset
from costs.focus.rows import COLUMNS
from costs.focus.validator import validate
from costs.models import Commitment, ExchangeRate, PriceOverride, RepricingRun
from gateway.models import Job, LedgerLine, Organization

pytestmark = pytest.mark.django_db(transaction=True)
UNTIL = datetime(2026, 11, 2, tzinfo=UTC)
DAY = UNTIL - timedelta(days=1)
MODEL = "gemini-2.5-flash"
NAME = "Translations, flat rate"


@pytest.fixture
def job() -> Job:
    """A demo of one day that is made as if it were of a month."""
    seed(days=1, until=UNTIL)
    return Job.objects.get(kind="seed_demo")


@pytest.mark.slow
def test_calls_are_covered_once_and_the_flat_rate_is_well_used(job: Job) -> None:
    company = Company("demo", 7, Calendar(UNTIL))
    assert not ensure_commitments(job, company, FEWEST_DAYS - 1)
    assert not Commitment.objects.filter(name=NAME).exists()

    assert ensure_commitments(job, company, FEWEST_DAYS)
    assert not ensure_commitments(job, company, FEWEST_DAYS)

    row = Commitment.objects.get(name=NAME)
    used = utilisation(row, DAY, UNTIL)
    assert (used.cost, used.used_share, used.notes) == (Decimal("0.8"), 1, ())  # 24 ÷ 30
    assert used.list_value is not None
    assert used.list_value > used.cost
    assert RepricingRun.objects.get().state == "applied"
    covered = LedgerLine.objects.filter(model_served=MODEL).exclude(kind="commitment")
    assert covered.aggregate(Sum("cost"))["cost__sum"] == 0
    assert ExchangeRate.objects.count() == 3
    assert PriceOverride.objects.get(currency="EUR").model == "codestral-2508"


@pytest.mark.slow
def test_its_day_is_a_whole_file_of_focus(job: Job) -> None:
    ensure_commitments(job, Company("demo", 7, Calendar(UNTIL)), FEWEST_DAYS)
    organization = Organization.objects.get()
    scope = scope_of(operator(), Query(measures=("cost",), start=DAY, end=UNTIL, organization=organization))

    question = {"start": DAY.isoformat(), "end": UNTIL.isoformat()}
    table = FocusDataset().open(question, View(organization, scope))
    names = [column.name for column in COLUMNS]
    rows = [dict(zip(names, row, strict=True)) for row in table.rows]

    billed = sum(row["BilledCost"] for row in rows)
    assert billed == LedgerLine.objects.filter(started_at__gte=DAY, started_at__lt=UNTIL).aggregate(s=Sum("cost"))["s"]
    assert billed == sum(row["EffectiveCost"] for row in rows)
    written = [{name: _written(value) for name, value in row.items()} for row in rows]
    assert validate(names, written, is_whole=True).violations == []
    identity = str(Commitment.objects.get(name=NAME).pk)
    of_it = [row for row in rows if row["CommitmentDiscountId"] == identity]
    assert {row["CommitmentDiscountStatus"] for row in of_it} == {None, "Used"}
    assert sum(row["EffectiveCost"] for row in of_it) == Decimal("0.8")
    assert all(row["ListUnitPrice"] > 0 for row in of_it)


def _written(value: object) -> object:
    """As the files have it."""
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%dT%H:%M:%SZ}"
    return f"{value:f}" if isinstance(value, Decimal) else value
