"""The page of nightly comparisons, and what the status menu says of the newest."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from analytics.console.status import system_status
from analytics.models import Reconciliation
from analytics.reconciliation import KIND
from gateway.models import Job
from tests.console.company import Company
from tests.console.conftest import SignIn

PAGE = "/admin/reconciliation/"


def compared(at: datetime, differences: int = 0) -> None:
    sample = ["KeyDay acme requests: ledger 1, rollup 7"] if differences else []
    Reconciliation.objects.create(
        started_at=at - timedelta(seconds=41), finished_at=at, lines=1_204_331, cost=Decimal("5123.440015"),
        differences=differences, sample=sample,
    )  # fmt: skip


def figures(now: datetime) -> tuple[str, str]:
    part = next(part for part in system_status(now).parts if part.name == "Figures")
    return part.state, part.text


def test_the_status_says_how_the_newest_comparison_went(company: Company) -> None:
    now = datetime.now(UTC)
    said = [figures(now)]
    compared(now - timedelta(days=3))
    said.append(figures(now))
    compared(now - timedelta(hours=5))
    said.append(figures(now))
    compared(now - timedelta(minutes=10), differences=2)
    said.append(figures(now))
    Job.objects.create(kind=KIND, period="2026-11-28", status="failed", error="no space")
    said.append(figures(now))

    assert said == [
        ("ok", "not yet compared with the ledger"),
        ("warn", "last compared with the ledger 3\u202fd ago"),
        ("ok", "equal the ledger, compared 5\u202fh ago"),
        ("bad", "differ from the ledger in 2 places"),
        ("warn", "the nightly comparison with the ledger broke off"),
    ]


def test_the_page_has_the_history_for_superusers_alone(company: Company, sign_in: SignIn) -> None:
    now = datetime.now(UTC)
    empty = sign_in("root").get(PAGE).content.decode()
    compared(now - timedelta(days=1))
    compared(now, differences=2)

    page = sign_in("root").get(PAGE).content.decode()

    assert "No comparison yet" in empty
    assert "The figures differ from the ledger" in page
    assert "2 differences" in page
    assert "KeyDay acme requests: ledger 1, rollup 7" in page
    assert "1,204,331" in page
    assert "5,123.440015" in page
    assert page.count("badge-ok") == 1
    assert sign_in("alice").get(PAGE).status_code == 403
    assert PAGE not in sign_in("alice").get("/admin/settings/").content.decode()
