"""Every management operation of the representation through the generated Python package, against the real views.

The package's transport is Django's test client: authentication, permissions, serializers and the database are real.
"""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from rest_framework.test import APIClient

from sdkgen.ir.nodes import Api, Method, Resource
from tests import factories

pytestmark = pytest.mark.django_db


class Body:
    """An answer that is at hand."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def read(self) -> bytes:
        return self._content

    def close(self) -> None:
        return


class Transport:
    """`send` as `runtime/transport.py` has it; keeps the statuses."""

    def __init__(self, reply: Any) -> None:
        self._reply, self._client = reply, APIClient()
        self.statuses: list[int] = []

    def send(self, request: Any) -> Any:
        extra = {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in request.headers.items()}
        kind = request.headers.get("content-type", "application/octet-stream")
        body = request.body if isinstance(request.body, bytes) else b"".join(request.body or ())
        answer = self._client.generic(request.http, request.path, body, content_type=kind, **extra)
        content = b"".join(answer.streaming_content) if answer.streaming else answer.content
        self.statuses.append(answer.status_code)
        return self._reply(answer.status_code, {k.lower(): v for k, v in answer.items()}, Body(content))

    def close(self) -> None:
        return


@pytest.fixture
def company(db: None) -> factories.Acme:
    return factories.acme()


@pytest.fixture
def client(sdk: Any, company: factories.Acme) -> Any:
    from llm_gateway._runtime.core import Reply

    return sdk.Gateway(
        base_url="http://testserver", api_key="gw-none", management_key=company.secrets["write"], max_retries=0,
        transport=Transport(Reply),
    )  # fmt: skip


def managed(api: Api) -> Iterator[tuple[Resource, Method]]:
    for resource in api.resources:
        for method in resource.methods:
            if method.path.startswith("/api/v1/"):
                yield resource, method


def bound(client: Any, resource: Resource, method: Method) -> Any:
    place = client
    for name in resource.path:
        place = getattr(place, name)
    return getattr(place, method.name)


def read_all(value: Any) -> int:
    """Every field that the type promises, all the way down: how many objects there were. Raises AttributeError."""
    from llm_gateway._runtime.model import Model

    if isinstance(value, Model):
        return 1 + sum(read_all(getattr(value, name)) for name in type(value).__annotations__)
    if isinstance(value, list):
        return sum(map(read_all, value))
    if isinstance(value, dict):
        return sum(map(read_all, value.values()))
    return 0


def test_every_list_is_read(api: Api, client: Any, sdk: Any) -> None:
    refused, objects = {}, 0
    for resource, method in managed(api):
        if method.pagination and not any(one.required for one in method.parameters):
            try:
                page = bound(client, resource, method)(page_size=5)
            except sdk.errors.APIError as error:
                refused[method.id] = error.status
                continue
            objects += sum(map(read_all, page.items))
            assert page.total is not None
            assert page.gateway.status == 200

    assert objects > 20
    assert refused == {}


def test_every_plain_read_is_an_answer_or_a_typed_refusal(api: Api, client: Any, sdk: Any) -> None:
    statuses: dict[int, int] = {}
    codes: list[Any] = []
    objects = 0
    for resource, method in managed(api):
        if method.http == "GET" and not method.pagination and not any(one.required for one in method.parameters):
            try:
                objects += read_all(bound(client, resource, method)())
                statuses[200] = statuses.get(200, 0) + 1
            except sdk.errors.APIError as error:
                statuses[error.status] = statuses.get(error.status, 0) + 1
                codes.append(error.code)

    assert None not in codes
    assert set(statuses) <= {200, 400, 403, 404}
    assert statuses[200] >= 15
    assert objects >= 15


@pytest.mark.slow
def test_what_does_not_exist_is_a_typed_404(api: Api, client: Any, sdk: Any) -> None:
    missing = "01930f2e-7c1a-7b3e-9d41-2f6a8c0b5e17"
    found: dict[str, str] = {}
    ids: list[Any] = []
    for resource, method in managed(api):
        path = [one for one in method.parameters if one.where == "path"]
        if method.http == "GET" and path and not any(one.required and one.where != "path" for one in method.parameters):
            args = [1 if "integer" in repr(one.type) else missing for one in path]
            try:
                bound(client, resource, method)(*args)
                found[method.id] = "answered"
            except sdk.errors.NotFound as error:
                ids.append(error.request_id)
            except sdk.errors.GatewayError as error:
                found[method.id] = f"{type(error).__name__} {error}"

    assert {
        name for name, said in found.items() if not said.startswith(("answered", "PermissionDenied", "BadRequest"))
    } == set()
    assert len(found) < 20, found
    assert len(set(ids) - {None}) == len(ids) > 50


@pytest.mark.slow
def test_every_body_of_an_example_is_taken_or_refused_with_reasons(api: Api, client: Any, sdk: Any) -> None:
    """Examples name rows that are not here: what matters is that the body arrives as it was given."""
    answered: list[str] = []
    refused: dict[str, int] = {}
    codes: list[Any] = []
    for resource, method in managed(api):
        example = method.examples[0].request if method.examples else None
        in_path = any(one.where == "path" for one in method.parameters)
        if method.http == "POST" and isinstance(example, dict) and not in_path and method.auth == "management":
            try:
                read_all(bound(client, resource, method)(**example))
                answered.append(method.id)
            except sdk.errors.APIError as error:
                refused[method.id] = error.status
                codes.append(error.code)

    assert None not in codes
    assert set(refused.values()) <= {400, 403, 404, 409}
    assert len(answered) >= 15, refused


def test_a_key_is_made_read_changed_and_revoked(client: Any, company: factories.Acme) -> None:
    project = client.manage.projects.list().items[0]
    issued = client.manage.api_keys.create(name="made by a client", project=project.id, budget_amount="12.5")

    assert issued.secret.startswith("gw-")
    assert str(issued.budget_amount) == "12.5000000000"
    changed = client.manage.api_keys.update(issued.id, rpm_limit=7)
    assert (changed.rpm_limit, changed.name) == (7, "made by a client")
    assert client.manage.api_keys.get(issued.id).to_dict() == changed.to_dict()
    assert issued.id in [one.id for one in client.manage.api_keys.list(page_size=1)]
    revoked = client.manage.api_keys.revoke(issued.id)
    assert revoked.is_active is False
    assert revoked.revoked_at.tzinfo is not None


def test_problems_name_the_field(client: Any, sdk: Any) -> None:
    with pytest.raises(sdk.errors.BadRequest) as raised:
        client.manage.api_keys.create(name="")

    assert raised.value.code == "invalid"
    assert {one["field"] for one in raised.value.body["errors"]} >= {"name", "project"}
    assert raised.value.param in ("name", "project")


def test_a_reader_may_not_write(sdk: Any, client: Any, company: factories.Acme) -> None:
    reader = sdk.Gateway(
        base_url="http://testserver", management_key=company.secrets["read"], max_retries=0,
        transport=client._transport,
    )  # fmt: skip

    assert reader.manage.projects.list().total == client.manage.projects.list().total
    with pytest.raises(sdk.errors.PermissionDenied):
        reader.manage.projects.create(name="x", slug="x")
    assert json.dumps(reader.manage.projects.list().to_dict())


def test_a_list_in_a_form_is_a_part_for_each_item(client: Any) -> None:
    run = client.manage.usage_imports.create(
        file=("usage.csv", b"when,in,out\n2026-05-01,1,2\n"), format="csv",
        mapping=["started_at=when", "input_tokens=in"],
    )  # fmt: skip

    assert [(one.field, one.column) for one in run.mapping] == [("input_tokens", "in"), ("started_at", "when")]
