"""Cache policies through the API: values, conflicts, tenancy, audit."""

import pytest

from gateway.models import AuditEvent, CachePolicy
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


def test_a_foreign_project_does_not_exist(company: factories.Acme, caller: Caller) -> None:
    answer = caller("admin").post(PATH, {"project": str(company.globex_project.pk)}, format="json")

    assert answer.status_code == 400
    assert CachePolicy.objects.filter(project=company.globex_project).count() == 0
