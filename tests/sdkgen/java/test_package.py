"""The Java package as a whole: hostile texts and other settings compile to the same classes."""

from dataclasses import replace
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest

from sdkgen.ir.nodes import Api, Declaration, Enum, Model
from sdkgen.languages.base.config import Config, ConfigError
from sdkgen.languages.base.files import write
from sdkgen.languages.base.language import generate
from sdkgen.languages.java.naming import identifier, member_name
from sdkgen.languages.registry import named
from tests.sdkgen.java.toolchain import compiled, own_tests
from tests.sdkgen.languages.hostile import HOSTILE
from tests.sdkgen.quickstart import quick_start

OTHER = Config(
    package="org.acme:client", module="org.acme.llm", version="2.0.0-beta.1", base_url="https://gw.acme.example",
    docs_url="https://docs.acme.example/errors",
    headers={"X-Team": "red \"blue\" \\u0022"},
)  # fmt: skip


def poisoned(api: Api) -> Api:
    """Each text of the document is one of the hostile ones."""
    texts = cycle(HOSTILE)

    def of(declared: Declaration) -> Declaration:
        text = next(texts)
        if isinstance(declared, Model):
            fields = tuple(replace(one, doc=next(texts)) for one in declared.fields)
            return replace(declared, doc=text, fields=fields)
        if isinstance(declared, Enum):
            return replace(declared, doc=text, values=tuple(f"{value}{text}" for value in declared.values))
        return replace(declared, doc=text)

    resources = tuple(
        replace(one, doc=next(texts), methods=tuple(replace(method, doc=next(texts)) for method in one.methods))
        for one in api.resources
    )
    errors = tuple(replace(one, doc=next(texts)) for one in api.errors)
    types = tuple(map(of, api.types))
    return replace(
        api, title=api.title + "".join(HOSTILE), doc=HOSTILE[4], types=types, resources=resources, errors=errors
    )


def test_its_own_tests_pass(java_folder: Path, java_classes: Path, tmp_path: Path) -> None:
    lines = own_tests(java_folder, java_classes, tmp_path / "tests")

    assert [line for line in lines if not line.startswith("ok ")] == []
    assert len(lines) == 12


def test_hostile_texts_make_no_code(api: Api, java_classes: Path, tmp_path: Path) -> None:
    write(generate(named("java"), poisoned(api), OTHER).files, tmp_path / "sdk")

    classes = compiled((tmp_path / "sdk/src/main/java").rglob("*.java"), tmp_path / "classes")

    made = {path.relative_to(classes / "org/acme/llm") for path in classes.rglob("*.class")}
    assert made == {path.relative_to(java_classes / "com/llmgateway") for path in java_classes.rglob("*.class")}


@pytest.mark.parametrize(
    ("settings", "field"),
    [({"package": "no-group"}, "package"), ({"package": "a:b\n<x>"}, "package"), ({"module": "com.Acme"}, "module"),
     ({"module": "com.class"}, "module"), ({"module": "com..acme"}, "module"), ({"module": "9a"}, "module")],
)  # fmt: skip
def test_names_that_java_or_maven_refuse(settings: dict[str, Any], field: str) -> None:
    with pytest.raises(ConfigError) as raised:
        named("java").checked(replace(Config(), **settings))
    assert raised.value.field == field


@pytest.mark.parametrize(
    ("wire", "name"),
    [("max_tokens", "maxTokens"), ("class", "class_"), ("json", "json_"), ("2fa", "n2Fa"), ("hashCode", "hashCode_")],
)
def test_methods_of_fields(wire: str, name: str) -> None:
    assert identifier(wire, frozenset({"json", "hashcode"})) == name


@pytest.mark.parametrize(
    ("value", "name"),
    [("gpt-4o", "GPT_4_O"), ("-created_at", "MINUS_CREATED_AT"), ("1h", "V1_H"), ("", "V"), ("CODEC", "CODEC_")],
)
def test_constants_of_words(value: str, name: str) -> None:
    assert member_name(value) == name


def test_the_first_program_compiles(java_classes: Path, tmp_path: Path) -> None:
    source = tmp_path / "QuickStart.java"
    source.write_text(quick_start("java"), encoding="utf-8")

    assert (compiled([source], tmp_path / "first", on=java_classes) / "QuickStart.class").exists()
