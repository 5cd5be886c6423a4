"""Operations → methods, and the representation as JSON."""

import copy
import json
from typing import Any

import pytest

from sdkgen import ir
from sdkgen.ir.codec import canonical
from sdkgen.ir.nodes import Answer, Api, Body, Method, Parameter, Prim, Ref, Stream
from sdkgen.ir.select import SelectionError, select
from tests.sdkgen.ir.test_schemas import OBJECT, small


def test_a_method(document: dict[str, Any]) -> None:
    found = small({"Root": OBJECT, "Event": OBJECT})
    operation = found["paths"].pop("/x")["post"]
    operation["x-sdk"] |= {"idempotent": True, "stream": {"event": "Event", "param": "x", "done": "[DONE]"}}
    operation["parameters"] = [
        {"name": "q", "in": "query", "schema": {"type": "integer", "maximum": 5, "default": 1}, "description": "D"},
        {"name": "id", "in": "path", "required": True, "schema": {"type": "string"}},
        {"name": "X-Hidden", "in": "header", "schema": {"type": "string"}, "x-sdk": {"ignore": True}},
    ]
    operation["security"] = [{"gatewayKey": []}]
    found["paths"]["/x/{id}"] = {"post": operation}

    (resource,) = ir.build(found).resources
    place = "#/paths/~1x~1{id}/post"
    assert resource.path == ("x",)
    assert resource.methods == (
        Method(
            id="x_create", name="create", http="POST", path="/x/{id}", pointer=place,
            parameters=(
                Parameter("id", "path", Prim("string"), True, f"{place}/parameters/path:id"),
                Parameter("q", "query", Prim("integer"), False, f"{place}/parameters/query:q", "D", False, 1,
                          {"maximum": 5}),
            ),
            body=Body("json", Ref("Root"), True, f"{place}/requestBody/content/application~1json/schema"),
            answers=(Answer(204, "none", None, f"{place}/responses/204", "done"),),
            stream=Stream(Ref("Event"), f"{place}/x-sdk/stream", "x", "[DONE]"),
            idempotent=True, auth="key", errors=(400,),
        ),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"x-sdk": {"resource": ["x"]}}, "x-sdk says no method"),
        ({"operationId": ""}, "it has no operationId"),
        (
            {"parameters": [{"name": "id", "in": "path", "schema": {}}]},
            r"the path has \[\], the parameters are \['id'\]",
        ),
        ({"parameters": [{"name": "c", "in": "cookie", "schema": {}}]}, "a parameter in the cookie"),
        ({"requestBody": {"content": {"text/csv": {}}}}, "no known content: text/csv"),
    ],
)
def test_errors_of_operations(change: dict[str, Any], message: str) -> None:
    found = small({"Root": OBJECT})
    found["paths"]["/x"]["post"].update(change)

    with pytest.raises(ir.DocumentError, match=message):
        ir.build(found)


def test_two_methods_of_one_name_are_an_error() -> None:
    found = small({"Root": OBJECT})
    found["paths"]["/y"] = copy.deepcopy(found["paths"]["/x"])

    with pytest.raises(ir.DocumentError, match=r"#/paths/~1y/post: 'x.create' is #/paths/~1x/post already"):
        ir.build(found)


def test_only_openapi_3_1_is_read() -> None:
    with pytest.raises(ir.DocumentError, match=r"only OpenAPI 3\.1"):
        ir.build({"openapi": "3.0.3"})


def test_the_whole_document_comes_back_from_json(api: Api) -> None:
    text = ir.dumps(api)

    assert ir.loads(text) == api
    assert ir.dumps(ir.loads(text)) == text
    assert len(ir.sha(api)) == 64


def test_the_order_of_keys_says_nothing(document: dict[str, Any], api: Api) -> None:
    assert ir.build(json.loads(canonical(document))) == api


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ("[]", "found: list"),
        ('{"format": 99}', "found: 99"),
        ('{"format": 1, "api": {"node": "Nothing"}}', "damaged"),
        ('{"format": 1, "api": {"node": "AnyValue"}}', "holds no API"),
        ("nope", "not JSON"),
    ],
)
def test_files_of_others_are_refused(said: str, message: str) -> None:
    with pytest.raises(ir.CodecError, match=message):
        ir.loads(said)


def test_every_operation_of_the_document_has_its_method(document: dict[str, Any], api: Api) -> None:
    wanted = {
        f"{http.upper()} {path}"
        for path, item in document["paths"].items()
        for http, operation in item.items()
        if http in ("get", "post", "put", "patch", "delete") and not operation["x-sdk"].get("ignore")
    }

    methods = [method for resource in api.resources for method in resource.methods]
    assert {f"{method.http} {method.path}" for method in methods} == wanted
    assert [method.id for method in methods if method.auth == "key" and not method.path.startswith("/v1/")] == []


def test_a_part_has_the_types_it_needs_and_no_more(api: Api) -> None:
    part = select(api, ["models.*", "embeddings_create"])

    assert [resource.path for resource in part.resources] == [("embeddings",), ("models",)]
    assert [declared.name for declared in part.types] == [
        "AvailableModel", "AvailableModelList", "Embedding", "EmbeddingList", "EmbeddingRequest",
        "EmbeddingRequestEncodingFormat", "EmbeddingUsage", "EmbeddingVector", "Prompt",
    ]  # fmt: skip
    with pytest.raises(SelectionError, match=r"no operation fits nothing\.\*"):
        select(api, ["models.*", "nothing.*"])
