"""Commitments over the API: agreed, ended, how they are used; others learn nothing of them."""

from typing import Any

import pytest

from gateway.models import AuditEvent
from tests import factories
from tests.gateway.api.conftest import Caller

URL = "/api/v1/commitments"


@pytest.fixture(autouse=True)
def acme(company: factories.Acme) -> factories.Acme:
    return company


def asked(acme: factories.Acme, **changes: Any) -> dict[str, Any]:
    fields = {
        "name": "PTU", "kind": "provisioned_throughput", "provider": "upstream", "model": "gpt-4o*",
        "project": str(acme.assistant.pk), "amount": "0.5", "per": "hour", "units": "100", "starts_on": "2026-11-01",
    }  # fmt: skip
    return fields | changes


def test_a_commitment_is_agreed_read_and_ended(acme: factories.Acme, caller: Caller) -> None:
    admin = caller("admin")

    made = admin.post(URL, asked(acme))
    row = made.json()
    ended = admin.post(f"{URL}/{row['id']}/end", {"ends_on": "2026-11-11"})
    again = admin.post(f"{URL}/{row['id']}/end", {"ends_on": "2026-11-12"})

    assert (made.status_code, row["amount"], row["units"], row["currency"]) == (201, "0.5000000000", "100.0000", "USD")
    assert (row["covers_calls"], row["booked_until"]) == (True, "2026-11-01")
    assert (ended.status_code, ended.json()["ends_on"]) == (200, "2026-11-11")
    assert (again.status_code, again.json()["code"]) == (409, "commitment_ended")
    assert caller("analyst").get(URL).json()["count"] == 1
    assert set(AuditEvent.objects.filter(verb__startswith="commitment").values_list("verb", flat=True)) == {
        "commitment.create", "commitment.end"
    }  # fmt: skip


def test_how_it_is_used(acme: factories.Acme, caller: Caller) -> None:
    row = caller("admin").post(URL, asked(acme, amount="1")).json()
    window = {"start": "2026-11-01T00:00:00Z", "end": "2026-11-03T00:00:00Z"}

    found = caller("analyst").get(f"{URL}/{row['id']}/utilisation", window).json()
    backwards = caller("analyst").get(f"{URL}/{row['id']}/utilisation", {"start": "no time"})

    # 2 days × 24 h × 100 × 1; nothing was called
    assert (found["cost"], found["list_value"], found["used_share"], found["unused_cost"], found["token_share"]) == (
        "4800.0000000000", "0.0000000000", "0.000000", "4800.0000000000", None
    )  # fmt: skip
    assert backwards.status_code == 400


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"kind": "fixed_monthly"}, "per"), ({"provider": "nowhere"}, "provider"), ({"units": "0"}, "units"),
        ({"amount": "-1"}, "amount"), ({"ends_on": "2026-10-01"}, "ends_on"), ({"project": "x"}, "project"),
        ({"booked_until": "2026-11-05", "price": "1"}, "price"),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_a_400_with_its_field(
    acme: factories.Acme, caller: Caller, changes: dict[str, Any], field: str
) -> None:
    answer = caller("admin").post(URL, asked(acme, **changes))

    assert (answer.status_code, [error["field"] for error in answer.json()["errors"]]) == (400, [field])


def test_a_project_or_a_commitment_of_others_does_not_exist(acme: factories.Acme, caller: Caller) -> None:
    foreign = caller("admin").post(URL, asked(acme, project=str(acme.globex_project.pk)))
    row = caller("admin").post(URL, asked(acme)).json()

    assert (foreign.status_code, foreign.json()["errors"][0]["field"]) == (400, "project")
    assert caller("mallory").get(f"{URL}/{row['id']}/utilisation").status_code == 404
