"""SCIM 2.0: an organization's directory keeps its people and groups here, with a management key of the organization.

Out of the OpenAPI document: its clients are directories, and it describes itself (`Schemas`, `ResourceTypes`).
"""

from collections.abc import Callable, Iterable, Mapping
from functools import wraps
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import OuterRef, Q, QuerySet, Subquery
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from gateway.api.authentication import KeyPrincipal
from gateway.api.parsers import BoundedJSONParser
from gateway.api.permissions import KEYS
from gateway.api.scim import ScimParser, ScimRenderer, scim_problem
from gateway.models import Membership, Organization, ProvisionedGroup, ProvisionedPerson, User
from gateway.scim import filters, patches, people, shapes
from gateway.scim.errors import ScimError
from gateway.scim.patches import Change
from gateway.scim.texts import text
from gateway.services import directory_groups, identity, provisioning

BASE = "/api/v1/scim/v2"
MAX_START = 2**31 - 1
USER_FILTERS = {"username", "externalid", "active", "id", "emails.value", "emails"}
GROUP_FILTERS = {"displayname", "externalid", "id"}


def _as_a_whole(act: Callable[..., Response]) -> Callable[..., Response]:
    """All of a request holds or nothing (RFC 7644, section 3.5.2). The organization is locked first, as changes of
    roles lock it, so that no two requests wait for rows of each other's."""

    @wraps(act)
    def acts(view: "ScimView", *args: Any, **kwargs: Any) -> Response:
        with transaction.atomic():
            identity.lock(view.organization)
            return act(view, *args, **kwargs)

    return acts


class ScimView(APIView):
    """Base: for keys alone; the key's organization is the only one there is."""

    schema = None
    parser_classes = (ScimParser, BoundedJSONParser)
    renderer_classes = (ScimRenderer,)
    roles: dict[str, Any] = dict.fromkeys(("get", "post", "put", "patch", "delete"), KEYS)
    request: Request

    def get_exception_handler(self) -> Any:
        return scim_problem

    def perform_content_negotiation(self, request: Request, force: bool = False) -> Any:
        """Directories ask for `application/json`, `*/*` or SCIM's type, and get SCIM's."""
        return ScimRenderer(), ScimRenderer.media_type

    @property
    def key(self) -> Any:
        principal: Any = self.request.user
        assert isinstance(principal, KeyPrincipal)
        return principal.key

    @property
    def organization(self) -> Organization:
        organization: Organization = self.key.organization
        return organization

    def page(self, rows: QuerySet[Any], shape: Any) -> Response:
        """`startIndex` from 1, `count` up to 200 (RFC 7644, section 3.4.2.4)."""
        start, count = max(1, self._number("startIndex", 1)), self._number("count", 100)
        if start > MAX_START:
            raise ScimError(400, f"startIndex is at most {MAX_START}.", "invalidValue")
        total = rows.count()
        found = list(rows[start - 1 : start - 1 + min(max(count, 0), shapes.MAX_RESULTS)])
        return Response(shapes.listed(shape(found), total, start))

    def _number(self, name: str, default: int) -> int:
        said = self.request.query_params.get(name, "")
        try:
            return int(said) if said else default
        except ValueError:
            raise ScimError(400, f"{name} is a whole number.", "invalidValue") from None


def _location(kind: str, pk: object) -> str:
    return f"{settings.CONSOLE_URL}{BASE}/{kind}/{pk}"


# ---- what it says of itself ----------------------------------------------------------------------------------------


class ServiceProviderConfigView(ScimView):
    def get(self, request: Request) -> Response:
        base = f"{settings.CONSOLE_URL}{BASE}"
        return Response(shapes.service(base, f"{settings.CONSOLE_URL}/api/docs/"))


class ResourceTypesView(ScimView):
    def get(self, request: Request, name: str = "") -> Response:
        return _one_or_all(shapes.resource_types(f"{settings.CONSOLE_URL}{BASE}"), name)


class SchemasView(ScimView):
    def get(self, request: Request, name: str = "") -> Response:
        return _one_or_all(shapes.schemas(f"{settings.CONSOLE_URL}{BASE}"), name)


def _one_or_all(found: list[dict[str, Any]], name: str) -> Response:
    if not name:
        return Response(shapes.listed(found, len(found), 1))
    for one in found:
        if one["id"].lower() == name.lower():
            return Response(one)
    raise ScimError(404, "There is no such resource.")


# ---- people --------------------------------------------------------------------------------------------------------


class UsersView(ScimView):
    """The organization's people, former ones too, until the directory deletes them."""

    def get(self, request: Request) -> Response:
        wanted = filters.parse(request.query_params.get("filter", ""), USER_FILTERS)
        rows = _users(self.organization)
        for one in wanted:
            rows = rows.filter(_user_q(one))
        return self.page(rows.order_by("id"), lambda found: _user_shapes(self.organization, found))

    @_as_a_whole
    def post(self, request: Request) -> Response:
        wanted = people.of_resource(request.data)
        user = provisioning.provision_person(organization=self.organization, actor=self.key, wanted=wanted)
        shape = _user_shape(self.organization, user.pk)
        return Response(shape, status=201, headers={"Location": shape["meta"]["location"]})


