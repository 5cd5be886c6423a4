"""The OpenAPI document: valid, typed to the leaves, with a true example of every operation."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.management import call_command
from drf_spectacular.validation import validate_schema

from sdkgen.documents.management import described
from tests import openapi

METHODS = ("get", "post", "put", "patch", "delete")


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return openapi.document()


def operations(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, item in document["paths"].items():
        for method in METHODS:
            if method in item:
                yield f"{method.upper()} {path}", item[method]


def bodies(document: dict[str, Any]) -> Iterator[tuple[tuple[str, ...], dict[str, Any]]]:
    """The bodies of all requests and responses, each with its place in the document."""
    for path, item in document["paths"].items():
        for method in METHODS:
            operation, place = item.get(method, {}), ("paths", path, method)
            for kind, content in operation.get("requestBody", {}).get("content", {}).items():
                if kind == "application/json":
                    yield (*place, "requestBody", "content", kind), content
            for status, response in operation.get("responses", {}).items():
                for kind, content in response.get("content", {}).items():
                    yield (*place, "responses", status, "content", kind), content


@pytest.mark.slow
def test_the_document_is_valid_and_warns_of_nothing(tmp_path: Any, document: dict[str, Any]) -> None:
    validate_schema(document)
    call_command("spectacular", "--validate", "--fail-on-warn", "--file", str(tmp_path / "schema.yml"))


def test_every_body_has_an_example(document: dict[str, Any]) -> None:
    without = [place for place, content in bodies(document) if not content.get("examples")]

    assert without == []


def test_every_example_fits_its_schema(document: dict[str, Any]) -> None:
    wrong = [
        f"{' '.join(place)}: {fault}"
        for place, content in bodies(document)
        for example in content["examples"].values()
        for fault in openapi.faults(example["value"], *place, "schema")
    ]

    assert wrong == []


def test_there_are_no_untyped_objects(document: dict[str, Any]) -> None:
    assert list(_untyped(document["components"]["schemas"], "components")) == []
    assert list(_untyped(document["paths"], "paths")) == []


# maps whose names come from the declared measures and dimensions, and whose values are typed
MAPS = ("measures", "dimensions", "totals", "previous_totals", "change", "previous")
# of training files: kinds of findings, parts of a score, tags; how a file was made; what a report says beside
MAPS += ("counts", "parts", "skipped", "left", "tags", "lineage", "statistics", "validation")
MAPS += ("headers",)  # of a configured client: names and values of HTTP headers


def _is_typed_map(node: dict[str, Any], where: str) -> bool:
    return where.rpartition(".")[2] in MAPS and isinstance(node.get("additionalProperties"), dict)


def _untyped(node: Any, where: str) -> Iterator[str]:
    """Schemas that say `object` without properties, or nothing at all."""
    if isinstance(node, list):
        for index, item in enumerate(node):
            yield from _untyped(item, f"{where}.{index}")
    if not isinstance(node, dict):
        return
    is_object = node.get("type") in ("object", ["object", "null"]) and not node.get("properties")
    if _is_typed_map(node, where):
        return
    if is_object or node.get("additionalProperties") not in (None, False) or node.get("items") == {}:
        yield where
    for key, value in node.items():
        if key not in ("example", "examples"):
            if key == "properties":
                yield from (
                    f"{where}.{name}" for name, schema in value.items() if set(schema) <= {"description", "readOnly"}
                )
            yield from _untyped(value, f"{where}.{key}")


def test_every_operation_says_what_it_does_and_how_it_fails(document: dict[str, Any]) -> None:
    for name, operation in operations(document):
        assert operation.get("description"), name
        assert operation["operationId"], name
    names = [operation["operationId"] for _, operation in operations(document)]
    assert len(set(names)) == len(names)


def test_paths_are_shown_without_a_slash_at_the_end(document: dict[str, Any]) -> None:
    assert [path for path in document["paths"] if path.endswith("/")] == []


@pytest.mark.slow
def test_what_is_made_is_linked_to_where_it_is_read_changed_and_deleted(document: dict[str, Any]) -> None:
    links = {
        path: set(answer["links"])
        for path, item in document["paths"].items()
        for answer in item.get("post", {}).get("responses", {}).values()
        if "links" in answer
    }

    assert len(links) > 30
    assert links["/api/v1/routes"] == {"get", "patch", "delete"}
    assert document["paths"]["/api/v1/routes"]["post"]["responses"]["201"]["links"]["patch"] == {
        "operationId": "routes_partial_update", "parameters": {"id": "$response.body#/id"},
    }  # fmt: skip
    assert "links" not in json.dumps(described()["paths"]["/api/v1/routes"]["post"]["responses"])  # of no SDK


def test_secrets_are_write_only(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]

    shown = {name for name, schema in schemas.items() for field in schema.get("properties", {}) if field in SECRET}

    assert shown == {
        "AcceptInvitationRequest", "ChangePasswordRequest", "CredentialsRequest", "Enrolment", "GuardrailRequest",
        "IssuedKey", "PasswordResetConfirmRequest", "PatchedGuardrailRequest", "PatchedProviderRequest",
        "PlaygroundOpened", "ProviderRequest",
    }  # fmt: skip


SECRET = frozenset({"secret", "credential", "password", "new_password", "digest", "token_digest", "current_password"})


@pytest.mark.slow
def test_the_command_writes_the_same_bytes_twice(tmp_path: Any) -> None:
    for name in ("one", "two"):
        call_command("export_openapi", "--output", str(tmp_path / name))

    first = (tmp_path / "one").read_bytes()
    assert first == (tmp_path / "two").read_bytes()
    assert json.loads(first)["openapi"].startswith("3.1")
