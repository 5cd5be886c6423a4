"""What a directory sends amiss: refused in SCIM's words, as a whole, and what it does to groups is in the trail."""

import json
from collections.abc import Iterator
from importlib import import_module
from typing import Any

import pytest
from django.apps import apps
from django.db import connection
from rest_framework.test import APIClient

from gateway.models import AuditEvent, Membership, ProvisionedGroup, Team, User
from gateway.services import directory_groups, provisioning
from tests import factories
from tests.gateway.api.conftest import Caller

SCIM = "/api/v1/scim/v2"
ERROR = "urn:ietf:params:scim:api:messages:2.0:Error"
PATCH_OP = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
NO_TEXTS: list[Any] = ["z\0@x.example", "z\ud800@x.example", "z" * 5_000, {"a": 1}, {}, ["z"], 7, 1e400, True]
NOTHING: list[Any] = [None, ""]
USER_FIELDS = ["userName", "externalId", "name.givenName", "name.familyName", "emails.value"]
GROUP_FIELDS = ["displayName", "externalId"]
REQUIRED = ("userName", "displayName")


@pytest.fixture
def directory(caller: Caller) -> APIClient:
    return caller("key_write")


def send(directory: APIClient, method: str, path: str, body: Any) -> Any:
    """As the bytes that a directory sends: lone surrogates are escapes in JSON."""
    text = json.dumps(body).replace("Infinity", "1e400")
    return directory.generic(method, f"{SCIM}/{path}", text, content_type="application/scim+json")


def patch(directory: APIClient, path: str, *operations: dict[str, Any]) -> Any:
    return send(directory, "PATCH", path, {"schemas": [PATCH_OP], "Operations": list(operations)})


def refused(response: Any) -> tuple[int, str | None]:
    """Status and `scimType` of a refusal, which is SCIM's in every part."""
    found = response.json()
    assert response["Content-Type"] == "application/scim+json", found
    assert (found["schemas"], found["status"]) == ([ERROR], str(response.status_code))
    assert found["detail"]
    return response.status_code, found.get("scimType")


def with_value(kind: str, name: str, field: str, value: Any) -> dict[str, Any]:
    """A resource that is right but for `field`."""
    good: dict[str, Any] = {"userName" if kind == "Users" else "displayName": name}
    if field == "emails.value":
        return {**good, "emails": [{"value": value}]}
    outer, _, inner = field.partition(".")
    return {**good, outer: {inner: value} if inner else value}


def ways(kind: str, field: str, value: Any, pk: str) -> Iterator[tuple[str, str, Any]]:
    """Everything that can be sent to say that `field` is `value`."""
    new, known = ("zoe@x.example", "yves@x.example") if kind == "Users" else ("Zebras", "Yaks")
    yield "POST", kind, with_value(kind, new, field, value)
    yield "PUT", f"{kind}/{pk}", with_value(kind, known, field, value)
    path = 'emails[type eq "work"].value' if field == "emails.value" else field
    for operation in (
        {"op": "replace", "path": path, "value": value},
        {"op": "Add", "path": path, "value": value},
        {"op": "replace", "value": with_value(kind, known, field, value)},
    ):
        yield "PATCH", f"{kind}/{pk}", {"schemas": [PATCH_OP], "Operations": [operation]}


FIELDS = [*(("Users", field) for field in USER_FIELDS), *(("Groups", field) for field in GROUP_FIELDS)]


@pytest.fixture
def ids(directory: APIClient) -> dict[str, str]:
    """One of each kind."""
    user = send(directory, "POST", "Users", {"userName": "yves@x.example", "externalId": "y"}).json()["id"]
    group = send(directory, "POST", "Groups", {"displayName": "Yaks", "externalId": "y"}).json()["id"]
    return {"Users": user, "Groups": group}


@pytest.mark.parametrize(("kind", "field"), FIELDS)
def test_what_is_no_text_is_refused_everywhere(
    kind: str, field: str, directory: APIClient, ids: dict[str, str]
) -> None:
    before = directory.get(f"{SCIM}/{kind}").json()
    for value in NO_TEXTS:
        for method, path, body in ways(kind, field, value, ids[kind]):
            response = send(directory, method, path, body)

            assert refused(response) == (400, "invalidValue"), (method, body)
    assert directory.get(f"{SCIM}/{kind}").json() == before


