"""Packages as a whole: the same bytes, safe texts, folders that are left alone, settings."""

import ast
import hashlib
import itertools
import json
from dataclasses import replace
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from sdkgen import ir
from sdkgen.ir.nodes import Api, Enum, Model
from sdkgen.languages.base.config import Config, ConfigError, read
from sdkgen.languages.base.files import MANIFEST, OutputError, checked, differing, write
from sdkgen.languages.base.language import generate
from sdkgen.languages.base.names import settle
from sdkgen.languages.registry import LANGUAGES, named
from tests.sdkgen.languages.hostile import HOSTILE


@pytest.mark.slow
@pytest.mark.parametrize("language", list(LANGUAGES))
def test_the_same_bytes(api: Api, language: str) -> None:
    first = generate(named(language), api, Config()).files

    assert generate(named(language), ir.loads(ir.dumps(api)), Config()).files == first
    said = json.loads(first[MANIFEST])
    assert said["ir_sha256"] == ir.sha(api)
    assert set(said["files"]) == set(first) - {MANIFEST}


@pytest.mark.parametrize("language", list(LANGUAGES))
def test_published_names_stay(api: Api, language: str) -> None:
    names = settle(named(language).propose(api), named(language).lock())

    assert (names.changed, names.gone) == ((), ())


@pytest.mark.slow
def test_hostile_texts_stay_texts(api: Api) -> None:
    """Every text of the representation is a hostile one, each of them in hundreds of places."""
    clean = generate(named("python"), api, Config()).files

    files = generate(named("python"), _poisoned(api), Config()).files

    assert set(files) == set(clean)
    for path in files:
        if path.endswith(".py"):
            assert _skeleton(files[path]) == _skeleton(clean[path]), path


def _poisoned(api: Api) -> Api:
    texts = itertools.cycle(HOSTILE)
    types = []
    for declared in api.types:
        changed = replace(declared, doc=next(texts))
        if isinstance(changed, Model):
            changed = replace(changed, fields=tuple(replace(one, doc=next(texts)) for one in changed.fields))
        elif isinstance(changed, Enum):
            changed = replace(changed, values=tuple(f"{value}{next(texts)}" for value in changed.values))
        types.append(changed)
    resources = tuple(
        replace(one, doc=next(texts), methods=tuple(replace(method, doc=next(texts)) for method in one.methods))
        for one in api.resources
    )
    errors = tuple(replace(one, doc=next(texts)) for one in api.errors)
    title = api.title + "".join(HOSTILE)
    return replace(api, title=title, types=tuple(types), resources=resources, errors=errors)


def _skeleton(code: bytes) -> str:
    """The tree without strings, and without statements that are only a string, `...` or `pass`."""
    tree = ast.parse(code)
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            node.value = ""
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.Module):
            node.body = [one for one in node.body if not _says_nothing(one)]
    return ast.dump(tree)


def _says_nothing(one: ast.stmt) -> bool:
    return isinstance(one, ast.Pass) or (isinstance(one, ast.Expr) and isinstance(one.value, ast.Constant))


def test_a_folder_is_replaced_only_when_it_is_ours(tmp_path: Path) -> None:
    folder = tmp_path / "sdk"
    files = {**checked({"a.txt": "a", "b/c.txt": "c"}), MANIFEST: b'{"files": {}}'}
    with pytest.raises(OutputError, match="no folder"):
        write(files, _file(tmp_path / "file"))

    write({**files, MANIFEST: _manifest({"a.txt": "a", "b/c.txt": "c"})}, folder)
    assert differing(folder) == []
    (folder / "b" / "mine.txt").write_text("x")
    (folder / "a.txt").write_text("edited")
    assert differing(folder) == ["a.txt", "b/mine.txt"]
    with pytest.raises(OutputError, match=r"holds what no generator wrote \(a\.txt, b/mine\.txt\)"):
        write(files, folder)
    assert (folder / "b" / "mine.txt").read_text() == "x"
    assert sorted(one.name for one in tmp_path.iterdir()) == ["file", "sdk"]


def _file(path: Path) -> Path:
    path.write_text("x")
    return path


def _manifest(files: dict[str, str]) -> bytes:
    return json.dumps({"files": {k: hashlib.sha256(v.encode()).hexdigest() for k, v in files.items()}}).encode()


