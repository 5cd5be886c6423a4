"""What is said of configurations and of the chosen part of a document: each finding, and none without its reason."""

from dataclasses import replace
from typing import Any

import pytest

from sdkgen.ir.nodes import (
    Answer,
    AnyValue,
    Api,
    Body,
    Enum,
    Field,
    ListOf,
    Method,
    Model,
    Pagination,
    Parameter,
    Prim,
    Ref,
    Resource,
    Stream,
    Union,
    Variant,
)
from sdkgen.languages.base.document import problems, renamed
from sdkgen.languages.base.lint import Finding, lint
from sdkgen.languages.preview import preview
from sdkgen.languages.registry import LANGUAGES, named

TEXT = Prim("string")


def model(name: str, *required: str, optional: tuple[str, ...] = ()) -> Model:
    fields = [Field(one, TEXT, True, f"#/{name}/{one}") for one in required]
    return Model(name, f"#/{name}", (*fields, *(Field(one, TEXT, False, f"#/{name}/{one}") for one in optional)))


def method(name: str = "create", **changes: Any) -> Method:
    answers = (Answer(200, "json", Ref("Thing"), "#/a"),)
    return replace(Method(f"things_{name}", name, "POST", "/v1/things", f"#/{name}", answers=answers), **changes)


def api_of(*methods: Method, types: tuple[Any, ...] = ()) -> Api:
    declared = tuple(sorted((model("Thing", "id"), *types), key=lambda one: one.name))
    return Api("Things", "1", "0" * 64, (Resource(("things",), methods),), declared)


def codes(api: Api) -> list[tuple[str, str]]:
    return [(one.code, one.pointer) for one in problems(api, api)]


def test_a_sound_document() -> None:
    assert codes(api_of(method())) == []


