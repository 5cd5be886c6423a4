"""Findings become recommendations, again and again, and what people have decided stays."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from costs.models import Recommendation, SavingsSearch
from costs.models import RecommendationState as State
from costs.recommendations import search, services
from costs.recommendations.store import Stored, store
from gateway.models import Job
from tests.costs.recommendations.findings import END, by_hand, findings, proposal, repeated
from tests.factories import Acme, acme

pytestmark = pytest.mark.django_db
NOW = END + timedelta(hours=3)


@pytest.fixture
def company(db: None) -> Acme:
    return acme()


def rows(company: Acme) -> dict[str, Recommendation]:
    return {row.category: row for row in Recommendation.objects.filter(organization=company.organization)}


def test_a_first_search_opens_what_it_finds(company: Acme) -> None:
    found = replace(findings(proposal(company), repeated(company)), committed=Decimal(100))

    kept = store(company.organization, found, now=NOW)

    assert (kept.opened, kept.updated, kept.expired, len(kept.fresh)) == (2, 0, 0, 2)
    row = rows(company)["cheaper_model"]
    assert (row.state, row.team, row.joint_saving, row.monthly_saving, row.interval_lower, row.interval_upper) == (
        State.OPEN, company.search.pk, Decimal(90), Decimal(90), Decimal(95), Decimal(105)
    )  # fmt: skip
    assert row.slice == {"project": str(company.assistant.pk), "provider": "upstream", "model": "gpt-4o"}
    assert row.calls == proposal(company).slice
    assert row.quality["proposed_scores"] == 45
    kept_search = SavingsSearch.objects.get(organization=company.organization)
    assert (kept_search.joint_saving, kept_search.interval, kept_search.spend, kept_search.days) == (
        Decimal(100), {"level": "0.9", "lower": "90.0", "upper": "110.0"}, Decimal(600), 30
    )  # fmt: skip
    assert kept_search.notes == [{"code": "unpriced", "message": "12 lines have no price."}]


def test_the_same_search_again_changes_nothing_but_figures(company: Acme) -> None:
    store(company.organization, findings(proposal(company)), now=NOW)

    kept = store(company.organization, findings(proposal(company, monthly_saving=Decimal(80))), now=NOW)

    assert kept == Stored(updated=1)
    assert Recommendation.objects.get().monthly_saving == Decimal(80)


def test_an_older_search_that_comes_late_changes_nothing(company: Acme) -> None:
    store(company.organization, findings(proposal(company)), now=NOW)

    kept = store(company.organization, findings(end=END - timedelta(days=1)), now=NOW)

    assert (kept, Recommendation.objects.get().state) == (Stored(), State.OPEN)


def test_what_is_not_found_any_more_expires_and_opens_again_when_it_is(company: Acme) -> None:
    store(company.organization, findings(proposal(company), repeated(company)), now=NOW)

    assert store(company.organization, findings(repeated(company)), now=NOW) == Stored(updated=1, expired=1)
    assert rows(company)["cheaper_model"].state == State.EXPIRED
    assert store(company.organization, findings(proposal(company)), now=NOW) == Stored(opened=1, expired=1)
    assert rows(company)["cheaper_model"].state == State.OPEN


def test_what_is_open_again_is_so_since_the_search_and_by_nobody(company: Acme) -> None:
    store(company.organization, findings(proposal(company)), now=NOW)
    adam, later = company.people["adam"], NOW + timedelta(days=1)
    services.dismiss_recommendation(recommendation=Recommendation.objects.get(), actor=adam, reason="No.")

    store(company.organization, findings(proposal(company, monthly_saving=Decimal(180))), now=later)
    doubled = Recommendation.objects.get()
    store(company.organization, findings(), now=later + timedelta(days=1))
    gone = Recommendation.objects.get()
    store(company.organization, findings(proposal(company)), now=later + timedelta(days=2))
    found = Recommendation.objects.get()

    assert [(row.state, row.state_at, row.state_by) for row in (doubled, gone, found)] == [
        (State.OPEN, later, None), (State.EXPIRED, later + timedelta(days=1), None),
        (State.OPEN, later + timedelta(days=2), None),
    ]  # fmt: skip


def test_a_dismissed_one_stays_until_its_saving_has_doubled(company: Acme) -> None:
    store(company.organization, findings(proposal(company)), now=NOW)
    services.dismiss_recommendation(
        recommendation=Recommendation.objects.get(), actor=company.people["adam"], reason="The scores are worse."
    )

    assert (
        store(company.organization, findings(proposal(company, monthly_saving=Decimal("179.99"))), now=NOW) == Stored()
    )
    assert Recommendation.objects.get().monthly_saving == Decimal(90)
    store(company.organization, findings(), now=NOW)
    assert Recommendation.objects.get().state == State.DISMISSED
    assert store(company.organization, findings(proposal(company, monthly_saving=Decimal(180))), now=NOW).opened == 1
    row = Recommendation.objects.get()
    assert (row.state, row.reason) == (
        State.OPEN,
        "Open again: it was dismissed at 90.00 USD a month and is 180.00 now. The reason was: The scores are worse.",
    )


def test_a_snoozed_one_wakes_on_its_day(company: Acme) -> None:
    store(company.organization, findings(proposal(company)), now=NOW)
    row = services.snooze_recommendation(
        recommendation=Recommendation.objects.get(), actor=company.people["adam"], days=7
    )
    assert row.snoozed_until is not None

    store(company.organization, findings(proposal(company, monthly_saving=Decimal(85))), now=NOW)
    assert (Recommendation.objects.get().state, Recommendation.objects.get().monthly_saving) == (
        State.SNOOZED, Decimal(85)
    )  # fmt: skip
    store(company.organization, findings(), now=NOW)
    assert Recommendation.objects.get().state == State.SNOOZED
    store(company.organization, findings(proposal(company)), now=row.snoozed_until)
    assert (Recommendation.objects.get().state, Recommendation.objects.get().snoozed_until) == (State.OPEN, None)


def test_an_applied_one_is_left_alone(company: Acme) -> None:
    store(company.organization, findings(by_hand(company)), now=NOW)
    services.apply_recommendation(recommendation=Recommendation.objects.get(), actor=company.people["adam"])

    store(company.organization, findings(by_hand(company, monthly_saving=Decimal(1))), now=NOW)
    store(company.organization, findings(), now=NOW)

    assert (Recommendation.objects.get().state, Recommendation.objects.get().monthly_saving) == (
        State.APPLIED, Decimal(5)
    )  # fmt: skip


def test_every_organization_is_searched_once_a_day(company: Acme) -> None:
    asked: list[str] = []

    def find(organization, *, start, end, at):  # type: ignore[no-untyped-def]
        asked.append(organization.slug)
        return findings(proposal(company), end=end) if organization.slug == "acme" else findings(end=end)

    assert search.search_all(NOW, find) == 2
    assert search.search_all(NOW, find) == 0
    assert search.search_all(NOW + timedelta(days=1), find) == 2
    assert sorted(asked) == ["acme", "acme", "globex", "globex"]
    assert Recommendation.objects.get().organization == company.organization


def test_one_organizations_trouble_does_not_keep_the_others_from_being_searched(company: Acme) -> None:
    def find(organization, *, start, end, at):  # type: ignore[no-untyped-def]
        if organization.slug == "globex":
            raise ValueError("boom")
        return findings(proposal(company), end=end)

    assert search.search_all(NOW, find) == 1
    assert Job.objects.get(kind=search.KIND, status="failed").error == "ValueError: boom"


def test_a_search_that_is_stored_counts_whatever_comes_after_it(company: Acme, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(organization: object, *, now: object) -> None:
        raise ValueError("boom")

    def find(organization, *, start, end, at):  # type: ignore[no-untyped-def]
        return findings(end=end)

    monkeypatch.setattr(search, "measure_all", fail)

    assert search.search_all(NOW, find) == 2
    assert set(Job.objects.filter(kind=search.KIND).values_list("status", flat=True)) == {"succeeded"}


def test_a_search_that_is_asked_for_is_made_even_on_a_day_that_is_done(company: Acme) -> None:
    def find(organization, *, start, end, at):  # type: ignore[no-untyped-def]
        return findings(end=end)

    search.search_all(NOW, find)
    job = search.request_search(organization=company.organization, user=company.people["alice"])
    assert search.request_search(organization=company.organization, user=None) == job

    assert search.search_all(NOW, find) == 1
    job.refresh_from_db()
    assert (job.status, job.result) == ("succeeded", {"opened": 0, "updated": 0, "expired": 0})


def test_nothing_is_searched_while_data_is_being_loaded(company: Acme) -> None:
    def find(organization, *, start, end, at):  # type: ignore[no-untyped-def]
        return findings(proposal(company), end=end)

    Job.objects.create(kind="seed_demo", period="acme", organization=company.organization, status="running")

    assert search.search_all(NOW, find) == 1
    assert not Recommendation.objects.filter(organization=company.organization).exists()
    Job.objects.filter(kind="seed_demo").update(status="succeeded")
    assert search.search_all(NOW, find) == 1
    assert Recommendation.objects.filter(organization=company.organization).exists()


def test_an_organizations_own_ledger_is_searched_by_the_engine(company: Acme) -> None:
    answers, kept = search.search(company.organization, now=NOW)

    assert (answers.lines, answers.proposals, kept) == (0, (), Stored())
    assert SavingsSearch.objects.get(organization=company.organization).searched_at == NOW
