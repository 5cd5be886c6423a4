"""Cost centres, rules, allocations and statements over HTTP."""

import csv
import io
import zipfile
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client

from costs.services import allocation
from tests.factories import Acme, acme, book_lines, line

JUNE = datetime(2026, 6, 1, tzinfo=UTC)
WINDOW = {"start": "2026-06-01T00:00:00Z", "end": "2026-07-01T00:00:00Z"}
API = "/api/v1"
pytestmark = pytest.mark.django_db


@pytest.fixture
def company(db: None) -> Acme:
    made = acme()
    book_lines(
        line(made, at=JUNE + timedelta(days=1), cost=Decimal("10")),
        line(made, at=JUNE + timedelta(days=1), cost=Decimal("2.5"), project=made.banner),
        line(made, at=JUNE + timedelta(days=1), cost=Decimal("1"), currency="EUR"),
    )
    return made


def client(company: Acme, name: str = "alice") -> Client:
    found = Client()
    found.force_login(company.people[name])
    return found


def post(company: Acme, path: str, body: dict[str, Any], status: int = 200, name: str = "alice") -> Any:
    response = client(company, name).post(f"{API}/{path}", body, content_type="application/json")
    assert response.status_code == status, response.content
    return response.json()


def ready(company: Acme) -> dict[str, Any]:
    """A cost centre that gets all of Search."""
    center = post(company, "cost-centers", {"code": "4711", "name": "Search", "team": str(company.search.pk)}, 201)
    rule = {
        "name": "Search", "method": "direct", "valid_from": "2026-06-01T00:00:00Z",
        "conditions": [{"dimension": "team", "op": "in", "values": [str(company.search.pk)]}],
        "targets": {"cost_center": center["id"]},
    }  # fmt: skip
    return {"center": center, "rule": post(company, "allocation-rules", rule, 201)}


def test_an_allocation_says_everything(company: Acme) -> None:
    made = ready(company)

    body = post(company, "cost/allocation", WINDOW, name="carol")

    basis = {"rule": made["rule"]["id"], "name": "Search", "method": "direct", "amount": "10.0000000000"}
    assert body["items"] == [
        {
            "cost_center": {"id": made["center"]["id"], "code": "4711", "name": "Search"}, "owner": None,
            "budget": None, "amount": "10.0000000000", "share": 0.8, "basis": [basis],
        }
    ]  # fmt: skip
    figures = {name: body[name] for name in ("total", "allocated", "unallocated", "fixed", "currency")}
    assert figures == {
        "total": "12.5000000000", "allocated": "10.0000000000", "unallocated": "2.5000000000", "fixed": "0.0000000000",
        "currency": "USD",
    }  # fmt: skip
    assert body["rules_applied"][0]["lines"] == 1
    assert body["notes"] == [{"code": "other_currency", "message": "1.00 EUR were charged too; ask for that currency."}]


def test_a_window_that_cuts_a_months_tiers_says_so(company: Acme) -> None:
    center = post(company, "cost-centers", {"code": "1", "name": "One"}, 201)["id"]
    tiers = [{"up_to": None, "shares": [{"cost_center": center, "percent": "100"}]}]
    rule = {"name": "Tiers", "method": "tiered", "targets": {"tiers": tiers}, "valid_from": WINDOW["start"]}
    post(company, "allocation-rules", rule, 201)

    whole, cut = (
        post(company, "cost/allocation", {**WINDOW, **more}) for more in ({}, {"start": "2026-06-02T00:00:00Z"})
    )

    assert [note["code"] for note in whole["notes"]] == ["other_currency"]
    assert [note["code"] for note in cut["notes"]] == ["other_currency", "tiers_cut"]


def test_what_a_rule_does_is_shown_as_it_was_said(company: Acme) -> None:
    made = ready(company)["rule"]

    shown = client(company).get(f"{API}/allocation-rules/{made['id']}").json()

    assert shown["targets"] == {"cost_center": made["targets"]["cost_center"]}
    assert shown["conditions"] == [{"dimension": "team", "op": "in", "values": [str(company.search.pk)]}]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"method": "fixed", "targets": {"shares": [{"cost_center": "CENTER", "percent": "99"}]}}, "targets"),
        ({"method": "direct", "targets": {"cost_center": "0192f0c4-0000-7000-8000-000000000000"}}, "targets"),
        ({"method": "direct", "targets": {"cost_center": "CENTER", "colour": "red"}}, "targets.colour"),
        ({"method": "direct", "targets": {"cost_center": "CENTER"}, "monthly_amount": "-1"}, "monthly_amount"),
    ],
)
def test_rules_that_are_refused(company: Acme, body: dict[str, Any], field: str) -> None:
    center = ready(company)["center"]["id"]
    text = str({"name": "Wrong", **body}).replace("CENTER", center).replace("'", '"')

    answer = client(company).post(f"{API}/allocation-rules", text, content_type="application/json")

    assert answer.status_code == 400
    assert [error["field"] for error in answer.json()["errors"]] == [field]