@pytest.mark.parametrize(("kind", "field"), FIELDS)
def test_nothing_is_a_text_unless_it_is_required(
    kind: str, field: str, directory: APIClient, ids: dict[str, str]
) -> None:
    for value in NOTHING:
        for method, path, body in ways(kind, field, value, ids[kind]):
            response = send(directory, method, path, body)

            if field in REQUIRED:
                assert refused(response)[0] == 400, (method, body)
            else:
                assert response.status_code == (201 if method == "POST" else 200), (method, body, response.content)
            if response.status_code == 201:
                send(directory, "DELETE", f"{kind}/{response.json()['id']}", None)


@pytest.mark.parametrize("verb", ["POST", "PUT", "add", "replace", "remove"])
def test_what_is_no_member(verb: str, directory: APIClient, ids: dict[str, str]) -> None:
    path, user = f"Groups/{ids['Groups']}", {"value": ids["Users"]}
    patch(directory, path, {"op": "add", "path": "members", "value": [user]})
    for value in (*NO_TEXTS, *NOTHING, "not-an-id"):
        members = [user, {"value": value}]
        if verb in ("POST", "PUT"):
            name = "Zebras" if verb == "POST" else "Yaks"
            found = [
                send(directory, verb, "Groups" if verb == "POST" else path, {"displayName": name, "members": members})
            ]
        else:
            found = [
                patch(directory, path, {"op": verb, "path": "members", "value": members}),
                patch(directory, path, {"op": verb, "path": f'members[value eq "{value}"]'}),
            ]

        assert {refused(response) for response in found} == {(400, "invalidValue")}, value
    assert [one["value"] for one in directory.get(f"{SCIM}/{path}").json()["members"]] == [ids["Users"]]


@pytest.mark.parametrize("field", ["userName", "externalId", "emails.value", "id"])
@pytest.mark.parametrize("text", ["\\u0000", "\\ud800", "a\\udfffb", "%00"])
def test_filters_take_no_text_that_nothing_can_be(field: str, text: str, directory: APIClient) -> None:
    assert refused(directory.get(f'{SCIM}/Users?filter={field} eq "{text}"')) == (400, "invalidFilter")


@pytest.mark.parametrize("field", ["displayName", "externalId", "id"])
@pytest.mark.parametrize("text", ["\\u0000", "\\ud800"])
def test_filters_of_groups_neither(field: str, text: str, directory: APIClient) -> None:
    assert refused(directory.get(f'{SCIM}/Groups?filter={field} eq "{text}"')) == (400, "invalidFilter")


def test_a_pair_of_surrogates_is_a_character(directory: APIClient) -> None:
    pk = send(directory, "POST", "Groups", {"displayName": "Party \U0001f389"}).json()["id"]

    found = directory.get(f'{SCIM}/Groups?filter=displayName eq "Party \\ud83c\\udf89"').json()

    assert [one["id"] for one in found["Resources"]] == [pk]


@pytest.mark.parametrize("kind", ["Users", "Groups"])
def test_pages_that_no_list_has(kind: str, directory: APIClient) -> None:
    far = directory.get(f"{SCIM}/{kind}?startIndex=1000000")
    beyond = directory.get(f"{SCIM}/{kind}?startIndex=999999999999999999999")
    digits = directory.get(f"{SCIM}/{kind}?startIndex={'9' * 5000}")
    before = directory.get(f"{SCIM}/{kind}?startIndex=-999999999999999999999&count=999999999999999999999")

    assert (far.status_code, far.json()["Resources"]) == (200, [])
    assert (refused(beyond), refused(digits)) == ((400, "invalidValue"), (400, "invalidValue"))
    assert (before.status_code, before.json()["startIndex"]) == (200, 1)  # RFC 7644, section 3.4.2.4


