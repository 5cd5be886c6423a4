"""The pages of reconciliation, as each role meets them."""

import re
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from costs.models import DriftPolicy, Invoice
from costs.services import invoices
from tests.costs.invoices import ledgers
from tests.factories import Acme

pytestmark = pytest.mark.django_db
PAGE = "/admin/invoices/"


@pytest.fixture
def company(db: None) -> Acme:
    return ledgers.company()


def client(company: Acme, name: str) -> Client:
    found = Client()
    found.force_login(company.people[name])
    return found


def show(company: Acme, path: str = PAGE, name: str = "carol") -> str:
    answer = client(company, name).get(path)
    assert answer.status_code == 200
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode()))


def send(company: Acme, data: bytes, name: str = "adam", **fields: Any) -> Any:
    return client(company, name).post(
        PAGE, {"file": SimpleUploadedFile("costs.json", data), "format": "auto", **fields}
    )


def test_nothing_yet(company: Acme) -> None:
    text = show(company)

    assert "No invoice yet" in text
    assert "manage.py reconcile_invoice FILE" in text
    assert "Upload an export" not in text  # an analyst reads


def test_an_upload_leads_to_its_causes(company: Acme) -> None:
    answer = send(company, ledgers.costs(extra={2: {"output": 250_000}}, more=[ledgers.credit(0.5)]))
    made = Invoice.objects.get()
    assert (answer.status_code, answer["Location"]) == (302, f"{PAGE}{made.pk}/")

    text = show(company, f"{PAGE}{made.pk}/")

    assert "Drift above the threshold" in text
    assert "$13.50" in text
    assert "+$1.50" in text
    assert text.index("Calls outside of the gateway") < text.index("Credits, taxes and fees")
    assert "2026-06-03: 250,000 tokens × 8 per 1M = +2.000000" in text


def test_a_cell_opens_its_meters_and_rows(company: Acme) -> None:
    send(company, ledgers.costs(extra={2: {"output": 250_000}}))
    path = f"{PAGE}{Invoice.objects.get().pk}/?day=2026-06-03&model=gpt-4.1"

    html = client(company, "carol").get(path).content.decode()

    assert "gpt-4.1 on 2026-06-03" in html
    assert "start=2026-06-03T00%3A00%3A00Z&amp;end=2026-06-04T00%3A00%3A00Z&amp;model=big" in html


def test_filtering_by_a_cause(company: Acme) -> None:
    send(company, ledgers.costs(extra={2: {"output": 250_000}}))
    made = Invoice.objects.get()

    assert "Calls outside of the gateway: show all" in show(company, f"{PAGE}{made.pk}/?cause=outside")
    assert "show all" not in show(company, f"{PAGE}{made.pk}/?cause=wrong&day=wrong")


def test_a_bad_file_says_what_is_wrong(company: Acme) -> None:
    answer = send(company, b"day,cost,currency\n2026-06-01,x,USD\n")

    assert "Line 2: cost: &#x27;x&#x27; is not a number. Nothing was stored." in answer.content.decode()
    assert Invoice.objects.count() == 0


def test_a_file_that_waits_or_failed(company: Acme, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(invoices.upload_invoice, "__kwdefaults__", {"at_once_bytes": 10})
    send(company, b"day,cost,currency\n2026-06-01,x,USD\n")
    made = Invoice.objects.get()
    assert "It is being read." in show(company, f"{PAGE}{made.pk}/")

    invoices.run_waiting()

    assert "The export could not be read." in show(company, f"{PAGE}{made.pk}/")
    assert "Could not be read" in show(company)


def test_the_threshold(company: Acme) -> None:
    client(company, "adam").post(PAGE, {"percent": "7.5", "minimum": "20"})

    policy = DriftPolicy.objects.get()
    assert (str(policy.percent), f"{policy.minimum:f}") == ("7.500", "20.0000000000")
    assert "above 7.5 % of the bill and 20 in its currency" in show(company)


def test_comparing_anew_and_deleting(company: Acme) -> None:
    send(company, ledgers.costs())
    path = f"{PAGE}{Invoice.objects.get().pk}/"

    assert client(company, "carol").post(f"{path}compare/").status_code == 404
    assert client(company, "carol").post(f"{path}delete/").status_code == 404
    assert client(company, "adam").post(f"{path}compare/").status_code == 302
    assert client(company, "adam").post(f"{path}delete/").status_code == 302
    assert Invoice.objects.count() == 0


def test_documents(company: Acme) -> None:
    send(company, ledgers.costs())
    path = f"{PAGE}{Invoice.objects.get().pk}/"

    assert (
        client(company, "carol")
        .get(f"{path}csv/")["Content-Disposition"]
        .endswith('filename="reconciliation-openai-2026-06-01.csv"')
    )


@pytest.mark.parametrize(("name", "status"), [("bob", 403), ("dave", 403), ("mallory", 404)])
def test_who_may_not_see_it(company: Acme, name: str, status: int) -> None:
    send(company, ledgers.costs())

    assert client(company, name).get(f"{PAGE}{Invoice.objects.get().pk}/").status_code == status
