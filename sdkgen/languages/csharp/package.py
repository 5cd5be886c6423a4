"""The files of a package in C#. Pure but for reading the runtime and the templates."""

import re
from collections.abc import Iterator
from importlib import resources
from string import Template

from sdkgen.ir.nodes import Api, Method, Ref, Resource
from sdkgen.languages.base.casing import pascal
from sdkgen.languages.base.common import has, kind_of, licence
from sdkgen.languages.base.config import Config
from sdkgen.languages.base.escaping import csharp_string, markdown, xml_text
from sdkgen.languages.base.names import Names
from sdkgen.languages.base.usage import usage_of
from sdkgen.languages.csharp import models
from sdkgen.languages.csharp.models import summary
from sdkgen.languages.csharp.resources import Resources, nested
from sdkgen.languages.csharp.types import Types

RUNTIME = (
    "Configuration", "Errors", "EventStream", "Folding", "IdleReader", "Json", "Logging", "Metadata", "Multipart",
    "Optional", "Options", "Paging", "PlainEncoder", "Polyfills", "Retry", "Sse", "Telemetry", "Transport",
)  # fmt: skip
"""Beside these the runtime has `Defaults` and `ErrorCodes`, which are written here."""

EXAMPLES = {
    "Chat": ("chat.completions.create",),
    "Stream": ("chat.completions.create",),
    "Tools": ("chat.completions.create",),
    "Errors": ("chat.completions.create",),
    "Upload": ("files.create", "files.delete", "files.list"),
}
"""The methods that each calls: a client of parts of the API has the examples that it can run."""


