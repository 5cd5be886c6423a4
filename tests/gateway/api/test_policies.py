"""Cache policies, guardrails and logged bodies through the API: values, conflicts, tenancy, audit."""

from datetime import UTC, datetime, timedelta

import pytest

from gateway import credentials
from gateway.models import AuditEvent, CachePolicy, Guardrail, LoggedBody
from gateway.services import bodies
from tests import factories
from tests.gateway.api.conftest import Caller

pytestmark = pytest.mark.django_db
PATH = "/api/v1/cache-policies"


def test_a_policy_is_made_changed_erased_and_deleted_with_an_audit_trail(
    company: factories.Acme, caller: Caller
) -> None:
    adam = caller("admin")
    made = adam.post(PATH, {"project": str(company.assistant.pk), "ttl_s": 60}, format="json")
    path = f"{PATH}/{made.json()['id']}"

    assert made.status_code == 201
    assert (made.json()["ttl_s"], made.json()["generation"], made.json()["similarity_threshold"]) == (60, 1, "0.9700")
    assert adam.patch(path, {"ttl_s": 120}, format="json").json()["ttl_s"] == 120
    assert adam.post(f"{path}/erase").json()["generation"] == 2
    assert adam.delete(path).status_code == 204
    events = AuditEvent.objects.filter(verb__startswith="cache_policy.").order_by("id").values_list("verb", flat=True)
    assert list(events)[-4:] == [f"cache_policy.{verb}" for verb in ("create", "update", "erase", "delete")]


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({}, 409, "cache_policy_exists"),
        ({"ttl_s": 0}, 400, "min_value"),
        ({"ttl_s": 31 * 86_400}, 400, "max_value"),
        ({"max_entry_bytes": 10}, 400, "min_value"),
        ({"is_semantic": True}, 400, "embedding_model_missing"),
        ({"is_semantic": True, "embedding_model": "nowhere"}, 400, "embedding_model_unknown"),
        ({"similarity_threshold": "1.1"}, 400, "max_value"),
        ({"surprise": 1}, 400, "unknown_field"),
    ],
)
def test_what_cannot_be_is_refused(
    company: factories.Acme, caller: Caller, body: dict[str, object], status: int, code: str
) -> None:
    if status != 409:
        body = {"project": str(company.assistant.pk), **body}

    answer = caller("admin").post(PATH, body, format="json")

    assert answer.status_code == status
    assert code in answer.content.decode()


@pytest.mark.parametrize(
    ("capabilities", "status"),
    [(["chat", "tools"], 400), (["embeddings"], 201), (["chat", "embeddings"], 201), ([], 201)],
)
@pytest.mark.parametrize("name", ["gpt-4o", "fast"])
def test_a_model_that_makes_no_embeddings_is_refused_by_name_and_by_route(
    company: factories.Acme, caller: Caller, name: str, capabilities: list[str], status: int
) -> None:
    company.model.capabilities = capabilities
    company.model.save()
    body = {"project": str(company.assistant.pk), "is_semantic": True, "embedding_model": name}

    answer = caller("admin").post(PATH, body, format="json")

    assert answer.status_code == status
    if status == 400:
        assert "embedding_model_unable" in answer.content.decode()


def test_a_foreign_project_does_not_exist(company: factories.Acme, caller: Caller) -> None:
    answer = caller("admin").post(PATH, {"project": str(company.globex_project.pk)}, format="json")

    assert answer.status_code == 400
    assert CachePolicy.objects.filter(project=company.globex_project).count() == 0


RAILS = "/api/v1/guardrails"


def test_a_guardrail_is_made_changed_tried_and_deleted(company: factories.Acme, caller: Caller) -> None:
    adam = caller("admin")
    body = {"name": "cards", "kind": "pii", "action": "redact", "config": {"entities": ["credit_card"]}}
    made = adam.post(RAILS, body, format="json")
    path = f"{RAILS}/{made.json()['id']}"

    assert made.status_code == 201
    assert made.json()["config"] == {"entities": ["credit_card"]}
    assert adam.patch(path, {"action": "block"}, format="json").json()["action"] == "block"
    tried = adam.post(f"{path}/test", {"text": "card 4111 1111 1111 1111, bob@example.com"}, format="json").json()
    assert tried == {
        "findings": [{"what": "credit_card", "start": 5, "end": 24}], "would_block": True,
        "text": "card 4111 1111 1111 1111, bob@example.com", "score": None,
    }  # fmt: skip
    assert adam.delete(path).status_code == 204
    events = AuditEvent.objects.filter(verb__startswith="guardrail.").order_by("id").values_list("verb", flat=True)
    assert list(events)[-3:] == [f"guardrail.{verb}" for verb in ("create", "update", "delete")]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"kind": "deny_list"}, "guardrail_config"),
        ({"kind": "deny_list", "config": {"terms": [" "]}}, "blank"),
        ({"kind": "pii", "config": {"entities": ["shoe_size"]}}, "guardrail_config"),
        ({"kind": "pii", "config": {"terms": ["x"]}}, "guardrail_config"),
        ({"kind": "pii", "config": {"surprise": 1}}, "unknown_field"),
        ({"kind": "json_schema", "config": {"schema": "{"}}, "guardrail_config"),
        ({"kind": "prompt_injection", "action": "redact"}, "guardrail_action"),
        ({"kind": "webhook", "config": {"url": "http://169.254.169.254/latest"}}, "never called"),
        ({"kind": "magic"}, "invalid_choice"),
    ],
)
def test_a_guardrail_that_cannot_run_is_refused(
    company: factories.Acme, caller: Caller, body: dict[str, object], code: str
) -> None:
    answer = caller("admin").post(RAILS, {"name": "new", **body}, format="json")

    assert answer.status_code == 400
    assert code in answer.content.decode()


