"""Annotations: services, API, model admin, and the marks they become."""

from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client
from django.urls import reverse

from analytics.annotations import create_annotation, update_annotation
from analytics.console import annotations as shown
from analytics.models import Annotation
from gateway.models import AuditEvent, User
from gateway.services.errors import Forbidden, Invalid
from tests.factories import Acme

BACKEND = "django.contrib.auth.backends.ModelBackend"
AT = datetime(2026, 11, 3, 14, 5, tzinfo=UTC)
PATH = "/api/v1/annotations"


@pytest.fixture(autouse=True)
def _static(plain_static_files: None) -> None: ...


def signed_in(company: Acme, name: str) -> Client:
    client = Client()
    client.force_login(company.people[name], backend=BACKEND)
    return client


def texts(client: Client) -> list[str]:
    return [row["text"] for row in client.get(PATH).json()["results"]]


def test_a_manager_writes_for_the_own_team_and_others_do_not_see_it(company: Acme) -> None:
    dave, alice, bob = (signed_in(company, name) for name in ("dave", "alice", "bob"))
    wide = {"kind": "incident", "text": " The index is stale ", "at": "2026-11-03T14:05:00+01:00"}

    own = dave.post(PATH, {"text": "Search 4.2"}, content_type="application/json")
    other = dave.post(PATH, {"text": "x", "team": str(company.ads.pk)}, content_type="application/json")
    whole = alice.post(PATH, wide, content_type="application/json")
    ads = alice.post(PATH, {"text": "Ads 7", "team": str(company.ads.pk)}, content_type="application/json")

    assert (own.status_code, own.json()["team"], own.json()["kind"]) == (201, str(company.search.pk), "deploy")
    assert (other.status_code, other.json()["errors"][0]["field"]) == (400, "team")
    assert (whole.status_code, whole.json()["text"], whole.json()["at"]) == (
        201, "The index is stale", "2026-11-03T13:05:00Z",
    )  # fmt: skip
    assert ads.status_code == 201
    assert texts(bob) == ["Search 4.2", "The index is stale"]
    assert texts(alice) == ["Ads 7", "Search 4.2", "The index is stale"]


def test_bad_input_is_refused_in_words_and_writes_nothing(company: Acme) -> None:
    alice = signed_in(company, "alice")

    def code(**fields: object) -> str:
        answer = alice.post(PATH, {"text": "x", "at": AT.isoformat(), **fields}, content_type="application/json")
        assert answer.status_code == 400
        body = answer.json()
        return str(body["code"] if not body.get("errors") else body["errors"][0]["field"] or body["code"])

    refused = [
        code(text=""), code(text="x" * 201), code(kind="party"), code(url="javascript:alert(1)"),
        code(ended_at=AT.isoformat()), code(at="0001-01-01T00:00:00Z"), code(at="soon"), code(color="red"),
    ]  # fmt: skip

    assert refused == ["text", "text", "kind", "url", "ended_at", "at", "at", "color"]
    assert not Annotation.objects.exists()


def test_changes_are_audited_and_managers_keep_to_their_team(company: Acme) -> None:
    alice, dave, bob = (company.people[name] for name in ("alice", "dave", "bob"))
    made = create_annotation(organization=company.organization, actor=alice, text="Release 42", at=AT)

    update_annotation(annotation=made, actor=alice, ended_at=AT + timedelta(hours=1))
    update_annotation(annotation=made, actor=alice, ended_at=AT + timedelta(hours=1))  # nothing new: no event
    with pytest.raises(Forbidden):
        update_annotation(annotation=made, actor=dave, text="mine")
    with pytest.raises(Forbidden):
        create_annotation(organization=company.organization, actor=bob, text="mine")
    with pytest.raises(Invalid, match="after the beginning"):
        update_annotation(annotation=made, actor=alice, ended_at=AT)
    own = create_annotation(organization=company.organization, actor=dave, text="Search 4.2", at=AT)
    with pytest.raises(Forbidden):
        update_annotation(annotation=own, actor=dave, team=None)

    made.refresh_from_db()
    assert (made.text, made.ended_at) == ("Release 42", AT + timedelta(hours=1))
    events = AuditEvent.objects.filter(verb__startswith="annotation.").order_by("id").values_list("verb", flat=True)
    assert list(events) == ["annotation.create", "annotation.update", "annotation.create"]


def test_model_admin_writes_through_the_services(company: Acme) -> None:
    dave, alice = signed_in(company, "dave"), signed_in(company, "alice")
    page = reverse("admin:analytics_annotation_add")
    form = {
        "organization": company.organization.pk, "kind": "incident", "text": "Down", "at_0": "2026-11-03",
        "at_1": "14:05", "ended_at_0": "", "ended_at_1": "", "url": "", "team": "",
    }  # fmt: skip

    added = dave.post(page, form)
    made = Annotation.objects.get()
    refused = dave.post(page, form | {"ended_at_0": "2026-11-03", "ended_at_1": "14:00"})
    gone = alice.post(reverse("admin:analytics_annotation_delete", args=[made.pk]), {"post": "yes"})

    assert (added.status_code, made.team, made.at) == (302, company.search, AT)
    assert refused.status_code in (200, 302)
    assert (gone.status_code, Annotation.objects.count()) == (302, 0)


def test_marks_say_what_happened_and_lead_to_it(company: Acme) -> None:
    organization, alice = company.organization, company.people["alice"]
    create_annotation(
        organization=organization, actor=alice, kind="incident", text="Index stale", team=company.ads, at=AT,
        ended_at=AT + timedelta(minutes=30),
    )  # fmt: skip
    url = "https://ci.example.com/42"
    create_annotation(organization=organization, actor=alice, text="Release 42", at=AT + timedelta(hours=1), url=url)
    create_annotation(organization=organization, actor=alice, text="Too late", at=AT + timedelta(hours=2))

    def marks(person: User) -> list[tuple[datetime, str]]:
        found = shown.marks(person, organization, AT, AT + timedelta(hours=2))
        return [(mark.at, mark.text) for mark in found]

    release = (AT + timedelta(hours=1), "Deploy: Release 42")
    assert marks(alice) == [(AT, f"Incident ({company.ads.name}): Index stale, until 3 Nov, 14:35"), release]
    assert marks(company.people["bob"]) == [release]
    assert shown.marks(alice, organization, AT, AT + timedelta(hours=2))[1].url == url
