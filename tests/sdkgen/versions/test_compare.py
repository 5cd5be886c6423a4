"""Every kind of change, planted in a small document: its rule, direction, words and level in each language."""

import copy
from collections.abc import Callable
from typing import Any

import pytest

from sdkgen.ir import build
from sdkgen.ir.nodes import Api
from sdkgen.versions import Change, Level, compare, level_of, next_version, overall
from sdkgen.versions.levels import LANGUAGES, RULES

Document = dict[str, Any]
MAJOR, MINOR, PATCH = Level.MAJOR, Level.MINOR, Level.PATCH


DRAFT = {"required": True, "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Draft"}}}}
NOTE = {"200": {"description": "", "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Note"}}}}}


def document() -> Document:
    """Two operations, a type that is sent, one that is received and one that is both."""
    ref = "#/components/schemas/"
    return {
        "openapi": "3.1.0",
        "info": {"title": "Small", "version": "1"},
        "x-sdk": {"errors": [{"code": "budget_exceeded", "status": 402, "name": "BudgetExceeded", "doc": ""}]},
        "paths": {
            "/v1/notes": {
                "post": {
                    "operationId": "createNote",
                    "x-sdk": {"resource": ["notes"], "method": "create"},
                    "parameters": [
                        {"name": "dry", "in": "query", "schema": {"type": "boolean"}},
                        {"name": "limit", "in": "query", "schema": {"type": "integer", "maximum": 100}},
                    ],
                    "requestBody": DRAFT,
                    "responses": NOTE,
                }
            },
            "/v1/notes/{id}": {
                "get": {
                    "operationId": "getNote",
                    "x-sdk": {"resource": ["notes"], "method": "get"},
                    "parameters": [{"name": "id", "in": "path", "required": True, "schema": {"type": "string"}}],
                    "responses": NOTE,
                }
            },
        },
        "components": {
            "schemas": {
                "Draft": {
                    "type": "object",
                    "required": ["text"],
                    "properties": {
                        "text": {"type": "string", "description": "What it says."},
                        "pages": {"type": "integer"},
                        "tone": {"$ref": ref + "Tone"},
                        "author": {"$ref": ref + "Author"},
                    },
                },
                "Note": {
                    "type": "object",
                    "required": ["id", "size"],
                    "properties": {
                        "id": {"type": "string"},
                        "size": {"type": "integer"},
                        "title": {"type": "string"},
                        "tone": {"$ref": ref + "Tone"},
                        "author": {"$ref": ref + "Author"},
                        "body": {"$ref": ref + "Body"},
                    },
                },
                "Author": {"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}}},
                "Tone": {"type": "string", "enum": ["calm", "loud"]},
                "Body": {
                    "oneOf": [{"$ref": ref + "TextBody"}, {"$ref": ref + "LinkBody"}],
                    "discriminator": {"propertyName": "type"},
                },
                "TextBody": {"type": "object", "required": ["type"], "properties": {"type": {"const": "text"}}},
                "LinkBody": {"type": "object", "required": ["type"], "properties": {"type": {"const": "link"}}},
            }
        },
    }  # fmt: skip


def schemas(said: Document) -> Document:
    return said["components"]["schemas"]  # type: ignore[no-any-return]


def fields(said: Document, name: str) -> Document:
    return schemas(said)[name]["properties"]  # type: ignore[no-any-return]


def create(said: Document) -> Document:
    return said["paths"]["/v1/notes"]["post"]  # type: ignore[no-any-return]


def changed(plant: Callable[[Document], Any]) -> tuple[Change, ...]:
    after = copy.deepcopy(document())
    plant(after)
    return compare(build(document()), build(after))


def found(plant: Callable[[Document], Any]) -> list[tuple[str, str, str]]:
    return [(change.rule, change.subject, change.direction) for change in changed(plant)]


def levels(change: Change) -> dict[str, Level]:
    return {language: level_of(change, language) for language in LANGUAGES}


def everywhere(level: Level, **others: Level) -> dict[str, Level]:
    return dict.fromkeys(LANGUAGES, level) | others


def rename_tone(said: Document) -> None:
    schemas(said)["Mood"] = schemas(said).pop("Tone")
    for name in ("Draft", "Note"):
        fields(said, name)["tone"] = {"$ref": "#/components/schemas/Mood"}


def drop_body(said: Document) -> None:
    del fields(said, "Note")["body"]
    for name in ("Body", "TextBody", "LinkBody"):
        del schemas(said)[name]


PLANTED: list[tuple[str, Callable[[Document], Any], tuple[str, str, str], dict[str, Level]]] = [
    ("an operation more", lambda d: d["paths"]["/v1/notes/{id}"].update(
        delete={"operationId": "dropNote", "x-sdk": {"resource": ["notes"], "method": "delete"},
                "parameters": [{"name": "id", "in": "path", "required": True, "schema": {"type": "string"}}],
                "responses": {"204": {"description": ""}}}),
     ("method.added", "notes.delete", "none"), everywhere(MINOR)),
    ("an operation gone", lambda d: d["paths"].pop("/v1/notes/{id}"),
     ("method.removed", "notes.get", "none"), everywhere(MAJOR)),
    ("a method's name", lambda d: d["paths"]["/v1/notes/{id}"]["get"]["x-sdk"].update(method="retrieve"),
     ("method.renamed", "notes.retrieve", "none"), everywhere(MAJOR)),
    ("a path", lambda d: d["paths"].update({"/v2/notes": d["paths"].pop("/v1/notes")}),
     ("method.moved", "notes.create", "none"), everywhere(MINOR)),
    ("a deprecation", lambda d: create(d).update(deprecated=True),
     ("method.deprecated", "notes.create", "none"), everywhere(MINOR)),
    ("a parameter more", lambda d: create(d)["parameters"].append(
        {"name": "lang", "in": "query", "schema": {"type": "string"}}),
     ("value.added", "notes.create(lang)", "sent"), everywhere(MINOR)),
    ("a required parameter more", lambda d: create(d)["parameters"].append(
        {"name": "lang", "in": "query", "required": True, "schema": {"type": "string"}}),
     ("value.added.required", "notes.create(lang)", "sent"), everywhere(MAJOR)),
    ("a parameter gone", lambda d: create(d)["parameters"].pop(0),
     ("value.removed", "notes.create(dry)", "sent"), everywhere(MAJOR)),
    ("a parameter elsewhere", lambda d: create(d)["parameters"][0].update({"in": "header"}),
     ("value.place", "notes.create(dry)", "sent"), everywhere(MINOR)),
    ("a tighter limit", lambda d: create(d)["parameters"][1]["schema"].update(maximum=50),
     ("value.limits.tighter", "notes.create(limit)", "sent"), everywhere(MINOR)),
    ("a looser limit", lambda d: create(d)["parameters"][1]["schema"].update(maximum=500),
     ("value.limits.looser", "notes.create(limit)", "sent"), everywhere(PATCH)),
    ("a sent field more", lambda d: fields(d, "Draft").update(lang={"type": "string"}),
     ("value.added", "Draft.lang", "sent"), everywhere(MINOR)),
    ("a sent field that must be", lambda d: schemas(d)["Draft"]["required"].append("pages"),
     ("value.required", "Draft.pages", "sent"), everywhere(MAJOR)),
    ("a sent field that need not be", lambda d: schemas(d)["Draft"].pop("required"),
     ("value.optional", "Draft.text", "sent"), everywhere(MINOR, go=MAJOR, java=MAJOR)),
    ("a sent field that may be null", lambda d: fields(d, "Draft").update(pages={"type": ["integer", "null"]}),
     ("value.nullable", "Draft.pages", "sent"), everywhere(MINOR, go=MAJOR)),
    ("a sent field that takes more", lambda d: fields(d, "Draft").update(pages={"type": "number"}),
     ("value.wider", "Draft.pages", "sent"), everywhere(MINOR, go=MAJOR, java=MAJOR)),
    ("a received field more", lambda d: fields(d, "Note").update(lang={"type": "string"}),
     ("value.added", "Note.lang", "received"), everywhere(MINOR)),
    ("a received field gone", lambda d: fields(d, "Note").pop("title"),
     ("value.removed", "Note.title", "received"), everywhere(MAJOR)),
    ("a received field that may be missing", lambda d: schemas(d)["Note"]["required"].remove("size"),
     ("value.optional", "Note.size", "received"), everywhere(MAJOR)),
    ("a received field that always comes", lambda d: schemas(d)["Note"]["required"].append("title"),
     ("value.required", "Note.title", "received"), everywhere(MINOR, go=MAJOR, java=MAJOR)),
    ("a received field of more values", lambda d: fields(d, "Note").update(size={"type": "number"}),
     ("value.wider", "Note.size", "received"), everywhere(MAJOR)),
    ("another type", lambda d: fields(d, "Note").update(size={"type": "string"}),
     ("value.type", "Note.size", "received"), everywhere(MAJOR)),
    ("money as a decimal", lambda d: fields(d, "Note").update(title={"type": "string", "format": "decimal"}),
     ("value.type", "Note.title", "received"), everywhere(MAJOR)),
    ("a required field of what goes both ways", lambda d: (
        fields(d, "Author").update(email={"type": "string"}), schemas(d)["Author"]["required"].append("email")),
     ("value.added.required", "Author.email", "both"), everywhere(MAJOR)),
    ("a word more", lambda d: schemas(d)["Tone"]["enum"].append("shrill"),
     ("enum.value.added", "Tone", "both"), everywhere(MINOR)),
    ("a word gone", lambda d: schemas(d)["Tone"]["enum"].remove("loud"),
     ("enum.value.removed", "Tone", "both"), everywhere(MAJOR)),
    ("a type under another name", rename_tone, ("type.renamed", "Mood", "both"), everywhere(PATCH)),
    ("words alone", lambda d: fields(d, "Draft")["text"].update(description="The text."),
     ("doc", "Draft.text", "sent"), everywhere(PATCH)),
    ("a default", lambda d: fields(d, "Draft")["pages"].update(default=1),
     ("value.default", "Draft.pages", "sent"), everywhere(MINOR)),
    ("an error more", lambda d: d["x-sdk"]["errors"].append(
        {"code": "rate_limit_exceeded", "status": 429, "name": "RateLimited", "doc": ""}),
     ("error.added", "error rate_limit_exceeded", "none"), everywhere(MINOR)),
    ("an error gone", lambda d: d["x-sdk"]["errors"].clear(),
     ("error.removed", "error budget_exceeded", "none"), everywhere(MAJOR)),
]  # fmt: skip


@pytest.mark.parametrize(("plant", "expected", "grave"), [row[1:] for row in PLANTED], ids=[row[0] for row in PLANTED])
def test_a_change_is_seen_once_and_weighed_in_each_language(
    plant: Callable[[Document], Any], expected: tuple[str, str, str], grave: dict[str, Level]
) -> None:
    (change,) = changed(plant)

    assert (change.rule, change.subject, change.direction) == expected
    assert levels(change) == grave


def test_a_first_parameter_is_an_argument_more() -> None:
    def plant(said: Document) -> None:
        said["paths"]["/v1/notes/{id}"]["get"]["parameters"].append(
            {"name": "lang", "in": "query", "schema": {"type": "string"}}
        )

    first, second = changed(plant)

    assert (first.rule, second.rule) == ("method.params.added", "value.added")
    assert levels(first) == everywhere(MINOR, go=MAJOR, typescript=MAJOR, csharp=MAJOR)
    assert levels(second) == everywhere(MINOR)


@pytest.mark.parametrize(
    ("required", "rule", "grave"),
    [
        ([], "method.body.offered", everywhere(MINOR, go=MAJOR, typescript=MAJOR, csharp=MAJOR)),
        (["hint"], "method.body.added", everywhere(MAJOR)),
    ],
)
def test_a_first_body_that_may_be_sent(required: list[str], rule: str, grave: dict[str, Level]) -> None:
    """One with fields that must be stated is taken as arguments in some languages, which cannot be left out."""

    def plant(said: Document) -> None:
        schemas(said)["Hints"] = {"type": "object", "required": required, "properties": {"hint": {"type": "string"}}}
        schema = {"$ref": "#/components/schemas/Hints"}
        said["paths"]["/v1/notes/{id}"]["get"]["requestBody"] = {"content": {"application/json": {"schema": schema}}}

    first, second = changed(plant)

    assert (first.rule, second.rule) == ("type.added", rule)
    assert levels(second) == grave


def test_a_variant_more_comes_with_its_type() -> None:
    def plant(said: Document) -> None:
        schemas(said)["Body"]["oneOf"].append({"$ref": "#/components/schemas/FileBody"})
        schemas(said)["FileBody"] = {"type": "object", "required": ["type"], "properties": {"type": {"const": "file"}}}

    assert found(plant) == [
        ("union.variant.added", "Body", "received"),
        ("type.added", "FileBody", "received"),
    ]
    assert overall(changed(plant)) is MINOR


def test_a_type_gone_is_told_with_the_field_that_held_it() -> None:
    assert found(drop_body) == [
        ("type.removed", "Body", "received"),
        ("type.removed", "LinkBody", "received"),
        ("value.removed", "Note.body", "received"),
        ("type.removed", "TextBody", "received"),
    ]


def test_a_change_names_every_operation_that_meets_it() -> None:
    (change,) = changed(lambda said: schemas(said)["Tone"]["enum"].append("shrill"))

    assert change.operations == ("createNote", "getNote")
    assert change.as_json() == {
        "rule": "enum.value.added", "subject": "Tone", "pointer": "#/components/schemas/Tone",
        "text": "Tone has shrill.", "direction": "both", "operations": ["createNote", "getNote"],
        "before": None, "after": "shrill",
    }  # fmt: skip


def test_nothing_changed_is_nothing_said() -> None:
    assert changed(lambda said: None) == ()
    assert changed(lambda said: said["info"].update(version="2")) == ()
    assert overall(()) is PATCH


def test_the_order_of_a_document_says_nothing() -> None:
    def reverse(said: Any) -> Any:
        return {key: reverse(said[key]) for key in reversed(said)} if isinstance(said, dict) else said

    assert compare(build(document()), build(reverse(document()))) == ()


def test_every_rule_that_is_told_has_a_level() -> None:
    told = {change.rule for row in PLANTED for change in changed(row[1])}

    assert told <= set(RULES)
    assert all(level_of(Change(rule, "", "", "", way), "go") in Level for rule in RULES for way in ("sent", "both"))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("version", "level", "after"),
    [
        ("1.4.2", PATCH, "1.4.3"), ("1.4.2", MINOR, "1.5.0"), ("1.4.2", MAJOR, "2.0.0"),
        ("0.4.2", PATCH, "0.4.3"), ("0.4.2", MINOR, "0.5.0"), ("0.4.2", MAJOR, "0.5.0"),
    ],
)  # fmt: skip
def test_the_next_version(version: str, level: Level, after: str) -> None:
    assert next_version(version, level) == after


def test_a_version_that_is_none() -> None:
    with pytest.raises(ValueError, match=r"'1\.4' is not a version of three numbers"):
        next_version("1.4", MINOR)


def test_the_representation_is_what_is_compared() -> None:
    """A stored one that was read back is the same."""
    from sdkgen.ir import dumps, loads

    api: Api = build(document())

    assert compare(api, loads(dumps(api))) == ()
