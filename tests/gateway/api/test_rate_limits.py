"""Rate limits through the API: values, refusals, tenancy, audit, use."""

from datetime import timedelta

import pytest
from django.utils import timezone

from gateway.models import AuditEvent, Heartbeat, RateLimit
from tests import factories
from tests.gateway.api.conftest import Caller

URL = "/api/v1/rate-limits"


def test_a_limit_is_made_changed_and_deleted(company: factories.Acme, caller: Caller) -> None:
    adam = caller("admin")
    body = {"name": "Search", "scope": "team", "scope_value": str(company.search.pk), "rpm": 60, "tpm": 5000}
    made = adam.post(URL, body, format="json")
    path = f"{URL}/{made.json()['id']}"
    changed = adam.patch(path, {"rpm": None, "concurrency": 4, "scope_value": "ignored"}, format="json").json()

    assert made.status_code == 201
    assert made.json()["team"] == str(company.search.pk)
    assert (changed["rpm"], changed["tpm"], changed["concurrency"]) == (None, 5000, 4)
    assert changed["scope_value"] == str(company.search.pk)
    assert adam.delete(path).status_code == 204
    verbs = AuditEvent.objects.filter(verb__startswith="rate_limit.").order_by("id").values_list("verb", flat=True)
    assert list(verbs) == [f"rate_limit.{verb}" for verb in ("create", "update", "delete")]
    assert AuditEvent.objects.get(verb="rate_limit.update").after == {"rpm": None, "concurrency": 4}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"scope": "organization"}, "rpm"),
        ({"scope": "organization", "rpm": -1}, "rpm"),
        ({"scope": "organization", "scope_value": "x", "rpm": 1}, "scope_value"),
        ({"scope": "team", "scope_value": "nobody", "rpm": 1}, "scope_value"),
        ({"scope": "key", "scope_value": "018f0000-0000-7000-8000-000000000000", "rpm": 1}, "scope_value"),
        ({"scope": "tag", "scope_value": "feature", "rpm": 1}, "scope_value"),
        ({"scope": "model", "rpm": 1}, "scope_value"),
        ({"scope": "galaxy", "rpm": 1}, "scope"),
    ],
)
def test_a_limit_that_cannot_be_is_refused(
    company: factories.Acme, caller: Caller, body: dict[str, object], field: str
) -> None:
    answer = caller("admin").post(URL, {"name": "new", **body}, format="json")

    assert answer.status_code == 400
    assert field in str(answer.json()["errors"])
    assert not RateLimit.objects.exists()


def test_a_manager_limits_the_own_team_alone(company: factories.Acme, caller: Caller) -> None:
    dave = caller("manager")

    def make(scope: str, value: str) -> int:
        body = {"name": "new", "scope": scope, "scope_value": value, "rpm": 5}
        return int(dave.post(URL, body, format="json").status_code)

    assert make("team", str(company.search.pk)) == 201
    assert make("project", str(company.assistant.pk)) == 201
    assert make("team", str(company.ads.pk)) == 400
    assert make("organization", "") == 403
    assert make("end_user", "ann") == 403


def test_use_is_what_the_live_data_planes_report(company: factories.Acme, caller: Caller) -> None:
    adam = caller("admin")
    body = {"name": "each", "scope": "end_user", "scope_value": "*", "rpm": 10, "concurrency": 3}
    identity = adam.post(URL, body, format="json").json()["id"]
    now = timezone.now()
    for number, used in enumerate((4, 3)):
        use = {f"{identity}:requests:ann": [used, 10, 20.5 + number], f"{identity}:requests:bob": [1, 10, 50.0]}
        info = {"limits": {"mode": "shared", "processes": 2, "use": use, "would_limit": {identity: 2}}}
        Heartbeat.objects.create(name=f"dataplane:{number}", at=now, info=info)
    Heartbeat.objects.create(
        name="dataplane:dead", at=now - timedelta(minutes=1),
        info={"limits": {"mode": "shares", "use": {f"{identity}:requests:ann": [9, 10, 1.0]}}},
    )  # fmt: skip

    found = adam.get(f"{URL}/{identity}/usage").json()

    assert found == {
        "id": identity, "mode": "shared", "processes": 2, "would_limit": 4,
        "uses": [
            {"kind": "requests", "subject": "ann", "limit": 10, "used": 7, "remaining": 3, "resets_in_s": 21.5},
            {"kind": "concurrency", "subject": "", "limit": 3, "used": 0, "remaining": 3, "resets_in_s": None},
        ],
    }  # fmt: skip
