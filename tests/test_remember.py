"""Rows that are inserted as they were."""

from typing import Any

import pytest
from django.db import transaction
from django.forms import model_to_dict

from gateway.models import AuditEvent, Organization, Team
from gateway.services import identity
from tests import factories
from tests.remember import remembered

pytestmark = pytest.mark.django_db


def everything() -> list[dict[str, Any]]:
    return [
        {field.attname: getattr(row, field.attname) for field in row._meta.concrete_fields}
        for model in (Organization, Team, AuditEvent)
        for row in model.objects.order_by("pk")
    ]


def test_the_second_time_has_the_rows_of_the_first() -> None:
    made: list[Team] = []

    def make() -> Team:
        company = identity.create_organization(actor=None, slug="brien", name='O\'Brien \\ 50 % "é"')
        made.append(identity.create_team(organization=company, actor=None, slug="core", name="Core"))
        return made[-1]

    factories.OrganizationFactory()  # was there before, and is none of these rows
    with transaction.atomic():
        remembered("first", make)
        before = everything()
        transaction.set_rollback(True)
    with transaction.atomic():
        team = remembered("first", make)
        after = everything()
        transaction.set_rollback(True)

    assert len(before) == 6  # three of them in the audit trail
    assert after == before
    assert len(made) == 1
    assert (team is made[0], model_to_dict(team)) == (False, model_to_dict(made[0]))


def test_what_changes_older_rows_cannot_be_remembered() -> None:
    factories.OrganizationFactory()

    with pytest.raises(AssertionError, match=r"not only inserted: \['gateway_organization'\]"):
        remembered("second", lambda: Organization.objects.update(name="another"))


def test_companies_are_alike_and_nobody_elses() -> None:
    with transaction.atomic():
        one = factories.acme()
        one.people["bob"].first_name = "Robert"
        transaction.set_rollback(True)

    two = factories.acme()

    assert (two.organization.pk, two.people["bob"].first_name) == (one.organization.pk, "Bob")
    assert two.members["bob"].user is two.people["bob"]
    assert two.keys["bob"].project == two.assistant
