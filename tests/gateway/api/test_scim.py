"""Provisioning by a directory, with the bodies that Okta and Microsoft Entra ID send."""

from typing import Any

import pytest
from django.test import Client
from rest_framework.test import APIClient

from gateway.choices import Role
from gateway.models import AuditEvent, Membership, ProvisionedGroup, ProvisionedPerson, Team, User, VirtualKey
from gateway.scim import filters, patches
from gateway.scim.errors import ScimError
from gateway.scim.filters import Equals
from gateway.scim.patches import Change
from gateway.services import identity, keys, tokens
from tests import factories
from tests.gateway.api.conftest import Caller

SCIM = "/api/v1/scim/v2"
OKTA_USER = {
    "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": "Frank@acme.example",
    "name": {"givenName": "Frank", "familyName": "Fischer"},
    "emails": [{"primary": True, "value": "frank@acme.example", "type": "work"}], "displayName": "Frank Fischer",
    "locale": "en-US", "externalId": "00ujl29u0le5T6Aj10h7", "groups": [], "active": True,
}  # fmt: skip
ENTRA_USER = {
    "schemas": [
        "urn:ietf:params:scim:schemas:core:2.0:User",
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User",
    ],
    "externalId": "grace", "userName": "grace@acme.example", "active": True, "displayName": "Grace Hopper",
    "emails": [{"primary": True, "type": "work", "value": "grace@acme.example"}],
    "meta": {"resourceType": "User"},
    "name": {"formatted": "Grace Hopper", "familyName": "Hopper", "givenName": "Grace"},
    "roles": [], "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": {"department": "Navy"},
}  # fmt: skip


@pytest.fixture
def directory(caller: Caller) -> APIClient:
    return caller("key_write")


def make(directory: APIClient, body: dict[str, Any]) -> dict[str, Any]:
    response = directory.post(f"{SCIM}/Users", body)
    assert response.status_code == 201, response.content
    return dict(response.json())


def patch(directory: APIClient, path: str, *operations: dict[str, Any]) -> Any:
    body = {"schemas": [patches.SCHEMA], "Operations": list(operations)}
    return directory.patch(f"{SCIM}/{path}", body)


def test_okta_makes_finds_changes_and_deactivates(directory: APIClient, company: factories.Acme) -> None:
    absent = directory.get(f'{SCIM}/Users?filter=userName eq "Frank@acme.example"&startIndex=1&count=100').json()
    made = directory.post(f"{SCIM}/Users", OKTA_USER)
    body = made.json()
    found = directory.get(f'{SCIM}/Users?filter=userName eq "frank@ACME.example"').json()
    renamed = directory.put(
        f"{SCIM}/Users/{body['id']}", {**OKTA_USER, "name": {"givenName": "Francis", "familyName": "F"}}
    )
    off = patch(directory, f"Users/{body['id']}", {"op": "replace", "value": {"active": False}})

    assert (absent["totalResults"], absent["Resources"]) == (0, [])
    assert made["Content-Type"] == "application/scim+json"
    assert made["Location"] == body["meta"]["location"]
    assert (body["userName"], body["externalId"], body["active"]) == (
        "frank@acme.example",
        "00ujl29u0le5T6Aj10h7",
        True,
    )
    assert body["emails"] == [{"value": "frank@acme.example", "type": "work", "primary": True}]
    assert [one["id"] for one in found["Resources"]] == [body["id"]]
    assert renamed.json()["name"]["givenName"] == "Francis"
    assert off.json()["active"] is False
    person = User.objects.get(pk=body["id"])
    assert (person.is_active, person.has_usable_password()) == (False, False)
    on = patch(directory, f"Users/{body['id']}", {"op": "replace", "value": {"active": True}})
    assert (on.json()["active"], Membership.objects.get(user=person).role) == (True, Role.DEVELOPER)


def test_entra_sends_other_words_for_the_same(directory: APIClient) -> None:
    pk = make(directory, ENTRA_USER)["id"]
    by_id = directory.get(f'{SCIM}/Users?filter=externalId eq "grace"').json()
    changed = patch(
        directory, f"Users/{pk}",
        {"op": "Replace", "path": 'emails[type eq "work"].value', "value": "hopper@acme.example"},
        {"op": "Add", "path": "name.familyName", "value": "Murray"},
        {"op": "Replace", "value": {"displayName": "G", "name.givenName": "Amazing"}},
    ).json()  # fmt: skip
    off = patch(directory, f"Users/{pk}", {"op": "Replace", "path": "active", "value": "False"})
    off_list = directory.get(f"{SCIM}/Users?filter=active eq false").json()

    assert by_id["totalResults"] == 1
    assert (changed["emails"][0]["value"], changed["name"]["formatted"]) == ("hopper@acme.example", "Amazing Murray")
    assert off.json()["active"] is False
    assert [one["id"] for one in off_list["Resources"]] == [pk]