@pytest.mark.parametrize("deep", [50, 700])
def test_objects_within_objects(deep: int, directory: APIClient, ids: dict[str, str]) -> None:
    value: Any = "x"
    for _ in range(deep):
        value = {"name": value}
    for method, path, body in (
        ("POST", "Users", {"userName": "zoe@x.example", "name": value, "urn:x": value}),
        ("PUT", f"Users/{ids['Users']}", {"userName": "yves@x.example", "name": value}),
        ("PATCH", f"Users/{ids['Users']}", {"Operations": [{"op": "add", "value": {"name": value, "urn:x": value}}]}),
        ("PATCH", f"Groups/{ids['Groups']}", {"Operations": [{"op": "add", "value": {"members": value}}]}),
    ):
        response = send(directory, method, path, body)
        assert response.status_code in (200, 201) or refused(response)[0] == 400


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "Users"), ("POST", "Groups"), ("GET", "ServiceProviderConfig"), ("GET", "Schemas")]
)
def test_what_nobody_foresaw_is_scims_too(
    method: str, path: str, directory: APIClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaks(*_: object, **__: object) -> None:
        raise RuntimeError("a secret of ours")

    for place in ("gateway.scim.shapes.listed", "gateway.scim.shapes.service"):
        monkeypatch.setattr(place, breaks)
    monkeypatch.setattr(directory_groups, "create_group", breaks)

    response = send(directory, method, path, {"displayName": "Z"} if method == "POST" else None)

    assert refused(response) == (500, None)
    assert "secret" not in response.content.decode()
    assert response["X-Request-ID"] in response.json()["detail"]


def test_addresses_that_do_not_exist_are_scims(directory: APIClient) -> None:
    assert refused(directory.get(f"{SCIM}/Nothing")) == (404, None)
    assert directory.get("/api/v1/nothing")["Content-Type"] == "application/problem+json"


# ---- all or nothing ----------------------------------------------------------------------------------------------


def test_a_patch_of_a_group_holds_as_a_whole(directory: APIClient, ids: dict[str, str]) -> None:
    path, before = f"Groups/{ids['Groups']}", directory.get(f"{SCIM}/Groups/{ids['Groups']}").json()
    events = AuditEvent.objects.count()
    rename = {"op": "replace", "path": "displayName", "value": "Zebras"}
    for last in (
        {"op": "add", "path": "members", "value": [{"value": "not-an-id"}]},
        {"op": "add", "path": "members", "value": [{"value": "0192f0c4-0000-7000-8000-000000000000"}]},
        {"op": "replace", "path": "externalId", "value": "x" * 300},
        {"op": "replace", "path": "displayName", "value": "Gateway admins"},
    ):
        joined = {"op": "add", "path": "members", "value": [{"value": ids["Users"]}]}

        assert refused(patch(directory, path, rename, joined, last))[0] == 400

    assert directory.get(f"{SCIM}/{path}").json() == before
    assert not Team.objects.filter(name="Zebras").exists()
    assert Membership.objects.get(user_id=ids["Users"]).team is None
    assert AuditEvent.objects.count() == events


def test_a_put_of_a_group_holds_as_a_whole(directory: APIClient, ids: dict[str, str]) -> None:
    path, before = f"Groups/{ids['Groups']}", directory.get(f"{SCIM}/Groups/{ids['Groups']}").json()
    members = [{"value": "0192f0c4-0000-7000-8000-000000000000"}]

    response = send(directory, "PUT", path, {"displayName": "Zebras", "externalId": "z", "members": members})

    assert refused(response) == (400, "invalidValue")
    assert directory.get(f"{SCIM}/{path}").json() == before
    assert not Team.objects.filter(name="Zebras").exists()


def test_a_change_of_a_person_holds_as_a_whole(directory: APIClient, ids: dict[str, str]) -> None:
    send(directory, "POST", "Users", {"userName": "taken@x.example", "externalId": "taken"})
    path, before = f"Users/{ids['Users']}", directory.get(f"{SCIM}/Users/{ids['Users']}").json()
    events = AuditEvent.objects.count()
    for operations in (
        ({"externalId": "new"}, {"userName": "taken@x.example"}),
        ({"name.givenName": "New"}, {"externalId": "taken"}),
        ({"name.givenName": "New"}, {"active": "perhaps"}),
    ):
        response = patch(directory, path, *({"op": "replace", "value": value} for value in operations))
        assert refused(response)[0] in (400, 409)
    for body in ({"externalId": "new", "userName": "taken@x.example"}, {"userName": "n", "externalId": "taken"}):
        assert refused(send(directory, "PUT", path, body)) == (409, "uniqueness")

    assert directory.get(f"{SCIM}/{path}").json() == before
    assert AuditEvent.objects.count() == events


# ---- the trail ---------------------------------------------------------------------------------------------------


def trail(pk: str) -> list[tuple[str, Any, Any]]:
    rows = AuditEvent.objects.filter(object_id=pk, actor_key_id__isnull=False).order_by("id")
    return [(event.verb, event.before, event.after) for event in rows]


def test_every_change_of_a_group_is_in_the_trail(directory: APIClient, ids: dict[str, str]) -> None:
    pk, user = ids["Groups"], ids["Users"]
    path, team = f"Groups/{pk}", str(ProvisionedGroup.objects.get(pk=pk).team_id)
    patch(directory, path, {"op": "replace", "path": "displayName", "value": "Zebras"})
    patch(directory, path, {"op": "replace", "path": "externalId", "value": "z"})
    send(directory, "PUT", path, {"displayName": "Zebras", "externalId": "z", "members": [{"value": user}]})
    send(directory, "PUT", path, {"displayName": "Horses", "externalId": "h", "members": [{"value": user}]})
    send(directory, "DELETE", f"Users/{user}", None)
    send(directory, "DELETE", path, None)

    assert trail(pk) == [
        ("directory_group.create", None, {"name": "Yaks", "role": "", "team": team, "external_id": "y"}),
        ("directory_group.update", {"name": "Yaks"}, {"name": "Zebras"}),
        ("directory_group.update", {"external_id": "y"}, {"external_id": "z"}),
        ("directory_group.change_members", None, {"added": [user], "removed": []}),
        ("directory_group.update", {"name": "Zebras", "external_id": "z"}, {"name": "Horses", "external_id": "h"}),
        ("directory_group.change_members", None, {"added": [], "removed": [user]}),
        ("directory_group.delete", None, None),
    ]


def test_who_is_removed_leaves_all_groups_of_that_directory(company: factories.Acme, ids: dict[str, str]) -> None:
    user, other = User.objects.get(pk=ids["Users"]), factories.OrganizationFactory()
    groups = [
        directory_groups.create_group(organization=company.organization, actor=None, name=name, members=[user])
        for name in ("Apes", "Gateway analysts")
    ]
    elsewhere = directory_groups.create_group(organization=other, actor=None, name="Apes", members=[user])

    provisioning.remove_person(organization=company.organization, user=user, actor=None)

    left = AuditEvent.objects.filter(verb="directory_group.change_members", after__removed=[str(user.pk)])
    assert sorted(left.values_list("object_id", flat=True)) == sorted(str(group.pk) for group in groups)
    assert [group.members.count() for group in (*groups, elsewhere)] == [0, 0, 1]


# ---- names -------------------------------------------------------------------------------------------------------


def test_names_of_groups_differ_in_more_than_case(directory: APIClient, ids: dict[str, str]) -> None:
    vault = send(directory, "POST", "Groups", {"displayName": "Vault Team"}).json()["id"]
    events = AuditEvent.objects.count()

    assert refused(send(directory, "POST", "Groups", {"displayName": "vault team"})) == (409, "uniqueness")
    put = send(directory, "PUT", f"Groups/{ids['Groups']}", {"displayName": "VAULT TEAM"})
    assert refused(put) == (409, "uniqueness")
    renamed = {"op": "replace", "path": "displayName", "value": "vAULT tEAM"}
    assert refused(patch(directory, f"Groups/{ids['Groups']}", renamed)) == (409, "uniqueness")
    assert AuditEvent.objects.count() == events
    assert patch(directory, f"Groups/{vault}", renamed).json()["displayName"] == "vAULT tEAM"  # its own name
    other = factories.OrganizationFactory()
    assert directory_groups.create_group(organization=other, actor=None, name="Vault team").name == "Vault team"
    described = directory.get(f"{SCIM}/Schemas/urn:ietf:params:scim:schemas:core:2.0:Group").json()["attributes"]
    assert {one["name"]: one["uniqueness"] for one in described} == {"displayName": "server", "members": "none"}


def test_names_that_were_alike_before_are_told_apart(company: factories.Acme) -> None:
    migration = import_module("gateway.migrations.0032_scim_group_names")
    constraint = next(one for one in ProvisionedGroup._meta.constraints if one.name == migration.CONSTRAINT.name)
    with connection.schema_editor() as editor:
        editor.remove_constraint(ProvisionedGroup, constraint)
    other = factories.OrganizationFactory()
    names = ["Vault Team", "vault team", "VAULT TEAM", "Vault team (2)", "x" * 120, "X" * 120, "Gateway Admins"]
    made = [
        ProvisionedGroup.objects.create(organization=company.organization, name=name, role="admin") for name in names
    ]
    apart = ProvisionedGroup.objects.create(organization=other, name="VAULT team", role="admin")

    with connection.schema_editor() as editor:
        migration.tell_apart(apps, editor)
        connection.check_constraints()  # what this transaction inserted waits to be checked
        editor.add_constraint(ProvisionedGroup, constraint)

    assert [ProvisionedGroup.objects.get(pk=group.pk).name for group in (*made, apart)] == [
        "Vault Team", "vault team (3)", "VAULT TEAM (4)", "Vault team (2)", "x" * 120, "X" * 116 + " (2)",
        "Gateway Admins", "VAULT team",
    ]  # fmt: skip
