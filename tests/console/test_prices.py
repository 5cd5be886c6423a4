"""The pages of prices: lists and history, the review queue, re-pricing; what they say, to whom, at what cost."""

import html
import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from pytest_django import DjangoAssertNumQueries

from costs.models import PriceRate, PriceReview, PriceSnapshot, RepricingRun
from costs.repricing import Count
from gateway.models import Job, Organization
from tests.console.company import Company
from tests.console.conftest import SignIn

URL = "/admin/prices/"
CUT = datetime(2026, 6, 1, tzinfo=UTC)


@pytest.fixture
def rates() -> None:
    snapshot = PriceSnapshot.objects.create(source="litellm", version="7", origin="test", digest="0", state="accepted")
    common: dict[str, Any] = {"source": "litellm", "provider": "acme", "model": "big", "snapshot": snapshot}
    rows = [
        PriceRate(meter="input", amount=Decimal("0.000004"), valid_to=CUT, **common),
        PriceRate(meter="input", amount=Decimal("0.000003"), valid_from=CUT, **common),
        PriceRate(meter="input", amount=Decimal("0.000006"), above_tokens=200_000, **common),
        PriceRate(meter="output", amount=Decimal("0.0000015"), context="service_tier=flex,region=eu", **common),
    ]
    PriceRate.objects.bulk_create(rows)


def review(**changes: Any) -> PriceReview:
    one = {"context": "", "above_tokens": -1, "meter": "input", "first": "0.0000025", "second": "0.000003"}
    fields = {"provider": "openai", "model": "gpt-4o", "largest_percent": Decimal("16.67"), "differences": [one]}
    return PriceReview.objects.create(**(fields | changes))


def test_a_console_without_lists_says_what_brings_them(company: Company, sign_in: SignIn) -> None:
    assert "python manage.py refresh_prices" in sign_in("bob").get(URL).content.decode()


def test_the_list_shows_what_is_in_force(company: Company, rates: None, sign_in: SignIn) -> None:
    text = sign_in("bob").get(URL, {"q": "BIG"}).content.decode()

    assert ("$3.00" in text, "$4.00" in text) == (True, False)
    assert "input above 200,000 $6.00" in text
    assert "<td>flex, in eu</td>" in text
    assert ("since" in text, "2026-06-01" in text, "litellm 7, read" in text) == (True, True, True)
    assert "No price matches" in sign_in("bob").get(URL, {"q": "nothing"}).content.decode()


def test_the_history_shows_what_was(company: Company, rates: None, sign_in: SignIn) -> None:
    text = sign_in("bob").get(f"{URL}history/", {"provider": "acme", "model": "big"}).content.decode()

    assert [price in text for price in ("$4.00", "$3.00", "$6.00", "$1.50")] == [True] * 4
    assert "No list names this model" in sign_in("bob").get(f"{URL}history/", {"model": "x"}).content.decode()


