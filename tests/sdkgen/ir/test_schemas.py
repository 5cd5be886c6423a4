"""Schemas → types: exact results on small documents."""

from typing import Any

import pytest

from sdkgen import ir
from sdkgen.ir.nodes import (
    AnyValue,
    Api,
    Binary,
    Const,
    Enum,
    Field,
    ListOf,
    MapOf,
    Model,
    Nullable,
    Prim,
    Ref,
    Scalar,
    Type,
    Union,
    Variant,
)


def small(schemas: dict[str, Any], body: str = "Root") -> dict[str, Any]:
    """A document with one operation, which sends `body`."""
    return {
        "openapi": "3.1.0",
        "info": {"title": "T", "version": "1"},
        "paths": {
            "/x": {
                "post": {
                    "operationId": "x_create",
                    "x-sdk": {"resource": ["x"], "method": "create"},
                    "requestBody": {
                        "required": True,
                        "content": {"application/json": {"schema": {"$ref": f"#/components/schemas/{body}"}}},
                    },
                    "responses": {"204": {"description": "done"}, "400": {"description": "no"}},
                }
            }
        },
        "components": {"schemas": schemas},
    }


def field_type(schema: dict[str, Any], **schemas: Any) -> Type:
    """Of the field `f` of a model `Root`."""
    return fields(schema, **schemas)[0].type


def fields(schema: dict[str, Any], **schemas: Any) -> tuple[Field, ...]:
    root = built(schema, **schemas).type_named("Root")
    assert isinstance(root, Model)
    return root.fields


def built(schema: dict[str, Any], **schemas: Any) -> Api:
    return ir.build(small({"Root": {"type": "object", "properties": {"f": schema}}, **schemas}))


ENUM = {"type": "string", "enum": ["a", "b"]}
OBJECT = {"type": "object", "properties": {"x": {"type": "string"}}}


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ({}, AnyValue()),
        ({"type": "string"}, Prim("string")),
        ({"type": "string", "format": "decimal"}, Prim("string", "decimal")),
        ({"type": "string", "format": "binary"}, Binary()),
        ({"type": "integer"}, Prim("integer")),
        ({"type": ["string", "null"]}, Nullable(Prim("string"))),
        ({"type": "string", "nullable": True}, Nullable(Prim("string"))),
        ({"anyOf": [{"type": "string"}, {"type": "null"}]}, Nullable(Prim("string"))),
        ({"oneOf": [{"type": "integer"}]}, Prim("integer")),
        ({"type": ["string", "number", "boolean", "null", "null"]}, Nullable(Scalar(("boolean", "number", "string")))),
        ({"type": ["integer", "number"]}, Prim("number")),
        ({"oneOf": [{"type": "number"}, ENUM]}, Scalar(("number", "string"))),
        ({"type": "array", "items": {"type": "integer"}}, ListOf(Prim("integer"))),
        ({"type": "array"}, ListOf(AnyValue())),
        ({"type": "object"}, MapOf(AnyValue())),
        ({"type": "object", "additionalProperties": {"type": ["number", "null"]}}, MapOf(Nullable(Prim("number")))),
        ({"const": "only"}, Const("only")),
        ({"enum": [1, 2]}, Prim("integer")),
        ({"allOf": [{"$ref": "#/components/schemas/Other"}], "description": "d"}, Ref("Other")),
        ({"oneOf": [{"$ref": "#/components/schemas/Other"}, {"enum": [None]}]}, Nullable(Ref("Other"))),
        ({"oneOf": [{"$ref": "#/components/schemas/Words"}, {"enum": [""]}]}, Ref("Words")),
        ({"$ref": "#/components/schemas/Alias"}, ListOf(Ref("Other"))),
    ],
)
def test_types(schema: dict[str, Any], expected: Type) -> None:
    alias = {"type": "array", "items": {"$ref": "#/components/schemas/Other"}}

    assert field_type(schema, Other=OBJECT, Words=ENUM, Alias=alias) == expected


def test_inline_schemas_are_named_by_their_path() -> None:
    api = built({"type": "array", "items": {"type": "object", "properties": {"kind": ENUM, "deep": OBJECT}}})

    assert [declared.name for declared in api.types] == ["Root", "RootFItem", "RootFItemDeep", "RootFItemKind"]
    assert api.type_named("RootFItemKind") == Enum(
        "RootFItemKind", "#/components/schemas/Root/properties/f/items/properties/kind", ("a", "b")
    )


