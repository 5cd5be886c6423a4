"""The tests that a package brings: the calls of `base/cases.py` as Go; what plays them is in `templates/tests`. Pure
but for reading its own files."""

from collections.abc import Iterator
from importlib import resources
from string import Template

from sdkgen.ir.nodes import Api
from sdkgen.languages.base.cases import cases_of, rendered
from sdkgen.languages.base.config import Config
from sdkgen.languages.base.escaping import go_string
from sdkgen.languages.base.names import Names
from sdkgen.languages.base.snippets import Snippets, indented

WRITTEN = ("behaviour", "methods", "support")
CALL = "func(ctx context.Context, client *gateway.Client) (any, error)"
SEVERAL = "func(ctx context.Context, client *gateway.Client) ([]any, error)"


def tests(api: Api, names: Names, config: Config, snippets: Snippets) -> Iterator[tuple[str, str]]:
    """Path → content."""
    cases = cases_of(api)
    folder = resources.files("sdkgen.languages.go.templates").joinpath("tests")
    for name in WRITTEN:
        text = folder.joinpath(f"{name}.go.txt").read_text("utf-8")
        yield f"{name}_test.go", Template(text).substitute(module=config.module, package=config.package)
    yield "testdata/cases.json", cases.dumps()
    without = {one.name for one in cases.methods if one.kind == "none"}
    calls = {
        name: f"{'return nil,' if name in without else 'return'} {made}"
        for name, (made, *_) in rendered(cases.methods, snippets).items()
    }
    lists = {
        name: f"return collected({made})"
        for name, (made, *_) in rendered([one.case for one in cases.pages], snippets, "paged").items()
    }
    streams = {
        name: f"return events({made})"
        for name, (made, *_) in rendered([one.case for one in cases.streams], snippets, "stream").items()
    }
    kinds = [(one.code, names.of("member", f"#/x-sdk/errors/{one.code}")) for one in api.errors]
    body = [
        "// calls has each method with all of its arguments.", *_functions("calls", CALL, calls), "",
        "// lists has one of each kind, walked through to its end.", *_functions("lists", SEVERAL, lists), "",
        "// streams has the methods that answer with events.", *_functions("streams", SEVERAL, streams), "",
        "// kinds has the errors by their codes.", "var kinds = func() map[string]error {",
        "\tfound := map[string]error{}",
        *[f"\tfound[{go_string(code)}] = gateway.{name}" for code, name in kinds], "\treturn found", "}()", "",
    ]  # fmt: skip
    imports = ["context", *(["time"] if any("time." in line for line in body) else [])]
    head = [f"package {config.module}_test", "", "import (", *[f'\t"{one}"' for one in imports], "",
            f"\tgateway {go_string(config.package)}", ")", ""]  # fmt: skip
    yield "calls_test.go", "\n".join([*head, *body])


def _functions(name: str, of: str, calls: dict[str, str]) -> Iterator[str]:
    head = f"var {name} = map[string]{of.replace('ctx ', '').replace('client ', '')}{{"
    if not calls:
        yield head + "}"
        return
    yield head
    for place, made in calls.items():
        yield f"\t{go_string(place)}: {of} {{\n{indented(made, chr(9) * 2)}\n\t}},"
    yield "}"
