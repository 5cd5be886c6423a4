"""Names of ids: handles in data, what people call them in sentences."""

from typing import Any

import pytest

from analytics.labels import labels, spoken
from gateway.models import Project, Team, User, VirtualKey
from tests.factories import Acme


def test_data_has_handles_and_sentences_have_names(company: Acme) -> None:
    Team.objects.filter(pk=company.search.pk).update(name="Search & Discovery")
    Project.objects.filter(pk=company.assistant.pk).update(name="The assistant")
    key = VirtualKey.objects.filter(organization=company.organization).first()
    assert key is not None
    ids: list[tuple[str, Any]] = [
        ("organization", company.organization.pk), ("team", company.search.pk), ("project", company.assistant.pk),
        ("api_key", key.pk), ("user", company.people["bob"].pk),
    ]  # fmt: skip

    said = [(labels(dimension, [pk])[str(pk)], spoken(dimension, [pk])[str(pk)]) for dimension, pk in ids]

    assert said == [
        ("acme", "Acme"), ("search", "Search & Discovery"), ("assistant", "The assistant"),
        (key.prefix, f"{key.name} ({key.prefix})"), ("bob@acme.example", "Bob"),
    ]  # fmt: skip


def test_a_person_without_a_name_is_called_by_the_user_name(company: Acme) -> None:
    bob = company.people["bob"].pk
    User.objects.filter(pk=bob).update(first_name="", last_name="")

    assert spoken("user", [bob]) == {str(bob): "bob@acme.example"}


GONE = "01930f2e-7c1a-7b3e-9d41-2f6a8c0b5e17"


@pytest.mark.parametrize(("dimension", "value"), [("model", "gpt-4o"), ("team", "none"), ("team", GONE)])
def test_what_is_no_id_or_gone_has_no_name(db: None, dimension: str, value: str) -> None:
    assert spoken(dimension, [value]) == {}
