"""The management API's document, as drf-spectacular makes it, with `x-sdk` on every operation."""

import json
from collections.abc import Mapping
from importlib import resources
from typing import Any

import yaml
from drf_spectacular.generators import SchemaGenerator

from gateway.api.organization import HEADER
from sdkgen.documents.naming import Place, places
from sdkgen.ir.build import METHODS

PAGES = {"kind": "page", "items": "results", "next": "page", "more": "next"}


def described() -> dict[str, Any]:
    """The plain document: JSON values only. Links say nothing to an SDK and would change every package's digest."""
    said: dict[str, Any] = json.loads(json.dumps(SchemaGenerator().get_schema(request=None, public=True)))
    for item in said["paths"].values():
        for http in METHODS:
            for answer in item.get(http, {}).get("responses", {}).values():
                answer.pop("links", None)
    return said


def overrides() -> Mapping[str, str]:
    text = resources.files("sdkgen.documents").joinpath("overrides.yaml").read_text(encoding="utf-8")
    found: dict[str, str] = yaml.safe_load(text)["places"]
    return found


def extended(document: dict[str, Any], said: Mapping[str, str]) -> dict[str, Any]:
    """The document with `x-sdk`, changed in place. Raises ValueError for an override of nothing."""
    keys = [(path, http) for path, item in document["paths"].items() for http in METHODS if http in item]
    if unknown := set(said) - {f"{http.upper()} {path}" for path, http in keys}:
        raise ValueError(f"overrides.yaml names no operation: {', '.join(sorted(unknown))}")
    for (path, http), place in places(keys, said).items():
        _extend(document["paths"][path][http], place, document)
    return document


def _extend(operation: dict[str, Any], place: Place, document: Mapping[str, Any]) -> None:
    sdk: dict[str, Any] = {"resource": list(place.resource), "method": place.method}
    if _is_paged(operation, document):
        sdk["pagination"] = PAGES
    answer = operation["responses"].get("200", {}).get("content", {})
    if set(answer) == {"text/event-stream"}:
        sdk["ignore"] = True  # a browser's feed of the console
    operation["x-sdk"] = sdk
    for parameter in operation.get("parameters", ()):
        if parameter["in"] == "header" and parameter["name"] == HEADER:
            parameter["x-sdk"] = {"ignore": True}  # an option of the client and of every call


def _is_paged(operation: Mapping[str, Any], document: Mapping[str, Any]) -> bool:
    schema = operation["responses"].get("200", {}).get("content", {}).get("application/json", {}).get("schema", {})
    name = schema.get("$ref", "").rpartition("/")[2]
    fields = document["components"]["schemas"].get(name, {}).get("properties", {})
    asks = any(one["name"] == "page" and one["in"] == "query" for one in operation.get("parameters", ()))
    return asks and {"results", "next"} <= set(fields)
