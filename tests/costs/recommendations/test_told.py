"""Recommendations told by a model, and by the command."""

import json
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings

from costs.models import Recommendation
from costs.recommendations.narration import narrate_new
from costs.recommendations.store import store
from tests.analytics.anomalies.test_narration import Writer, serving
from tests.costs.recommendations.conftest import Kept
from tests.costs.recommendations.findings import END, findings, proposal
from tests.factories import Acme

pytestmark = pytest.mark.django_db
GOOD = "These calls cost {actual}; {title} would save {saving} a month, at a risk that is {risk}."
TOLD = "These calls cost $120.00; Move Assistant to gpt-4o-mini would save $90.00 a month, at a risk that is medium."


@pytest.fixture
def writer(settings: Settings) -> Iterator[Writer]:
    found = Writer()
    found.text = GOOD
    with serving(found) as url:
        settings.NARRATOR_URL, settings.NARRATOR_MODEL, settings.NARRATOR_KEY = url, "small", "gw-secret"
        yield found


def summary(row: Recommendation) -> str:
    return Recommendation.objects.get(pk=row.pk).summary


def test_it_is_off_by_default(company: Acme, kept: Kept) -> None:
    row = kept(proposal(company))

    assert narrate_new(company.organization, [row.pk]) == 0
    assert summary(row) == ""


def test_a_good_answer_gets_our_figures_and_the_model_gets_none(company: Acme, kept: Kept, writer: Writer) -> None:
    row = kept(proposal(company))

    assert narrate_new(company.organization, [row.pk]) == 1

    assert summary(row) == TOLD
    ((_, sent),) = writer.bodies
    said = json.dumps(sent["messages"])
    assert not any(part in said for part in ("120", "90", "Assistant", "gpt-4o"))


@pytest.mark.parametrize("text", ["{actual} and 90 % less.", "{actual} of {nothing}.", "Save {saving}.", ""])
def test_a_bad_answer_is_thrown_away(company: Acme, kept: Kept, writer: Writer, text: str) -> None:
    row = kept(proposal(company))
    writer.text = text

    assert narrate_new(company.organization, [row.pk]) == 0
    assert summary(row) == ""


def test_a_summary_goes_when_its_figures_change(company: Acme, kept: Kept, writer: Writer) -> None:
    row = kept(proposal(company))
    narrate_new(company.organization, [row.pk])
    later = END + timedelta(hours=4)

    same = store(company.organization, findings(proposal(company)), now=later)
    assert (same.fresh, summary(row)) == ((), TOLD)
    changed = store(company.organization, findings(proposal(company, monthly_saving=Decimal(70))), now=later)
    assert (changed.fresh, summary(row)) == ((row.pk,), "")


def test_the_command_says_what_it_found(company: Acme, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("find_savings", "--organization", "acme", "--json")

    (told,) = json.loads(capsys.readouterr().out)
    names = ("organization", "spend", "joint_saving", "opened", "recommendations")
    assert {name: told[name] for name in names} == {
        "organization": "acme", "spend": "0.0000000000",
        "joint_saving": "0", "opened": 0, "recommendations": [],
    }  # fmt: skip
    with pytest.raises(CommandError) as refused:
        call_command("find_savings", "--organization", "nobody")
    assert str(refused.value) == "no organization 'nobody'"


def test_the_command_tells_people(company: Acme, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("find_savings", "--organization", "acme")

    told: Any = capsys.readouterr().out
    assert told.startswith("acme: 0.00 of 0.00 USD in 0 lines; 0 opened, 0 updated, 0 expired")