def test_every_list_costs_few_queries(
    company: Company, rates: None, sign_in: SignIn, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    review()
    client = sign_in("alice")
    for path in ("", "history/?provider=acme&model=big", "reviews/", "repricing/"):
        client.get(f"{URL}{path}")
        with django_assert_max_num_queries(14):
            assert client.get(f"{URL}{path}").status_code == 200


def test_superusers_decide_reviews_and_others_see_them(company: Company, sign_in: SignIn) -> None:
    row = review()
    page, root = f"{URL}reviews/", sign_in("root")

    assert "Take second" in root.get(page).content.decode()
    assert "Take second" not in sign_in("alice").get(page).content.decode()
    assert sign_in("alice").post(page, {"review": row.pk, "decision": "taken"}).status_code == 403
    root.post(page, {"review": row.pk, "decision": "taken"})

    row.refresh_from_db()
    assert row.state == "taken"
    assert "Nothing here" in root.get(page).content.decode()


def test_differences_of_several_currencies_are_not_added_up(company: Company, sign_in: SignIn) -> None:
    """10 USD less and 10 EUR more are not nothing."""
    count = Count(lines=2, changed=2)
    for currency, after in (("USD", "0"), ("EUR", "20")):
        line = {"team": None, "model_served": "gpt-4o", "currency": currency}
        count.add(line, Decimal(10), Decimal(after), is_new=False)
    counted = count.as_json()
    RepricingRun.objects.create(
        organization=company.organization, start=datetime(2026, 11, 1, tzinfo=UTC), counted=counted, state="ready",
        end=datetime(2026, 11, 7, tzinfo=UTC),
    )  # fmt: skip

    text = sign_in("alice").get(f"{URL}repricing/").content.decode().replace("−", "-")

    assert [counted[name] for name in ("before", "after", "difference")] == [None, None, None]
    assert "2 of 2 calls change: €10.00 and -$10.00 in all." in text
    assert "Book €10.00 and -$10.00 as adjusting entries" in text


def test_a_period_is_counted_and_applied_from_the_page(company: Company, sign_in: SignIn) -> None:
    page, alice = f"{URL}repricing/", sign_in("alice")

    alice.post(page, {"start": "2026-11-01", "end": "2026-11-07", "only_unpriced": "1"})
    alice.post(page, {"start": "then", "end": "2026-11-07"})

    run = RepricingRun.objects.get()
    assert (run.start, run.end - run.start, run.only_unpriced) == (
        datetime(2026, 11, 1, tzinfo=UTC), timedelta(days=7), True
    )  # fmt: skip
    assert Job.objects.filter(kind="costs.reprice", period=f"count:{run.pk}").exists()
    count = Count(lines=3, changed=2)
    line = {"team": str(company.teams["support"].pk), "model_served": "gpt-4o", "currency": "USD"}
    count.add(line, Decimal("7.5"), Decimal("5.25"), is_new=False)
    RepricingRun.objects.update(state="ready", counted=count.as_json())
    text = alice.get(page).content.decode()
    assert "2 of 3 calls change: -$2.25 in all." in text.replace("−", "-")
    assert [words in text for words in ("$7.50", "$5.25", "2026-11-07")] == [True] * 3
    alice.post(page, {"apply": run.pk})
    run.refresh_from_db()
    assert run.state == "applying"


def test_days_are_those_of_the_reporting_time_zone(company: Company, sign_in: SignIn) -> None:
    """By Vienna 25 October 2026 has 25 hours and begins at 22:00 UTC."""
    Organization.objects.filter(pk=company.organization.pk).update(reporting_timezone="Europe/Vienna")
    page, alice = f"{URL}repricing/", sign_in("alice")

    alice.post(page, {"start": "2026-10-25", "end": "2026-10-25"})

    run = RepricingRun.objects.get()
    assert (run.start, run.end) == (
        datetime(2026, 10, 24, 22, tzinfo=UTC), datetime(2026, 10, 25, 23, tzinfo=UTC)
    )  # fmt: skip
    text = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", alice.get(page).content.decode()))
    assert "2026-10-25 to 2026-10-25" in text
    assert "Days are of your reporting time zone." in text


def test_re_pricing_is_for_who_sees_all_and_written_by_administrators(company: Company, sign_in: SignIn) -> None:
    page = f"{URL}repricing/"

    assert (sign_in("bob").get(page).status_code, sign_in("carol").get(page).status_code) == (403, 200)
    assert "Count the difference" not in sign_in("carol").get(page).content.decode()
    assert sign_in("carol").post(page, {"start": "2026-11-01", "end": "2026-11-07"}).status_code == 403


def previewed(page: str) -> dict[str, str]:
    """Meter → what stands at its field."""
    found = re.findall(r'<span class="beside[^"]*" id="beside_(\w+)" hx-swap-oob="true">(?:· )?([^<]*)</span>', page)
    return {meter: html.unescape(text).replace("\u202f", " ") for meter, text in found if text}


def test_a_price_is_shown_beside_the_list_as_it_is_typed(company: Company, rates: None, sign_in: SignIn) -> None:
    client = sign_in("alice")
    stated = {"provider": "acme", "model": "big", "currency": "USD"}

    def ask(**more: str) -> dict[str, str]:
        response = client.get(f"{URL}preview/", stated | more)
        assert response.status_code == 200
        return previewed(response.content.decode())

    assert ask() == {"input": "list $3.00", "cache_read": "list $3.00"}
    assert ask(price_output="9", discount_percent="10") == {
        "input": "left out: unpriced, list $3.00", "cache_read": "left out: unpriced, list $3.00",
        "output": "not in the list",
    }  # fmt: skip
    assert ask(price_input="2", price_cache_read="3", discount_percent="10") == {
        "input": "40.0 % below the list's $3.00", "cache_read": "10.0 % below the list's $3.00",
    }  # fmt: skip
    assert ask(price_input="6")["input"] == "100 % above the list's $3.00"
    assert ask(discount_percent="10")["input"] == "$2.70, 10.0 % below the list's $3.00"
    assert ask(price_input="2", currency="EUR")["input"] == "list $3.00"
    assert ask(price_input="cheap", model="bi*") == {}


def test_only_who_may_state_prices_asks_for_the_list_beside_them(company: Company, sign_in: SignIn) -> None:
    answers = {name: sign_in(name).get(f"{URL}preview/").status_code for name in ("alice", "adam", "carol", "bob")}

    assert answers == {"alice": 200, "adam": 200, "carol": 403, "bob": 403}


def test_the_list_beside_a_price_takes_few_queries(
    company: Company, sign_in: SignIn, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    client = sign_in("alice")

    with django_assert_num_queries(4):
        client.get(f"{URL}preview/?provider=openai&model=gpt-4o")
