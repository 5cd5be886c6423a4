"""Why a request cost what it cost: tiers, contracts, adjusting entries, commitments, other currencies, in words."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from costs.models import ExchangeRate
from gateway.ledger.booking import derived_id
from gateway.models import LedgerLine
from gateway.services import explanation
from tests import factories
from tests.gateway.api.conftest import Caller

AT = datetime(2026, 11, 20, 9, tzinfo=UTC)
LIST = "genai-prices@0.2.3:openai/gpt-4o:input:initial"


def charge(
    rate_id: str = LIST, price: str = "0.0000025", cost: str = "0.0025", currency: str = "USD"
) -> dict[str, str]:
    return {
        "meter": "input", "rate_id": rate_id, "quantity": "1000", "unit_price": price, "cost": cost,
        "currency": currency,
    }  # fmt: skip


def line(company: factories.Acme, **changes: Any) -> dict[str, Any]:
    fields = {"at": AT, "charges": [charge()], "cost": Decimal("0.0025"), "list_cost": Decimal("0.0025")}
    return factories.line(company, **(fields | changes))


def explained(caller: Caller, request_id: str, **query: str) -> dict[str, Any]:
    url = f"/api/v1/usage-records/{request_id}/cost-explanation"
    found: dict[str, Any] = caller("analyst").get(url, query).json()
    return found


def test_a_charge_says_which_price_version_and_tier_it_is(company: factories.Acme, caller: Caller) -> None:
    long = charge("litellm@1.106.2:openai/gpt-5.4:input:2026-06-01:region=eu,service_tier=flex:gt272000")
    (one,) = factories.book_lines(line(company, charges=[long], service_tier_served="flex"))

    (found,) = explained(caller, one["request_id"])["lines"]

    assert found["charges"][0]["rate"] == {
        "kind": "list", "source": "litellm", "version": "1.106.2", "contract": "", "since": "2026-06-01",
        "context": ["region=eu", "service_tier=flex"], "above_tokens": 272000,
        "words": "litellm 1.106.2, since 2026-06-01, in eu, flex, prompts above 272,000 tokens",
    }  # fmt: skip
    assert (found["service_tier"], found["usage_source"], found["started_at"]) == (
        "flex", "reported", "2026-11-20T09:00:00Z"
    )  # fmt: skip


def test_a_price_that_came_later_completes_it(company: factories.Acme, caller: Caller) -> None:
    one = line(company, charges=[], cost=None, list_cost=None, price_status="unpriced")
    factories.book_lines(one)
    before = explained(caller, one["request_id"])
    entry = {
        **line(company), "id": derived_id(one["id"], "r"), "request_id": one["request_id"], "kind": "adjustment",
        "is_final": False, "corrects": one["id"], "input_tokens": 0, "output_tokens": 0,
    }  # fmt: skip
    factories.book_lines(entry)

    after = explained(caller, one["request_id"])

    assert (before["total_cost"], before["is_complete"], before["notes"][0]["code"]) == (None, False, "unpriced")
    assert (after["total_cost"], after["is_complete"]) == ("0.0025000000", True)
    assert [note["code"] for note in after["notes"]] == ["adjusted"]
    adjusted = next(item for item in after["lines"] if item["kind"] == "adjustment")
    assert adjusted["corrects"] == str(one["id"])
    assert adjusted["explanation"].startswith("Corrects an earlier line; it counts no request. 1,000 input ×")


def test_a_covered_call_says_what_it_would_cost(company: factories.Acme, caller: Caller) -> None:
    covered = charge(f"commitment:9:input:{LIST}", "0", "0")
    (one,) = factories.book_lines(line(company, charges=[covered], cost=Decimal(0)))

    (found,) = explained(caller, one["request_id"])["lines"]

    assert found["explanation"] == (
        f"1,000 input × 0 USD = 0 USD (rate commitment:9:input:{LIST}). A commitment covers the call, so nothing "
        "more is paid; by the public list it would cost 0.0025 USD. Token counts are the vendor's own."
    )
    assert (found["charges"][0]["rate"]["kind"], found["charges"][0]["rate"]["contract"]) == ("commitment", "9")


def test_a_day_of_a_commitment_is_no_call(company: factories.Acme, caller: Caller) -> None:
    fee = charge("commitment:9", "1", "24") | {"meter": "commitment", "quantity": "24"}
    (one,) = factories.book_lines(
        line(company, kind="commitment", is_final=False, charges=[fee], cost=Decimal(24), list_cost=Decimal(0))
    )

    found = explained(caller, one["request_id"])

    assert found["total_cost"] == "24.0000000000"
    assert found["lines"][0]["explanation"] == (
        "A day of a commitment: it is paid whether it is used or not, and counts no request. "
        "24 commitment × 1 USD = 24 USD (rate commitment:9)."
    )


def test_a_discount_says_what_the_list_says(company: factories.Acme, caller: Caller) -> None:
    own = charge(f"override:7f:input:{LIST}", "0.000002", "0.002")
    (one,) = factories.book_lines(line(company, charges=[own], cost=Decimal("0.002")))

    (found,) = explained(caller, one["request_id"])["lines"]

    assert "By the public list it would cost 0.0025 USD." in found["explanation"]
    assert found["charges"][0]["rate"]["words"] == "your discount off genai-prices 0.2.3"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"kind": "cache_hit", "cost": Decimal(0), "charges": [], "price_status": "free", "usage_source": "counted"},
         "Answered from the cache. The answer would have cost 0.0025 USD. Token counts were counted by the gateway, "
         "because the vendor reported none."),
        ({"status": "interrupted", "usage_source": "estimated"},
         f"The gateway stopped before the call ended. 1,000 input × 0.0000025 USD = 0.0025 USD (rate {LIST}). "
         "Token counts are an estimate: the answer ended before its usage was known."),
    ],
)  # fmt: skip
def test_what_is_no_usual_call_is_said(
    company: factories.Acme, caller: Caller, changes: dict[str, Any], words: str
) -> None:
    (one,) = factories.book_lines(line(company, **changes))

    assert explained(caller, one["request_id"])["lines"][0]["explanation"] == words


def test_a_total_in_another_currency_is_by_the_rate_of_the_day(company: factories.Acme, caller: Caller) -> None:
    euros = line(company, at=AT + timedelta(days=1), currency="EUR", charges=[charge(currency="EUR")])
    (one,) = factories.book_lines(line(company, request_id=euros["request_id"]))
    factories.book_lines(euros)
    rate: dict[str, Any] = {"organization": None, "base": "EUR", "quote": "USD", "source": "ECB"}

    missing = explained(caller, one["request_id"], currency="usd")
    ExchangeRate.objects.create(**rate, rate=Decimal("1.2"), valid_from=date(2026, 11, 19))
    ExchangeRate.objects.create(**rate, rate=Decimal("1.3"), valid_from=date(2026, 11, 21))
    found = explained(caller, one["request_id"], currency="USD")
    turned = explained(caller, one["request_id"], currency="EUR")

    assert (missing["total_cost"], missing["converted"]) == (None, None)
    assert [note["code"] for note in missing["notes"]] == ["several_calls", "currencies", "rate_missing"]
    # 0.0025 + 0.0025 × 1.3
    assert found["converted"] == {
        "currency": "USD", "total": "0.0057500000", "rates": ["1 EUR = 1.3 USD from 2026-11-21, ECB"]
    }  # fmt: skip
    # 0.0025 ÷ 1.2 + 0.0025 = 0.00208333… + 0.0025
    assert turned["converted"]["total"] == "0.0045833333"
    assert (
        caller("analyst").get(f"/api/v1/usage-records/{one['request_id']}/cost-explanation?currency=x1").status_code
        == 400
    )


def test_the_rates_of_many_calls_are_read_once(company: factories.Acme) -> None:
    ExchangeRate.objects.create(
        organization=None, base="EUR", quote="USD", rate=Decimal("1.2"), valid_from=date(2026, 11, 19), source="ECB"
    )
    factories.book_lines(*(line(company, at=AT + timedelta(minutes=index)) for index in range(5)))
    lines = list(LedgerLine.objects.filter(organization=company.organization.pk))

    with CaptureQueriesContext(connection) as queries:
        found = explanation.converted(lines, "EUR")

    assert (len(queries), found and found.total) == (1, Decimal("0.0104166667"))  # 5 × 0.0025 ÷ 1.2
