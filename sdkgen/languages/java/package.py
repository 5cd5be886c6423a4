"""A whole package: the runtime, the classes, and what is around them. Pure but for reading its own files."""

from collections.abc import Callable, Iterator
from importlib import resources
from importlib.resources.abc import Traversable
from string import Template

from sdkgen.ir.nodes import Api, Method, Model
from sdkgen.languages.base.casing import camel
from sdkgen.languages.base.common import kind_of, licence
from sdkgen.languages.base.config import Config
from sdkgen.languages.base.escaping import java_string, javadoc, markdown, shell_word, xml_text
from sdkgen.languages.base.names import NameCollisionError
from sdkgen.languages.java.models import Models
from sdkgen.languages.java.naming import asked, field_name, method_name
from sdkgen.languages.java.resources import Resources, Writer, accessors
from sdkgen.languages.java.source import renamed, source
from sdkgen.languages.java.types import Spelling

EXAMPLES = ("Chat", "Stream", "Tools", "Errors", "Asynchronous")


class Package:
    """The files of a client."""

    def __init__(self, api: Api, config: Config, spelling: Spelling) -> None:
        self._api, self._config, self._spelling = api, config, spelling
        self._models = Models(api, spelling)
        self._resources = Resources(api, spelling, self._models)
        self._root = "src/main/java/" + config.module.replace(".", "/")

    def files(self) -> Iterator[tuple[str, str]]:
        rooms = {
            "models": dict(self._models.files()), "resources": dict(self._resources.files()),
            "errors": dict(self._errors()), "": {"LlmGateway": list(self._client())},
        }  # fmt: skip
        own = {name: room for room, classes in rooms.items() if room for name in classes}
        for room, names in self._runtime():
            for name, text in names:
                if name in rooms.get(room, {}):
                    raise NameCollisionError(f"{name} is a class of the runtime")
                yield f"{self._root}/{room}/{name}.java", renamed(text, self._config.module)
        for room, classes in rooms.items():
            for name, lines in classes.items():
                folder = f"{self._root}/{room}".rstrip("/")
                yield f"{folder}/{name}.java", source(room, lines, own, self._config.module)
        yield "pom.xml", self._filled("pom.xml", xml_text)
        yield "LICENSE", licence()
        yield (
            "CHANGELOG.md",
            f"# Changelog\n\n## {self._config.version}\n\n"
            f"Made of {markdown(self._api.title)} {markdown(self._api.version)}.\n",
        )
        yield "README.md", self._filled("README.md", markdown)
        yield "docs/reference.md", "".join(self._reference())
        yield "docs/errors.md", "".join(self._error_pages())
        for name in EXAMPLES if self._has_chat() else ():
            yield f"examples/{name}.java", renamed(self._filled(f"{name}.java.txt", str), self._config.module)

    def _has_chat(self) -> bool:
        """Whether the calls of the examples are among those that were chosen."""
        chosen = {(*one.path, method.name) for one in self._api.resources for method in one.methods}
        return ("chat", "completions", "create") in chosen

    def _runtime(self) -> Iterator[tuple[str, list[tuple[str, str]]]]:
        for room in sorted(_folder("runtime").iterdir(), key=lambda one: one.name):
            files = sorted((one for one in room.iterdir() if one.name.endswith(".java")), key=lambda one: one.name)
            yield room.name, [(file.name.removesuffix(".java"), _text(file)) for file in files]

    # ---- the client and its errors ---------------------------------------------------------------------------------
    def _client(self) -> Iterator[str]:
        config = self._config
        limits = (config.connect_timeout_s, config.first_byte_timeout_s, config.idle_timeout_s, config.total_timeout_s)
        yield from javadoc(f"{self._api.title}: where to begin. {self._api.doc}")
        yield "public final class LlmGateway {"
        yield "    /** The version of this library. */"
        yield f"    public static final String VERSION = {java_string(config.version)};"
        yield ""
        spec = java_string(self._api.document_sha[:12])
        yield f"    private static final SdkInfo SDK = new SdkInfo(VERSION, {spec});"
        yield ""
        yield "    private final ApiClient client;\n    private final RequestOptions options;\n"
        yield "    /** A client whose settings are those of the environment. */"
        yield "    public LlmGateway() {\n        this(settings().build());\n    }\n"
        yield "    /** A client with settings; safe for several threads. */"
        yield "    public LlmGateway(ClientOptions settings) {"
        yield "        this(new ApiClient(settings, SDK, GatewayErrors.ALL), RequestOptions.NONE);\n    }\n"
        yield "    private LlmGateway(ApiClient client, RequestOptions options) {"
        yield "        this.client = client;\n        this.options = options;\n    }\n"
        yield "    /** Settings to begin with. */"
        yield "    public static ClientOptions.Builder settings() {"
        yield f"        return ClientOptions.builder().defaultBaseUrl({java_string(config.base_url)})"
        yield f"                .maxRetries({config.max_retries})"
        durations = ", ".join(f"Duration.ofMillis({round(limit * 1000)}L)" for limit in limits)
        end = ")" if config.headers else ");"
        yield f"                .timeouts(new Timeouts({durations}){end}"
        headers = [
            f"                .header({java_string(name)}, {java_string(value)})"
            for name, value in config.headers.items()
        ]
        yield from headers[:-1]
        yield from [f"{line};" for line in headers[-1:]]
        yield "    }\n"
        yield "    /** The same with other options for each call: time limits, repeats, keys, headers, tags. */"
        yield "    public LlmGateway with(RequestOptions other) {"
        yield "        return new LlmGateway(client, other);"
        yield "    }"
        yield ""
        yield "    /** An operation that this version does not know; {@code body} may be null. */"
        yield "    public ApiResponse<JsonValue> request(String method, String path, JsonValue body) {"
        yield "        ApiRequest request = new ApiRequest(method, path);"
        yield '        if (path.startsWith("/api/")) {'
        yield "            request.auth(ApiRequest.Auth.MANAGEMENT);"
        yield "        }"
        yield "        if (body != null) {\n            request.json(body);\n        }"
        yield "        return client.call(request, options, Codecs.ANY);\n    }\n"
        yield "    /** Runs calls on another thread; cancelling the future interrupts it, which gives the call up. */"
        yield "    public <T> CompletableFuture<T> async(Supplier<T> calls) {"
        yield "        return client.async(calls);"
        yield "    }"
        yield from accessors(self._resources.tree, (), "client, options")
        yield "}"

    def _errors(self) -> Iterator[tuple[str, list[str]]]:
        entries = []
        for error in self._api.errors:
            name = f"{error.name.removesuffix('Error')}Exception"
            base = kind_of(error.status)
            entries.append(
                f"            Map.entry({java_string(error.code)}, new ErrorClasses.Known({error.status}, {name}::new))"
            )
            yield name, [
                *(javadoc(error.doc) or [f"/** {error.status}. */"]),
                f"public class {name} extends {base}Exception {{",
                "    private static final long serialVersionUID = 1L;\n",
                "    /** With what the answer said. */",
                f"    public {name}(ErrorDetails details) {{\n        super(details);\n    }}\n}}",
            ]  # fmt: skip
        page = java_string(self._config.docs_url or "docs/errors.md")  # a file of the package
        yield "GatewayErrors", [
            "/** The codes that have a class. */", "public final class GatewayErrors {",
            "    /** All of them, and the page that explains each. */",
            f"    public static final ErrorClasses ALL = new ErrorClasses({page}, Map.ofEntries(",
            ",\n".join(entries) + "));\n", "    private GatewayErrors() {\n    }\n}",
        ]  # fmt: skip

    # ---- documents -------------------------------------------------------------------------------------------------
    def _filled(self, name: str, escape: Callable[[str], str]) -> str:
        config = self._config
        group, _, artifact = config.package.partition(":")
        return Template(_text(_folder("templates").joinpath(name))).substitute(
            title=escape(self._api.title), group=group, artifact=artifact, module=config.module,
            version=config.version, base_url_word=shell_word(config.base_url),
            base_url_literal=java_string(config.base_url),
        )  # fmt: skip

    def _reference(self) -> Iterator[str]:
        yield f"# Reference of {markdown(self._api.title)} {self._config.version}\n"
        for resource in self._api.resources:
            yield f"\n## gateway.{'.'.join(f'{part}()' for part in map(camel, resource.path))}\n\n"
            yield f"{markdown(resource.doc)}\n\n" if resource.doc else ""
            for method in resource.methods:
                yield from self._method_page(method)

    def _method_page(self, method: Method) -> Iterator[str]:
        writer = Writer(self._spelling, self._models, method)
        name = method_name(self._spelling.names, method)
        yield f"### {name}\n\n`{name}({', '.join(f'{kind} {one}' for kind, one in writer.required)})`"
        yield f" · {method.http} {markdown(method.path)}\n\n"
        yield f"{markdown(method.doc)}\n\n" if method.doc else ""
        rows = [(one.name, one.type, one.required, one.doc) for one in asked(method)]
        body = self._spelling.declaration(method.body.type) if method.body else None
        if isinstance(body, Model):
            rows += [
                (field_name(self._spelling.names, body, one), one.type, one.required, one.doc) for one in body.fields
            ]
        if rows:
            yield "| name | type | required | |\n|---|---|---|---|\n"
            for argument, kind, required, text in rows:
                spelled, word = self._spelling.boxed(kind), "yes" if required else ""
                yield f"| {markdown(argument)} | `{spelled}` | {word} | {markdown(text)} |\n"
            yield "\n"
        if method.errors:
            yield f"Errors: {', '.join(map(str, method.errors))}.\n\n"

    def _error_pages(self) -> Iterator[str]:
        yield "# Errors\n\nEach is an `ApiException` with `status()`, `code()`, `detail()` and `requestId()`.\n"
        for error in self._api.errors:
            name = f"{error.name.removesuffix('Error')}Exception"
            yield f"\n## {error.code}\n\n`{name}`, status {error.status}. {markdown(error.doc)}\n"


def _folder(room: str) -> Traversable:
    return resources.files("sdkgen.languages.java").joinpath(room)


def _text(file: Traversable) -> str:
    return file.read_text(encoding="utf-8")
