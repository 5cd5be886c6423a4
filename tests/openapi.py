"""The OpenAPI document of the management API, made once in a process, and values checked against its schemas."""

import json
from functools import cache
from typing import Any
from urllib.parse import quote

import jsonschema_rs
from drf_spectacular.generators import SchemaGenerator

_ADDRESS = "urn:document"


@cache
def document() -> dict[str, Any]:
    return json.loads(json.dumps(SchemaGenerator().get_schema(request=None, public=True)))


def faults(value: Any, *place: str) -> list[str]:
    """What is wrong with `value` by the schema at these keys of the document."""
    pointer = "/".join(quote(part.replace("~", "~0").replace("/", "~1")) for part in place)
    return [f"{'/'.join(map(str, e.instance_path))}: {e.message}" for e in _validator(pointer).iter_errors(value)]


@cache
def _validator(pointer: str) -> jsonschema_rs.Draft202012Validator:
    return jsonschema_rs.Draft202012Validator({"$ref": f"{_ADDRESS}#/{pointer}"}, registry=_registry())


@cache
def _registry() -> jsonschema_rs.Registry:
    return jsonschema_rs.Registry([(_ADDRESS, document())], draft=jsonschema_rs.Draft202012)
