"""What the matrix cannot say: bodies, errors, tokens, organizations, mass assignment, query counts."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from rest_framework.test import APIClient

from gateway.api.organization import CONSOLE_SESSION_KEY
from gateway.ledger.ids import ms_of, uuid7
from gateway.models import AuditEvent, Heartbeat, Membership, Model, Provider, User, VirtualKey
from gateway.services import audit, identity, keys, people
from tests import factories
from tests.gateway.api.conftest import Caller

API = "/api/v1"


def ids(response: Any) -> set[str]:
    return {row["id"] for row in response.json()["results"]}


# ---- errors ----------------------------------------------------------------------------------------------------------


def test_every_error_is_a_problem_document(caller: Caller) -> None:
    adam = caller("admin")
    cases = [
        (adam.get(f"{API}/nothing"), 404, "not_found"),
        (adam.put(f"{API}/teams", {}), 405, "method_not_allowed"),
        (adam.post(f"{API}/teams", "{", content_type="application/json"), 400, "parse_error"),
        (adam.post(f"{API}/teams", "[" * 100_000, content_type="application/json"), 400, "parse_error"),
        (adam.post(f"{API}/teams", "a", content_type="text/plain"), 415, "unsupported_media_type"),
        (adam.post(f"{API}/teams", {"name": "x"}), 400, "invalid"),
        (adam.get(f"{API}/teams?page=99"), 404, "not_found"),
        (APIClient().get(f"{API}/teams"), 401, "not_authenticated"),
        (APIClient(HTTP_AUTHORIZATION="Bearer gw-nonsense").get(f"{API}/teams"), 401, "key_invalid"),
        (APIClient(HTTP_AUTHORIZATION="Bearer a.b.c").get(f"{API}/teams"), 401, "token_not_valid"),
        (caller("developer").post(f"{API}/teams", {}), 403, "role_required"),
        (adam.post(f"{API}/teams", {"slug": "search", "name": "Again"}), 409, "slug_in_use"),
    ]  # fmt: skip

    for response, status, code in cases:
        body = response.json()
        assert (response.status_code, body["code"]) == (status, code), body
        assert response["Content-Type"] == "application/problem+json"
        assert body.keys() == {"type", "title", "status", "detail", "code", "errors", "request_id"}
        assert body["request_id"] == response["X-Request-ID"]
        assert body["status"] == status


def test_faulty_inputs_are_named_by_path(company: factories.Acme, caller: Caller) -> None:
    target = {"model": str(company.model.pk), "weight": -1}

    response = caller("admin").post(f"{API}/routes", {"alias": "x", "targets": [target]}, format="json")

    assert response.status_code == 400
    assert [(e["field"], e["code"]) for e in response.json()["errors"]] == [("targets.0.weight", "min_value")]


def test_a_target_of_weight_0_is_kept_as_such(company: factories.Acme, caller: Caller) -> None:
    target = {"model": str(company.model.pk), "weight": 0}

    response = caller("admin").post(f"{API}/routes", {"alias": "x", "targets": [target]}, format="json")

    assert response.status_code == 201, response.json()
    assert [item["weight"] for item in response.json()["targets"]] == [0]


def test_a_failure_nobody_foresaw_says_nothing(caller: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit, "verify", lambda organization: 1 / 0)

    response = caller("admin").get(f"{API}/audit-events/verify")

    assert (response.status_code, response.json()["code"]) == (500, "server_error")
    assert "division" not in response.content.decode()


def test_a_slash_at_the_end_changes_nothing(caller: Caller) -> None:
    adam = caller("admin")

    assert adam.get(f"{API}/teams/").json() == adam.get(f"{API}/teams").json()


# ---- who is asking ---------------------------------------------------------------------------------------------------


def test_a_pair_of_tokens_signs_in_and_out(company: factories.Acme) -> None:
    bob = company.people["bob"]
    bob.set_password(factories.PASSWORD)
    bob.save()
    client = APIClient()

    pair = client.post(f"{API}/auth/token", {"username": bob.username, "password": factories.PASSWORD}).json()
    me = APIClient(HTTP_AUTHORIZATION=f"Bearer {pair['access']}").get(f"{API}/me").json()
    renewed = client.post(f"{API}/auth/token/refresh", {"refresh": pair["refresh"]})
    again = client.post(f"{API}/auth/token/refresh", {"refresh": pair["refresh"]})
    client.post(f"{API}/auth/token/revoke", {"refresh": renewed.json()["refresh"]})
    ended = client.post(f"{API}/auth/token/refresh", {"refresh": renewed.json()["refresh"]})

    assert (me["username"], [m["role"] for m in me["memberships"]]) == ("bob@acme.example", ["developer"])
    assert [r.status_code for r in (renewed, again, ended)] == [200, 401, 401]


def test_ten_wrong_passwords_lock_the_name(company: factories.Acme, settings: Any) -> None:
    bob = company.people["bob"]
    bob.set_password(factories.PASSWORD)
    bob.save()
    client = APIClient()
    for _ in range(10):
        client.post(f"{API}/auth/token", {"username": bob.username, "password": "wrong"})

    response = client.post(f"{API}/auth/token", {"username": bob.username, "password": factories.PASSWORD})

    assert (response.status_code, response.json()["code"]) == (429, "locked_out")
    assert response["Retry-After"] == "900"


def test_signing_in_is_limited_by_address(company: factories.Acme) -> None:
    client = APIClient()
    for n in range(30):
        client.post(f"{API}/auth/token/revoke", {"refresh": f"x{n}"})

    response = client.post(f"{API}/auth/token/revoke", {"refresh": "x"}, HTTP_X_FORWARDED_FOR="203.0.113.9")

    assert (response.status_code, response.json()["code"]) == (429, "rate_limited")
    assert int(response["Retry-After"]) > 0


def test_an_access_token_ends_with_the_password(company: factories.Acme) -> None:
    bob = company.people["bob"]
    bob.set_password(factories.PASSWORD)
    bob.save()
    credentials = {"username": bob.username, "password": factories.PASSWORD}
    pair = APIClient().post(f"{API}/auth/token", credentials).json()
    client = APIClient(HTTP_AUTHORIZATION=f"Bearer {pair['access']}")
    assert client.get(f"{API}/me").status_code == 200

    body = {"current_password": factories.PASSWORD, "new_password": "an entirely new one 7"}
    assert client.post(f"{API}/me/password", body).status_code == 204

    assert client.get(f"{API}/me").status_code == 401


def test_a_management_key_ignores_cookies(company: factories.Acme, caller: Caller) -> None:
    client = caller("mallory")
    client.credentials(HTTP_X_API_KEY=company.secrets["read"])

    slugs = {row["slug"] for row in client.get(f"{API}/organizations").json()["results"]}

    assert slugs == {"acme"}


def test_an_inference_key_does_not_manage(company: factories.Acme) -> None:
    response = APIClient(HTTP_AUTHORIZATION=f"Bearer {company.secrets['bob']}").get(f"{API}/teams")

    assert (response.status_code, response.json()["code"]) == (401, "key_scope_missing")


def test_the_csrf_token_is_asked_of_sessions(company: factories.Acme) -> None:
    client = APIClient(enforce_csrf_checks=True)
    client.force_login(company.people["adam"], backend="django.contrib.auth.backends.ModelBackend")

    assert client.post(f"{API}/teams", {"slug": "x", "name": "X"}).status_code == 403


def test_of_several_organizations_one_must_be_named(company: factories.Acme) -> None:
    people.add_member(organization=company.globex, actor=None, user=company.people["carol"], role="analyst")
    client = APIClient()
    client.force_login(company.people["carol"], backend="django.contrib.auth.backends.ModelBackend")

    unnamed = client.get(f"{API}/teams")
    named = client.get(f"{API}/teams", HTTP_X_ORGANIZATION="globex")

    assert (unnamed.status_code, unnamed.json()["code"]) == (400, "organization_required")
    assert [row["slug"] for row in named.json()["results"]] == ["lab"]


def as_root(company: factories.Acme) -> APIClient:
    root = APIClient()
    root.force_login(company.people["root"], backend="django.contrib.auth.backends.ModelBackend")
    return root


@pytest.mark.parametrize(
    "path",
    ["teams", "projects", "memberships", "invitations", "api-keys", "usage-records", "usage-imports", "guardrails",
     "rate-limits", "body-policies", "cache-policies"],
)  # fmt: skip
def test_a_superuser_names_the_organization_too(path: str, company: factories.Acme) -> None:
    root = as_root(company)

    unnamed = root.get(f"{API}/{path}")

    assert (unnamed.status_code, unnamed.json()["code"]) == (400, "organization_required")
    assert "(acme, globex)" in unnamed.json()["detail"]
    assert root.get(f"{API}/{path}", HTTP_X_ORGANIZATION="acme").status_code == 200


def test_a_superuser_acts_on_the_platforms_rows(company: factories.Acme) -> None:
    root = as_root(company)
    made = root.post(f"{API}/providers", {"slug": "all", "name": "All", "base_url": "https://93.184.216.34/v1"})
    assert (made.status_code, made.json()["organization"]) == (201, None)
    unnamed = root.get(f"{API}/providers")
    assert (unnamed.status_code, unnamed.json()["code"]) == (400, "organization_required")

    root.credentials(HTTP_X_ORGANIZATION="~")

    listed = root.get(f"{API}/providers").json()["results"]
    assert {row["slug"] for row in listed} == {"all", company.shared_provider.slug}
    assert root.get(f"{API}/providers/{company.provider.pk}").status_code == 404
    assert [row["verb"] for row in root.get(f"{API}/audit-events").json()["results"]] == ["provider.create"]
    assert root.get(f"{API}/teams").json()["code"] == "organization_required"


def test_the_platforms_rows_are_the_superusers(company: factories.Acme, caller: Caller) -> None:
    adam = caller("admin")
    adam.credentials(HTTP_X_ORGANIZATION="~")

    assert adam.get(f"{API}/providers").json()["code"] == "organization_not_found"


def test_the_only_organization_needs_no_name(company: factories.Acme) -> None:
    identity.archive_organization(organization=company.globex, actor=None)
    root = as_root(company)

    assert {row["slug"] for row in root.get(f"{API}/teams").json()["results"]} == {"search", "ads"}
    assert company.provider.slug in {row["slug"] for row in root.get(f"{API}/providers").json()["results"]}
    assert root.get(f"{API}/providers/{company.provider.pk}").status_code == 200
    assert root.get(f"{API}/audit-events").json()["count"] > 0
    verified = root.get(f"{API}/audit-events/verify").json()
    assert (verified["is_intact"], verified["sealed"] + verified["unsealed"] > 0) == (True, True)
    assert root.post(f"{API}/teams", {"slug": "x", "name": "X"}).status_code == 201


def test_a_browser_reads_the_organization_chosen_in_the_console(company: factories.Acme) -> None:
    root = as_root(company)
    session = root.session
    session[CONSOLE_SESSION_KEY] = "globex"
    session.save()

    assert [row["slug"] for row in root.get(f"{API}/teams").json()["results"]] == ["lab"]
    written = root.post(f"{API}/teams", {"slug": "x", "name": "X"})
    assert (written.status_code, written.json()["code"]) == (400, "organization_required")


# ---- mass assignment -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "body", "changed"),
    [
        ("me", {"is_superuser": True, "is_staff": True}, 400),
        ("me", {"is_superuser": True}, 200),
        ("me", {"memberships": [{"role": "owner"}]}, 200),
        ("me", {"username": "root", "email": "root@platform.example"}, 200),
        ("me", {"password": "hacked"}, 400),
        ("api-keys/{key}", {"organization": "{globex}", "project": "{globex_project}"}, 200),
        ("api-keys/{key}", {"digest": "00", "pepper_version": 2}, 400),
        ("api-keys/{key}", {"prefix": "gw-x", "revoked_at": None, "created_by": None}, 200),
        ("api-keys/{key}", {"scopes": ["manage:write"]}, 403),
        ("api-keys/{key}", {"spent": "0"}, 200),
    ],
)
def test_bob_cannot_assign_what_is_not_his(
    path: str, body: dict[str, Any], changed: int, company: factories.Acme, caller: Caller
) -> None:
    names = {"key": company.keys["bob"].pk, "globex": company.globex.pk, "globex_project": company.globex_project.pk}
    sent = {k: v.format(**names) if isinstance(v, str) and "{" in v else v for k, v in body.items()}
    before = _state(company)

    response = caller("developer").patch(f"{API}/{path.format(**names)}", sent, format="json")

    assert response.status_code == changed
    assert _state(company) == before


def _state(company: factories.Acme) -> list[Any]:
    users = User.objects.order_by("pk").values_list("username", "email", "is_superuser", "is_staff", "password")
    rows = VirtualKey.objects.order_by("pk").values_list(
        "organization", "project", "digest", "prefix", "scopes", "revoked_at", "pepper_version", "created_by"
    )
    members = Membership.objects.order_by("pk").values_list("user", "role", "organization")
    return [*users, *((*row[:2], bytes(row[2]), *row[3:]) for row in rows), *members]


def test_a_developer_gets_no_secret_of_a_management_key(company: factories.Acme, caller: Caller) -> None:
    company.keys["mine"], _ = keys.create_key(
        organization=company.organization, project=company.assistant, actor=None, name="mine",
        user=company.people["bob"], scopes=["manage:write"],
    )  # fmt: skip
    bob, key = caller("developer"), company.keys["mine"].pk

    assert bob.post(f"{API}/api-keys/{key}/rotate").status_code == 403
    assert bob.patch(f"{API}/api-keys/{key}", {"name": "x"}).status_code == 403


def test_a_key_cannot_make_owners(company: factories.Acme, caller: Caller) -> None:
    key = caller("key_write")

    assert key.patch(f"{API}/memberships/{company.members['bob'].pk}", {"role": "owner"}).status_code == 403
    assert key.post(f"{API}/invitations", {"email": "x@example.com", "role": "owner"}).status_code == 403


def test_whether_an_account_exists_is_not_told(company: factories.Acme, caller: Caller) -> None:
    mallory = caller("mallory")

    real = mallory.post(f"{API}/memberships", {"email": "bob@acme.example", "role": "developer"})
    unreal = mallory.post(f"{API}/memberships", {"email": "nobody@acme.example", "role": "developer"})

    assert real.status_code == unreal.status_code == 400
    assert {**real.json(), "request_id": ""} == {**unreal.json(), "request_id": ""}


# ---- keys, catalog ---------------------------------------------------------------------------------------------------


def test_the_secret_of_a_key_is_in_one_answer(company: factories.Acme, caller: Caller) -> None:
    bob = caller("developer")

    made = bob.post(f"{API}/api-keys", {"project": str(company.assistant.pk), "name": "laptop"}).json()
    read = bob.get(f"{API}/api-keys/{made['id']}").json()

    assert keys.authenticate(made["secret"]) is not None
    assert (made["user"], made["scopes"]) == (str(company.people["bob"].pk), ["inference"])
    assert "secret" not in read
    event = AuditEvent.objects.get(verb="key.create", object_id=made["id"])
    assert event.request_id.startswith("req_")


def test_a_credential_never_comes_out(company: factories.Acme, caller: Caller) -> None:
    adam = caller("admin")
    path = f"{API}/providers/{company.provider.pk}"

    answer = adam.patch(path, {"credential": "sk-canary-0123456789"})

    assert (answer.status_code, answer.json()["has_credential"]) == (200, True)
    trail = adam.get(f"{API}/audit-events?verb=provider.update")
    assert "canary" not in answer.content.decode() + adam.get(path).content.decode() + trail.content.decode()
    assert trail.json()["results"][0]["changes"] == [{"field": "credential", "before": "none", "after": "set"}]


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:9100/v1", "http://169.254.169.254/latest", "http://[::1]/", "http://10.0.0.1/v1",
        "http://100.100.100.200/", "http://[::ffff:127.0.0.1]/", "ftp://93.184.216.34/", "file:///etc/passwd",
        "http://user:pass@93.184.216.34/", "http://93.184.216.34/?x=1", "http://0.0.0.0/", "http://localhost/v1",
        "http://[fd00:ec2::254]/", "http://[fe80::1]/v1", "http://[::ffff:169.254.169.254]/", "http://168.63.129.16/",
    ],
)  # fmt: skip
def test_an_admin_cannot_point_a_provider_inside(url: str, caller: Caller) -> None:
    response = caller("admin").post(f"{API}/providers", {"slug": "in", "name": "In", "base_url": url})

    assert response.status_code == 400
    assert response.json()["errors"][0]["field"] == "base_url"


def test_a_route_is_simulated_from_its_configuration(company: factories.Acme, caller: Caller) -> None:
    other = factories.ModelFactory(organization=company.organization, provider=company.provider, name="small")
    off = factories.ModelFactory(organization=company.organization, provider=company.provider, is_enabled=False)
    last = factories.ModelFactory(organization=None, provider=company.shared_provider, name="fallback")
    targets = [
        {"model": str(company.model.pk), "weight": 3}, {"model": str(other.pk), "weight": 1},
        {"model": str(off.pk), "weight": 9}, {"model": str(last.pk), "priority": 1},
    ]  # fmt: skip
    adam = caller("admin")
    route = adam.post(f"{API}/routes", {"alias": "mix", "targets": targets}, format="json").json()

    plan = adam.post(f"{API}/routes/{route['id']}/simulate").json()

    assert [(t["model_name"], t["position"], t["probability"]) for t in plan["targets"]] == [
        ("gpt-4o", 1, 0.75), ("small", 1, 0.25), ("fallback", 2, 0.0), (off.name, None, 0.0)
    ]  # fmt: skip
    assert plan["reason"] == "3 of 4 targets can be tried."


def test_a_foreign_model_is_no_target(company: factories.Acme, caller: Caller) -> None:
    theirs = factories.ModelFactory(
        organization=company.globex, provider=factories.ProviderFactory(organization=company.globex)
    )

    response = caller("admin").post(
        f"{API}/routes", {"alias": "x", "targets": [{"model": str(theirs.pk)}]}, format="json"
    )

    assert (response.status_code, response.json()["errors"][0]["code"]) == (400, "does_not_exist")


def test_what_is_in_use_is_not_deleted(company: factories.Acme, caller: Caller) -> None:
    adam = caller("admin")

    assert adam.delete(f"{API}/providers/{company.provider.pk}").json()["code"] == "provider_in_use"
    assert adam.delete(f"{API}/models/{company.model.pk}").json()["code"] == "model_in_use"
    assert Provider.objects.filter(pk=company.provider.pk).exists()
    assert Model.objects.filter(pk=company.model.pk).exists()


# ---- usage records ---------------------------------------------------------------------------------------------------


def test_a_request_is_read_with_all_its_lines(company: factories.Acme, caller: Caller) -> None:
    first = factories.line(company, status="upstream_error", http_status=502, is_final=False, cost=Decimal(0),
                           charges=[], price_status="free", list_cost=Decimal(0))  # fmt: skip
    at = datetime.now(UTC)
    second = factories.line(company, at=at, request_id=first["request_id"], tag_set={"b": "2", "a": "1"})
    factories.book_lines(first, second)
    bob = caller("developer")

    record = bob.get(f"{API}/usage-records/{first['request_id']}").json()
    by_line = bob.get(f"{API}/usage-records/{first['id']}").json()

    assert [line["status"] for line in record["lines"]] == ["upstream_error", "ok"]
    assert (record["id"], record["total_cost"]) == (str(second["id"]), "0.0035000000")
    assert record["tags"] == [{"key": "a", "value": "1"}, {"key": "b", "value": "2"}]
    assert by_line == record


def test_the_cost_is_explained_line_by_line(company: factories.Acme, caller: Caller) -> None:
    (line,) = factories.book_lines(factories.line(company))

    answer = caller("analyst").get(f"{API}/usage-records/{line['request_id']}/cost-explanation").json()

    assert (answer["total_cost"], answer["is_complete"], answer["notes"]) == ("0.0035000000", True, [])
    assert answer["lines"][0]["explanation"] == (
        "1,000 input tokens × 0.0000025 USD = 0.0025 USD (rate book:in). "
        "100 output tokens × 0.00001 USD = 0.001 USD (rate book:out). "
        "Together 0.0035 USD. Token counts are the vendor's own."
    )


def test_calls_with_the_same_request_id_are_told(company: factories.Acme, caller: Caller) -> None:
    factories.book_lines(*(factories.line(company, request_id="mine") for _ in range(2)))

    answer = caller("analyst").get(f"{API}/usage-records/mine/cost-explanation").json()

    assert answer["total_cost"] == "0.0070000000"
    assert [note["code"] for note in answer["notes"]] == ["several_calls"]
    assert answer["notes"][0]["message"].startswith("The caller sent this request id with 2 calls;")


def test_an_unknown_price_is_not_zero(company: factories.Acme, caller: Caller) -> None:
    unpriced = {"price_status": "unpriced", "cost": None, "list_cost": None, "charges": []}
    (line,) = factories.book_lines(factories.line(company, **unpriced))

    answer = caller("analyst").get(f"{API}/usage-records/{line['request_id']}/cost-explanation").json()

    assert (answer["total_cost"], answer["is_complete"]) == (None, False)
    assert answer["notes"][0]["code"] == "unpriced"


def test_the_list_is_a_window_of_seven_days(company: factories.Acme, caller: Caller) -> None:
    now = datetime.now(UTC)
    old, new = factories.book_lines(
        factories.line(company, at=now - timedelta(days=8)), factories.line(company, at=now - timedelta(days=6))
    )
    carol = caller("analyst")

    assert ids(carol.get(f"{API}/usage-records")) == {str(new["id"])}
    start = (now - timedelta(days=9)).isoformat().replace("+00:00", "Z")
    assert ids(carol.get(f"{API}/usage-records?start={start}")) == {str(new["id"]), str(old["id"])}
    assert ids(carol.get(f"{API}/usage-records?start={start}&before={new['id']}")) == {str(old["id"])}
    assert carol.get(f"{API}/usage-records?start=2030-01-01T00:00:00Z").status_code == 400


def test_usage_records_are_ordered_by_time_either_way(company: factories.Acme, caller: Caller) -> None:
    now = datetime.now(UTC)
    lines = factories.book_lines(*(factories.line(company, at=now - timedelta(hours=n)) for n in (3, 2, 1)))
    oldest, middle, newest = (str(line["id"]) for line in lines)
    carol = caller("analyst")

    def listed(query: str) -> list[str]:
        return [row["id"] for row in carol.get(f"{API}/usage-records?{query}").json()["results"]]

    assert listed("") == listed("ordering=-started_at") == [newest, middle, oldest]
    assert listed("ordering=started_at") == [oldest, middle, newest]
    assert listed(f"ordering=started_at&after={oldest}") == [middle, newest]
    assert listed(f"before={newest}&after={oldest}") == [middle]
    assert carol.get(f"{API}/usage-records?after={uuid4()}").status_code == 400


@pytest.mark.parametrize(
    ("path", "name"),
    [("usage-records?started_after=foo", "started_after"), ("usage-records?staus=ok&page_size=5", "staus"),
     ("teams?name=x", "name"), ("organizations?id=1", "id")],
)  # fmt: skip
def test_a_filter_that_a_list_does_not_know_is_refused(path: str, name: str, caller: Caller) -> None:
    response = caller("admin").get(f"{API}/{path}")

    assert response.status_code == 400
    assert [(error["field"], error["code"]) for error in response.json()["errors"]] == [(name, "filter_unknown")]


@pytest.mark.parametrize("path", ["projects?team={}", "alerts?team={}", "reports?team={}", "api-keys?project={}"])
def test_a_filter_does_not_tell_which_ids_others_have(caller: Caller, company: factories.Acme, path: str) -> None:
    theirs: Any = identity.create_team(
        organization=company.globex, actor=company.people["mallory"], name="Theirs", slug="theirs"
    )
    if "project=" in path:
        theirs = identity.create_project(
            organization=company.globex, actor=company.people["mallory"], team=theirs, name="Theirs", slug="theirs"
        )
    foreign, unknown = (caller("admin").get(f"{API}/{path.format(pk)}") for pk in (theirs.pk, uuid4()))
    malformed = caller("admin").get(f"{API}/{path.format('x')}")

    assert (foreign.status_code, foreign.json()) == (200, unknown.json())
    assert foreign.json()["count"] == 0
    assert malformed.status_code == 400


@pytest.mark.parametrize(("value", "found"), [("true", 2), ("False", 0), ("", 2)])
def test_a_filter_of_yes_and_no(caller: Caller, value: str, found: int) -> None:
    assert caller("admin").get(f"{API}/providers?is_enabled={value}").json()["count"] == found


@pytest.mark.parametrize("path", ["providers?is_enabled=maybe", "api-keys?revoked_at__isnull=1"])
def test_a_yes_or_no_that_is_neither_is_refused(caller: Caller, path: str) -> None:
    response = caller("admin").get(f"{API}/{path}")

    (error,) = response.json()["errors"]
    assert (response.status_code, error["field"], error["code"]) == (400, path.split("?")[1].split("=")[0], "invalid")


def test_every_parameter_a_list_documents_is_taken(caller: Caller) -> None:
    admin = caller("admin")

    assert admin.get(f"{API}/usage-records?page=1&page_size=5&search=x&ordering=started_at").status_code == 200
    assert (
        admin.get(f"{API}/usage-records?status=ok&start=2026-01-01T00:00:00Z&end=2026-01-02T00:00:00Z").status_code
        == 200
    )


def test_faults_are_said_of_the_input_that_has_them(company: factories.Acme, caller: Caller) -> None:
    admin = caller("admin")
    searched = admin.get(f"{API}/usage-records", {"search": "a\0b"})
    assert [error["field"] for error in searched.json()["errors"]] == ["search"]

    user = company.people["adam"]
    user.set_password("a long enough pass-phrase")
    user.save()
    admin.force_authenticate(user)
    weak = admin.post(f"{API}/me/password", {"current_password": "a long enough pass-phrase", "new_password": "abc"})
    assert [(error["field"], error["code"]) for error in weak.json()["errors"]] == [("new_password", "password_weak")]


@pytest.mark.parametrize("path", ["usage-records?ordering=-cost", "usage-records?ordering=id", "teams?ordering=secret",
                                  "audit-events?ordering=at,nothing"])  # fmt: skip
def test_an_unknown_ordering_is_said(path: str, caller: Caller) -> None:
    answer = caller("admin").get(f"{API}/{path}")

    (error,) = answer.json()["errors"]
    assert (answer.status_code, error["field"], error["code"]) == (400, "ordering", "ordering_unknown")
    assert "This list is ordered by" in error["message"]


def test_usage_records_are_searched(company: factories.Acme, caller: Caller) -> None:
    timed_out, other, _ = factories.book_lines(
        factories.line(company, error_type="first_byte_timeout", status="timeout", end_user="Ümit"),
        factories.line(company, model_requested="fast", model_served="gpt-4o-mini", request_id="req_needle_1"),
        factories.line(company, project=company.banner),
    )
    carol = caller("analyst")

    def found(words: str) -> set[str]:
        return ids(carol.get(f"{API}/usage-records", {"search": words}))

    assert found("TIMEOUT") == found("ümit") == found("gpt-4o first_byte") == {str(timed_out["id"])}
    assert found("needle") == found("4o-mini") == found("fast") == {str(other["id"])}
    assert found("nothing of the kind") == set()
    assert ids(caller("mallory").get(f"{API}/usage-records?search=needle")) == set()


def test_developers_and_managers_see_their_part(company: factories.Acme, caller: Caller) -> None:
    mine, other, theirs = factories.book_lines(
        factories.line(company),
        factories.line(company, user=None, api_key=uuid7()),
        factories.line(company, project=company.banner),
    )

    seen = {role: ids(caller(role).get(f"{API}/usage-records")) for role in ("developer", "manager", "analyst")}

    assert seen["developer"] == {str(mine["id"])}
    assert seen["manager"] == {str(mine["id"]), str(other["id"])}
    assert seen["analyst"] == {str(mine["id"]), str(other["id"]), str(theirs["id"])}


def test_health_is_computed_from_the_ledger(company: factories.Acme, caller: Caller) -> None:
    now = datetime.now(UTC)
    bad = {"status": "timeout", "http_status": 504, "error_type": "first_byte_timeout"}
    lines = [
        factories.line(company, at=now - timedelta(minutes=5, seconds=n), duration_ms=100.0 * n) for n in range(1, 20)
    ]
    lines.append(factories.line(company, at=now - timedelta(minutes=6), duration_ms=9_000.0, **bad))
    lines.append(factories.line(company, at=now - timedelta(hours=5), **bad))
    lines.append(factories.line(company, at=now - timedelta(days=9)))
    lines.append(factories.line(company, at=now - timedelta(days=40), **bad))
    lines.append(factories.line(company, at=now - timedelta(minutes=7), status="cancelled"))
    factories.book_lines(*lines)

    health = caller("analyst").get(f"{API}/providers/{company.provider.pk}/health").json()

    assert (health["state"], health["attempts_1h"]) == ("degraded", 20)
    assert health["availability_1h"] == pytest.approx(19 / 20)
    assert health["availability_24h"] == pytest.approx(19 / 21)
    assert health["availability_30d"] == pytest.approx(20 / 22)
    assert health["latency_p95"] == 1900.0  # nearest rank: the 19th of 20
    assert health["last_error"]["error_type"] == "first_byte_timeout"


def test_health_shows_the_worst_reported_state_of_own_models_circuits(company: factories.Acme, caller: Caller) -> None:
    shared, upstream = company.shared_provider, "gpt-4o-2024"
    factories.ModelFactory(organization=None, provider=shared, name="ours", upstream_name=upstream)
    factories.ModelFactory(organization=company.globex, provider=shared, name="theirs", upstream_name="secret-tune")
    closed = {"state": "closed", "retry_in_s": 0.0, "opened": 0, "cooldown_s": 0.0, "in_flight": 1}
    is_open = {**closed, "state": "open", "retry_in_s": 1.5, "opened": 2}
    reports = [{upstream: closed, "secret-tune": is_open}, {upstream: is_open}]
    for n, report in enumerate(reports):
        info = {"deployments": {f"{shared.pk}:{name}": figures for name, figures in report.items()}}
        Heartbeat.objects.create(name=f"dataplane:{n}", at=datetime.now(UTC), info=info)

    health = caller("analyst").get(f"{API}/providers/{shared.pk}/health").json()

    assert health["circuits"] == [{"model": upstream, "state": "open", "retry_in_s": 1.5, "opened": 2}]


# ---- query counts ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "limit"),
    [
        ("organizations", 4), ("teams", 5), ("projects", 5), ("memberships", 5), ("invitations", 5), ("api-keys", 5),
        ("providers", 5), ("models", 5), ("routes", 8), ("usage-records", 5), ("audit-events", 6),
    ],
)  # fmt: skip
def test_lists_ask_a_fixed_number_of_questions(
    path: str, limit: int, company: factories.Acme, caller: Caller, django_assert_max_num_queries: Any
) -> None:
    factories.book_lines(*(factories.line(company, at=datetime.now(UTC) - timedelta(seconds=n)) for n in range(30)))
    for n in range(5):
        factories.TeamFactory(organization=company.organization)
        provider = factories.ProviderFactory(organization=company.organization)
        factories.ModelFactory(organization=company.organization, provider=provider, name=f"m{n}")
        people.invite(organization=company.organization, actor=None, email=f"i{n}@example.com", role="analyst")
    key = APIClient(HTTP_AUTHORIZATION=f"Bearer {company.secrets['read']}")

    # one of them is the look-up of the key, one the count
    with django_assert_max_num_queries(limit):
        response = key.get(f"{API}/{path}?page_size=20")

    assert response.status_code == 200
    assert response.json()["count"] >= 1


def test_an_id_of_the_ledger_is_found_by_its_time(company: factories.Acme, caller: Caller) -> None:
    stranger = uuid7(ms_of(datetime.now(UTC)))

    assert caller("analyst").get(f"{API}/usage-records/{stranger}").status_code == 404


def test_what_a_key_spent_is_said_by_currency(company: factories.Acme, caller: Caller) -> None:
    factories.book_lines(
        factories.line(company, cost=Decimal("5")), factories.line(company, cost=Decimal("2.5"), currency="EUR")
    )

    body = caller("owner").get(f"{API}/api-keys/{company.keys['bob'].pk}").json()

    assert (body["spent"], body["spent_in_other_currencies"]) == (
        "5.0000000000", [{"currency": "EUR", "spent": "2.5000000000"}]
    )  # fmt: skip
    assert caller("owner").get(f"{API}/api-keys/{company.keys['ads'].pk}").json()["spent_in_other_currencies"] == []