class UserView(ScimView):
    """One person."""

    def get(self, request: Request, pk: str) -> Response:
        return Response(_user_shape(self.organization, pk))

    @_as_a_whole
    def put(self, request: Request, pk: str) -> Response:
        return self._changed(pk, people.of_resource(request.data))

    @_as_a_whole
    def patch(self, request: Request, pk: str) -> Response:
        return self._changed(pk, people.of_changes(patches.changes(request.data)))

    @_as_a_whole
    def delete(self, request: Request, pk: str) -> Response:
        """Deactivates: membership, keys, sessions and tokens end; history stays."""
        user = _user(self.organization, pk)
        provisioning.remove_person(organization=self.organization, user=user, actor=self.key)
        return Response(status=204)

    def _changed(self, pk: str, wanted: people.Wanted) -> Response:
        user = _user(self.organization, pk)
        provisioning.update_person(organization=self.organization, user=user, actor=self.key, wanted=wanted)
        return Response(_user_shape(self.organization, pk))


def _users(organization: Organization) -> QuerySet[User]:
    """With `scim_external_id`, `scim_archived_at` and `scim_changed_at` of the organization."""
    membership = Membership.objects.filter(organization=organization, user=OuterRef("pk"))
    said = ProvisionedPerson.objects.filter(organization=organization, user=OuterRef("pk"))
    removed = ProvisionedPerson.objects.filter(organization=organization, removed_at__isnull=False)
    rows = User.objects.filter(memberships__organization=organization).exclude(pk__in=removed.values("user"))
    return rows.annotate(
        scim_external_id=Subquery(said.values("external_id")[:1]),
        scim_archived_at=Subquery(membership.values("archived_at")[:1]),
        scim_joined_at=Subquery(membership.values("created_at")[:1]),
        scim_changed_at=Subquery(membership.values("updated_at")[:1]),
    )


def _user_q(one: filters.Equals) -> Q:
    match one.attribute:
        case "username":
            return Q(username__iexact=one.value)
        case "externalid":
            return Q(scim_external_id=one.value)
        case "active":
            is_active = Q(is_active=True, scim_archived_at=None)
            return is_active if people.boolean(one.value) else ~is_active
        case "id":
            return Q(pk=one.value) if _is_id(one.value) else Q(pk__in=[])
    return Q(email__iexact=one.value)


def _is_id(value: object) -> bool:
    try:
        UUID(str(value))
    except ValueError:
        return False
    return True


def _user(organization: Organization, pk: str | UUID) -> User:
    found = _users(organization).filter(pk=pk).first() if _is_id(pk) else None
    if found is None:
        raise ScimError(404, "There is no such person.")
    return found


def _user_shape(organization: Organization, pk: str | UUID) -> dict[str, Any]:
    return _user_shapes(organization, [_user(organization, pk)])[0]


def _user_shapes(organization: Organization, found: list[Any]) -> list[dict[str, Any]]:
    """One query for the groups of all."""
    groups: dict[Any, list[dict[str, str]]] = {}
    rows = ProvisionedGroup.objects.filter(organization=organization, members__in=[user.pk for user in found])
    for pk, name, member in rows.values_list("pk", "name", "members").order_by("name"):
        groups.setdefault(member, []).append({"value": str(pk), "display": name, "$ref": _location("Groups", pk)})
    return [_shape_of(user, groups.get(user.pk, [])) for user in found]


def _shape_of(user: Any, groups: list[dict[str, str]]) -> dict[str, Any]:
    shape: dict[str, Any] = {
        "schemas": [shapes.USER], "id": str(user.pk), "userName": user.username,
        "name": {"givenName": user.first_name, "familyName": user.last_name, "formatted": user.get_full_name()},
        "displayName": str(user), "active": user.is_active and user.scim_archived_at is None, "groups": groups,
        "emails": [{"value": user.email, "type": "work", "primary": True}] if user.email else [],
        "meta": shapes.meta("User", _location("Users", user.pk), user.scim_joined_at, user.scim_changed_at),
    }  # fmt: skip
    return shape | ({"externalId": user.scim_external_id} if user.scim_external_id else {})


# ---- groups --------------------------------------------------------------------------------------------------------


class GroupsView(ScimView):
    """The directory's groups."""

    def get(self, request: Request) -> Response:
        rows = ProvisionedGroup.objects.filter(organization=self.organization)
        for one in filters.parse(request.query_params.get("filter", ""), GROUP_FILTERS):
            rows = rows.filter(_group_q(one))
        return self.page(rows.order_by("id").prefetch_related("members"), lambda found: _group_shapes(request, found))

    @_as_a_whole
    def post(self, request: Request) -> Response:
        name, external_id, ids = _group_of(request.data)
        members = provisioning.members_of(self.organization, ids or [])
        group = directory_groups.create_group(
            organization=self.organization, actor=self.key, name=name, external_id=external_id or "", members=members
        )
        shape = _group_shapes(request, [group])[0]
        return Response(shape, status=201, headers={"Location": shape["meta"]["location"]})