class Package:
    """The files of one package."""

    def __init__(self, api: Api, names: Names, config: Config) -> None:
        self._api, self._config = api, config
        self._types = Types({declared.name: declared for declared in api.types}, names, usage_of(api), config.module)
        forms = frozenset(
            method.body.type.name
            for resource in api.resources
            for method in resource.methods
            if method.body is not None and method.body.content == "multipart" and isinstance(method.body.type, Ref)
        )
        self._resources = Resources(self._types)
        self._forms = forms
        paths = {resource.path for resource in api.resources}
        self._places = sorted({path[:length] for path in paths for length in range(1, len(path) + 1)})

    def files(self) -> Iterator[tuple[str, str | bytes]]:
        for name in RUNTIME:
            yield f"src/Runtime/{name}.cs", self._own(_read("runtime", f"{name}.cs"))
        yield "src/Runtime/Defaults.cs", self._defaults()
        yield "src/Runtime/ErrorCodes.cs", self._errors()
        yield "src/GatewayClient.cs", self._client()
        yield from self._models()
        yield from self._places_of_methods()
        yield f"{self._config.package}.csproj", self._project()
        yield "README.md", self._filled(_read("templates", "README.md"))
        yield "LICENSE", licence()
        made = f"Made from the API's document {self._api.document_sha[:12]}."
        yield "CHANGELOG.md", f"# Changelog\n\n## {self._config.version}\n\n{made}\n"
        yield "REFERENCE.md", "".join(self._reference())
        for name, needed in EXAMPLES.items():
            if has(self._api, *needed):
                yield f"examples/{name}.cs", self._filled(_read("templates", f"{name}.cs"))

    # ---- code ----------------------------------------------------------------------------------------------------
    def _own(self, text: str) -> str:
        """A file of the runtime in the package's namespace."""
        return re.sub(r"^namespace LlmGateway;$", f"namespace {self._config.module};", text, count=1, flags=re.M)

    def _models(self) -> Iterator[tuple[str, str]]:
        groups: dict[str, list[str]] = {}
        for declared in self._api.types:
            groups.setdefault(self._types.usage.group_of(declared.name), []).append(declared.name)
        for group, found in sorted(groups.items()):
            declared_types = [self._types.declared[name] for name in found]
            text = models.module(declared_types, self._types, self._config.module, self._forms)
            yield f"src/Models/{pascal(group)}.cs", text

    def _children(self, path: tuple[str, ...]) -> list[tuple[str, ...]]:
        return [one for one in self._places if len(one) == len(path) + 1 and one[: len(path)] == path]

    def _places_of_methods(self) -> Iterator[tuple[str, str]]:
        known = {resource.path: resource for resource in self._api.resources}
        groups: dict[str, list[Resource]] = {}
        for path in self._places:
            group = "_".join(path[:2]) if path[0] == "manage" else path[0]
            groups.setdefault(group, []).append(known.get(path) or Resource(path, ()))
        children = {path: self._children(path) for path in self._places}
        for group, found in sorted(groups.items()):
            yield f"src/Resources/{pascal(group)}.cs", self._resources.module(found, children, self._config.module)

    def _client(self) -> str:
        lines = [
            "// Made by the SDK generator from the API's document.",
            f"namespace {self._config.module};",
            "",
            "using System;",
            "",
            *summary(self._api.doc, f"A client of {self._api.title}."),
            "/// <remarks>Safe for many threads: make one and keep it. Disposing it closes its connections.</remarks>",
            "public sealed class GatewayClient : IDisposable",
            "{",
            "    private readonly Transport _transport;",
            "",
            "    /// <summary>With what is given, else with what the environment says.</summary>",
            "    /// <exception cref=\"ConfigurationException\">No key, or an address that is none.</exception>",
            "    public GatewayClient(ClientOptions? options = null) =>",
            "        _transport = new Transport(options ?? new ClientOptions());",
            *nested(self._children(()), "_transport"),
            "",
            "    /// <inheritdoc/>",
            "    public void Dispose() => _transport.Dispose();",
            "}",
        ]  # fmt: skip
        return "\n".join(lines) + "\n"

    def _defaults(self) -> str:
        config = self._config
        pairs = [f"[{csharp_string(name)}] = {csharp_string(value)}" for name, value in sorted(config.headers.items())]
        made = "new Dictionary<string, string>" + (f" {{ {', '.join(pairs)} }}" if pairs else "()")
        return (
            f"namespace {config.module};\n\nusing System.Collections.Generic;\n\n"
            "/// <summary>What the generator knows of this release.</summary>\ninternal static class Defaults\n{\n"
            f"    public const string Version = {csharp_string(config.version)};\n"
            f"    public const string SpecSha = {csharp_string(self._api.document_sha[:12])};\n"
            f"    public const string BaseUrl = {csharp_string(config.base_url)};\n"
            f"    public const string DocsUrl = {csharp_string(config.docs_url)};\n"
            f"    public const double ConnectSeconds = {config.connect_timeout_s!r};\n"
            f"    public const double FirstByteSeconds = {config.first_byte_timeout_s!r};\n"
            f"    public const double IdleSeconds = {config.idle_timeout_s!r};\n"
            f"    public const double TotalSeconds = {config.total_timeout_s!r};\n"
            f"    public const int MaxRetries = {config.max_retries};\n\n"
            f"    public static readonly IReadOnlyDictionary<string, string> Headers = {made};\n}}\n"
        )

    def _errors(self) -> str:
        lines = [
            "// Made by the SDK generator from the API's document.",
            f"namespace {self._config.module};",
            "",
            "/// <summary>Errors that have a class of their own.</summary>",
            "internal static class ErrorCodes",
            "{",
            "    public static ApiException? Of(ErrorBody body) => (body.Status, body.Code) switch",
            "    {",
        ]
        lines += [
            f"        ({error.status}, {csharp_string(error.code)}) => new {error.name}Exception(body),"
            for error in self._api.errors
        ]
        lines += ["        _ => null,", "    };", "}"]
        for error in self._api.errors:
            base = kind_of(error.status)
            lines += [
                "",
                *summary(error.doc, error.code),
                f"public sealed class {error.name}Exception : {base}Exception",
                "{",
                f"    internal {error.name}Exception(ErrorBody body)",
                "        : base(body)",
                "    {",
                "    }",
                "}",
            ]
        return "\n".join(lines) + "\n"

    # ---- words ---------------------------------------------------------------------------------------------------
    def _filled(self, text: str) -> str:
        return Template(text).substitute(
            package=self._config.package, namespace=self._config.module, version=self._config.version,
            base_url=self._config.base_url, title=markdown(self._api.title),
        )  # fmt: skip

    def _project(self) -> str:
        return Template(_read("templates", "package.csproj")).substitute(
            package=xml_text(self._config.package), namespace=xml_text(self._config.module),
            version=xml_text(self._config.version), title=xml_text(self._api.title),
        )  # fmt: skip

    def _reference(self) -> Iterator[str]:
        yield f"# Reference of {markdown(self._config.package)} {self._config.version}\n"
        for resource in self._api.resources:
            place = ".".join(pascal(part) for part in resource.path)
            yield f"\n## client.{place}\n"
            if resource.doc:
                yield f"\n{markdown(resource.doc)}\n"
            for method in resource.methods:
                yield from self._entry(resource, method, place)

    def _entry(self, resource: Resource, method: Method, place: str) -> Iterator[str]:
        name = self._types.names.of("method", method.pointer)
        answer = self._resources.answer_of(resource, method)
        if method.pagination is not None:
            answer = "Page"
        yield f"\n### `client.{place}.{name}Async`\n\n`{method.http.upper()} {method.path}`"
        yield f" → `{answer}`\n" if answer else "\n"
        if method.stream is not None:
            yield f"\n`{name}StreamAsync` answers piece by piece: `{self._types.code(method.stream.event)}`.\n"
        if method.doc:
            yield f"\n{markdown(method.doc)}\n"
        rows = [(one.name, self._resources.code_of(one.type), one.required, one.doc) for one in method.parameters]
        if method.body is not None:
            rows.append(("request", self._types.code(method.body.type), method.body.required, ""))
        if rows:
            yield "\n| argument | type | needed | |\n|---|---|---|---|\n"
            for argument, code, needed, doc in rows:
                yield f"| `{argument}` | `{code}` | {'yes' if needed else ''} | {markdown(doc)} |\n"


def _read(folder: str, name: str) -> str:
    return resources.files(f"sdkgen.languages.csharp.{folder}").joinpath(name).read_text(encoding="utf-8")
