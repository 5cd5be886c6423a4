"""The tests that a package brings: the calls of `base/cases.py` as Java; what plays them is in `templates/tests`. They
need no library: Maven's Surefire runs plain classes too. Pure but for reading its own files."""

from collections.abc import Iterator
from importlib import resources

from sdkgen.ir.nodes import Api
from sdkgen.languages.base.cases import cases_of, rendered
from sdkgen.languages.base.config import Config
from sdkgen.languages.base.escaping import java_string
from sdkgen.languages.base.snippets import Snippets, indented
from sdkgen.languages.java.source import renamed

WRITTEN = ("AllTests", "BehaviourTest", "MethodsTest", "Support")
MAP = "java.util.Map"
CALL = "java.util.function.Function<LlmGateway, Object>"
STREAM = "java.util.function.Function<LlmGateway, com.llmgateway.core.EventStream<?, ?>>"
ERROR = "Class<? extends com.llmgateway.errors.ApiException>"


def tests(api: Api, config: Config, snippets: Snippets) -> Iterator[tuple[str, str]]:
    """Path → content."""
    cases = cases_of(api)
    root = "src/test/java/" + config.module.replace(".", "/")
    folder = resources.files("sdkgen.languages.java").joinpath("templates", "tests")
    for name in WRITTEN:
        yield f"{root}/{name}.java", renamed(folder.joinpath(f"{name}.java.txt").read_text("utf-8"), config.module)
    yield "src/test/resources/cases.json", cases.dumps()
    plain = rendered(cases.methods, snippets)
    streams = rendered([one.case for one in cases.streams], snippets, "stream")
    imports = {line for _, *lines in [*plain.values(), *streams.values()] for line in lines}
    imports.discard(f"{config.module}.LlmGateway")
    without = {one.name for one in cases.methods if one.kind == "none"}
    classes = [(one.code, f"com.llmgateway.errors.{one.name.removesuffix('Error')}Exception") for one in api.errors]
    head = [f"package {config.module};", "", *[f"import {one};" for one in sorted(imports)], *[""] * bool(imports)]
    body = [
        "/** Each method of the package with all of its arguments: what the tests call. */",
        "final class Calls {",
        *[f"    static final {MAP}<String, {of}> {name} = new java.util.LinkedHashMap<>();"
          for name, of in (("ALL", CALL), ("STREAMS", STREAM), ("ERRORS", ERROR))], "",
        "    static {", *_entries("ALL", plain, without), *_entries("STREAMS", streams, set()),
        *[f"        ERRORS.put({java_string(code)}, {name}.class);" for code, name in classes], "    }", "",
        "    private Calls() {", "    }", "}", "",
    ]  # fmt: skip
    yield f"{root}/Calls.java", "\n".join(head) + "\n" + renamed("\n".join(body), config.module)


def _entries(name: str, calls: dict[str, tuple[str, ...]], without: set[str]) -> Iterator[str]:
    """`without`: those that answer nothing."""
    for place, (call, *_) in calls.items():
        made = indented(call, " " * 8).lstrip()
        if place in without:
            made = f"{{\n            {made};\n            return null;\n        }}"
        yield f"        {name}.put({java_string(place)}, gateway -> {made});"
