"""Invoices over HTTP: upload, list, reconciliation with filters, documents, threshold, tenancy, counts of queries."""

from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from costs.models import Invoice
from costs.services import invoices
from tests.costs.invoices import ledgers
from tests.factories import Acme

API = "/api/v1/invoices"
pytestmark = pytest.mark.django_db
DRIFT = {2: {"output": 250_000}}


@pytest.fixture
def company(db: None) -> Acme:
    return ledgers.company()


def client(company: Acme, name: str = "adam") -> Client:
    found = Client()
    found.force_login(company.people[name])
    return found


def send(company: Acme, data: bytes, status: int = 201, name: str = "adam", **fields: Any) -> Any:
    body = {"file": SimpleUploadedFile("costs.json", data), **fields}
    answer = client(company, name).post(API, body, headers={"accept": "application/json"})
    assert answer.status_code == status, answer.content
    return answer


def get(company: Acme, path: str, name: str = "carol") -> Any:
    answer = client(company, name).get(f"{API}/{path}")
    assert answer.status_code == 200, answer.content
    return answer.json()


def test_an_upload_is_compared_at_once(company: Acme) -> None:
    answer = send(company, ledgers.costs(extra=DRIFT), providers="openai")

    body = answer.json()
    assert answer["Location"].endswith(f"{API}/{body['id']}")
    figures = {name: body[name] for name in ("billed", "ledger", "drift", "drift_percent", "state", "start", "end")}
    assert figures == {
        "billed": "14.0000000000", "ledger": "12.0000000000", "drift": "2.0000000000", "drift_percent": "14.2857",
        "state": "ready", "start": "2026-06-01", "end": "2026-06-05",
    }  # fmt: skip
    assert (body["exceeds_threshold"], body["providers"]) == (True, ["openai"])
    assert send(company, ledgers.costs(extra=DRIFT), 200).json()["id"] == body["id"]


def test_reconciliation_by_day_and_meter(company: Acme) -> None:
    made = send(company, ledgers.costs(extra=DRIFT)).json()["id"]

    by_day = get(company, f"{made}/reconciliation")
    by_meter = get(company, f"{made}/reconciliation?by=meter&day=2026-06-03&cause=outside")

    assert by_day["count"] == 4
    assert [(cell["day"], cell["drift"], cell["cause"]) for cell in by_day["cells"]] == [
        ("2026-06-01", "0.0000000000", ""), ("2026-06-02", "0.0000000000", ""),
        ("2026-06-03", "2.0000000000", "outside"), ("2026-06-04", "0.0000000000", ""),
    ]  # fmt: skip
    assert by_meter["cells"] == [
        {
            "day": "2026-06-03", "model": "gpt-4.1", "meter": "output", "billed_quantity": "350000.000000",
            "ledger_quantity": "100000.000000", "billed_cost": "2.8000000000", "ledger_cost": "0.8000000000",
            "drift": "2.0000000000", "drift_percent": "71.4286", "cause": "outside",
        }
    ]  # fmt: skip
    (cause,) = by_day["causes"]
    assert (cause["kind"], cause["amount"], cause["share"]) == ("outside", "2.0000000000", 1.0)


def test_a_bad_file_is_a_problem_that_names_the_line(company: Acme) -> None:
    answer = send(company, b"day,cost,currency\n2026-06-01,x,USD\n", 400)

    body = answer.json()
    assert (body["code"], body["errors"][0]["field"]) == ("invoice_unreadable", "file")
    assert body["detail"] == "Line 2: cost: 'x' is not a number. Nothing was stored."
    assert Invoice.objects.count() == 0


def test_a_mapping_of_any_table(company: Acme) -> None:
    data = b"when;what;price\n2026-06-01;gpt-4.1;3.5\n"

    body = send(
        company, data, format="table", providers="openai",
        mapping=["day=when", "model=what", "cost=price", "currency==USD"],
    ).json()  # fmt: skip

    assert (body["billed"], body["ledger"], body["drift"]) == ("3.5000000000", "3.0000000000", "0.5000000000")


@pytest.mark.parametrize(("form", "start"), [("csv", b"\xef\xbb\xbf"), ("xlsx", b"PK"), ("pdf", b"%PDF")])
def test_documents(company: Acme, form: str, start: bytes) -> None:
    made = send(company, ledgers.costs(extra=DRIFT)).json()["id"]

    answer = client(company, "carol").get(f"{API}/{made}/download?file={form}")

    assert (answer.status_code, answer.content[: len(start)]) == (200, start)


def test_the_threshold_is_set_and_told(company: Acme) -> None:
    made = send(company, ledgers.costs(extra=DRIFT)).json()["id"]
    assert get(company, "drift-policy") == {"percent": "5.000", "minimum": "1.0000000000"}

    answer = client(company).put(
        f"{API}/drift-policy", {"percent": "20", "minimum": "1"}, content_type="application/json"
    )

    assert (answer.status_code, answer.json()["percent"]) == (200, "20.000")
    assert get(company, made)["exceeds_threshold"] is False


def test_invoices_of_others_do_not_exist(company: Acme) -> None:
    made = send(company, ledgers.costs()).json()["id"]

    for path in (made, f"{made}/reconciliation", f"{made}/download"):
        assert client(company, "mallory").get(f"{API}/{path}").status_code == 404
    assert client(company, "mallory").delete(f"{API}/{made}").status_code == 404
    assert get(company, "", "mallory")["count"] == 0


def test_lists_take_as_many_queries_for_one_as_for_three(company: Acme) -> None:
    def queries() -> int:
        browser = client(company, "carol")
        browser.get(API)
        with CaptureQueriesContext(connection) as captured:
            assert browser.get(API).status_code == 200
        return len(captured)

    send(company, ledgers.costs())
    one = queries()
    send(company, ledgers.costs(extra=DRIFT))
    send(company, ledgers.costs(more=[ledgers.credit(1)]))

    assert queries() == one


def test_a_reconciliation_takes_a_fixed_number_of_queries(company: Acme) -> None:
    made = send(company, ledgers.costs(days=2)).json()["id"]
    longer = send(company, ledgers.costs(days=4)).json()["id"]

    counts = []
    for one in (made, longer):
        browser = client(company, "carol")
        browser.get(f"{API}/{one}")
        with CaptureQueriesContext(connection) as captured:
            browser.get(f"{API}/{one}/reconciliation")
        counts.append(len(captured))

    assert counts[0] == counts[1]


def test_the_list_is_filtered_by_format(company: Acme) -> None:
    made = send(company, ledgers.costs(extra=DRIFT)).json()

    answers = [client(company).get(API, {"format": form}) for form in ("openai", "anthropic")]

    assert made["format"] == "openai"
    assert [[one["id"] for one in answer.json()["results"]] for answer in answers] == [[made["id"]], []]


def test_it_is_compared_anew_and_deleted(company: Acme) -> None:
    made = send(company, ledgers.costs()).json()["id"]

    assert client(company).post(f"{API}/{made}/reconcile").json()["drift"] == "0.0000000000"
    assert client(company).delete(f"{API}/{made}").status_code == 204
    assert Invoice.objects.count() == 0


def test_a_large_file_is_accepted_and_read_later(company: Acme, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(invoices.upload_invoice, "__kwdefaults__", {"at_once_bytes": 10})

    made = send(company, ledgers.costs(), 202).json()
    assert (made["state"], made["billed"]) == ("queued", None)

    invoices.run_waiting()
    assert get(company, made["id"])["billed"] == "12.0000000000"
