"""Reads the declared document of the data plane: security, and the errors that every operation can answer with."""

from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Any

import yaml

from sdkgen.ir.build import METHODS

FILES = ("chat", "responses", "messages", "text", "media", "files", "tuning", "feedback")
ERRORS = ("400", "401", "402", "403", "404", "409", "413", "422", "429", "500", "502", "503", "504")
SECURITY = {
    "gatewayKey": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "gw-…",
        "description": "A virtual key with the scope `inference`; `x-api-key` is accepted too.",
    }
}


def read(name: str) -> dict[str, Any]:
    """One file of the declared document."""
    text = resources.files("sdkgen.documents.dataplane").joinpath(f"{name}.yaml").read_text(encoding="utf-8")
    found = yaml.safe_load(text)
    assert isinstance(found, dict)
    return found


@cache
def dataplane() -> Mapping[str, Any]:
    """`paths`, `schemas`, and what is said of the whole: `errors`, `resources`. Shared: not to be changed."""
    common = read("common")
    paths: dict[str, Any] = {}
    schemas: dict[str, Any] = dict(common["schemas"])
    for name in FILES:
        said = read(name)
        for where, found in (("paths", paths), ("schemas", schemas)):
            if taken := set(found) & set(said[where]):
                raise ValueError(f"{name}.yaml declares {', '.join(sorted(taken))} again")
            found.update(said[where])
    paths = {path: _completed(path, item) for path, item in paths.items()}
    schemas = {name: _mapped(schema, schemas) for name, schema in schemas.items()}
    return {"paths": paths, "schemas": schemas, "errors": common["errors"], "resources": common["resources"]}


def _mapped(schema: Mapping[str, Any], schemas: Mapping[str, Any]) -> Mapping[str, Any]:
    """A union with the value of its discriminator for each variant: without, the names of the schemas would be the
    values (OpenAPI 3.1, "Discriminator Object")."""
    if "discriminator" not in schema:
        return schema
    tag: str = schema["discriminator"]["propertyName"]
    mapping: dict[str, str] = {}
    for variant in schema["oneOf"]:
        said = schemas[variant["$ref"].rpartition("/")[2]]["properties"][tag]
        mapping |= dict.fromkeys([said["const"]] if "const" in said else said["enum"], variant["$ref"])
    return {**schema, "discriminator": {"propertyName": tag, "mapping": mapping}}


def _completed(path: str, item: Mapping[str, Any]) -> dict[str, Any]:
    """The item with its shared parameters, its security and its errors in every operation."""
    shared = item.get("parameters", [])
    name = "MessagesError" if path.startswith("/v1/messages") else "Error"
    refused = {"description": "Refused.", "content": {"application/json": {"schema": {
        "$ref": f"#/components/schemas/{name}"}}}}  # fmt: skip
    completed = {}
    for http in METHODS:
        if http in item:
            operation = dict(item[http])
            operation["parameters"] = [*shared, *operation.get("parameters", [])]
            operation["security"] = [{"gatewayKey": []}]
            operation["responses"] = operation["responses"] | dict.fromkeys(ERRORS, refused)
            completed[http] = operation
    return completed
