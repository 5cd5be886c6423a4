"""The tests that a package brings: the calls of `base/cases.py` as Python; what plays them is in `templates/tests`.
Pure but for reading its own files."""

from collections.abc import Iterator
from importlib import resources
from string import Template

from sdkgen.ir.nodes import Api
from sdkgen.languages.base.cases import Case, cases_of, rendered, with_argument
from sdkgen.languages.base.config import Config
from sdkgen.languages.base.escaping import python_string
from sdkgen.languages.base.snippets import Snippets, indented

WRITTEN = ("__init__", "support", "test_behaviour", "test_methods")


def tests(api: Api, config: Config, snippets: Snippets) -> Iterator[tuple[str, str]]:
    """Path → content."""
    cases = cases_of(api)
    for name in WRITTEN:
        text = (
            resources.files("sdkgen.languages.python.templates").joinpath("tests", f"{name}.py.txt").read_text("utf-8")
        )
        yield f"tests/{name}.py", Template(text).substitute(module=config.module)
    yield "tests/cases.json", cases.dumps()
    plain = rendered(cases.methods, snippets)
    streams = rendered([one.case for one in cases.streams], snippets, "stream")
    imports = sorted({line for _, *lines in [*plain.values(), *streams.values()] for line in lines})
    own = f"from {config.module} import "
    lines = [
        '"""Each method of the package with all of its arguments: what the tests call."""', "",
        "from __future__ import annotations", "",
        "from collections.abc import Callable",
        *[line for line in imports if not line.startswith(own)],
        "from typing import Any", "",
        f"{own}Cancel, Gateway, errors", "",
        "CALLS: dict[str, Callable[[Gateway], Any]] = {", *_entries(plain), "}",
        "STREAMS: dict[str, Callable[[Gateway], Any]] = {", *_entries(streams), "}",
        "CANCELLED: list[Callable[[Gateway, Cancel], Any]] = [",
        *_cancelled(cases.roles.get("any"), plain), "]",
        "ERRORS: dict[str, type[errors.APIError]] = {",
        *[f"    {python_string(one.code)}: errors.{one.name}," for one in api.errors], "}", "",
    ]  # fmt: skip
    yield "tests/calls.py", "\n".join(lines)


def _entries(calls: dict[str, tuple[str, ...]]) -> Iterator[str]:
    for name, (call, *_) in calls.items():
        yield f"    {python_string(name)}: lambda client: {indented(call, '    ').lstrip()},"


def _cancelled(case: Case | None, calls: dict[str, tuple[str, ...]]) -> Iterator[str]:
    if case is not None:
        made = with_argument(calls[case.name][0], 'request_options={"cancel": cancel}')
        yield f"    lambda client, cancel: {indented(made, '    ').lstrip()},"
