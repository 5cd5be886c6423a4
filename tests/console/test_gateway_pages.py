"""Providers, guardrails, imports and body access in the console: who opens them, what they show, what they cost."""

from datetime import UTC, datetime, timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries, Settings

from gateway import auditchain, credentials
from gateway.models import (
    AuditEvent,
    EndUserErasure,
    Guardrail,
    ImportRun,
    LoggedBody,
    Organization,
    RetentionPolicy,
    SecurityEvent,
)
from gateway.services import audit, bodies, guardrails
from tests.console.company import Company
from tests.console.conftest import SignIn

PAGES = {
    "admin:providers": {"alice", "carol", "bob", "dave"},
    "admin:rate_limits": {"alice", "carol", "bob", "dave"},
    "admin:guardrails": {"alice", "carol", "bob", "dave"},
    "admin:imports": {"alice"},
    "admin:body_access": {"alice"},
    "admin:privacy": {"alice"},
    "admin:audit_file": {"alice"},
}


@pytest.mark.parametrize("name", PAGES)
def test_pages_open_to_whom_they_are_for(name: str, company: Company, sign_in: SignIn) -> None:
    opened = {
        person for person in ("alice", "carol", "bob", "dave") if sign_in(person).get(reverse(name)).status_code == 200
    }

    assert opened == PAGES[name]


def rail_of(company: Company, **fields: object) -> Guardrail:
    values = {"name": "cards", "kind": "pii", "action": "redact", **fields}
    return guardrails.create_guardrail(organization=company.organization, actor=None, **values)  # type: ignore[arg-type]


