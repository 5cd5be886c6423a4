"""The declared document says what the data plane serves, and both merge into one valid document."""

import re
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from drf_spectacular.validation import validate_schema

from gateway.dataplane.endpoints import ENDPOINTS
from sdkgen.documents.declared import dataplane
from sdkgen.documents.management import extended
from sdkgen.documents.naming import Place, places

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.slow
def test_the_document_is_valid(document: dict[str, Any]) -> None:
    validate_schema(document)
    assert document["openapi"] == "3.1.0"


def test_every_path_that_calls_a_model_is_declared_and_streams_as_it_does() -> None:
    paths = dataplane()["paths"]

    for path, endpoint in ENDPOINTS.items():
        operation = paths[path]["post"]
        (content,) = operation["requestBody"]["content"]
        assert content == ("multipart/form-data" if endpoint.is_form else "application/json"), path
        assert operation["x-sdk"]["idempotent"] is True, path
        if operation["x-sdk"].get("stream"):
            assert endpoint.streams, path


def test_every_mount_below_v1_is_declared() -> None:
    declared = {re.sub(r"\{.*", "", path).rstrip("/") for path in dataplane()["paths"]}

    for mount in settings.GATEWAY_MOUNTS:
        if mount.startswith("/v1/"):
            assert mount.rstrip("/") in declared, mount


def test_error_codes_are_those_of_the_reference() -> None:
    text = (ROOT / "docs/reference/errors.md").read_text()
    rows = set(re.findall(r"^\| `(\w+)` \| (\d+) \|", text, re.MULTILINE))

    for error in dataplane()["errors"]:
        assert (error["code"], str(error["status"])) in rows


@pytest.mark.parametrize(
    ("path", "http", "expected"),
    [
        ("/api/v1/api-keys", "get", ("manage", "api_keys", "list")),
        ("/api/v1/api-keys", "post", ("manage", "api_keys", "create")),
        ("/api/v1/api-keys/{id}", "patch", ("manage", "api_keys", "update")),
        ("/api/v1/api-keys/{id}/rotate", "post", ("manage", "api_keys", "rotate")),
        ("/api/v1/prices/refresh", "post", ("manage", "prices", "refresh")),
        ("/api/v1/prices/overrides", "get", ("manage", "prices", "overrides", "list")),
        ("/api/v1/usage/{id}/scores", "get", ("manage", "usage", "list_scores")),
        ("/api/v1/usage/{id}/scores", "post", ("manage", "usage", "create_scores")),
        ("/api/v1/me", "get", ("manage", "me", "get")),
    ],
)
def test_places_by_rule(path: str, http: str, expected: tuple[str, ...]) -> None:
    known = [
        ("/api/v1/api-keys", "get"), ("/api/v1/api-keys", "post"), ("/api/v1/api-keys/{id}", "patch"),
        ("/api/v1/api-keys/{id}/rotate", "post"), ("/api/v1/prices/refresh", "post"),
        ("/api/v1/prices/overrides", "get"), ("/api/v1/prices/overrides", "post"), ("/api/v1/usage/{id}/scores", "get"),
        ("/api/v1/usage/{id}/scores", "post"), ("/api/v1/me", "get"),
    ]  # fmt: skip

    assert places(known, {})[path, http] == Place(expected[:-1], expected[-1])
    assert places(known, {f"{http.upper()} {path}": "a.b"})[path, http] == Place(("manage", "a"), "b")


def test_an_override_of_nothing_is_an_error() -> None:
    with pytest.raises(ValueError, match="GET /api/v1/gone"):
        extended({"paths": {}, "components": {"schemas": {}}}, {"GET /api/v1/gone": "x.y"})
