"""The audit trail's list: whose rows, filters, names, and how many queries."""

from datetime import UTC, datetime
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from gateway.models import AuditEvent, VirtualKey
from gateway.services import audit
from tests import factories
from tests.gateway.test_admin_scope import choose, company, root, signed_in  # noqa: F401

LIST = "/admin/gateway/auditevent/"


@pytest.fixture(autouse=True)
def _static(plain_static_files: None) -> None: ...


@pytest.fixture
def alice(company: factories.Acme) -> Client:  # noqa: F811
    """Acme's owner."""
    return signed_in(company.people["alice"])


def event(company: factories.Acme, verb: str, target: Any, actor: Any = None, **values: Any) -> AuditEvent:  # noqa: F811
    return audit.record(organization=company.organization, actor=actor, verb=verb, target=target, **values)


def rows(client: Client, **query: str) -> list[AuditEvent]:
    answer = client.get(LIST, query)
    assert answer.status_code == 200, answer
    return list(answer.context["cl"].result_list)


def test_with_an_organization_chosen_there_are_its_rows_alone(root: Client, company: factories.Acme) -> None:  # noqa: F811
    audit.record(organization=None, actor=None, verb="test.platform", target=company.people["bob"])
    event(company, "test.acme", company.people["bob"])
    choose(root, company.organization)

    assert {row.organization_id for row in rows(root)} == {company.organization.pk}
    assert {row.organization_id for row in rows(root, organizations="platform")} == {None}
    assert {None, company.organization.pk, company.globex.pk} <= {
        row.organization_id for row in rows(root, organizations="all")
    }
    assert "test.platform" in {row.verb for row in rows(root, organizations="platform")}


def test_nobody_but_operators_reads_the_platforms(alice: Client, company: factories.Acme) -> None:  # noqa: F811
    audit.record(organization=None, actor=None, verb="test.platform", target=company.people["bob"])

    for where in ("all", "platform"):
        assert {row.organization_id for row in rows(alice, organizations=where)} <= {company.organization.pk}


@pytest.mark.slow
def test_filters_by_actor_verb_object_type_and_days(alice: Client, company: factories.Acme) -> None:  # noqa: F811
    bob, key = company.people["bob"], company.keys["bob"]
    mine = event(company, "test.person", bob, bob)
    by_key = event(company, "test.key", bob, key)
    by_nobody = event(company, "test.operator", bob)
    with time_machine.travel(datetime(2026, 3, 4, 23, 59, tzinfo=UTC), tick=False):
        old = event(company, "test.old", bob, bob)

    assert rows(alice, actor=str(bob.pk)) == [mine, old]
    assert rows(alice, actor=f"key-{key.pk}") == [by_key]
    assert by_nobody in rows(alice, actor="operator")
    assert not {mine, by_key} & set(rows(alice, actor="operator"))
    assert rows(alice, verb="test.key") == [by_key]
    assert rows(alice, object_type="user", actor=str(bob.pk)) == [mine, old]
    days = {"from": "2026-03-04", "to": "2026-03-04"}
    assert rows(alice, **days) == [old]
    assert rows(alice, **{"from": "2026-03-03", "to": "2026-03-03"}) == []
    assert rows(alice, verb="test.old", **{"from": "2026-03-05"}) == []
    assert old in rows(alice, **{"from": "nonsense", "to": ""})
    page = alice.get(LIST, {"verb": "test.old", **days}).content.decode()
    assert '<input type="hidden" name="verb" value="test.old">' in page
    assert '<input type="date" name="from" value="2026-03-04">' in page


def test_names_of_actors_and_objects(alice: Client, company: factories.Acme) -> None:  # noqa: F811
    key, project = company.keys["bob"], company.assistant
    event(company, "test.key", project, key)
    page = alice.get(LIST, {"verb": "test.key"}).content.decode()

    change = reverse("admin:gateway_project_change", args=[project.pk])
    assert f"key {key.name}" in page
    assert f'project <a href="{change}" title="{project.pk}">{project.name}</a>' in page


def test_an_object_that_is_gone_or_not_ones_to_see_has_no_link(alice: Client, company: factories.Acme) -> None:  # noqa: F811
    gone = VirtualKey(id=company.keys["bob"].pk, name="gone")
    gone.id = AuditEvent().pk  # an id that no key has
    event(company, "test.gone", gone, after={"name": "checkout <b>"})
    event(company, "test.theirs", company.globex)
    event(company, "test.person", company.people["bob"])

    page = alice.get(LIST, {"verb": "test.gone"}).content.decode()
    assert f'virtualkey <span title="{gone.pk}">checkout &lt;b&gt;</span>' in page
    page = alice.get(LIST, {"verb": "test.theirs"}).content.decode()
    assert f'organization <span title="{company.globex.pk}">{company.globex.pk}</span>' in page
    page = alice.get(LIST, {"verb": "test.person"}).content.decode()
    assert f'user <span title="{company.people["bob"].pk}">bob@acme.example</span>' in page


def test_queries_do_not_grow_with_the_rows(alice: Client, company: factories.Acme) -> None:  # noqa: F811
    """One for each type of object on the page."""

    def counted() -> int:
        with CaptureQueriesContext(connection) as queries:
            rows(alice, verb="test.some")
        return len(queries)

    event(company, "test.some", company.assistant, company.keys["bob"])
    event(company, "test.some", company.people["bob"], company.people["bob"])
    rows(alice)  # what is asked once in a process
    few = counted()
    for _ in range(15):
        event(company, "test.some", company.assistant, company.keys["bob"])
        event(company, "test.some", company.banner, company.people["carol"])
        event(company, "test.some", company.people["dave"], company.people["bob"])

    assert counted() == few
    assert few == 13


def test_the_page_of_one_event_has_names(alice: Client, company: factories.Acme) -> None:  # noqa: F811
    made = event(company, "test.key", company.assistant, company.keys["bob"])

    page = alice.get(f"{LIST}{made.pk}/change/").content.decode()

    assert f"key {company.keys['bob'].name}" in page
    assert f">{company.assistant.name}</a>" in page