class GroupView(ScimView):
    """One group."""

    def get(self, request: Request, pk: str) -> Response:
        return Response(_group_shapes(request, [self._group(pk)])[0])

    @_as_a_whole
    def put(self, request: Request, pk: str) -> Response:
        group = self._group(pk)
        name, external_id, ids = _group_of(request.data)
        directory_groups.update_group(group=group, actor=self.key, name=name, external_id=external_id)
        self._replace(group, ids or [])
        return Response(_group_shapes(request, [self._group(pk)])[0])

    @_as_a_whole
    def patch(self, request: Request, pk: str) -> Response:
        for change in patches.changes(request.data):
            self._apply(self._group(pk), change)
        return Response(_group_shapes(request, [self._group(pk)])[0])

    @_as_a_whole
    def delete(self, request: Request, pk: str) -> Response:
        directory_groups.delete_group(group=self._group(pk), actor=self.key)
        return Response(status=204)

    def _group(self, pk: str) -> ProvisionedGroup:
        rows = ProvisionedGroup.objects.filter(organization=self.organization)
        found = rows.filter(pk=pk).first() if _is_id(pk) else None
        if found is None:
            raise ScimError(404, "There is no such group.")
        return found

    def _apply(self, group: ProvisionedGroup, change: Change) -> None:
        said = None if change.verb == "remove" else change.value
        if change.path == "displayname":
            directory_groups.update_group(group=group, actor=self.key, name=_name(said))
        elif change.path == "externalid":
            directory_groups.update_group(group=group, actor=self.key, external_id=_external_id(said))
        elif change.path == "members":
            self._change_members(group, change)

    def _change_members(self, group: ProvisionedGroup, change: Change) -> None:
        ids = _ids({"value": change.among} if change.among is not None else change.value)
        if change.verb == "add":
            added = provisioning.members_of(self.organization, ids)
            directory_groups.change_members(group=group, actor=self.key, added=added)
        elif change.verb == "remove" and ids:
            leaving = group.members.filter(pk__in=ids)
            directory_groups.change_members(group=group, actor=self.key, removed=leaving)
        else:
            self._replace(group, ids)

    def _replace(self, group: ProvisionedGroup, ids: Iterable[str]) -> None:
        members = provisioning.members_of(self.organization, ids)
        before = list(group.members.all())
        directory_groups.change_members(
            group=group, actor=self.key, added=[user for user in members if user not in before],
            removed=[user for user in before if user not in members],
        )  # fmt: skip


def _group_q(one: filters.Equals) -> Q:
    match one.attribute:
        case "displayname":
            return Q(name__iexact=one.value)
        case "externalid":
            return Q(external_id=one.value)
    return Q(pk=one.value) if _is_id(one.value) else Q(pk__in=[])


def _group_of(document: Any) -> tuple[str, str | None, list[str] | None]:
    """Name, externalId, ids of members of a Group resource."""
    if not isinstance(document, Mapping):
        raise ScimError(400, "The body is no JSON object.", "invalidSyntax")
    found = {str(name).lower(): value for name, value in document.items()}
    external_id, members = found.get("externalid"), found.get("members")
    return (
        _name(found.get("displayname")),
        None if external_id is None else _external_id(external_id),
        None if members is None else _ids(members),
    )


def _name(value: Any) -> str:
    name = text(value, "displayName", 120)
    if not name:
        raise ScimError(400, "displayName is missing.", "invalidValue")
    return name


def _external_id(value: Any) -> str:
    return text(value, "externalId", 255)


def _ids(value: Any) -> list[str]:
    """`[{"value": id}]`, or one of them."""
    if value is None:
        return []
    entries = value if isinstance(value, list) else [value]
    ids = [entry.get("value") if isinstance(entry, Mapping) else None for entry in entries]
    if not all(isinstance(one, str) and _is_id(one) for one in ids):
        raise ScimError(400, 'members is a list of {"value": id}.', "invalidValue")
    return [str(UUID(one)) for one in ids]


def _group_shapes(request: Request, found: list[ProvisionedGroup]) -> list[dict[str, Any]]:
    """`excludedAttributes=members` leaves them out, which large directories ask for."""
    hides = "members" in request.query_params.get("excludedAttributes", "").lower().replace(" ", "").split(",")
    return [_group_shape(group, hides) for group in found]


def _group_shape(group: ProvisionedGroup, hides_members: bool) -> dict[str, Any]:
    shape: dict[str, Any] = {
        "schemas": [shapes.GROUP], "id": str(group.pk), "displayName": group.name,
        "meta": shapes.meta("Group", _location("Groups", group.pk), group.created_at, group.updated_at),
    }  # fmt: skip
    if group.external_id:
        shape["externalId"] = group.external_id
    if not hides_members:
        shape["members"] = [
            {"value": str(user.pk), "display": str(user), "$ref": _location("Users", user.pk)}
            for user in group.members.all()
        ]
    return shape
