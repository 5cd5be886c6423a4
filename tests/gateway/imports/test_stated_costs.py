"""From a file to priced lines: stated costs, list costs, totals of several requests, the same record in two files."""

import json
from decimal import Decimal
from pathlib import Path

import pytest

from analytics.models import TotalDay
from analytics.rollups.marks import drain_marks
from gateway.imports.service import Source, Summary, import_file
from gateway.models import ImportRun, LedgerLine, Organization, Project
from gateway.services.identity import ensure_default_project

pytestmark = pytest.mark.django_db(transaction=True)
DATA = Path(__file__).parent / "data"


@pytest.fixture
def project() -> Project:
    organization = Organization.objects.create(slug="acme", name="Acme")
    return ensure_default_project(organization=organization, actor=None)


def load(project: Project, kind: str, name: str, prices: str = "file") -> Summary:
    return import_file(project=project, source=Source(DATA / name, kind, {}, prices=prices))


def line_of(request_id: str) -> LedgerLine:
    return LedgerLine.objects.get(request_id=request_id)


def test_what_was_spent_is_kept_beside_the_list_price(project):
    summary = load(project, "litellm", "litellm_spendlogs.csv")

    assert (summary.imported, summary.rejected, summary.unpriced) == (5, 1, 1)
    assert summary.cost == Decimal("0.012741")
    line = line_of("chatcmpl-BqA1")
    assert line.cost == Decimal("0.0004410000")
    # gpt-4o-mini: 176 x 0.15 + 1,024 x 0.075 + 50 x 0.60 USD per million
    assert line.list_cost == Decimal("0.0001332000")
    assert line.charges == [
        {"meter": "stated", "rate_id": "import:litellm", "quantity": "0.0004410000", "unit_price": "1",
         "cost": "0.0004410000", "currency": "USD"},
    ]  # fmt: skip
    hit = line_of("chatcmpl-BqA1_cache_hit1772442999.1")
    # 1,200 x 0.15 + 50 x 0.60 USD per million would have been paid
    assert (hit.kind, hit.cost, hit.list_cost, hit.price_status) == ("cache_hit", 0, Decimal("0.00021"), "free")
    unknown = line_of("chatcmpl-BqA5")
    assert (unknown.cost, unknown.price_status) == (None, "unpriced")
    failed = line_of("b3c0a8be-fail")
    assert (failed.cost, failed.list_cost, failed.charges, failed.price_status) == (Decimal(0), None, [], "priced")


def test_the_price_book_can_price_it_all_anew(project):
    load(project, "litellm", "litellm_spendlogs.csv", prices="book")

    line = line_of("chatcmpl-BqA1")
    assert line.cost == line.list_cost == Decimal("0.0001332000")
    assert [charge["meter"] for charge in line.charges] == ["input", "cache_read", "output"]


def test_a_total_of_many_requests_is_in_the_tier_of_each(project, tmp_path):
    """600,000 tokens of one request cost 5 USD a million of gpt-5.4, of ten requests 2.50."""
    result = {"object": "organization.usage.completions.result", "input_tokens": 600_000, "output_tokens": 0,
              "model": "gpt-5.4"}  # fmt: skip
    results = [{**result, "num_model_requests": count, "api_key_id": f"key_{count}"} for count in (1, 10)]
    bucket = {"start_time": 1_775_001_600, "end_time": 1_775_088_000, "results": results}
    (tmp_path / "usage.json").write_text(json.dumps({"data": [bucket]}))

    import_file(project=project, source=Source(tmp_path / "usage.json", "openai", {}))

    costs = {line.request_count: line.cost for line in LedgerLine.objects.all()}
    assert costs == {1: Decimal(3), 10: Decimal("1.5")}


def test_estimates_of_the_source_are_list_prices(project):
    load(project, "helicone", "helicone.jsonl")

    line = line_of("1b9d6bcd-bbfd-4b2d-9b5d-ab8dfbbd4bed")
    assert line.cost == line.list_cost == Decimal("0.0001392000")
    assert line.charges[0]["rate_id"] == "import:helicone"


def test_a_record_in_two_exports_is_one_line(project, tmp_path):
    load(project, "litellm", "litellm_spendlogs.csv")
    lines = (DATA / "litellm_spendlogs.csv").read_text().splitlines()
    later = tmp_path / "later.csv"
    later.write_text("\n".join([lines[0], lines[2], lines[1].replace("chatcmpl-BqA1", "chatcmpl-New")]))

    summary = import_file(project=project, source=Source(later, "litellm", {}))

    assert (summary.imported, summary.duplicates) == (1, 1)
    assert LedgerLine.objects.count() == 6


def test_a_total_counts_its_requests_everywhere(project):
    summary = load(project, "openai", "openai_usage.json")
    drain_marks()

    assert (summary.imported, summary.requests, summary.skipped, summary.rejected) == (4, 17, 1, 3)
    line = LedgerLine.objects.get(request_count=10)
    # gpt-4o-2024-08-06: 53,440 x 2.50 + 5,760 x 1.25 + 10,646 x 10.00 USD per million
    assert line.cost == Decimal("0.2472600000")
    (total,) = TotalDay.objects.filter(bucket=line.started_at)
    assert (total.requests, total.attempts, total.successes, total.lines) == (12, 12, 12, 2)
    assert total.input_tokens == 60_200


def test_billed_costs_have_no_requests(project):
    load(project, "openai", "openai_costs.json")

    charge, credit = LedgerLine.objects.order_by("-cost")
    assert (charge.cost, charge.list_cost, charge.request_count) == (Decimal("0.2480600000"), None, 0)
    assert (credit.cost, credit.price_status) == (Decimal("-0.0500000000"), "priced")
    run = ImportRun.objects.get()
    assert (run.imported, run.requests, run.cost, run.status) == (2, 0, Decimal("0.1980600000"), "succeeded")
    assert run.first_at == run.last_at == charge.started_at


def test_sums_of_a_run(project):
    load(project, "litellm", "litellm_spendlogs.csv")

    run = ImportRun.objects.get()
    assert (run.imported, run.rejected, run.requests, run.unpriced, run.skipped) == (5, 1, 5, 1, 0)
    assert (run.input_tokens, run.output_tokens, run.cost) == (13_700, 200, Decimal("0.0127410000"))
    assert (f"{run.first_at:%H:%M:%S}", f"{run.last_at:%H:%M:%S}") == ("09:15:01", "09:19:00")
    assert run.progress == 1.0
