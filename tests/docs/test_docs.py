"""What the documentation says exists: commands, options, targets, links, paths, settings, codes, columns, measures."""

import importlib.metadata
import itertools
import re
import shlex
import time
from functools import cache
from pathlib import Path

import pytest
from django.core.management import get_commands, load_command_class

from gateway.ledger import schema
from scripts import reference
from tests.docs import sources
from tests.docs.pages import PAGES, ROOT, anchors, blocks, code, links, name_of, names, prose, rows, shell_lines, spans

DOCS = ROOT / "docs"
ERRORS = DOCS / "reference" / "errors.md"
FOLDERS = (
    "config",
    "gateway",
    "analytics",
    "costs",
    "finetuning",
    "sdkgen",
    "templates",
    "static",
    "tests",
    "bench",
    "docs",
    "scripts",
)
every_page = pytest.mark.parametrize("page", PAGES, ids=name_of)


def parser_of(command: str):
    return load_command_class(get_commands()[command], command).create_parser("manage.py", command)


@every_page
def test_commands_and_options_exist(page: Path):
    for text in code(page):
        for command, rest in re.findall(r"manage\.py (\w+)([^|;&]*)", text):
            assert command in get_commands(), text
            options = parser_of(command)._option_string_actions
            unknown = [option for option in re.findall(r"(?<!\S)\[?(--[a-z][a-z-]*)", rest) if option not in options]
            assert not unknown, text


