"""The tests that a package brings: the calls of `base/cases.py` as JavaScript; what plays them is in `templates/tests`.
Pure but for reading its own files."""

from collections.abc import Iterator
from importlib import resources

from sdkgen.ir.nodes import Api
from sdkgen.languages.base.cases import Case, cases_of, rendered, with_argument
from sdkgen.languages.base.escaping import json_string
from sdkgen.languages.base.names import Names
from sdkgen.languages.base.snippets import Snippets, indented

WRITTEN = ("behaviour.test.mjs", "methods.test.mjs", "support.mjs")


def tests(api: Api, names: Names, snippets: Snippets) -> Iterator[tuple[str, str]]:
    """Path → content."""
    cases = cases_of(api)
    folder = resources.files("sdkgen.languages.typescript").joinpath("templates", "tests")
    for name in WRITTEN:
        yield f"tests/{name}", folder.joinpath(name).read_text("utf-8")
    yield "tests/cases.json", cases.dumps()
    plain = rendered(cases.methods, snippets)
    streams = rendered([one.case for one in cases.streams], snippets, "stream")
    lines = [
        "// Each method of the package with all of its arguments: what the tests call.",
        "import * as errors from '../lib/index.js';",
        "import { fileFromPath } from '../lib/runtime/node.js';", "",
        "export const CALLS = {", *_entries(plain), "};", "",
        "export const STREAMS = {", *_entries(streams), "};", "",
        "export const CANCELLED = [", *_cancelled(cases.roles.get("any"), plain), "];", "",
        "export const ERRORS = {",
        *[f"  {json_string(one.code)}: errors.{names.of('type', f'error:{one.code}')}," for one in api.errors],
        "};", "",
    ]  # fmt: skip
    if not any("fileFromPath(" in line for line in lines):
        lines.remove("import { fileFromPath } from '../lib/runtime/node.js';")
    yield "tests/calls.mjs", "\n".join(lines)


def _entries(calls: dict[str, tuple[str, ...]]) -> Iterator[str]:
    for name, (call, *_) in calls.items():
        yield f"  {json_string(name)}: {_function('client', call)},"


def _cancelled(case: Case | None, calls: dict[str, tuple[str, ...]]) -> Iterator[str]:
    if case is not None:
        yield f"  {_function('client, signal', with_argument(calls[case.name][0], '{ signal }'))},"


def _function(arguments: str, call: str) -> str:
    """A list is iterated over as it is returned, so only what has to wait is asynchronous."""
    word = "async " if "await " in call else ""
    return f"{word}({arguments}) => {indented(call, '  ').lstrip()}"