def test_a_code_is_taken_once_and_a_center_in_use_stays(company: Acme) -> None:
    made = ready(company)
    assert post(company, "cost-centers", {"code": "4711", "name": "Other"}, 409)["code"] == "code_taken"

    path = f"cost-centers/{made['center']['id']}/archive"
    assert post(company, path, {}, 409)["code"] == "cost_center_in_use"
    post(company, f"allocation-rules/{made['rule']['id']}/end", {})
    assert post(company, path, {})["archived_at"]


def test_the_owner_of_a_center_sees_it_and_others_do_not(company: Acme) -> None:
    center = ready(company)["center"]["id"]
    path = f"{API}/cost-centers/{center}"
    assert client(company, "bob").get(path).status_code == 404

    client(company).patch(path, {"owner": str(company.people["bob"].pk)}, content_type="application/json")

    assert client(company, "bob").get(path).json()["code"] == "4711"


def test_a_statement_from_draft_to_documents(company: Acme) -> None:
    ready(company)
    draft = post(company, "cost/statements", {"month": "2026-06-01"}, 201)
    locked = post(company, f"cost/statements/{draft['id']}/lock", {})
    assert (draft["status"], locked["status"], locked["total"]) == ("draft", "locked", "12.5000000000")

    path = f"{API}/cost/statements/{draft['id']}/download"
    pdf = client(company, "carol").get(path)
    assert (pdf["Content-Type"], pdf.content[:5]) == ("application/pdf", b"%PDF-")
    assert pdf["Content-Disposition"] == 'attachment; filename="statement-2026-06-usd.pdf"'
    with zipfile.ZipFile(io.BytesIO(client(company).get(f"{path}?file=xlsx").content)) as book:
        assert b">4711<" in book.read("xl/sharedStrings.xml")
    rows = list(csv.reader(io.StringIO(client(company).get(f"{path}?file=csv").content.decode("utf-8-sig"))))
    assert any(row[:2] == ["4711", "Search"] for row in rows)
    assert client(company).get(f"{path}?file=exe").status_code == 400


def test_query_count_of_an_allocation(company: Acme, django_assert_num_queries: Any) -> None:
    from costs.allocation.answers import allocation as answer

    center = allocation.create_cost_center(organization=company.organization, actor=None, code="1", name="One")
    for number in range(5):
        allocation.create_rule(
            organization=company.organization, actor=None, name=f"r{number}", method="direct", valid_from=JUNE,
            targets={"cost_center": str(center.pk)},
        )  # fmt: skip
    with django_assert_num_queries(7):  # savepoint ×2, time limit, rules, ledger, centres, horizon
        answer(company.organization, JUNE, JUNE + timedelta(days=30))


def test_a_teams_showback(company: Acme, django_assert_num_queries: Any) -> None:
    ready(company)
    path = f"{API}/cost/showback/{company.search.pk}?month=2026-06-01"
    bob = client(company, "bob")
    bob.get(path)
    with django_assert_num_queries(20):
        answer = bob.get(path)

    body = answer.json()
    figures = ("spent", "previous", "charged", "unallocated", "unallocated_share", "change", "statement", "is_running")
    assert [body[name] for name in figures] == [
        "10.0000000000", "0.0000000000", "10.0000000000", "0.0000000000", 0.0, None, None, False
    ]  # fmt: skip
    assert [(one["name"], one["amount"], one["requests"]) for one in body["by_project"]] == [
        ("Assistant", "10.0000000000", 1)
    ]  # fmt: skip
    assert body["other_currencies"] == [
        {"currency": "EUR", "amount": "1.0000000000", "converted": None, "rate": ""}
    ]  # fmt: skip
    assert client(company, "bob").get(f"{API}/cost/showback/{company.ads.pk}").status_code == 404
    assert client(company, "carol").get(f"{path[:-2]}02").status_code == 400


def test_a_statement_tells_other_currencies_and_is_mailed(company: Acme) -> None:
    ready(company)
    draft = post(company, "cost/statements", {"month": "2026-06-01"}, 201)
    assert draft["other_currencies"] == [{"currency": "EUR", "amount": "1.0000000000", "converted": None, "rate": ""}]
    path = f"cost/statements/{draft['id']}"
    assert post(company, f"{path}/mail", {}, 409)["code"] == "statement_draft"

    post(company, f"{path}/lock", {})

    assert post(company, f"{path}/mail", {}) == {"people": 1}  # dave, who manages Search