def words_of(line: str) -> list[str]:
    """As a shell reads them, with what ends a command as words of its own."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars=";&|")
    lexer.whitespace_split, lexer.commenters = True, ""
    return list(lexer)


@every_page
def test_whole_command_lines_parse(page: Path):
    lines = (line for block in blocks(page) if block.language == "bash" for line in shell_lines(block))
    for line in lines:
        words = words_of(line)
        if "manage.py" in words and "…" not in line:
            rest = itertools.takewhile(lambda word: not set(word) <= set(";&|"), words[words.index("manage.py") + 1 :])
            command, *arguments = rest
            parser_of(command).parse_args(arguments)


@every_page
def test_options_in_tables_exist(page: Path):
    """A table headed ``option of `command` `` lists options of that command, all that exist being allowed to miss."""
    for command in re.findall(r"^\| option of `(\w+)` \|", page.read_text(), re.MULTILINE):
        listed = names(page, f"option of `{command}`")
        assert listed
        assert set(listed) <= set(parser_of(command)._option_string_actions)


def test_options_of_create_key_are_all_documented():
    listed = set(names(DOCS / "user-guide" / "keys.md", "option"))
    own = {name for name in parser_of("create_key")._option_string_actions if name.startswith("--")}
    generic = set(parser_of("query")._option_string_actions) - {"--organization"}
    assert listed == own - generic


@every_page
def test_make_targets_exist(page: Path):
    named = {target for text in code(page) for target in re.findall(r"(?:^|\s)make ([a-z][a-z-]*)", text)}
    assert named <= sources.targets()


@every_page
def test_relative_links_resolve(page: Path):
    for link in links(page):
        if re.match(r"https?://", link):
            continue
        path, _, fragment = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        assert not fragment or fragment in anchors(target), link


@every_page
def test_named_paths_exist(page: Path):
    for text in spans(page):
        if re.fullmatch(rf"(?:{'|'.join(FOLDERS)})/[\w./-]*", text):
            assert (ROOT / text).exists(), text


@every_page
def test_named_settings_exist(page: Path):
    """Upper-case names with an underscore occur in the sources (settings, scripts, constants)."""
    known = _source_words() | {name for name in vars(time) if name.isupper() or name.startswith("CLOCK_")}
    unknown = [text for text in spans(page) if re.fullmatch(r"[A-Z][A-Z0-9]*_[A-Z0-9_]+", text) and text not in known]
    assert not unknown


@cache
def _source_words() -> set[str]:
    files = [ROOT / "Makefile", ROOT / ".env.example", ROOT / ".ci" / "run", *(ROOT / "scripts").glob("*.sh")]
    for folder in ("config", "gateway", "analytics", "costs", "finetuning", "sdkgen"):
        files += (ROOT / folder).rglob("*.py")
    return {word for file in files for word in re.findall(r"[A-Z][A-Z0-9_]+", file.read_text())}


@every_page
def test_says_nothing_of_a_developers_machine(page: Path):
    assert not re.findall(r"/work\b|/root\b|/tmp/|/home/\w", page.read_text())


def test_every_page_is_reachable_from_the_readme():
    reached, waiting = set(), [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        if page in reached or page.suffix != ".md":
            continue
        reached.add(page)
        paths = [link.partition("#")[0] for link in links(page) if not re.match(r"https?://", link)]
        waiting += [(page.parent / path).resolve() for path in paths if path]
    assert set(PAGES) - reached == set()


def test_settings_are_documented_exampled_and_read():
    documented = names(DOCS / "operations" / "configuration.md", "variable")
    assert sorted(documented) == sorted(sources.settings_read())
    assert set(documented) == sources.settings_exampled()


def test_error_codes():
    assert set(names(ERRORS, "code")) == sources.error_codes()


def test_error_statuses():
    documented: dict[str, set[int]] = {}
    for cells in rows(ERRORS, "code"):
        if cells[1].isdigit():
            documented.setdefault(cells[0].strip("`"), set()).add(int(cells[1]))
    answered = sources.error_statuses() | {"upstream_error": {502}}
    assert documented == {code: statuses for code, statuses in answered.items() if code != "stream_interrupted"}


def test_denials_are_marked_as_lines():
    marked = {cells[0].strip("`") for cells in rows(ERRORS, "code") if cells[4].startswith("yes")}
    assert marked == sources.denied_codes()


def test_error_types():
    documented = set(names(ERRORS, "`error_type`"))
    assert documented == sources.error_types() | {"upstream_<status>"}


def test_headers():
    page = DOCS / "reference" / "headers.md"
    documented = {name.lower() for name in re.findall(r"`(X-[\w-]+|x-[\w-]+)`", prose(page), re.IGNORECASE)}
    limits = {
        f"x-ratelimit-{kind}-{what}" for kind in ("limit", "remaining", "reset") for what in ("requests", "tokens")
    }
    assert documented == sources.headers() | limits


def test_measures_and_dimensions_are_current():
    assert reference.PAGE.read_text() == reference.rendered(reference.PAGE.read_text()), "run scripts/reference.py"
    assert names(reference.PAGE, "measure") == list(reference.MEASURES)
    assert names(reference.PAGE, "dimension") == list(reference.DIMENSIONS)


def test_ledger_columns():
    documented = {cells[0].strip("`"): cells[1] for cells in rows(DOCS / "reference" / "ledger.md", "column")}
    assert list(documented.items()) == [(name, kind.removesuffix(" NOT NULL")) for name, kind in schema.COLUMNS.items()]


@pytest.mark.parametrize("name", ["requirements.in", "requirements-dev.in"])
def test_dependencies_are_justified(name: str):
    text = (DOCS / "decisions" / "0002-dependencies.md").read_text()
    part = text[text.index(f"(`{name}`)") :].partition("\n## ")[0]
    documented = re.findall(r"^\| ([\w-]+) \|", part, re.MULTILINE)[1:]
    assert [item.lower() for item in documented] == [item.lower() for item in sources.requirements(name)]


@pytest.mark.slow
def test_runtime_dependencies_are_used_and_what_is_used_is_one():
    """Used: imported by a source, or named by a string that Django or the embedded server resolves."""
    modules = importlib.metadata.packages_distributions()
    imported = {name for module in sources.imports() for name in map(normal, modules.get(module, ()))}
    named = {name for module in sources.named_modules() for name in map(normal, modules.get(module, ()))}
    direct, locked = ({normal(name) for name in sources.requirements(f"requirements.{end}")} for end in ("in", "txt"))
    locked |= {normal(name) for name in sources.requirements("requirements-parquet.txt")}  # used when it is there

    assert direct - imported - named - {"argon2-cffi"} == set()  # the hasher of PASSWORD_HASHERS imports argon2
    shared = (set(map(normal, modules.get(module, ()))) for module in sources.imports())  # of a namespace: any one
    assert [owners for owners in shared if owners and not owners & locked] == []


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