def test_deactivation_signs_out_and_stops_the_persons_keys(directory: APIClient, company: factories.Acme) -> None:
    pk = make(directory, OKTA_USER)["id"]
    person = User.objects.get(pk=pk)
    browser = Client()
    browser.force_login(person, backend="django.contrib.auth.backends.ModelBackend")
    pair = tokens.issue(user=person)
    issued = keys.create_key(
        organization=company.organization, project=company.assistant, actor=None, user=person, name="own"
    )

    assert directory.delete(f"{SCIM}/Users/{pk}").status_code == 204

    bearer = APIClient()
    bearer.credentials(HTTP_AUTHORIZATION=f"Bearer {pair.access}")
    assert browser.get("/api/v1/me").status_code == 401
    assert bearer.get("/api/v1/me").status_code == 401
    with pytest.raises(tokens.InvalidToken):
        tokens.rotate(refresh=pair.refresh)
    assert VirtualKey.objects.get(pk=issued.key.pk).revoked_at is not None
    assert directory.get(f"{SCIM}/Users/{pk}").status_code == 404
    assert directory.get(f'{SCIM}/Users?filter=id eq "{pk}"').json()["totalResults"] == 0
    assert make(directory, OKTA_USER)["id"] == pk
    assert AuditEvent.objects.filter(verb="directory.deactivate", actor_key_id__isnull=False).count() == 1


def test_the_last_owner_stays(directory: APIClient, company: factories.Acme) -> None:
    alice, bob = company.people["alice"], company.people["bob"]
    refused = patch(directory, f"Users/{alice.pk}", {"op": "replace", "value": {"active": False}})
    Membership.objects.filter(user=bob).update(role=Role.OWNER)
    second = directory.delete(f"{SCIM}/Users/{alice.pk}")

    assert (refused.status_code, refused.json()["scimType"]) == (400, "mutability")
    assert refused.json()["schemas"] == ["urn:ietf:params:scim:api:messages:2.0:Error"]
    assert second.status_code == 204
    assert directory.delete(f"{SCIM}/Users/{bob.pk}").status_code == 400


def test_an_account_of_others_keeps_name_and_address(directory: APIClient, company: factories.Acme) -> None:
    bob = company.people["bob"]
    body = {"userName": "attacker@evil.example", "emails": [{"value": "attacker@evil.example"}], "externalId": "b"}
    changed = directory.put(f"{SCIM}/Users/{bob.pk}", body)
    bob.refresh_from_db()

    assert changed.status_code == 200
    assert (bob.username, bob.email, bob.is_active) == ("bob@acme.example", "bob@acme.example", True)
    pk = make(directory, OKTA_USER)["id"]
    other = factories.OrganizationFactory()
    Membership.objects.create(organization=other, user_id=pk, role=Role.DEVELOPER)  # type: ignore[misc]
    off = patch(directory, f"Users/{pk}", {"op": "replace", "value": {"active": False, "userName": "x@evil.example"}})
    person = User.objects.get(pk=pk)
    assert off.json()["active"] is False
    assert (person.username, person.is_active) == ("frank@acme.example", True)  # still a member elsewhere


def test_other_organizations_are_out_of_sight(directory: APIClient, company: factories.Acme) -> None:
    mallory = company.people["mallory"]
    for method in ("get", "delete"):
        assert getattr(directory, method)(f"{SCIM}/Users/{mallory.pk}").status_code == 404
    taken = directory.post(f"{SCIM}/Users", {"userName": mallory.username})
    assert (taken.status_code, taken.json()["scimType"]) == (409, "uniqueness")
    assert not Membership.objects.filter(user=mallory, organization=company.organization).exists()
    listed = directory.get(f"{SCIM}/Users?count=200").json()
    assert listed["totalResults"] == Membership.objects.filter(organization=company.organization).count()
    assert mallory.username not in str(listed)


