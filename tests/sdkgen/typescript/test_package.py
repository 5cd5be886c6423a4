"""The generated TypeScript package: it compiles under every strict option, and its own tests pass."""

import re
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest

from sdkgen import ir
from sdkgen.ir.nodes import Api
from sdkgen.languages.base.cases import cases_of
from sdkgen.languages.base.config import Config, ConfigError
from sdkgen.languages.base.files import differing, write
from sdkgen.languages.base.language import generate
from sdkgen.languages.registry import named
from sdkgen.languages.typescript.naming import OF_RUNTIME, argument, member, property_name
from tests.sdkgen.languages.hostile import HOSTILE as TEXTS
from tests.sdkgen.languages.test_packages import _poisoned
from tests.sdkgen.typescript.toolchain import MODULES, RUNTIME, node, passed, run, tsc

HERE = Path(__file__).parent
STRICT = (
    "--strict", "--noEmit", "--module", "nodenext", "--target", "es2022", "--exactOptionalPropertyTypes",
    "--noUncheckedIndexedAccess", "--noImplicitOverride", "--noUnusedLocals", "--noPropertyAccessFromIndexSignature",
    "--verbatimModuleSyntax", "--isolatedModules", "--skipLibCheck", "false",
)  # fmt: skip


def compiled(project: Path, *files: str) -> None:
    passed(run(tsc(), *STRICT, "--typeRoots", str(MODULES / "@types"), *files, cwd=project))


def test_all_declarations_and_uses_compile(typescript_folder):
    (typescript_folder / "uses.ts").write_text((HERE / "uses.ts").read_text())
    example = typescript_folder / "typed.ts"
    example.write_text((typescript_folder / "node_modules/llm-gateway/examples/typed.ts").read_text())

    compiled(typescript_folder, "--types", "node", "uses.ts", "typed.ts")


def test_every_declaration_compiles_for_a_browser_too(typescript_folder):
    package = typescript_folder / "node_modules/llm-gateway/lib"
    files = [str(path) for path in package.rglob("*.d.ts") if path.name != "node.d.ts"]

    compiled(typescript_folder, "--types", "", "--lib", "es2022,dom", *files)


@pytest.mark.slow
def test_its_own_tests_pass(typescript_folder, api: Api):
    package = typescript_folder / "node_modules/llm-gateway"

    printed = passed(run(node(), "--test", "--test-reporter=tap", "tests/", cwd=package))

    told = set(re.findall(r"^ok \d+ - (.+)$", printed, re.MULTILINE))
    assert told >= {one.name for one in cases_of(api).methods}
    assert "# fail 0\n# cancelled 0\n# skipped 0" in printed


def test_the_declared_classes_are_the_real_ones(typescript_folder):
    """Declarations and code are written apart: each declared method is there, and no other."""
    package = typescript_folder / "node_modules/llm-gateway/lib/resources"
    for path in package.glob("*.d.ts"):
        declared, real = _classes(path.read_text()), _classes(path.with_name(path.name[:-5] + ".js").read_text())
        assert declared == real, path.name


def _classes(text: str) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for name, body in re.findall(r"^export (?:declare )?class (\w+) extends Resource \{\n(.*?)^\}", text, re.M | re.S):
        methods = set(re.findall(r"^  (\w+)\(", body, re.M))
        found[name] = methods - {"constructor"}
    return found


def test_the_reserved_names_are_those_of_the_runtime(tmp_path):
    """A type of the document with one of these names is called otherwise."""
    text = "".join(path.read_text() for path in RUNTIME.glob("*.ts"))
    index = (RUNTIME / "index.ts").read_text()
    named_ones = {
        name.strip().removeprefix("type ")
        for part in re.findall(r"export (?:type )?\{([^}]*)\}", index)
        for name in part.split(",")
    }
    errors = set(re.findall(r"^export (?:class|type|interface) (\w+)", (RUNTIME / "errors.ts").read_text(), re.M))

    assert named_ones | errors == OF_RUNTIME
    assert "export *" in index
    assert text


@pytest.mark.slow
def test_it_is_made_the_same_twice_and_verifies(api: Api, tmp_path: Path):
    first = generate(named("javascript"), api, Config())
    second = generate(named("ts"), ir.loads(ir.dumps(api)), Config())
    write(first.files, tmp_path / "sdk")

    assert first.files == second.files
    assert differing(tmp_path / "sdk") == []


@pytest.mark.slow
def test_the_published_names_are_locked(api: Api):
    names = generate(named("typescript"), api, Config()).names

    assert (names.changed, names.moved, names.gone, names.added) == ((), (), (), ())


def test_the_package_is_small(api: Api):
    """Packed it is about a quarter of this."""
    files = generate(named("typescript"), api, Config()).files
    published = sum(len(content) for path, content in files.items() if path.startswith("lib/"))

    assert published < 560_000


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({"package": "Upper"}, "package"),
        ({"package": "a b"}, "package"),
        ({"package": "../x"}, "package"),
        ({"package": "a'; alert(1)//"}, "package"),
        ({"module": "x"}, "module"),
        ({"version": "1"}, "version"),
        ({"base_url": "javascript:alert(1)"}, "base_url"),
    ],
)
def test_settings_that_npm_refuses(api: Api, said: dict[str, Any], field: str):
    with pytest.raises(ConfigError) as raised:
        generate(named("typescript"), api, Config(**said))

    assert raised.value.field == field