@pytest.mark.parametrize(
    ("bad", "found"),
    [
        (api_of(method(), method(pointer="#/other")), [("duplicate_operation", "#/create"),
                                                       ("duplicate_operation", "#/other")]),
        (api_of(method(path="/v1/things/{id}")), [("undeclared_parameter", "#/create")]),
        (api_of(method(stream=Stream(AnyValue(), "#/stream"))), [("untyped_events", "#/stream")]),
        (api_of(method(pagination=Pagination("page", "results", "page", "next"))), [("pagination_field", "#/create")]),
        (api_of(method(), types=(model("Left"),)), [("unused_type", "#/Left")]),
        (api_of(method(body=Body("json", Ref("In"), True, "#/b")), types=(model("In", "max_tokens", "maxTokens"),)),
         [("same_when_folded", "#/In")]),
        (api_of(method(body=Body("json", Ref("Words"), True, "#/b")), types=(Enum("Words", "#/w", ("a-b", "a_b")),)),
         [("same_when_folded", "#/w")]),
        (api_of(method(answers=(Answer(200, "json", Ref("Either"), "#/a"),)),
                types=(model("A", "x"), model("B", "x", "y"),
                       Union("Either", "#/e", (Variant(Ref("A")), Variant(Ref("B")))))),
         [("overlapping_variants", "#/e"), ("unused_type", "#/Thing")]),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_document(bad: Api, found: list[tuple[str, str]]) -> None:
    assert codes(bad) == found


def test_variants_that_differ_and_words_with_signs_are_fine() -> None:
    either = Union("Either", "#/e", (Variant(Ref("B")), Variant(Ref("A"))))
    words = Enum("Words", "#/w", ("created_at", "-created_at", ">", ">="))
    page = model("Page", "next")
    page = replace(page, fields=(*page.fields, Field("results", ListOf(Ref("Either")), True, "#/r")))
    asked = (Parameter("page", "query", Prim("integer"), False, "#/p"), Parameter("order", "query", Ref("Words"),
                                                                                  False, "#/o"))  # fmt: skip
    listed = method("list", parameters=asked, answers=(Answer(200, "json", Ref("Page"), "#/a"),),
                    pagination=Pagination("page", "results", "page", "next"))  # fmt: skip
    types = (model("A", "x"), model("B", "x", "y"), either, words, page)

    assert codes(api_of(method(), listed, types=types)) == []


def said(language: str = "python", **config: Any) -> dict[tuple[str, str], Finding]:
    part = api_of(method(), method("old", deprecated=True, path="/v1/old", auth="management"))
    return {(one.code, one.pointer): one for one in lint(named(language), part, config)}


FINE = {"base_url": "https://gateway.example", "operations": ["things.create"]}


def test_a_sound_configuration() -> None:
    for language in LANGUAGES:
        assert said(language, **FINE) == {}


@pytest.mark.parametrize(
    ("language", "config", "code", "pointer", "level"),
    [
        ("python", {"nothing": 1}, "unknown_field", "/config/nothing", "error"),
        ("python", {"version": "one"}, "invalid", "/config/version", "error"),
        ("python", {"version": "01.2.3"}, "no_semantic_version", "/config/version", "error"),
        ("go", {"version": "1.2.3-a..b"}, "no_semantic_version", "/config/version", "error"),
        ("python", {"version": "1.2.3-banana"}, "no_python_version", "/config/version", "error"),
        ("python", {"package": "a/b"}, "invalid_name", "/config/package", "error"),
        ("typescript", {"package": "Upper"}, "invalid_name", "/config/package", "error"),
        ("java", {"package": "no-group"}, "invalid_name", "/config/package", "error"),
        ("go", {"package": "/x"}, "invalid_name", "/config/package", "error"),
        ("csharp", {"package": "a b"}, "invalid_name", "/config/package", "error"),
        ("python", {"module": "class"}, "invalid_name", "/config/module", "error"),
        ("python", {"operations": ["things.create", "things.creat"]}, "unknown_operation", "/config/operations/1",
         "error"),
        ("python", {"operations": ["things.old"]}, "deprecated_operation", "#/old", "warning"),
        ("python", {"operations": ["things"], "auth": ["key"]}, "auth_missing", "/config/auth", "error"),
        ("python", {"auth": ["key", "management"]}, "auth_unused", "/config/auth/1", "warning"),
        ("python", {"auth": ["password"]}, "invalid", "/config/auth", "error"),
        ("python", {"headers": {"X-A/B": "Bearer abcdefghij"}}, "secret_in_configuration", "/config/headers/X-A~1B",
         "error"),
        ("python", {"headers": {"Cookie": "a"}}, "secret_in_configuration", "/config/headers/Cookie", "error"),
        ("python", {"headers": {"X-Service-Token": "a"}}, "secret_in_configuration", "/config/headers/X-Service-Token",
         "error"),
        ("python", {"docs_url": "https://x.example/gw-0123456789abcdef"}, "secret_in_configuration",
         "/config/docs_url", "error"),
        ("python", {"base_url": "https://me:word@gateway.example"}, "secret_in_configuration", "/config/base_url",
         "error"),
        ("python", {"base_url": "https://gateway.example/llm"}, "path_in_address", "/config/base_url", "warning"),
        ("python", {"base_url": "https://gateway.example/"}, "trailing_slash", "/config/base_url", "suggestion"),
        ("python", {"base_url": "http://gateway.example"}, "no_tls", "/config/base_url", "warning"),
        ("python", {"total_timeout_s": 1, "max_retries": 3}, "shorter_than_retries", "/config/total_timeout_s",
         "warning"),
        ("python", {"idle_timeout_s": 600}, "never_reached", "/config/idle_timeout_s", "warning"),
        ("python", {"operations": []}, "everything", "/config/operations", "suggestion"),
    ],
)  # fmt: skip
def test_findings(language: str, config: dict[str, Any], code: str, pointer: str, level: str) -> None:
    found = said(language, **{**FINE, **config})

    assert (code, pointer) in found, found
    one = found[code, pointer]
    assert one.level == level
    assert one.fix


def test_one_fault_does_not_hide_another() -> None:
    found = said(nothing=1, operations=["gone"], version="one", base_url="http://gateway.example")

    assert {code for code, _ in found} >= {"unknown_field", "unknown_operation", "invalid", "no_tls"}


def test_the_nearest_names_are_the_fix() -> None:
    one = said(operations=["things.creat"])["unknown_operation", "/config/operations/0"]

    assert one.fix == "Did you mean things.create or things_create or things?"


def test_words_that_languages_keep_are_told() -> None:
    part = api_of(method("import", body=Body("json", Ref("In"), True, "#/b")), types=(model("In", "a"),))

    names = {language: renamed(part, found.propose(part)) for language, found in LANGUAGES.items()}

    assert names["python"] == [("import", "import_")]
    assert names["go"] == []  # Import
    called = preview(part).operations[0].names
    assert called["python"] == "client.things.import_"
    assert called["csharp"] == "client.Things.ImportAsync"


def test_collisions_are_told_by_language() -> None:
    part = api_of(method(body=Body("json", Ref("In"), True, "#/b")), types=(model("In", "max_tokens", "maxTokens"),))

    found = preview(part)

    assert "go" in found.collisions
    assert "python" not in found.collisions  # attributes are the wire's names
    assert ("name_collision", "/config/operations") in {
        (one.code, one.pointer) for one in lint(named("go"), part, {"operations": ["things"]})
    }
