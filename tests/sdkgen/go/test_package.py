"""The generated package as a whole: compiled, formatted, safe, named."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from sdkgen.ir.nodes import Api, Field, Model, Prim
from sdkgen.languages.base.config import Config, ConfigError
from sdkgen.languages.base.files import write
from sdkgen.languages.base.language import generate
from sdkgen.languages.base.names import NameCollisionError
from sdkgen.languages.go.naming import argument, exported, field_name, type_name, word_of
from sdkgen.languages.registry import named
from tests.sdkgen.go.conftest import Toolchain, program
from tests.sdkgen.languages.test_packages import _poisoned
from tests.sdkgen.quickstart import quick_start

PARTS = Config(operations=("chat.*", "responses.*", "messages.*", "files.*", "manage.budgets.*"))
"""Of each kind something, since compiling everything takes its time."""


def test_it_is_formatted_and_vetted(toolchain: Toolchain, go_folder: Path) -> None:
    assert toolchain.unformatted(go_folder) == ""
    toolchain.run(go_folder, "vet", "./...")


def test_its_own_tests_pass(toolchain: Toolchain, api: Api, go_folder: Path) -> None:
    printed = toolchain.run(go_folder, "test", "-v", ".")

    assert printed.count("--- SKIP") == 0
    assert printed.count("    --- PASS: TestEveryMethod/") == sum(len(one.methods) for one in api.resources)


def test_it_needs_nothing_but_the_standard_library(go_folder: Path) -> None:
    assert (go_folder / "go.mod").read_text() == "module example.com/llmgateway\n\ngo 1.19\n"
    imported = {
        path
        for file in go_folder.glob("*.go")
        if not file.name.endswith("_test.go")
        for block in re.findall(r"(?ms)^import (?:\(.*?^\)|\"[^\"]*\")", file.read_text())
        for path in re.findall(r'"([^"]+)"', block)
    }
    assert not [path for path in imported if "." in path.split("/")[0]]


def test_hostile_texts_stay_texts(toolchain: Toolchain, api: Api, tmp_path: Path) -> None:
    """All of them at once, in every text: the compiler takes the package, and gofmt has nothing to change."""
    clean = generate(named("go"), api, PARTS).files
    files = generate(named("go"), _poisoned(api), PARTS).files
    write(files, tmp_path / "sdk")

    assert set(files) == set(clean)
    assert toolchain.unformatted(tmp_path / "sdk") == ""
    toolchain.run(tmp_path / "sdk", "build", ".")
    for path in files:
        if path.startswith("resources_"):
            assert _code(files[path]) == _code(clean[path]), path


def _code(content: bytes) -> list[str]:
    """Lines without comments."""
    return [line for line in content.decode().splitlines() if line and not line.lstrip().startswith("//")]


def test_hostile_names_of_fields_become_identifiers(toolchain: Toolchain, api: Api, tmp_path: Path) -> None:
    kind = Prim("string")
    strange = tuple(
        Field(name, kind, required=bool(index % 2), pointer=f"#/{index}")
        for index, name in enumerate(
            ('a"b', "a`c", "type", "24h", "é", "$ref", "x,omitempty", "marshal_json", "extra_fields", "\n}\nfunc f() {")
        )
    )
    changed = _with_fields(api, strange)

    write(generate(named("go"), changed, PARTS).files, tmp_path / "sdk")

    assert toolchain.unformatted(tmp_path / "sdk") == ""
    toolchain.run(tmp_path / "sdk", "build", ".")


def test_fields_that_would_be_one_are_refused(api: Api) -> None:
    twins = tuple(Field(name, Prim("string"), required=True, pointer="#/x") for name in ("max_tokens", "maxTokens"))

    with pytest.raises(NameCollisionError, match="'max_tokens' and 'maxTokens'"):
        generate(named("go"), _with_fields(api, twins), PARTS)


def _with_fields(api: Api, fields: tuple[Field, ...]) -> Api:
    types = tuple(
        replace(one, fields=fields) if isinstance(one, Model) and one.name == "ChatUsage" else one for one in api.types
    )
    assert types != api.types
    return replace(api, types=types)


@pytest.mark.parametrize(
    ("made", "wanted"),
    [
        (exported("max_tokens"), "MaxTokens"),
        (exported("api_key"), "APIKey"),
        (exported("ChatImageUrl"), "ChatImageURL"),
        (exported("user_ids"), "UserIDs"),
        (exported("24h"), "N24H"),
        (exported("é"), "Xc3a9"),
        (type_name("Page"), "PageType"),
        (type_name("ErrNotFound"), "ErrNotFoundType"),
        (field_name("extra_fields"), "ExtraFieldsValue"),
        (argument("type"), "typeValue"),
        (argument("file_id"), "fileID"),
        (word_of("gpt-4o"), "Gpt4O"),
        (word_of("-created_at"), "MinusCreatedAt"),
        (word_of("<="), "LessEqual"),
        (word_of(""), "X"),
    ],
)
def test_names(made: str, wanted: str) -> None:
    assert made == wanted


@pytest.mark.parametrize(
    "change",
    [
        {"module": "func"},
        {"module": "my_sdk"},
        {"module": "main"},
        {"package": "a b"},
        {"package": "/x"},
        {"package": "x/"},
    ],
)
def test_names_that_go_refuses(change: dict[str, str]) -> None:
    with pytest.raises(ConfigError):
        named("go").checked(replace(Config(), **change))


def test_parts_of_the_api_under_another_name(toolchain: Toolchain, api: Api, tmp_path: Path) -> None:
    config = Config(
        package="git.example.com/acme/llm", module="acmellm", headers={"X-A": "b"}, max_retries=1,
        operations=("chat.*", "models.list"),
    )  # fmt: skip
    write(generate(named("golang"), api, config).files, tmp_path / "sdk")

    examples = sorted(file.parent.name for file in (tmp_path / "sdk" / "examples").glob("*/main.go"))
    assert examples == ["chat", "errors", "stream", "tools"]
    assert sum(file.stat().st_size for file in (tmp_path / "sdk").glob("*.go")) < 250_000
    assert "llmgateway" not in "".join(file.read_text() for file in (tmp_path / "sdk").rglob("*.go"))
    assert toolchain.unformatted(tmp_path / "sdk") == ""
    toolchain.run(tmp_path / "sdk", "vet", "./...")


def test_the_first_program_compiles(toolchain: Toolchain, go_folder: Path, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (source / "main.go").write_text(quick_start("go"))
    folder = program(source, tmp_path / "program", go_folder)

    assert toolchain.unformatted(folder) == ""
    toolchain.run(folder, "vet", ".")