def test_settings_are_in_the_client(api: Api):
    config = Config(
        package="@acme/gateway", version="2.1.0", base_url="https://gw.acme.example/x", max_retries=5,
        idle_timeout_s=1.5, docs_url="https://docs.acme.example/errors", headers={"X-Team": 'a"b'},
    )  # fmt: skip

    files = generate(named("typescript"), api, config).files

    client = files["lib/client.js"].decode()
    for line in (
        '"baseUrl": "https://gw.acme.example/x"',
        '"maxRetries": 5',
        '"idle": 1500',
        r'"X-Team": "a\"b"',
        '"docs": "https://docs.acme',
    ):
        assert line in client
    assert "from '@acme/gateway'" in files["examples/chat.mjs"].decode()


def test_names_in_javascript():
    assert [argument(wire) for wire in ("file_id", "default", "options", "2fa", "é")] == [
        "fileId", "default_", "options_", "n2Fa", "value",
    ]  # fmt: skip
    assert [member(name, frozenset({"then"})) for name in ("list_events", "then", "delete")] == [
        "listEvents", "then_", "delete",
    ]  # fmt: skip
    assert [property_name(wire) for wire in ("max_tokens", "a-b", 'x"')] == ["max_tokens", '"a-b"', '"x\\""']


HOSTILE = " ".join(text for text in TEXTS if "\ud800" not in text)  # no document can hold half a character


def _hostile(value: Any, at: tuple[str, ...] = ()) -> Any:
    """The document with its texts, words and examples replaced; names and references stay."""
    if isinstance(value, dict):
        return {key: _hostile(inner, (*at, key)) for key, inner in value.items()}
    if isinstance(value, list):
        if at[-1:] == ("enum",):
            return [*value, HOSTILE] if all(isinstance(one, str) for one in value) else value
        return [_hostile(inner, at) for inner in value]
    is_text = at[-1:] in (("description",), ("summary",), ("doc",)) or at == ("info", "title")
    is_text = is_text and "properties" not in at[-2:-1]
    return HOSTILE if is_text and isinstance(value, str) else value


@pytest.mark.slow
def test_hostile_texts_change_nothing_but_texts(document: dict[str, Any], tmp_path: Path):
    hostile = _hostile({**document, "info": {**document["info"]}})
    schemas = hostile["components"]["schemas"]
    schemas["ChatCompletion"]["properties"] |= {HOSTILE: {"type": "string"}, "__proto__": {"const": HOSTILE}}
    api = ir.build(hostile)
    package = tmp_path / "node_modules" / "llm-gateway"

    files = generate(named("typescript"), api, Config()).files
    write(files, package)
    (tmp_path / "package.json").write_text('{"type": "module"}')

    lib = [str(package / path) for path in files if path.endswith(".d.ts")]
    compiled(tmp_path, "--types", "node", *lib)
    passed(run(node(), "--test", "--test-reporter=tap", "tests/", cwd=package))
    ordinary = generate(named("typescript"), ir.build(document), Config()).files
    assert {path: _bare(text) for path, text in files.items() if path.startswith("lib/resources/")} == {
        path: _bare(text) for path, text in ordinary.items() if path.startswith("lib/resources/")
    }


@pytest.mark.slow
def test_each_hostile_text_in_hundreds_of_places(api: Api, tmp_path: Path):
    package = tmp_path / "node_modules" / "llm-gateway"
    files = generate(named("typescript"), _poisoned(api), Config()).files
    write(files, package)
    (tmp_path / "package.json").write_text('{"type": "module"}')

    compiled(tmp_path, "--types", "node", *[str(package / path) for path in files if path.endswith(".d.ts")])
    passed(run(node(), "--test", "--test-reporter=tap", "tests/", cwd=package))


def _bare(text: bytes) -> str:
    """Code without its comments."""
    return re.sub(r"^\s*/\*\*.*?\*/\n", "", text.decode(), flags=re.M | re.S)


def test_only_what_examples_need_is_there(api: Api):
    few = tuple(one for one in api.resources if one.path[0] == "models")

    files = generate(named("typescript"), replace(api, resources=few, types=_used(api, few)), Config()).files

    assert not [path for path in files if path.startswith("examples/")]
    assert sorted(path for path in files if path.startswith("lib/resources/")) == [
        "lib/resources/models.d.ts", "lib/resources/models.js",
    ]  # fmt: skip
    assert {one.name for one in fields(Config)} >= {"operations"}


def _used(api: Api, resources: Any) -> Any:
    from sdkgen.languages.base.usage import closure, received_by, sent_by

    types = {declared.name: declared for declared in api.types}
    roots = {name for one in resources for method in one.methods for name in sent_by(method) | received_by(method)}
    return tuple(types[name] for name in sorted(closure(roots, types)))