def test_pages(directory: APIClient, django_assert_num_queries: Any) -> None:
    total = directory.get(f"{SCIM}/Users?count=0").json()
    with django_assert_num_queries(4):
        page = directory.get(f"{SCIM}/Users?startIndex=2&count=2").json()

    assert total["Resources"] == []
    assert (page["startIndex"], page["itemsPerPage"], page["totalResults"]) == (2, 2, total["totalResults"])


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "kind"),
    [
        ("post", "Users", {}, 400, "invalidValue"), ("post", "Users", [], 400, "invalidSyntax"),
        ("post", "Users", {"userName": "bob@acme.example"}, 409, "uniqueness"),
        ("post", "Users", {"userName": "n@acme.example", "active": "maybe"}, 400, "invalidValue"),
        ("get", "Users?filter=userName co \"b\"", None, 400, "invalidFilter"),
        ("get", "Users?filter=password eq \"b\"", None, 400, "invalidFilter"),
        ("get", "Users?startIndex=x", None, 400, "invalidValue"),
        ("get", "Users/0192f0c4-0000-7000-8000-000000000000", None, 404, None),
        ("get", "Users/------------------------------------", None, 404, None),
        ("post", "Groups", {"displayName": "Gateway owners"}, 403, None),
        ("post", "Groups", {"displayName": "X", "members": [{"value": "0192f0c4-0000-7000-8000-000000000000"}]}, 400,
         "invalidValue"),
        ("post", "Groups", {"displayName": ""}, 400, "invalidValue"),
    ],
)  # fmt: skip
def test_refusals_are_scims(
    method: str, path: str, body: Any, status: int, kind: str | None, directory: APIClient
) -> None:
    response = getattr(directory, method)(f"{SCIM}/{path}", body)

    assert response.status_code == status
    assert (response.json()["status"], response.json().get("scimType")) == (str(status), kind)


def test_groups_give_roles_and_teams(directory: APIClient, company: factories.Acme) -> None:
    pk = make(directory, OKTA_USER)["id"]

    def held() -> tuple[str, str | None]:
        membership = Membership.objects.get(user_id=pk)
        return membership.role, membership.team and membership.team.slug

    admins = directory.post(f"{SCIM}/Groups", {"displayName": "Gateway admins", "members": [{"value": pk}]}).json()
    assert held() == ("admin", None)
    leads = directory.post(f"{SCIM}/Groups", {"displayName": "gateway-manager"}).json()
    search = directory.post(f"{SCIM}/Groups", {"displayName": "Search", "externalId": "s"}).json()
    assert ProvisionedGroup.objects.get(pk=search["id"]).team == company.search
    patch(directory, f"Groups/{search['id']}", {"op": "Add", "path": "members", "value": [{"value": pk}]})
    patch(directory, f"Groups/{leads['id']}", {"op": "add", "path": "members", "value": [{"value": pk}]})
    assert held() == ("admin", "search")
    patch(directory, f"Groups/{admins['id']}", {"op": "remove", "path": f'members[value eq "{pk}"]'})
    assert held() == ("manager", "search")
    patch(directory, f"Groups/{search['id']}", {"op": "Remove", "path": "members", "value": [{"value": pk}]})
    assert held() == ("developer", None)
    assert directory.delete(f"{SCIM}/Groups/{leads['id']}").status_code == 204
    assert held() == ("developer", None)

    hidden = directory.get(f'{SCIM}/Groups?filter=displayName eq "search"&excludedAttributes=members').json()
    assert "members" not in hidden["Resources"][0]
    renamed = patch(directory, f"Groups/{search['id']}", {"op": "Replace", "value": {"displayName": "Finders"}})
    assert (renamed.json()["displayName"], Team.objects.get(pk=company.search.pk).name) == ("Finders", "Finders")


def test_groups_touch_neither_owners_nor_what_they_do_not_speak_of(
    directory: APIClient, company: factories.Acme
) -> None:
    alice, adam = company.people["alice"], company.people["adam"]
    members = [{"value": str(alice.pk)}, {"value": str(adam.pk)}]
    group = directory.post(f"{SCIM}/Groups", {"displayName": "New team", "members": members}).json()
    roles = dict(Membership.objects.filter(user__in=[alice, adam]).values_list("user__username", "role"))

    assert roles == {alice.username: "owner", adam.username: "admin"}
    assert Membership.objects.get(user=adam).team == Team.objects.get(slug="new-team")
    directory.put(f"{SCIM}/Groups/{group['id']}", {"displayName": "New team", "members": []})
    assert Membership.objects.get(user=adam).team is None
    assert Membership.objects.get(user=adam).role == "admin"


def test_it_describes_itself(directory: APIClient) -> None:
    service = directory.get(f"{SCIM}/ServiceProviderConfig").json()
    schemas = directory.get(f"{SCIM}/Schemas").json()
    types = directory.get(f"{SCIM}/ResourceTypes").json()

    assert (service["patch"], service["bulk"]["supported"], service["filter"]["maxResults"]) == (
        {"supported": True},
        False,
        200,
    )
    assert [one["id"] for one in schemas["Resources"]] == [one["schema"] for one in types["Resources"]]
    assert directory.get(f"{SCIM}/Schemas/nothing").status_code == 404


