"""The tests that a package brings, a program beside it: the calls of `base/cases.py` as C#; what plays them is in
`templates/tests`. Pure but for reading its own files."""

from collections.abc import Iterable, Iterator
from importlib import resources

from sdkgen.ir.nodes import Api
from sdkgen.languages.base.cases import Case, cases_of, rendered, with_argument
from sdkgen.languages.base.config import Config
from sdkgen.languages.base.escaping import csharp_string, xml_text
from sdkgen.languages.base.snippets import Snippets, indented

WRITTEN = ("BehaviourTests", "Checks", "FakeGateway", "MethodTests", "Program")
CALL = "Func<GatewayClient, Task<object?>>"
LIST = "Func<GatewayClient, Task<List<object?>>>"


def tests(api: Api, config: Config, snippets: Snippets) -> Iterator[tuple[str, str]]:
    """Path → content."""
    cases = cases_of(api)
    for name in WRITTEN:
        yield (
            f"tests/{name}.cs",
            _text(f"{name}.cs")
            .replace("LlmGateway.Tests;", f"{config.module}.Tests;")
            .replace("static LlmGateway.Tests.", f"static {config.module}.Tests."),
        )
    yield "tests/Tests.csproj", _text("Tests.csproj").replace("{{package}}", xml_text(config.package))
    yield "tests/cases.json", cases.dumps()
    plain = rendered(cases.methods, snippets)
    lists = rendered([one.case for one in cases.pages], snippets)
    streams = rendered([one.case for one in cases.streams], snippets, "stream")
    without = {one.name for one in cases.methods if one.kind == "none"}
    spaces = {line for _, *lines in [*plain.values(), *streams.values()] for line in lines} - {config.module}
    spaces |= {"System", "System.Collections.Generic", "System.Threading", "System.Threading.Tasks"}
    calls = [(name, _awaited(made, name in without)) for name, (made, *_) in plain.items()]
    pages = [(name, f"client => Checks.All({made})") for name, (made, *_) in lists.items()]
    events = [(name, f"client => Checks.Events({made})") for name, (made, *_) in streams.items()]
    errors = [(one.code, f"typeof({one.name}Exception)") for one in api.errors]
    lines = [
        "// Each method of the package with all of its arguments: what the tests call.",
        f"namespace {config.module}.Tests;", "", *[f"using {one};" for one in sorted(spaces)], "",
        "public static class Calls", "{",
        *_map(CALL, "All", calls), "", *_map(LIST, "Lists", pages), "", *_map(LIST, "Streams", events), "",
        "    public static readonly List<Func<GatewayClient, CancellationToken, Task>> Cancelled = new()", "    {",
        *_cancelled(cases.roles.get("any"), plain), "    };", "", *_map("Type", "Errors", errors), "}", "",
    ]  # fmt: skip
    yield "tests/Calls.cs", "\n".join(lines)


def _text(name: str) -> str:
    folder = resources.files("sdkgen.languages.csharp.templates").joinpath("tests")
    return folder.joinpath(name).read_text("utf-8")


def _awaited(call: str, is_void: bool) -> str:
    if is_void:
        return f"async client =>\n{{\n    await {indented(call, '    ').lstrip()};\n    return null;\n}}"
    return f"async client => await {call}"


def _map(of: str, name: str, entries: Iterable[tuple[str, str]]) -> Iterator[str]:
    yield f"    public static readonly Dictionary<string, {of}> {name} = new()"
    yield "    {"
    for key, made in entries:
        yield f"        [{csharp_string(key)}] = {indented(made, ' ' * 8).lstrip()},"
    yield "    };"


def _cancelled(case: Case | None, calls: dict[str, tuple[str, ...]]) -> Iterator[str]:
    if case is not None:
        made = with_argument(calls[case.name][0], "cancellation: cancellation")
        yield f"        (client, cancellation) => {indented(made, ' ' * 8).lstrip()},"
