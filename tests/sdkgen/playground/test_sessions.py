"""Sessions of the playground over HTTP: who may open one, what its key may do and for how long, how it ends."""

import json
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from gateway import credentials
from gateway.choices import Scope
from gateway.models import AuditEvent, Model, Route, RouteTarget, VirtualKey
from gateway.services import keys
from sdkgen.models import PlaygroundSession
from sdkgen.playground import sessions
from sdkgen.playground.offers import offers
from tests.factories import Acme
from tests.gateway.api.conftest import Caller

URL = "/api/v1/sdk/playground"


def opened(caller: Caller, company: Acme, role: str = "developer", **changes: Any) -> Any:
    return caller(role).post(URL, {"project": str(company.assistant.pk), **changes})


def test_a_key_that_calls_chosen_models_for_minutes(caller: Caller, company: Acme) -> None:
    before = timezone.now()
    answer = opened(caller, company, models=["gpt-4o"], minutes=10, budget="0.50")
    said = answer.json()
    key = VirtualKey.objects.get(pk=said["key"])

    assert answer.status_code == 201
    assert (key.scopes, key.allowed_models, key.budget_amount) == (["inference"], ["gpt-4o"], Decimal("0.5"))
    assert (key.project, key.user, key.rpm_limit) == (company.assistant, company.people["bob"], sessions.RPM)
    assert key.expires_at is not None
    assert timedelta(minutes=10) <= key.expires_at - before < timedelta(minutes=11)
    # The secret is in this answer alone; what is stored is its digest.
    assert bytes(key.digest) == credentials.digest(said["secret"])[1]
    assert keys.authenticate(said["secret"]) == key
    read = caller("developer").get(f"{URL}/{said['id']}").json()
    assert "secret" not in read
    assert (read["is_active"], read["prefix"], read["models"]) == (True, said["secret"][:11], ["gpt-4o"])
    stored = json.dumps([*AuditEvent.objects.values_list("after", "before")], default=str)
    assert said["secret"] not in stored
    event = AuditEvent.objects.get(verb="playground.open")
    assert event.after is not None
    assert (event.actor, event.after["models"], event.after["key"]) == (company.people["bob"], ["gpt-4o"], key.prefix)
    # It cannot manage anything, so a page that is taken over reads no keys.
    refused = caller("anonymous").get("/api/v1/api-keys", HTTP_AUTHORIZATION=f"Bearer {said['secret']}")
    assert (refused.status_code, refused.json()["code"]) == (401, "key_scope_missing")
    assert Scope.MANAGE_READ not in key.scopes


def test_none_named_are_those_of_now_and_never_all(caller: Caller, company: Acme) -> None:
    said = opened(caller, company).json()

    names = [offer.name for offer in offers(company.organization)]
    assert said["models"] == names
    assert names != []
    unknown = opened(caller, company, models=["gpt-4o", "no-such"])
    assert (unknown.status_code, unknown.json()["code"]) == (400, "model_not_offered")