def test_a_guardrail_shows_what_it_found_and_can_be_tried(
    company: Company, sign_in: SignIn, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    rail = rail_of(company)
    SecurityEvent.objects.create(
        at=datetime.now(UTC), kind="guardrail", organization=company.organization.pk, guardrail=rail.pk,
        action="redact", details="credit_card", count=1234,
    )  # fmt: skip
    alice, path = sign_in("alice"), reverse("admin:guardrail", args=[rail.pk])

    with django_assert_max_num_queries(12):
        listed = alice.get(reverse("admin:guardrails")).content.decode()
    tried = alice.post(path, {"text": "my card is 4111 1111 1111 1111"}).content.decode()

    assert "1,234" in listed
    assert "my card is [REDACTED:credit_card]" in tried
    assert "4111 1111 1111 1111" in tried
    assert alice.post(path, {"text": ""}).content.decode().count("field-bad") == 1


def test_a_webhook_is_not_tried(company: Company, sign_in: SignIn) -> None:
    rail = rail_of(company, kind="webhook", action="block", config={"url": "https://93.184.216.34/x"})

    page = sign_in("alice").post(reverse("admin:guardrail", args=[rail.pk]), {"text": "hello"}).content.decode()

    assert "A webhook is only asked for real calls." in page


def test_anothers_guardrail_does_not_exist(company: Company, sign_in: SignIn) -> None:
    other = Organization.objects.create(slug="other-one", name="Other")
    rail = guardrails.create_guardrail(organization=other, actor=None, name="theirs", kind="secrets")

    assert sign_in("alice").get(reverse("admin:guardrail", args=[rail.pk])).status_code == 404


def test_a_file_is_taken_and_its_page_shows_progress(company: Company, sign_in: SignIn) -> None:
    file = SimpleUploadedFile(
        "usage.csv", b"timestamp,model,input_tokens,output_tokens\n2026-01-01T00:00:00Z,gpt-4o,1,2\n"
    )

    answer = sign_in("alice").post(reverse("admin:imports"), {"file": file, "format": "csv"}, follow=True)

    run = ImportRun.objects.get(organization=company.organization.pk)
    assert answer.redirect_chain == [(reverse("admin:import", args=[run.pk]), 302)]
    assert 'hx-trigger="every 2s"' in answer.content.decode()
    listed = sign_in("alice").get(reverse("admin:imports")).content.decode()
    assert "usage.csv" in listed.replace("<wbr>", "")


def test_an_upload_that_cannot_be_read_says_why(company: Company, sign_in: SignIn) -> None:
    empty = SimpleUploadedFile("usage.csv", b"")
    file = SimpleUploadedFile("usage.csv", b"a\n1\n")
    alice = sign_in("alice")

    assert "empty" in alice.post(reverse("admin:imports"), {"file": empty, "format": "csv"}).content.decode()
    page = alice.post(reverse("admin:imports"), {"file": file, "format": "csv", "mapping": "nonsense"}).content.decode()
    assert "is not FIELD=COLUMN or FIELD==VALUE." in page


def test_readings_of_bodies_are_listed(company: Company, sign_in: SignIn) -> None:
    now = datetime.now(UTC)
    LoggedBody.objects.create(
        organization=company.organization.pk, project=company.organization.pk, request_id="req_kept", logged_at=now,
        expires_at=now + timedelta(days=1), endpoint="/v1/chat/completions", request=credentials.encrypt("{}"),
        response=credentials.encrypt("{}"),
    )  # fmt: skip
    bodies.read_bodies(organization=company.organization, request_id="req_kept", actor=company.people["alice"])

    page = sign_in("alice").get(reverse("admin:body_access")).content.decode()

    assert "req_kept" in page
    assert "1 call is kept now." in page


def test_readings_for_a_training_file_are_listed_by_their_number(company: Company, sign_in: SignIn) -> None:
    now, project = datetime.now(UTC), company.organization.projects.first()
    for number in range(2):
        LoggedBody.objects.create(
            organization=company.organization.pk, project=project.pk, request_id=f"req_{number}", logged_at=now,
            expires_at=now + timedelta(days=1), endpoint="/v1/chat/completions", request=credentials.encrypt("{}"),
            response=credentials.encrypt("{}"),
        )  # fmt: skip
    found = bodies.read_for(
        project=project, request_ids=["req_0", "req_1", "req_2"], actor=None, purpose="training file"
    )

    page = sign_in("alice").get(reverse("admin:body_access"))

    assert [one.request_id for one in found] == ["req_0", "req_1"]
    assert page.status_code == 200
    assert "2 requests, training file" in page.content.decode()


def test_the_board_shows_every_provider_and_tests_one(company: Company, sign_in: SignIn) -> None:
    page = sign_in("alice").get(reverse("admin:providers")).content.decode()
    provider = company.organization.providers.first()

    tested = sign_in("alice").post(reverse("admin:provider_test", args=[provider.pk])).content.decode()

    assert page.count("Available, 30 d") == company.organization.providers.count()
    assert "The test failed." in tested
    assert sign_in("carol").post(reverse("admin:provider_test", args=[provider.pk])).status_code == 403


def test_an_end_user_is_looked_for_then_erased(company: Company, sign_in: SignIn) -> None:
    alice, page = sign_in("alice"), reverse("admin:privacy")
    assert "Nobody was erased" in alice.get(page).content.decode()

    asked = alice.post(page, {"end_user": "<b>customer</b>"}).content.decode()
    assert "<strong>&lt;b&gt;customer&lt;/b&gt;</strong> is named by 0 ledger lines." in asked
    assert not EndUserErasure.objects.exists()
    answer = alice.post(page, {"end_user": "<b>customer</b>", "confirm": "1"}, follow=True)

    erased = EndUserErasure.objects.get(organization=company.organization)
    shown = answer.content.decode()
    assert (answer.redirect_chain, erased.requested_by) == ([(page, 302)], company.people["alice"])
    assert erased.pseudonym in shown
    assert "customer" not in shown


def test_days_are_kept_and_wrong_ones_are_told(company: Company, sign_in: SignIn) -> None:
    alice, page = sign_in("alice"), reverse("admin:privacy")

    alice.post(page, {"end_user_days": "90", "export_days": ""})
    refused = alice.post(page, {"end_user_days": "0", "export_days": "1"}).content.decode()

    policy = RetentionPolicy.objects.get(organization=company.organization)
    assert (policy.end_user_days, policy.export_days) == (90, None)
    assert "Ensure this value is greater than or equal to 1." in refused


def test_the_page_says_how_long_names_may_be_kept(company: Company, sign_in: SignIn, settings: Settings) -> None:
    settings.LEDGER_RETENTION_DAYS = 30
    alice, page = sign_in("alice"), reverse("admin:privacy")

    assert "at most 23 days" in alice.get(page).content.decode()
    refused = alice.post(page, {"end_user_days": "24", "export_days": ""}).content.decode()

    assert "Choose 23 days at most" in refused
    assert not RetentionPolicy.objects.exists()


def test_the_audit_trail_is_taken_along(company: Company, sign_in: SignIn) -> None:
    audit.seal()

    answer = sign_in("alice").get(reverse("admin:audit_file"))

    lines = b"".join(answer.streaming_content).decode().splitlines()
    assert auditchain.walk(lines).problem == ""
    assert len(lines) == AuditEvent.objects.filter(organization=company.organization).count() - 1  # that it was taken