def test_a_name_is_taken_once(company: factories.Acme, caller: Caller) -> None:
    answer = caller("admin").post(RAILS, {"name": "secrets", "kind": "pii"}, format="json")

    assert (answer.status_code, answer.json()["code"]) == (409, "guardrail_exists")


def test_the_secret_of_a_webhook_never_comes_out(company: factories.Acme, caller: Caller) -> None:
    body = {"name": "judge", "kind": "webhook", "config": {"url": "https://93.184.216.34/x"}, "secret": "canary-77"}

    made = caller("admin").post(RAILS, body, format="json")

    assert made.json()["has_secret"] is True
    assert "canary-77" not in made.content.decode()
    assert b"canary-77" not in bytes(Guardrail.objects.get(name="judge").secret)
    assert not AuditEvent.objects.filter(after__icontains="canary-77").exists()


def test_members_see_and_only_administrators_change(company: factories.Acme, caller: Caller) -> None:
    assert caller("developer").get(RAILS).json()["count"] == 1
    assert caller("mallory").get(RAILS).json()["count"] == 0


# ---- bodies ----------------------------------------------------------------------------------------------------------
def keep_body(company: factories.Acme, request_id: str, **changes: object) -> LoggedBody:
    now = datetime.now(UTC)
    values: dict[str, object] = {
        "organization": company.organization.pk, "project": company.assistant.pk, "request_id": request_id,
        "logged_at": now, "expires_at": now + timedelta(days=1), "endpoint": "/v1/chat/completions",
        "request": credentials.encrypt('{"a": 1}'), "response": credentials.encrypt("{}"),
    }  # fmt: skip
    return LoggedBody.objects.create(**values | changes)


def test_reading_bodies_is_audited_and_forgetting_too(company: factories.Acme, caller: Caller) -> None:
    (line,) = factories.book_lines(factories.line(company))
    keep_body(company, line["request_id"])
    path = f"/api/v1/usage-records/{line['request_id']}/bodies"

    read = caller("admin").get(path)

    assert [(body["request"], body["response"]) for body in read.json()] == [('{"a": 1}', "{}")]
    event = AuditEvent.objects.filter(verb="bodies.read").get()
    assert event.after == {"request_id": line["request_id"], "count": 1}
    assert caller("analyst").get(path).status_code == 403
    assert caller("mallory").get(path).status_code == 404
    assert caller("admin").delete(path).status_code == 204
    assert caller("admin").get(path).status_code == 404
    assert AuditEvent.objects.filter(verb="bodies.erase").count() == 1


def test_a_body_whose_key_is_gone_is_null(company: factories.Acme, caller: Caller) -> None:
    (line,) = factories.book_lines(factories.line(company))
    keep_body(company, line["request_id"], request=b"not a token")

    (body,) = caller("owner").get(f"/api/v1/usage-records/{line['request_id']}/bodies").json()

    assert (body["request"], body["response"]) == (None, "{}")


def test_bodies_are_deleted_after_their_day(company: factories.Acme) -> None:
    now = datetime.now(UTC)
    keep_body(company, "old", expires_at=now - timedelta(seconds=1))
    keep_body(company, "new")

    assert bodies.purge_bodies() == 1
    assert list(LoggedBody.objects.values_list("request_id", flat=True)) == ["new"]


def test_a_body_policy_is_made_changed_and_deleted(company: factories.Acme, caller: Caller) -> None:
    adam = caller("admin")
    made = adam.post("/api/v1/body-policies", {"project": str(company.assistant.pk)}, format="json")
    path = f"/api/v1/body-policies/{made.json()['id']}"

    assert (made.status_code, made.json()["retention_days"], made.json()["max_body_bytes"]) == (201, 30, 65_536)
    assert adam.patch(path, {"retention_days": 366}, format="json").status_code == 400
    assert adam.patch(path, {"retention_days": 3}, format="json").json()["retention_days"] == 3
    assert adam.post("/api/v1/body-policies", {}, format="json").json()["code"] == "body_policy_exists"
    assert adam.delete(path).status_code == 204