def test_its_description_is_complete(directory: APIClient) -> None:
    """RFC 7643, sections 5 to 7: what is required there, and every attribute that a resource really has."""
    service = directory.get(f"{SCIM}/ServiceProviderConfig").json()
    schemas = {one["id"]: one for one in directory.get(f"{SCIM}/Schemas").json()["Resources"]}
    types = directory.get(f"{SCIM}/ResourceTypes").json()
    required = {"patch", "bulk", "filter", "changePassword", "sort", "etag", "authenticationSchemes"}

    assert set(service) == required | {"schemas", "documentationUri", "meta"}
    assert [one["type"] for one in service["authenticationSchemes"]] == ["oauthbearertoken"]
    assert (types["totalResults"], types["itemsPerPage"], types["startIndex"]) == (2, 2, 1)
    assert [(one["name"], one["endpoint"]) for one in types["Resources"]] == [("User", "/Users"), ("Group", "/Groups")]
    make(directory, OKTA_USER)
    directory.post(f"{SCIM}/Groups", {"displayName": "New team", "members": []})
    for kind in types["Resources"]:
        assert directory.get(f"{SCIM}/ResourceTypes/{kind['id']}").json() == kind
        assert directory.get(f"{SCIM}/Schemas/{kind['schema']}").json() == schemas[kind["schema"]]
        described = {one["name"] for one in schemas[kind["schema"]]["attributes"]}
        found = directory.get(f"{SCIM}{kind['endpoint']}").json()["Resources"]
        common = {"schemas", "id", "externalId", "meta"}  # section 3.1: of every resource, in no schema
        assert {name for one in found for name in one} - common <= described
    for attribute in (one for schema in schemas.values() for one in schema["attributes"]):
        assert {"name", "type", "multiValued", "required", "mutability", "returned", "uniqueness"} <= set(attribute)
        assert (attribute["type"] == "complex") == ("subAttributes" in attribute)


def test_the_media_type_of_scim_is_taken(directory: APIClient) -> None:
    import json

    made = directory.generic("POST", f"{SCIM}/Users", json.dumps(OKTA_USER), content_type="application/scim+json")
    assert made.status_code == 201


def test_a_person_erased_is_forgotten(directory: APIClient) -> None:
    from gateway.services import people

    pk = make(directory, OKTA_USER)["id"]
    people.erase_user(user=User.objects.get(pk=pk), actor=None)
    assert not ProvisionedPerson.objects.filter(user_id=pk).exists()


def test_an_organization_that_is_not_the_keys(directory: APIClient) -> None:
    other = identity.create_organization(actor=None, slug="other", name="Other")
    assert ProvisionedGroup.objects.filter(organization=other).count() == 0
    directory.credentials(**directory._credentials, HTTP_X_ORGANIZATION="other")
    assert directory.get(f"{SCIM}/Users").json()["totalResults"] > 0  # the header plays no part: the key says whose


# ---- pure --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", []), ('userName eq "a"', [Equals("username", "a")]), ('USERNAME EQ "a\\"b"', [Equals("username", 'a"b')]),
        ('active eq true and externalId eq "x"', [Equals("active", True), Equals("externalid", "x")]),
        ('urn:ietf:params:scim:schemas:core:2.0:User:userName eq "a"', [Equals("username", "a")]),
    ],
)  # fmt: skip
def test_filters(text: str, found: list[Equals]) -> None:
    assert filters.parse(text, {"username", "externalid", "active"}) == found


NO_FILTERS = [
    'userName eq "a" or active eq true', "userName", 'userName eq "a', 'a eq "b"', "x" * 2000, 'userName eq "a" and',
    "userName eq 5", '(userName eq "a")',
]  # fmt: skip


@pytest.mark.parametrize("text", NO_FILTERS)
def test_filters_that_are_not_taken(text: str) -> None:
    with pytest.raises(ScimError) as refused:
        filters.parse(text, {"username", "active"})
    assert refused.value.kind == "invalidFilter"


def test_changes_of_either_directory_are_one_form() -> None:
    document = {
        "operations": [
            {"OP": "Replace", "Path": "urn:ietf:params:scim:schemas:core:2.0:User:active", "Value": "False"},
            {"op": "add", "value": {"name": {"givenName": "A"}, "name.familyName": "B"}},
            {"op": "Remove", "path": 'members[value eq "7"]'},
        ]
    }
    assert patches.changes(document) == [
        Change("replace", "active", "False"), Change("add", "name.givenname", "A"),
        Change("add", "name.familyname", "B"),
        Change("remove", "members", None, "7"),
    ]  # fmt: skip


NO_OPERATIONS: list[Any] = [
    {}, {"op": "move"}, {"op": "remove"}, {"op": "add", "value": 1}, {"op": "add", "path": 1},
    {"op": "add", "path": "a[b pr]"}, "x",
]  # fmt: skip


@pytest.mark.parametrize("operation", NO_OPERATIONS)
def test_changes_that_are_not_taken(operation: Any) -> None:
    with pytest.raises(ScimError):
        patches.changes({"Operations": [operation]})