def test_what_is_offered(company: Acme, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    common = {"organization": company.organization, "provider": company.provider}
    Model.objects.create(**common, name="vectors", upstream_name="v", capabilities=["embeddings"])
    Model.objects.create(**common, name="off", upstream_name="o", is_enabled=False)
    chat = Model.objects.create(**common, name="both", upstream_name="b", capabilities=["chat"])
    route = Route.objects.create(organization=company.organization, alias="both", description="The route")
    RouteTarget.objects.create(route=route, model=chat)
    Route.objects.create(organization=company.organization, alias="empty")

    with django_assert_num_queries(3):
        found = {offer.name: offer for offer in offers(company.organization)}

    assert {"vectors", "off", "empty"}.isdisjoint(found)
    assert (found["both"].is_route, found["both"].by) == (True, "The route")


def test_a_key_ends_when_it_is_replaced_revoked_or_old(caller: Caller, company: Acme) -> None:
    first = opened(caller, company).json()
    second = opened(caller, company, replaces=first["id"]).json()
    assert keys.authenticate(first["secret"]) is None
    assert keys.authenticate(second["secret"]) is not None

    assert caller("developer").delete(f"{URL}/{second['id']}").status_code == 204
    assert keys.authenticate(second["secret"]) is None
    assert caller("developer").get(f"{URL}/{second['id']}").json()["is_active"] is False

    third = opened(caller, company, minutes=1).json()
    VirtualKey.objects.filter(pk=third["key"]).update(expires_at=timezone.now() - timedelta(seconds=1))
    assert keys.authenticate(third["secret"]) is None


def test_the_sixth_tab_ends_the_first(caller: Caller, company: Acme) -> None:
    made = [opened(caller, company).json() for _ in range(sessions.MAX_LIVE + 1)]

    works = [keys.authenticate(one["secret"]) is not None for one in made]

    assert works == [False, True, True, True, True, True]


@pytest.mark.parametrize(("field", "value", "code"), [
    ("minutes", 0, "min_value"), ("minutes", 61, "max_value"), ("budget", "0", "budget_out_of_range"),
    ("budget", "25.01", "budget_out_of_range"), ("scopes", ["manage:write"], "unknown_field"),
])  # fmt: skip
def test_limits_that_are_refused(caller: Caller, company: Acme, field: str, value: Any, code: str) -> None:
    answer = opened(caller, company, **{field: value})

    assert answer.status_code == 400
    assert code in json.dumps(answer.json())
    assert not PlaygroundSession.objects.exists()


def test_who_cannot_call_models_opens_nothing(caller: Caller, company: Acme) -> None:
    assert opened(caller, company, "analyst").status_code == 403
    assert opened(caller, company, "key_write").json()["code"] == "person_required"
    hidden = caller("developer").post(URL, {"project": str(company.banner.pk)})  # of another team
    assert (hidden.status_code, VirtualKey.objects.filter(name=sessions.KEY_NAME).count()) == (400, 0)


def test_another_person_sees_and_ends_nothing(caller: Caller, company: Acme) -> None:
    said = opened(caller, company).json()

    for role in ("owner", "manager", "mallory"):
        assert caller(role).get(f"{URL}/{said['id']}").status_code == 404
        assert caller(role).delete(f"{URL}/{said['id']}").status_code == 404
    replaced = opened(caller, company, "owner", replaces=said["id"])
    assert (replaced.status_code, replaced.json()["code"]) == (404, "session_not_found")
    assert keys.authenticate(said["secret"]) is not None


def test_a_browser_is_sent_to_the_page(caller: Caller, company: Acme) -> None:
    said = opened(caller, company).json()

    answer = caller("developer").get(f"{URL}/{said['id']}", HTTP_ACCEPT="text/html,*/*")

    assert (answer.status_code, answer["Location"]) == (303, "/admin/playground/?organization=acme")
    assert said["secret"] not in answer["Location"]


def test_queries_do_not_grow_with_models(caller: Caller, company: Acme) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert opened(caller, company).status_code == 201
        return len(captured)

    first = queries()
    for number in range(5):
        Model.objects.create(
            organization=company.organization, provider=company.provider, name=f"m{number}", upstream_name="m"
        )
    assert queries() == first


def test_expiry_is_a_time_not_a_length(caller: Caller, company: Acme) -> None:
    said = opened(caller, company).json()

    until = datetime.fromisoformat(said["expires_at"])
    created = datetime.fromisoformat(said["created_at"])
    assert timedelta(minutes=14) < until - created <= timedelta(minutes=15, seconds=1)


def test_a_key_that_is_over_is_in_no_list_and_keeps_its_name(
    caller: Caller, company: Acme, client: Client, settings: Any
) -> None:
    plain = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    settings.STORAGES = settings.STORAGES | {"staticfiles": plain}
    client.force_login(company.people["adam"], backend="django.contrib.auth.backends.ModelBackend")
    first, second, third = (opened(caller, company).json() for _ in range(3))
    caller("developer").delete(f"{URL}/{first['id']}")
    VirtualKey.objects.filter(pk=second["key"]).update(expires_at=timezone.now() - timedelta(seconds=1))
    VirtualKey.objects.filter(pk=company.keys["ads"].pk).update(revoked_at=timezone.now())

    listed = {row["id"] for row in caller("admin").get("/api/v1/api-keys").json()["results"]}
    page = client.get("/admin/gateway/virtualkey/?all=").content.decode()

    assert {first["key"], second["key"]} & listed == set()
    assert {third["key"], str(company.keys["ads"].pk)} <= listed  # what people revoked stays in the list
    assert [one["key"] in page for one in (first, second, third)] == [False, False, True]
    assert caller("admin").get(f"/api/v1/api-keys/{first['key']}").json()["name"] == "Playground"
    assert client.get(f"/admin/gateway/virtualkey/{first['key']}/change/").status_code == 200
