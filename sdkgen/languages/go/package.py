"""Everything else of a package: its defaults, errors, metadata, README, reference and examples. Pure."""

from collections.abc import Iterator
from importlib import resources
from string import Template

from sdkgen.ir.names import words
from sdkgen.ir.nodes import Api, Method, Model, Ref, Resource
from sdkgen.languages.base.common import licence
from sdkgen.languages.base.config import Config
from sdkgen.languages.base.escaping import go_string, markdown
from sdkgen.languages.go.layout import aligned, comment, source
from sdkgen.languages.go.models import Models
from sdkgen.languages.go.naming import RUNTIME, exported
from sdkgen.languages.go.resources import Resources, Writer
from sdkgen.languages.go.types import Spelling

EXAMPLES = {
    "chat": "chat.completions.create",
    "errors": "chat.completions.create",
    "lists": "manage.api_keys.list",
    "stream": "chat.completions.create",
    "tools": "chat.completions.create",
}
"""Each with the method that it calls: a client of parts of the API has the examples that it can run."""


class Package:
    """The files around those of types and resources."""

    def __init__(self, api: Api, config: Config, models: Models, tree: Resources, spelling: Spelling) -> None:
        self._api, self._config, self._models, self._tree, self._spelling = api, config, models, tree, spelling

    def files(self) -> Iterator[tuple[str, str | bytes]]:
        package = self._config.module
        for name in RUNTIME:
            yield f"{name}.go", _resource("runtime", f"{name}.go").replace("llmgateway", package)
        yield "doc.go", self._doc()
        yield "defaults.go", self._defaults()
        yield "codes.go", self._codes()
        yield "gateway.go", self._tree.client(package)
        yield "unions.go", self._models.registry(package)
        for group in self._models.groups():
            yield f"types_{group}.go", self._models.file(package, group)
        for group in self._tree.groups():
            yield f"resources_{group}.go", self._tree.file(package, group)
        yield "go.mod", f"module {self._config.package}\n\ngo 1.19\n"
        yield "LICENSE", licence()
        made_of = f"{markdown(self._api.title)} {markdown(self._api.version)}"
        yield "CHANGELOG.md", f"# Changelog\n\n## {self._config.version}\n\nMade of {made_of}.\n"
        yield "README.md", self._filled("README.md")
        yield "docs/reference.md", "".join(self._reference())
        yield "docs/errors.md", "".join(self._error_pages())
        there = {".".join((*one.path, method.name)) for one in self._api.resources for method in one.methods}
        for name, needed in EXAMPLES.items():
            if needed in there:
                yield f"examples/{name}/main.go", self._filled(f"{name}.go.txt")

    # ---- code ----------------------------------------------------------------------------------------------------
    def _doc(self) -> str:
        text = f"Package {self._config.module} is a client of {self._api.title}. NewClient is where to begin."
        return "\n".join([*comment(text), f"package {self._config.module}"]) + "\n"

    def _defaults(self) -> str:
        config = self._config
        times = (
            ("Connect", config.connect_timeout_s), ("FirstByte", config.first_byte_timeout_s),
            ("Idle", config.idle_timeout_s), ("Total", config.total_timeout_s),
        )  # fmt: skip
        headers = [
            f"\theader.Set({go_string(name)}, {go_string(value)})" for name, value in sorted(config.headers.items())
        ]
        constants = [
            ("sdkVersion", f"= {go_string(config.version)}"),
            ("specSHA", f"= {go_string(self._api.document_sha[:12])}"),
            ("defaultBaseURL", f"= {go_string(config.base_url)}"),
            ("errorDocsURL", f"= {go_string(config.docs_url)}"),
        ]
        lines = [
            "// Version is that of this package.", f"const Version = {go_string(config.version)}", "",
            "const (", *aligned(constants), ")", "",
            "// DefaultMaxRetries is how often a request that failed is sent again.",
            f"const DefaultMaxRetries = {config.max_retries}", "",
            "// DefaultTimeouts are those of a client that is not told otherwise.", "func DefaultTimeouts() Timeouts {",
            "\treturn Timeouts{", *[f"\t\t{_milliseconds(seconds)}," for _, seconds in times], "\t}", "}", "",
            "func defaultHeader() http.Header {", "\theader := http.Header{}", *headers, "\treturn header", "}",
        ]  # fmt: skip
        return source(self._config.module, lines)

    def _codes(self) -> str:
        rows: list[tuple[str, ...]] = []
        cases: list[str] = []
        for error in self._api.errors:
            name = self._spelling.names.of("member", f"#/x-sdk/errors/{error.code}")
            rows += [(line,) for line in comment(f"{name}: {error.doc} Status {error.status}.")]
            rows.append((name, "Kind", f"= {go_string(' '.join(words(error.name)))}"))
            cases += [f"\tcase {go_string(error.code)}:", f"\t\treturn {name}, {error.status}"]
        lines = [
            "// Kinds of answers, by the gateway's code. Such an error is also of the kind of its status.",
            "const (", *aligned(rows), ")", "",
            "func kindOfCode(code string) (Kind, int) {", "\tswitch code {", *cases, "\t}", '\treturn "", 0', "}",
        ]  # fmt: skip
        return source(self._config.module, lines)

    # ---- around the code -----------------------------------------------------------------------------------------
    def _filled(self, name: str) -> str:
        config = self._config
        return Template(_resource("templates", name)).substitute(
            title=markdown(self._api.title), package=config.package, module=config.module, version=config.version,
            base_url=config.base_url,
        )  # fmt: skip

    def _reference(self) -> Iterator[str]:
        yield f"# Reference of {markdown(self._api.title)} {self._config.version}\n"
        for resource in self._api.resources:
            place = ".".join(exported(part) for part in resource.path)
            yield f"\n## client.{place}\n\n"
            yield f"{markdown(resource.doc)}\n\n" if resource.doc else ""
            for method in resource.methods:
                yield from self._method(place, resource, method)

    def _method(self, place: str, resource: Resource, method: Method) -> Iterator[str]:
        writer = Writer(self._spelling, resource, method, "")
        said = "".join(f", {name} {kind}" for name, kind in writer.arguments())
        yield f"### client.{place}.{writer.name}\n\n"
        yield f"`{writer.name}(ctx{said}, options...)` — `{method.http} {method.path}`\n\n"
        yield f"{markdown(method.doc)}\n\n" if method.doc else ""
        rows = [
            (exported(one.name), self._spelling.parameter(one), one.required, one.doc) for one in method.parameters
        ] + self._body_rows(method)
        if rows:
            yield "| field | type | required | |\n|---|---|---|---|\n"
            for name, kind, required, doc in rows:
                yield f"| `{name}` | `{kind}` | {'yes' if required else ''} | {markdown(doc)} |\n"
            yield "\n"
        if method.errors:
            yield f"Errors: {', '.join(map(str, method.errors))}.\n\n"

    def _body_rows(self, method: Method) -> list[tuple[str, str, bool, str]]:
        body = method.body
        model = self._spelling.types.get(body.type.name) if body and isinstance(body.type, Ref) else None
        if not isinstance(model, Model):
            return []
        hidden = method.stream.param if method.stream else ""
        return [
            (self._spelling.field_name(one), self._spelling.field(model, one), one.required, one.doc)
            for one in model.fields
            if one.name != hidden
        ]

    def _error_pages(self) -> Iterator[str]:
        module = self._config.module
        yield "# Errors\n\nEvery answer of 400 and above is an `*APIError`: its `StatusCode`, `Code`, `Message`, "
        yield "`RequestID()`.\n"
        for error in self._api.errors:
            name = self._spelling.names.of("member", f"#/x-sdk/errors/{error.code}")
            yield f"\n## {markdown(error.code)}\n\n`{module}.{name}`, status {error.status}. {markdown(error.doc)}\n"


def _milliseconds(seconds: float) -> str:
    return f"{round(seconds * 1000)} * time.Millisecond"


def _resource(room: str, name: str) -> str:
    return resources.files(f"sdkgen.languages.go.{room}").joinpath(name).read_text(encoding="utf-8")
