"""`manage.py forecast`."""

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from analytics.outlook.models import ForecastRun
from tests.factories import Acme


def told(*arguments: str) -> str:
    out = StringIO()
    call_command("forecast", *arguments, stdout=out)
    return out.getvalue()


@pytest.mark.slow
def test_it_stores_runs_of_now_and_of_earlier_weeks(used: Acme) -> None:
    facts = json.loads(told("--organization", "acme", "--days-back", "14", "--json"))

    stored = ForecastRun.objects.filter(measure="cost", grain="day", level="organization").order_by("-origin_at")
    assert [run.scored_steps for run in stored] == [0, 7, 14]
    assert facts["cost_next_30_days"] == stored[0].total["mean"]
    assert (facts["organization"], facts["method"]) == ("acme", stored[0].method)


@pytest.mark.slow
def test_it_says_what_is_expected_in_words(used: Acme) -> None:
    assert "cost of the next 30 days" in told("--organization", "acme")


@pytest.mark.slow
def test_without_use_it_says_so(company: Acme) -> None:
    assert told("--organization", "acme") == "acme: nothing was used yet, so there is nothing to forecast from.\n"


@pytest.mark.parametrize("arguments", [("--organization", "nobody"), ("--organization", "acme", "--days-back", "9999")])
def test_senseless_arguments_end_with_one_line(company: Acme, arguments: tuple[str, ...]) -> None:
    with pytest.raises(CommandError):
        told(*arguments)
