"""Unit metrics over the API: values that may be sent again, and what one of them costs."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from costs.models import UnitMetric, UnitValue
from costs.services import units
from gateway.models import AuditEvent
from tests.analytics.api.conftest import URL, Ask, at, book
from tests.factories import Acme, ProjectFactory, line
from tests.gateway.api.conftest import Caller


@pytest.fixture(autouse=True)
def acme(busy: Acme) -> Acme:
    return busy


@pytest.fixture
def tickets(acme: Acme) -> UnitMetric:
    return units.create_unit_metric(
        organization=acme.organization, actor=None, name="Tickets solved", unit="ticket", dimension="team"
    )


@pytest.fixture
def orders(acme: Acme) -> UnitMetric:
    return units.create_unit_metric(organization=acme.organization, actor=None, name="Orders", unit="order")


def put(caller: Caller, metric: UnitMetric, body: dict[str, Any], status: int = 200) -> Any:
    response = caller("admin").post(f"{URL}/unit-metrics/{metric.pk}/values", body, format="json")
    assert response.status_code == status, response.content
    return response.json()


def test_an_upload_may_be_sent_again(caller: Caller, tickets: UnitMetric, acme: Acme) -> None:
    body = {"values": [
        {"day": "2026-03-10", "value": "10", "scope": "search"},
        {"day": "2026-03-11", "value": "0.5", "scope": str(acme.search.pk)},
    ]}  # fmt: skip

    assert put(caller, tickets, body) == {"values": 2, "changed": 2, "removed": 0}
    assert put(caller, tickets, body) == {"values": 2, "changed": 0, "removed": 0}
    body["values"][0]["value"] = "11"
    body["values"][1]["value"] = None  # type: ignore[assignment]
    assert put(caller, tickets, body) == {"values": 1, "changed": 1, "removed": 1}

    rows = UnitValue.objects.filter(metric=tickets).values_list("day", "scope", "value")
    assert list(rows) == [(date(2026, 3, 10), str(acme.search.pk), Decimal(11))]
    assert AuditEvent.objects.filter(verb="unit_metric.values").count() == 2  # the second one changed nothing


def test_a_csv_file_is_the_same(caller: Caller, tickets: UnitMetric, acme: Acme) -> None:
    text = "\ufeffday,scope,value\n2026-03-10,search,10\n2026-03-11,ads,3.25\n"

    assert put(caller, tickets, {"csv": text}) == {"values": 2, "changed": 2, "removed": 0}

    found = caller("analyst").get(
        f"{URL}/unit-metrics/{tickets.pk}/values", {"start": "2026-03-01", "end": "2026-04-01"}
    )
    assert [(row["day"], row["scope"], row["value"]) for row in found.json()["results"]] == [
        ("2026-03-10", str(acme.search.pk), "10.000000"), ("2026-03-11", str(acme.ads.pk), "3.250000"),
    ]  # fmt: skip


def test_a_window_before_all_days_is_empty(caller: Caller, tickets: UnitMetric) -> None:
    found = caller("analyst").get(f"{URL}/unit-metrics/{tickets.pk}/values", {"end": "0001-01-01"})

    assert (found.status_code, found.json()["results"]) == (200, [])


def test_values_are_removed_at_once(caller: Caller, orders: UnitMetric) -> None:
    days = [f"2026-03-{day:02}" for day in range(1, 21)]
    put(caller, orders, {"values": [{"day": day, "value": "1"} for day in days]})

    with CaptureQueriesContext(connection) as asked:
        put(caller, orders, {"values": [{"day": day, "value": None} for day in days]})

    assert sum(query["sql"].startswith(f'DELETE FROM "{UnitValue._meta.db_table}"') for query in asked) == 1
    assert not UnitValue.objects.exists()


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"csv": "when,how many\n2026-03-10,3\n"}, "csv_columns"),
        ({"csv": ""}, "blank"),
        ({"csv": "day,value,scope\n10.3.2026,3,search\n"}, "csv_line"),
        ({"csv": "day,value,scope\n2026-03-10,many,search\n"}, "csv_line"),
        ({"csv": "day,value,scope\n2026-03-10,-1,search\n"}, "value_out_of_range"),
        ({"csv": "day,value,scope\n2026-03-10,NaN,search\n"}, "value_out_of_range"),
        ({"csv": "day,value,scope\n2126-03-10,1,search\n"}, "day_out_of_range"),
        ({"csv": "day,value,scope\n2026-03-10,1,finance\n"}, "scope_unknown"),
        ({"csv": "day,value\n2026-03-10,1\n"}, "scope_unknown"),
        ({"csv": "day,value,scope\n2026-03-10,1,search\n2026-03-10,2,search\n"}, "value_twice"),
        ({"values": []}, "too_many_values"),
        ({}, "required"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_kept(
    caller: Caller, tickets: UnitMetric, body: dict[str, Any], code: str
) -> None:
    answered = put(caller, tickets, body, 400)

    assert code in [answered["code"], *(error["code"] for error in answered["errors"])]
    assert not UnitValue.objects.exists()


def test_a_metric_is_named_once_and_keeps_its_dimension(caller: Caller, tickets: UnitMetric) -> None:
    client = caller("admin")

    again = client.post(f"{URL}/unit-metrics", {"name": "Tickets solved", "unit": "ticket"}, format="json")
    unknown = client.post(f"{URL}/unit-metrics", {"name": "x", "unit": "x", "dimension": "tag.none"}, format="json")
    moved = client.patch(f"{URL}/unit-metrics/{tickets.pk}", {"dimension": "project"}, format="json")

    assert (again.status_code, again.json()["code"]) == (409, "name_in_use")
    assert (unknown.status_code, unknown.json()["code"]) == (400, "dimension_unknown")
    assert moved.status_code == 400


def test_an_archived_metric_takes_nothing(caller: Caller, orders: UnitMetric) -> None:
    caller("admin").post(f"{URL}/unit-metrics/{orders.pk}/archive")

    answered = put(caller, orders, {"values": [{"day": "2026-03-10", "value": "1"}]}, 409)

    assert answered["code"] == "unit_metric_archived"


def test_the_name_of_an_archived_metric_is_free(caller: Caller, orders: UnitMetric) -> None:
    caller("admin").post(f"{URL}/unit-metrics/{orders.pk}/archive")

    made = [caller("admin").post(f"{URL}/unit-metrics", {"name": "Orders", "unit": "order"}, format="json")
            for _ in range(2)]  # fmt: skip

    assert [response.status_code for response in made] == [201, 409]


def test_cost_per_unit_by_day_and_scope(ask: Ask, caller: Caller, tickets: UnitMetric, acme: Acme) -> None:
    """Search cost 0.014 and 0.0035 on the first two days, Ads 0, 1 and 0.5 on the three."""
    put(caller, tickets, {"csv": "day,value,scope\n2026-03-10,7,search\n2026-03-11,10,ads\n2026-03-12,0,ads\n"})

    (found,) = ask("owner", "cost/efficiency")["unit_metrics"]

    told = ("day", "value", "cost", "cost_per_unit", "is_partial")
    assert [tuple(day[name] for name in told) for day in found["series"]] == [
        ("2026-03-10", "7.000000", "0.0140000000", "0.0020000000", True),
        ("2026-03-11", "10.000000", "1.0000000000", "0.1000000000", True),
        ("2026-03-12", "0.000000", "0.5000000000", None, True),
    ]  # fmt: skip
    assert (found["value"], found["cost"], found["days_without_value"]) == ("17.000000", "1.5140000000", 0)
    assert Decimal(found["cost_per_unit"]) == (Decimal("1.514") / 17).quantize(Decimal("1e-10"))
    assert [(one["name"], one["value"], one["cost"], one["cost_per_unit"]) for one in found["scopes"]] == [
        (name, *rest)
        for _, name, *rest in sorted([
            (str(acme.ads.pk), "ads", "10.000000", "1.5000000000", "0.1500000000"),
            (str(acme.search.pk), "search", "7.000000", "0.0140000000", "0.0020000000"),
        ])
    ]  # fmt: skip


def test_a_day_without_a_value_is_not_known(ask: Ask, caller: Caller, orders: UnitMetric) -> None:
    put(caller, orders, {"values": [{"day": "2026-03-11", "value": "5"}]})

    (found,) = ask("owner", "cost/efficiency")["unit_metrics"]

    assert [(day["value"], day["cost"], day["cost_per_unit"]) for day in found["series"]] == [
        (None, "0.0140000000", None), ("5.000000", "1.0035000000", "0.2007000000"), (None, "0.5000000000", None),
    ]  # fmt: skip
    assert (found["cost_per_unit"], found["days_without_value"]) == ("0.2007000000", 2)


def test_without_values_nothing_is_said(ask: Ask, orders: UnitMetric) -> None:
    (found,) = ask("owner", "cost/efficiency", end=at(0, 0, 1).isoformat())["unit_metrics"]

    assert (found["value"], found["cost_per_unit"], found["days_without_value"]) == (None, None, 1)
    assert found["note"] == "No day of the window has a value."


def test_days_of_a_dimension_without_values_show_what_everything_cost(ask: Ask, tickets: UnitMetric) -> None:
    (found,) = ask("owner", "cost/efficiency")["unit_metrics"]

    assert [(day["value"], day["cost"]) for day in found["series"]] == [
        (None, "0.0140000000"), (None, "1.0035000000"), (None, "0.5000000000"),
    ]  # fmt: skip


def test_every_scope_with_a_value_has_its_cost(ask: Ask, acme: Acme) -> None:
    """More scopes than the two hundred that were once answered."""
    metric = units.create_unit_metric(
        organization=acme.organization, actor=None, name="Tickets", unit="ticket", dimension="project"
    )
    fields = [ProjectFactory(organization=acme.organization, team=acme.search) for _ in range(201)]
    book(*(line(acme, at=at(5), project=project, cost=Decimal("0.25")) for project in fields))
    UnitValue.objects.bulk_create(
        UnitValue(metric=metric, day=date(2026, 3, 10), scope=str(project.pk), value=Decimal(1)) for project in fields
    )

    (found,) = ask("owner", "cost/efficiency", end=at(0, 0, 1).isoformat())["unit_metrics"]

    assert {one["cost"] for one in found["scopes"]} == {"0.2500000000"}
    assert found["cost"] == "50.2500000000"


def test_who_does_not_see_all_costs_sees_no_unit_cost(ask: Ask, caller: Caller, orders: UnitMetric) -> None:
    put(caller, orders, {"values": [{"day": "2026-03-11", "value": "5"}]})

    assert ask("manager", "cost/efficiency")["unit_metrics"] == []
    assert ask("mallory", "cost/efficiency")["unit_metrics"] == []
