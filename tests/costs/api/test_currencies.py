"""Exchange rates over the API, from files and on the command line."""

import json
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command

from costs.models import ExchangeRate
from costs.services.currencies import NewRate, state_rate
from gateway.models import AuditEvent
from tests import factories
from tests.gateway.api.conftest import Caller

URL = "/api/v1/exchange-rates"
DAY = date(2026, 11, 2)
ECB = {"base": "eur", "quote": "usd", "rate": "1.0815", "valid_from": "2026-11-02", "source": "ECB"}
CSV = "base,quote,rate,valid_from,source\nEUR,USD,1.08,2026-11-02,ECB\nGBP,USD,1.31,2026-11-02,\n"


@pytest.fixture(autouse=True)
def acme(company: factories.Acme) -> factories.Acme:
    return company


def upload(caller: Caller, text: str, source: str = "Treasury"):  # type: ignore[no-untyped-def]
    file = SimpleUploadedFile("rates.csv", text.encode())
    return caller("admin").post(f"{URL}/upload", {"file": file, "source": source}, format="multipart")


def test_a_rate_is_stated_and_everybody_of_the_organization_reads_it(acme: factories.Acme, caller: Caller) -> None:
    state_rate(organization=None, actor=None, stated=NewRate("GBP", "USD", Decimal("1.3"), DAY, "Platform"))

    made = caller("admin").post(URL, ECB)
    again = caller("admin").post(URL, ECB)
    corrected = caller("admin").post(URL, ECB | {"rate": "1.09"})

    assert (made.status_code, made.json()["base"], made.json()["rate"]) == (201, "EUR", "1.08150000000000")
    assert again.json()["id"] == made.json()["id"]
    assert corrected.json()["id"] != made.json()["id"]
    assert [row["rate"] for row in caller("developer").get(URL, {"base": "EUR"}).json()["results"]] == [
        "1.09000000000000", "1.08150000000000"
    ]  # fmt: skip
    assert caller("mallory").get(URL).json()["count"] == 1  # the platform's
    assert AuditEvent.objects.filter(verb="exchange_rate.state", organization=acme.organization).count() == 2


def test_a_file_is_taken_whole_and_twice_adds_nothing(caller: Caller) -> None:
    first, second = upload(caller, CSV), upload(caller, CSV)

    assert (first.status_code, first.json(), second.json()) == (
        201, {"stated": 2, "known": 0}, {"stated": 0, "known": 2}
    )  # fmt: skip
    assert sorted(ExchangeRate.objects.values_list("base", "source")) == [("EUR", "ECB"), ("GBP", "Treasury")]


def test_superusers_state_rates_for_everybody(acme: factories.Acme, caller: Caller) -> None:
    root, admin = caller("superuser"), caller("admin")
    for each in (root, admin):
        each.credentials(HTTP_X_ORGANIZATION="~")

    made, refused = root.post(URL, ECB), admin.post(URL, ECB)
    file = SimpleUploadedFile("rates.csv", CSV.encode())
    uploaded = root.post(f"{URL}/upload", {"file": file, "source": "Bank"}, format="multipart")
    root.credentials(HTTP_X_ORGANIZATION="acme")
    own = root.post(URL, ECB)

    assert (made.status_code, made.json()["organization"], refused.status_code) == (201, None, 404)
    assert uploaded.json() == {"stated": 2, "known": 0}
    assert own.json()["organization"] == str(acme.organization.pk)
    assert ExchangeRate.objects.filter(organization=None).count() == 3


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("base,quote,rate\nEUR,USD,1\n", "missing: valid_from"), ("", "missing"),
        ("base,quote,rate,valid_from,source\n", "no rates"),
        (f"{CSV}EUR,EUR,1,2026-11-02,x\nEUR,USD,zero,2026-11-02,x\nEUR,USD,-1,2026-11-02,x\n",
         "row 4: A rate is between two currencies.; row 5: no number, or no day; row 6: A rate is more than 0."),
    ],
)  # fmt: skip
def test_a_bad_file_says_where_and_nothing_of_it_is_stated(caller: Caller, text: str, words: str) -> None:
    answer = upload(caller, text)

    assert answer.status_code == 400
    assert "empty" in answer.content.decode() if not text else words in answer.json()["errors"][0]["message"]
    assert not ExchangeRate.objects.exists()


@pytest.mark.parametrize(
    ("change", "field"),
    [({"rate": "0"}, "rate"), ({"quote": "EUR"}, "quote"), ({"base": "EU1"}, "base"), ({"source": ""}, "source"),
     ({"valid_from": "yesterday"}, "valid_from")],
)  # fmt: skip
def test_what_is_no_rate_is_a_400_with_its_field(caller: Caller, change: dict[str, str], field: str) -> None:
    answer = caller("admin").post(URL, ECB | change)

    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, field)


def test_rates_on_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "rates.csv"
    file.write_text(CSV)

    call_command("set_exchange_rate", "EUR", "USD", "1.0815", "--on", "2026-11-02", "--source", "ECB")
    call_command("set_exchange_rate", "--file", str(file), "--source", "Bank", "--organization", "acme", "--json")

    words, document = capsys.readouterr().out.split("\n{")
    assert words == "1 EUR = 1.0815 USD from 2026-11-02\n1 rates stated, 0 stood already."
    assert json.loads("{" + document) == {"stated": 2, "known": 0}
    assert ExchangeRate.objects.filter(organization=None).count() == 1
    with pytest.raises(CommandError, match="Give two currencies"):
        call_command("set_exchange_rate", "EUR")
