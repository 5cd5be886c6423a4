"""Declared tags in the API and in model admin."""

import pytest
from django.test import Client
from django.urls import reverse

from analytics.models import DeclaredTag
from gateway.models import AuditEvent
from tests.factories import Acme

BACKEND = "django.contrib.auth.backends.ModelBackend"


@pytest.fixture(autouse=True)
def _static(plain_static_files: None) -> None: ...


def signed_in(company: Acme, name: str) -> Client:
    client = Client()
    client.force_login(company.people[name], backend=BACKEND)
    return client


def test_a_tag_is_declared_listed_and_withdrawn(company: Acme) -> None:
    alice = signed_in(company, "alice")

    made = alice.post("/api/v1/declared-tags", {"key": " feature "}, content_type="application/json")
    again = alice.post("/api/v1/declared-tags", {"key": "feature"}, content_type="application/json")
    wrong = alice.post("/api/v1/declared-tags", {"key": "a=b"}, content_type="application/json")
    listed = signed_in(company, "bob").get("/api/v1/declared-tags").json()
    gone = alice.delete(f"/api/v1/declared-tags/{made.json()['id']}")

    assert (made.status_code, made.json()["key"], made.json()["dimension"]) == (201, "feature", "tag.feature")
    assert made.json()["created_by"] == str(company.people["alice"].pk)
    assert (again.status_code, again.json()["code"]) == (409, "tag_declared")
    assert (wrong.status_code, wrong.json()["code"]) == (400, "key_invalid")
    assert [row["key"] for row in listed["results"]] == ["feature"]
    assert (gone.status_code, DeclaredTag.objects.count()) == (204, 0)


def test_model_admin_declares_and_withdraws_through_the_services(company: Acme) -> None:
    alice, bob = signed_in(company, "alice"), signed_in(company, "bob")
    page = reverse("admin:analytics_declaredtag_add")

    alice.post(page, {"organization": company.organization.pk, "key": "feature"})
    tag = DeclaredTag.objects.get()
    shown = bob.get(reverse("admin:analytics_declaredtag_changelist"))
    refused = bob.post(page, {"organization": company.organization.pk, "key": "other"})
    alice.post(reverse("admin:analytics_declaredtag_delete", args=[tag.pk]), {"post": "yes"})

    assert (tag.key, tag.created_by) == ("feature", company.people["alice"])
    assert "tag.feature" in shown.content.decode()
    assert refused.status_code == 403
    assert not DeclaredTag.objects.exists()
    verbs = AuditEvent.objects.filter(verb__startswith="declared_tag").order_by("id").values_list("verb", flat=True)
    assert list(verbs) == ["declared_tag.declare", "declared_tag.withdraw"]