@pytest.mark.parametrize("path", ["../x", "/x", "a/../b", "a//b", "a\\b", "a b", "", "a/"])
def test_paths_stay_in_the_folder(path: str) -> None:
    with pytest.raises(OutputError, match="no path"):
        checked({path: ""})


def test_paths_that_differ_in_case_only_are_refused() -> None:
    with pytest.raises(OutputError, match=r"README\.md and readme\.md"):
        checked({"README.md": "", "readme.md": ""})


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ("[]", ""),
        ("{", ""),
        ('{"nope": 1}', "nope"),
        ('{"version": "one"}', "version"),
        ('{"base_url": "ftp://x"}', "base_url"),
        ('{"base_url": "https://user:secret@host"}', "base_url"),
        ('{"total_timeout_s": 0}', "total_timeout_s"),
        ('{"max_retries": true}', "max_retries"),
        ('{"headers": {"Authorization": "x"}}', "headers"),
        ('{"headers": {"X-A": "a\\r\\nb: c"}}', "headers"),
        ('{"operations": "chat"}', "operations"),
        ('{"base_url": "http://["}', "base_url"),
        ('{"base_url": "https://example.com:99999"}', "base_url"),
        ('{"headers": {"Host": "example.com"}}', "headers"),
        ('{"headers": {"Idempotency-Key": "one for all"}}', "headers"),
        ('{"docs_url": "javascript:alert(1)"}', "docs_url"),
    ],
)
def test_settings_that_are_wrong(said: str, field: str) -> None:
    with pytest.raises(ConfigError) as raised:
        read(said)
    assert raised.value.field == field


@pytest.mark.parametrize("change", [{"module": "class"}, {"module": "a-b"}, {"package": "a/b"}, {"package": "-x"}])
def test_names_that_python_refuses(change: dict[str, str]) -> None:
    with pytest.raises(ConfigError):
        named("python").checked(replace(Config(), **change))


@pytest.mark.parametrize(
    ("language", "change", "field"),
    [
        ("python", {"module": "json"}, "module"), ("java", {"module": "java.util"}, "module"),
        ("typescript", {"package": "fs"}, "package"),
    ],
)  # fmt: skip
def test_names_that_the_platform_has(language: str, change: dict[str, str], field: str) -> None:
    with pytest.raises(ConfigError) as raised:
        named(language).checked(replace(Config(), **change))
    assert raised.value.field == field


def test_aliases() -> None:
    assert named(" Python3 ").about.id == "python"
    with pytest.raises(KeyError):
        named("cobol")


@pytest.mark.slow
def test_the_command(api: Api, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, folder, config = tmp_path / "ir.json", tmp_path / "sdk", tmp_path / "config.json"
    file.write_text(ir.dumps(api))
    config.write_text(
        '{"operations": ["chat.*"], "module": "acme_llm", "version": "2.0.0", "docs_url": "https://d.example/errors"}'
    )
    arguments = ["python", "--output", str(folder), "--representation", str(file), "--config", str(config)]

    call_command("generate_sdk", *arguments, "--json")
    said = json.loads(capsys.readouterr().out)
    assert (said["language"], said["version"], said["names"]["changed"]) == ("python", "2.0.0", [])
    assert (folder / "acme_llm" / "resources" / "chat.py").is_file()
    assert not (folder / "acme_llm" / "resources" / "embeddings.py").exists()

    assert 'APIError.docs = "https://d.example/errors"' in (folder / "acme_llm" / "errors.py").read_text()

    call_command("generate_sdk", *arguments, "--verify")
    (folder / "README.md").write_text("mine")
    with pytest.raises(CommandError, match=r"is not what is generated now: README\.md"):
        call_command("generate_sdk", *arguments, "--verify")
    with pytest.raises(CommandError, match="no such language"):
        call_command("generate_sdk", "cobol", "--output", str(folder))


@pytest.mark.parametrize("language", list(LANGUAGES))
def test_every_language_says_how_to_begin(language: str) -> None:
    about = named(language).about

    assert "{file}" in about.install
    assert "{module}" in about.quick_start or "{package}" in about.quick_start
    assert "{" not in about.install.format(package="p", module="m", version="1.0.0", file="f")
