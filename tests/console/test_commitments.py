"""The pages of commitments and exchange rates: what they say, to whom, and what may be done there."""

from datetime import date
from decimal import Decimal

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from pytest_django import DjangoAssertNumQueries

from costs.models import Commitment, ExchangeRate, PriceSetting
from costs.services.commitments import create_commitment
from gateway.models import Project, Provider
from tests.console.company import Company
from tests.console.conftest import SignIn

URL = "/admin/prices/"


def agreed(company: Company) -> Commitment:
    project = Project.objects.filter(organization=company.organization)[0]
    return create_commitment(
        organization=company.organization, actor=None, name="Night shift", kind="provisioned_throughput",
        provider=slug(), model="gpt-4o*", project=project, amount=Decimal(1), per="hour", units=Decimal(100),
        unit_name="PTU", currency="USD", tokens_per_minute=1000, starts_on=date(2026, 11, 1),
    )  # fmt: skip


def slug() -> str:
    return Provider.objects.values_list("slug", flat=True)[0]


def test_an_empty_page_says_what_brings_something(company: Company, sign_in: SignIn) -> None:
    assert "Nothing is committed" in sign_in("alice").get(f"{URL}commitments/").content.decode()
    assert "manage.py set_exchange_rate" in sign_in("bob").get(f"{URL}rates/").content.decode()


def test_a_commitment_is_agreed_shown_and_ended(company: Company, sign_in: SignIn) -> None:
    page, alice = f"{URL}commitments/", sign_in("alice")
    project = Project.objects.filter(organization=company.organization)[0]
    asked = {
        "name": "Night shift", "kind": "provisioned_throughput", "provider": slug(), "model": "gpt-4o*",
        "project": project.pk, "amount": "1", "per": "hour", "units": "100", "unit_name": "PTU", "covers_calls": "on",
        "starts_on": "2026-11-01",
    }  # fmt: skip

    wrong = alice.post(page, asked | {"kind": "fixed_monthly"})
    assert alice.post(page, asked).status_code == 302
    row = Commitment.objects.get()
    text = alice.get(page).content.decode()
    alice.post(f"{page}{row.pk}/end/", {"ends_on": "2027-01-01"})

    assert "A fixed monthly amount is per month." in wrong.content.decode()
    assert "100 PTU at $1.00 an hour each" in text
    row.refresh_from_db()
    assert (row.covers_calls, row.currency, row.ends_on) == (True, "USD", date(2027, 1, 1))


def test_commitments_are_for_who_sees_all_and_written_by_administrators(company: Company, sign_in: SignIn) -> None:
    row, page = agreed(company), f"{URL}commitments/"

    assert (sign_in("bob").get(page).status_code, sign_in("carol").get(page).status_code) == (403, 200)
    assert "Agree a commitment" not in sign_in("carol").get(page).content.decode()
    assert sign_in("carol").post(page, {}).status_code == 403
    assert sign_in("carol").post(f"{page}{row.pk}/end/", {"ends_on": "2027-01-01"}).status_code == 403


def test_rates_are_stated_one_by_one_and_from_a_file(company: Company, sign_in: SignIn) -> None:
    page, alice = f"{URL}rates/", sign_in("alice")
    file = SimpleUploadedFile("rates.csv", b"base,quote,rate,valid_from,source\nGBP,USD,1.31,2026-11-02,Treasury\n")

    alice.post(page, {"base": "eur", "quote": "usd", "rate": "1.0815", "valid_from": "2026-11-02", "source": "ECB"})
    alice.post(page, {"file": file})
    wrong = alice.post(page, {"base": "e", "quote": "usd", "rate": "1", "valid_from": "2026-11-02", "source": "x"})
    text = sign_in("bob").get(page).content.decode()

    assert sorted(ExchangeRate.objects.values_list("base", "rate")) == [
        ("EUR", Decimal("1.0815")), ("GBP", Decimal("1.31"))
    ]  # fmt: skip
    assert "three-letter ISO 4217 code" in wrong.content.decode()
    assert ["1.0815" in text, "Treasury" in text, "State a rate" in text] == [True, True, False]
    assert sign_in("bob").post(page, {"base": "EUR"}).status_code == 403


def test_superusers_state_rates_for_everybody(company: Company, sign_in: SignIn) -> None:
    page = f"{URL}rates/?organization={company.organization.slug}"
    rate = {"base": "EUR", "quote": "USD", "rate": "1.08", "valid_from": "2026-11-02", "source": "ECB",
            "for_everybody": "on"}  # fmt: skip
    file = SimpleUploadedFile("rates.csv", b"base,quote,rate,valid_from,source\nGBP,USD,1.31,2026-11-02,Treasury\n")

    sign_in("alice").post(page, rate)
    sign_in("root").post(page, rate)
    sign_in("root").post(page, {"file": file, "for_everybody": "on"})

    assert set(ExchangeRate.objects.values_list("base", "organization__slug")) == {
        ("EUR", company.organization.slug), ("EUR", None), ("GBP", None),
    }  # fmt: skip
    assert "For every organization" in sign_in("root").get(page).content.decode()
    assert "For every organization" not in sign_in("alice").get(page).content.decode()


def test_back_fill_is_turned_off_on_the_page(company: Company, sign_in: SignIn) -> None:
    page, alice = f"{URL}repricing/", sign_in("alice")

    before = alice.get(page).content.decode()
    alice.post(page, {"backfill": "off"})

    assert "calls of the last 90 days that had none are priced by adjusting entries" in before
    assert PriceSetting.objects.get().backfills_unpriced is False
    assert "stay so until you re-price them" in alice.get(page).content.decode()


@pytest.mark.parametrize("path", ["commitments/", "rates/"])
def test_the_pages_cost_few_queries(
    company: Company, sign_in: SignIn, django_assert_max_num_queries: DjangoAssertNumQueries, path: str
) -> None:
    agreed(company)
    client = sign_in("alice")
    client.get(f"{URL}{path}")

    with django_assert_max_num_queries(16):
        assert client.get(f"{URL}{path}").status_code == 200
