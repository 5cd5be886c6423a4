"""What the search for savings finds of planted waste: of two seeds, of the default demo, of real traffic; the same over
the ledger."""

from datetime import UTC, datetime

import pytest
from django.db.models import Sum

from bench import planted, savings, traces
from bench.savings import judge, key_of
from config.demo import governance
from config.demo.company import Company
from config.demo.seed import SEED, seed
from config.demo.story import DAYS, Calendar
from costs.savings.find import find
from costs.savings.search import search
from gateway.models import LedgerLine, Organization, Project

UNTIL = datetime(2026, 11, 22, tzinfo=UTC)
TOO_SMALL = {
    ("retry_waste", "fleet-telemetry", "gpt-4o-mini"),
    ("duplicate_caching", "docs-search", "text-embedding-3-small"),
}
"""Cents: real waste that is not worth a proposal."""


@pytest.mark.slow
@pytest.mark.parametrize("number", [101, 102])
def test_nine_tenths_of_what_is_planted_are_found_and_nothing_else(number: int) -> None:
    _, found = savings.demo(number)

    assert found.share >= 0.9
    assert {key for key, saving in found.found.items() if not saving} == TOO_SMALL
    assert found.beyond <= 0.01 * found.planted
    assert (found.false, found.without_evidence, found.overlaps, found.off) == ([], 0, 0, 0)


@pytest.mark.slow
@pytest.mark.parametrize("number", [101, 102])
def test_nothing_is_proposed_to_the_same_company_without_waste(number: int) -> None:
    _, clean = savings.demo(number, clean=True)

    assert (clean.truth, clean.false) == ({}, [])


@pytest.mark.slow
@pytest.mark.parametrize("days", [30, DAYS])
def test_three_tenths_of_the_default_demo_can_be_saved(days: int) -> None:
    found = search(planted.view_of(Company("demo", SEED, Calendar(UNTIL)), days))

    in_calls = sum(one.joint_saving for one in found.proposals if one.slice.project)
    assert in_calls >= found.spend * 3 / 10
    assert sum(one.joint_saving for one in found.proposals) == found.joint_saving


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_the_ledger_says_the_same_as_the_generators_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(governance, "FORGOTTEN", "nobody")  # repeats of whoever is forgotten are not theirs any more
    seed(days=2, seed=3, until=UNTIL)
    organization = Organization.objects.get(slug="demo")
    slugs = {str(one.pk): one.slug for one in Project.objects.all()}
    calendar = Calendar(UNTIL)

    read = find(organization, start=calendar.midnight(1), end=UNTIL)
    made = search(planted.view_of(Company("demo", 3, calendar), 2))

    tuned = LedgerLine.objects.filter(kind="attempt", sdk=None, started_at__gte=calendar.midnight(1))
    tuned_lines, tuned_cost = tuned.count(), tuned.aggregate(sum=Sum("cost"))["sum"]  # beside what the generator makes
    assert (read.lines - tuned_lines, read.spend - tuned_cost, read.joint_saving) == (
        made.lines, made.spend, made.joint_saving,
    )  # fmt: skip
    assert [code for code, _ in read.notes] == ["not_replayed"]  # the commitments' own lines
    assert {(one.category, slugs.get(one.slice.project, ""), one.slice.model, one.lines, one.saving, one.joint_saving)
            for one in read.proposals} == {
        (one.category, one.slice.project, one.slice.model, one.lines, one.saving, one.joint_saving)
        for one in made.proposals
    }  # fmt: skip
    assert len(made.proposals) > 3


@pytest.mark.slow
@pytest.mark.needs_shared
@pytest.mark.parametrize("make", [traces.servegen, traces.mooncake])
def test_waste_in_real_traffic_is_found_and_none_where_there_is_none(make) -> None:
    wasteful, sound = (make(101, planted=is_planted) for is_planted in (True, False))

    found = judge(wasteful.view, {(key[0].value, *key[1:]): saving for key, saving in wasteful.truth.items()})
    assert found.share >= 0.9
    assert (found.false, found.without_evidence, found.overlaps, found.off) == ([], 0, 0, 0)
    assert search(sound.view).proposals == ()


def test_a_proposal_about_nothing_that_was_planted_is_false() -> None:
    view = planted.view_of(Company("demo", 3, Calendar(UNTIL)), 2)
    proposals = search(view).proposals
    largest = max(proposals, key=lambda one: one.joint_saving)

    judged = judge(view, {key_of(largest): 2 * float(largest.joint_saving)})

    assert judged.share == pytest.approx(0.5)
    assert len(judged.false) == len(proposals) - 1