def test_names_do_not_change_when_something_else_appears() -> None:
    alone = built({"type": "object", "properties": {"x": ENUM}})
    joined = ir.build(
        small(
            {
                "Aaa": OBJECT,
                "Root": {
                    "type": "object",
                    "properties": {"a": OBJECT, "f": {"type": "object", "properties": {"x": ENUM}}},
                },
            }
        )
    )

    assert {one.name for one in alone.types} < {one.name for one in joined.types}


def test_a_word_or_any_string_is_an_open_enum() -> None:
    api = built({"anyOf": [{"type": "string"}, ENUM, {"const": "c"}]})

    assert api.type_named("RootF") == Enum("RootF", "#/components/schemas/Root/properties/f", ("a", "b", "c"))


def test_all_of_is_folded() -> None:
    base = {"type": "object", "required": ["id"], "properties": {"id": {"type": "string"}, "x": {"type": "string"}}}
    more = {"type": "object", "properties": {"x": {"type": "integer"}, "y": {"type": "boolean"}}}
    found = built({"allOf": [{"$ref": "#/components/schemas/Base"}, more]}, Base=base).type_named("RootF")

    assert isinstance(found, Model)
    assert [(one.name, one.type, one.required) for one in found.fields] == [
        ("id", Prim("string"), True),
        ("x", Prim("integer"), False),
        ("y", Prim("boolean"), False),
    ]
    assert found.fields[0].pointer == "#/components/schemas/Base/properties/id"


def test_a_union_finds_its_tag() -> None:
    def variant(tag: str) -> dict[str, Any]:
        return {"type": "object", "required": ["type"], "properties": {"type": {"const": tag}}}

    refs = [{"$ref": "#/components/schemas/A"}, {"$ref": "#/components/schemas/B"}, {"type": "null"}]
    api = built({"oneOf": refs}, A=variant("a"), B=variant("b"))

    assert api.type_named("RootF") == Union(
        "RootF", "#/components/schemas/Root/properties/f", (Variant(Ref("A"), "a"), Variant(Ref("B"), "b")), "type"
    )
    assert field_type({"oneOf": refs}, A=variant("a"), B=variant("b")) == Nullable(Ref("RootF"))


def test_a_union_without_a_tag_keeps_its_order() -> None:
    found = built({"oneOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}).type_named("RootF")

    assert isinstance(found, Union)
    assert (found.variants, found.discriminator) == ((Variant(Prim("string")), Variant(ListOf(Prim("string")))), "")


def test_a_type_may_hold_itself() -> None:
    tree = {
        "type": "object",
        "properties": {"children": {"type": "array", "items": {"$ref": "#/components/schemas/T"}}},
    }
    found = built({"$ref": "#/components/schemas/T"}, T=tree).type_named("T")

    assert isinstance(found, Model)
    assert found.fields[0].type == ListOf(Ref("T"))


@pytest.mark.parametrize(
    ("schema", "message"),
    [
        ({"$ref": "#/components/schemas/Nothing"}, "a reference to nothing"),
        ({"$ref": "other.yaml#/X"}, "elsewhere than the components"),
        ({"type": "date"}, "an unknown type: date"),
        ({"type": "object", "properties": {"a": {}}, "required": ["b"]}, "not among the properties: b"),
        ({"type": "object", "properties": {"…": {}}}, "no name can be made"),
        (False, "a schema that nothing fits"),
    ],
)
def test_errors_name_the_place(schema: Any, message: str) -> None:
    with pytest.raises(ir.DocumentError, match=message) as raised:
        built(schema)

    assert raised.value.pointer.startswith("#/components/schemas/Root/properties/f")


def test_two_places_of_one_name_are_an_error() -> None:
    with pytest.raises(ir.DocumentError, match="its name 'RootF' is taken by #/components/schemas/RootF"):
        ir.build(
            small(
                {
                    "Root": {
                        "type": "object",
                        "properties": {"a": {"$ref": "#/components/schemas/RootF"}, "f": OBJECT},
                    },
                    "RootF": OBJECT,
                }
            )
        )
