"""`manage.py estimate_cost`: the sum by hand, whose prices apply, what is refused."""

import json
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from django.core.management import CommandError, call_command

from costs.services.prices import set_price_override
from tests import factories

pytestmark = pytest.mark.django_db
USAGE = ("input_tokens=10000", "cache_read_tokens=6000", "output_tokens=500")


def test_the_json_is_the_estimate(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("estimate_cost", "openai", "gpt-4o", *USAGE, "--at", "2026-11-20", "--json")

    told = json.loads(capsys.readouterr().out)
    # 4000 x 2.5 + 6000 x 1.25 + 500 x 10 USD a million
    assert (told["total"], told["price_status"], told["notes"]) == ("0.0225000000", "priced", [])
    assert [(line["meter"], line["quantity"]) for line in told["lines"]] == [
        ("input", "4000"), ("cache_read", "6000"), ("output", "500")
    ]  # fmt: skip


def test_an_organizations_own_price_and_a_tier(capsys: pytest.CaptureFixture[str]) -> None:
    acme = factories.acme()
    set_price_override(
        organization=acme.organization, provider="openai", model="gpt-4o", actor=None,
        valid_from=datetime(2026, 1, 1, tzinfo=UTC), discount_percent=Decimal(50),
    )  # fmt: skip

    arguments = ("estimate_cost", "openai", "gpt-4o", "input_tokens=1000000", "--at", "2026-11-20")
    call_command(*arguments, "--organization", "acme", "--context", "service_tier=priority")
    assert "Total: 2.1250000000 USD" in capsys.readouterr().out
    call_command(*arguments)
    assert "Total: 2.5000000000 USD" in capsys.readouterr().out


def test_an_unknown_price_is_unknown(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("estimate_cost", "nobody", "none", "input_tokens=1")

    assert capsys.readouterr().out.splitlines() == ["Total: unknown", "No price of this model is known."]


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (("words=1",), "There is no class of usage 'words'"),
        (("input_tokens=many",), "must be a whole number"),
        (("input_tokens",), "Write KEY=VALUE"),
        (("input_tokens=1", "--at", "soon"), "is no time"),
        (("input_tokens=1", "--organization", "nowhere"), "nowhere"),
    ],
)
def test_what_is_wrong_is_said(wrong: tuple[str, ...], words: str) -> None:
    with pytest.raises(CommandError, match=words):
        call_command("estimate_cost", "openai", "gpt-4o", *wrong)
