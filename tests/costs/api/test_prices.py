"""Prices over the API: lists with their history, own prices, the review queue, estimates against figures by hand."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from pytest_django import DjangoAssertNumQueries

from costs.models import PriceOverride, PriceRate, PriceReview, PriceSnapshot, RepricingRun
from costs.repricing import Count
from costs.services.prices import set_price_override
from gateway.models import AuditEvent
from tests import factories
from tests.gateway.api.conftest import Caller

URL = "/api/v1/prices"
ESTIMATE = "/api/v1/cost/estimate"
START, CUT = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 6, 1, tzinfo=UTC)


@pytest.fixture(autouse=True)
def acme(company: factories.Acme) -> factories.Acme:
    return company


@pytest.fixture
def rates() -> list[PriceRate]:
    """A model whose price was cut in June, in the second list."""
    snapshot = PriceSnapshot.objects.create(
        source="litellm", version="7", origin="test", digest="0", state="accepted", models_count=1
    )
    common: dict[str, Any] = {"source": "litellm", "provider": "acme", "model": "big", "snapshot": snapshot}
    rows = [
        PriceRate(meter="input", amount=Decimal("0.000004"), valid_to=CUT, **common),
        PriceRate(meter="input", amount=Decimal("0.000003"), valid_from=CUT, **common),
        PriceRate(meter="output", amount=Decimal("0.000009"), **common),
    ]
    return PriceRate.objects.bulk_create(rows)


def test_rates_in_force_at_an_instant(
    rates: list[PriceRate], caller: Caller, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    now = caller("developer").get(URL, {"provider": "ACME", "model": "BIG"}).json()["results"]
    then = caller("developer").get(URL, {"model": "big", "at": "2026-05-31T23:59:59Z"}).json()["results"]

    assert [(row["meter"], row["amount"], row["version"]) for row in now] == [
        ("input", "0.000003000000000000", "7"), ("output", "0.000009000000000000", "7")
    ]  # fmt: skip
    assert [row["amount"] for row in then] == ["0.000004000000000000", "0.000009000000000000"]


def test_the_history_of_a_model(rates: list[PriceRate], caller: Caller) -> None:
    found = caller("developer").get(f"{URL}/history", {"provider": "acme", "model": "big"}).json()

    assert found["count"] == 3
    windows = {(row["amount"][:8], row["valid_from"], row["valid_to"]) for row in found["results"]}
    assert windows == {
        ("0.000004", None, "2026-06-01T00:00:00Z"), ("0.000003", "2026-06-01T00:00:00Z", None),
        ("0.000009", None, None),
    }  # fmt: skip


def test_an_estimate_is_the_sum_of_its_lines(rates: list[PriceRate], caller: Caller) -> None:
    body = {"provider": "acme", "model": "big", "usage": {"input_tokens": 1000, "output_tokens": 100}}

    now, then = (caller("developer").post(ESTIMATE, body | at).json() for at in ({}, {"at": "2026-05-01T00:00:00Z"}))

    # 1000 x 3 + 100 x 9 and 1000 x 4 + 100 x 9 USD a million
    assert (now["total"], then["total"]) == ("0.0039000000", "0.0049000000")
    assert [line["rate_id"] for line in now["lines"]] == [
        "litellm@7:acme/big:input:2026-06-01", "litellm@7:acme/big:output:initial"
    ]  # fmt: skip
    assert (now["price_status"], now["notes"]) == ("priced", [])


def test_an_estimate_says_what_it_does_not_know(caller: Caller) -> None:
    unknown = caller("developer").post(ESTIMATE, {"provider": "acme", "model": "none", "usage": {"input_tokens": 1}})
    tier = caller("developer").post(
        ESTIMATE,
        {"provider": "openai", "model": "gpt-4o", "usage": {"input_tokens": 1}, "context": {"service_tier": "turbo"}},
    )
    wrong = caller("developer").post(ESTIMATE, {"provider": "openai", "model": "gpt-4o", "usage": {"tokens": 1}})

    assert (unknown.json()["total"], unknown.json()["price_status"]) == (None, "unpriced")
    assert unknown.json()["notes"] == [{"code": "unpriced", "message": "No price of this model is known."}]
    assert [note["code"] for note in tier.json()["notes"]] == ["unknown_service_tier"]
    assert (wrong.status_code, wrong.json()["errors"][0]["field"]) == (400, "usage.tokens")


def test_own_prices_count_for_who_may_know_them(acme: factories.Acme, caller: Caller) -> None:
    set_price_override(
        organization=acme.organization, provider="openai", model="gpt-4o", actor=None, valid_from=START,
        discount_percent=Decimal(20),
    )  # fmt: skip
    body = {"provider": "openai", "model": "gpt-4o", "usage": {"input_tokens": 1_000_000}}

    analyst, developer = (caller(role).post(ESTIMATE, body).json() for role in ("analyst", "developer"))

    assert (analyst["total"], analyst["list_total"]) == ("2.0000000000", "2.5000000000")
    assert developer["total"] == "2.5000000000"


def test_a_price_is_stated_and_ended(acme: factories.Acme, caller: Caller) -> None:
    admin = caller("admin")
    made = admin.post(
        f"{URL}/overrides",
        {"provider": "Azure_OpenAI", "model": "gpt-4o", "prices": {"input": "2"}, "valid_from": "2026-01-01T00:00:00Z"},
    )
    ended = admin.post(f"{URL}/overrides/{made.json()['id']}/end", {"valid_to": "2026-06-01T00:00:00Z"})
    bad = admin.post(
        f"{URL}/overrides", {"provider": "x", "model": "y", "prices": {"words": "1"}, "valid_from": START.isoformat()}
    )

    assert (made.status_code, made.json()["provider"], made.json()["prices"]) == (
        201,
        "azure",
        {"input": "2.0000000000"},
    )
    assert (ended.status_code, ended.json()["valid_to"]) == (200, "2026-06-01T00:00:00Z")
    assert (bad.status_code, bad.json()["code"]) == (400, "invalid")
    assert set(AuditEvent.objects.filter(verb__startswith="price.").values_list("verb", flat=True)) == {
        "price.set", "price.close"
    }  # fmt: skip


def test_a_price_has_tiers_by_service_and_by_length(acme: factories.Acme, caller: Caller) -> None:
    long = {"above_tokens": 272_000, "prices": {"input": "4"}}
    body = {
        "provider": "openai", "model": "gpt-5.4", "prices": {"input": "2", "output": "8"},
        "valid_from": START.isoformat(),
        "tiers": [{"service_tier": "flex", "prices": {"input": "1", "output": "4"}}, long],
    }  # fmt: skip

    made = caller("admin").post(f"{URL}/overrides", body)
    again = caller("admin").post(f"{URL}/overrides", body | {"model": "o3", "tiers": [long, long]})
    usage = {"input_tokens": 272_001}
    asked = {"provider": "openai", "model": "gpt-5.4", "usage": usage}
    totals = [
        caller("analyst").post(ESTIMATE, asked | {"context": context}).json()["total"]
        for context in ({}, {"service_tier": "flex"})
    ]

    assert made.status_code == 201, made.content
    assert made.json()["tiers"] == [
        {"service_tier": "flex", "above_tokens": None, "prices": {"input": "1.0000000000", "output": "4.0000000000"}},
        {"service_tier": "", "above_tokens": 272_000, "prices": {"input": "4.0000000000"}},
    ]
    assert (again.status_code, again.json()["code"]) == (400, "price_invalid")
    # 272,001 × 4 and × 1 a million
    assert totals == ["1.0880040000", "0.2720010000"]


def test_a_misspelt_field_states_no_price_and_counts_no_period(acme: factories.Acme, caller: Caller) -> None:
    """`valid_until` would leave a price open for ever, `modle` would price every model of the period anew."""
    month = {"start": "2026-11-01T00:00:00Z", "end": "2026-12-01T00:00:00Z"}
    price = {"provider": "acme", "model": "big", "prices": {"input": "1.00"}, "valid_from": month["start"]}

    stated = caller("admin").post(f"{URL}/overrides", {**price, "valid_until": month["end"]})
    counted = caller("admin").post(f"{URL}/reprice", {**month, "modle": "big"})

    assert [(answer.status_code, answer.json()["errors"][0]["field"]) for answer in (stated, counted)] == [
        (400, "valid_until"), (400, "modle")
    ]  # fmt: skip
    assert not PriceOverride.objects.exists()
    assert not RepricingRun.objects.exists()


def test_what_was_looked_at_is_applied_and_nothing_else(acme: factories.Acme, caller: Caller) -> None:
    run = RepricingRun.objects.create(
        organization=acme.organization, start=START, end=START + timedelta(days=1), state="ready", digest="",
        counted=Count().as_json(),
    )  # fmt: skip

    refused = caller("admin").post(f"{URL}/reprice/{run.pk}/apply", {"counted_as": "1f"})
    taken = caller("admin").post(f"{URL}/reprice/{run.pk}/apply", {"counted_as": ""})

    assert refused.status_code == 409
    assert b"It was counted again meanwhile; look at the new difference." in refused.content
    assert (taken.status_code, taken.json()["state"]) == (202, "applying")


def test_the_platforms_prices_are_not_ended_by_an_organization(caller: Caller) -> None:
    shared = set_price_override(
        organization=None, provider="acme", model="x", actor=None, valid_from=START, discount_percent=Decimal(1)
    )

    answer = caller("owner").post(f"{URL}/overrides/{shared.pk}/end", {"valid_to": "2027-01-01T00:00:00Z"})

    assert answer.status_code == 403
    assert PriceOverride.objects.get(pk=shared.pk).valid_to is None


def test_a_review_is_decided_by_a_superuser(caller: Caller) -> None:
    row = PriceReview.objects.create(provider="openai", model="gpt-4o", largest_percent=Decimal("16.67"))

    found = caller("developer").get(f"{URL}/reviews", {"state": "open"}).json()
    decided = caller("superuser").post(f"{URL}/reviews/{row.pk}/decide", {"state": "taken", "note": "as on the page"})

    assert [one["model"] for one in found["results"]] == ["gpt-4o"]
    assert (decided.json()["state"], decided.json()["note"]) == ("taken", "as on the page")
    assert AuditEvent.objects.filter(verb="price.reviewed").count() == 1


def test_what_has_no_price_comes_in_pages(acme: factories.Acme, caller: Caller) -> None:
    unpriced = {"price_status": "unpriced", "cost": None, "list_cost": None, "charges": []}
    factories.book_lines(*[factories.line(acme, model_served=name, **unpriced) for name in ("a", "b", "b")])

    analyst = caller("analyst")

    first = analyst.get(f"{URL}/unpriced", {"page_size": 1}).json()
    second = analyst.get(f"{URL}/unpriced", {"page_size": 1, "page": 2}).json()

    assert (first["count"], first["next"] is not None, second["next"]) == (2, True, None)
    assert [(one["model"], one["lines"]) for one in (*first["results"], *second["results"])] == [("b", 2), ("a", 1)]
    assert analyst.get(f"{URL}/unpriced", {"pages": 1}).json()["code"] == "invalid"
