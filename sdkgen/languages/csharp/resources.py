"""Resources and their methods as C#: a class a place, a method an operation. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from sdkgen.ir.nodes import (
    Answer,
    AnyValue,
    Binary,
    Const,
    Enum,
    ListOf,
    MapOf,
    Method,
    Model,
    Nullable,
    Parameter,
    Prim,
    Ref,
    Resource,
    Scalar,
    Type,
    Union,
)
from sdkgen.languages.base.casing import pascal
from sdkgen.languages.base.escaping import csharp_string
from sdkgen.languages.csharp.models import inline, summary
from sdkgen.languages.csharp.naming import argument, property_of, resource_class
from sdkgen.languages.csharp.types import Types

HEAD = (
    "// Made by the SDK generator from the API's document.",
    "namespace {namespace};",
    "",
    "using System;",
    "using System.Collections.Generic;",
    "using System.Net.Http;",
    "using System.Text.Json;",
    "using System.Threading;",
    "using System.Threading.Tasks;",
)
HTTP = {"get": "Get", "post": "Post", "put": "Put", "delete": "Delete"}
STATUSES = {200: "Ok", 201: "Created", 202: "Accepted"}
COMMON = (
    '/// <param name="options">What this call does otherwise than its client.</param>',
    '/// <param name="cancellation">Ends the call.</param>',
)
TAIL = "RequestOptions? options = null, CancellationToken cancellation = default"


@dataclass(frozen=True, slots=True)
class Resources:
    """Writes the classes of an API's resources."""

    types: Types

    def module(self, resources: Sequence[Resource], children: Mapping[tuple[str, ...], Sequence[tuple[str, ...]]],
               namespace: str) -> str:  # fmt: skip
        lines = [line.format(namespace=namespace) for line in HEAD]
        for resource in resources:
            lines += ["", *self.resource(resource, children.get(resource.path, ()))]
        return "\n".join(lines) + "\n"

    def resource(self, resource: Resource, children: Sequence[tuple[str, ...]]) -> Iterator[str]:
        name = resource_class(resource.path)
        yield from summary(resource.doc, " ".join(resource.path).replace("_", " ").capitalize() + ".")
        yield f"public sealed class {name}"
        yield "{"
        yield "    private readonly Transport _transport;"
        yield ""
        yield f"    internal {name}(Transport transport) => _transport = transport;"
        yield from nested(children, "_transport")
        for method in resource.methods:
            yield from (f"    {line}".rstrip() for line in self.method(resource, method))
        yield "}"
        for method in resource.methods:
            yield from self.query_class(resource, method)
            yield from self.answer_class(resource, method)

    # ---- methods -------------------------------------------------------------------------------------------------
    def method(self, resource: Resource, method: Method) -> Iterator[str]:
        yield ""
        if method.pagination is not None:
            yield from self._paged(resource, method)
        else:
            yield from self._whole(resource, method)
        if method.stream is not None:
            yield ""
            yield from self._streamed(resource, method)

    def _head(self, resource: Resource, method: Method, name: str, answer: str) -> Iterator[str]:
        yield from summary(method.doc, f"{method.http.upper()} {method.path}")
        for parameter in method.parameters:
            if parameter.where == "path":
                text = inline(parameter.doc) or inline(parameter.name)
                yield f'/// <param name="{argument(parameter.name).lstrip("@")}">{text}</param>'
        if method.body is not None:
            yield '/// <param name="request">What is sent.</param>'
        if self.query_of(method):
            yield '/// <param name="query">What narrows or orders the answer.</param>'
        yield from COMMON
        if method.deprecated:
            yield '[Obsolete("Deprecated by the API.")]'
        yield f"public {answer} {name}("
        yield f"    {', '.join([*self._arguments(resource, method), TAIL])})"

    def _arguments(self, resource: Resource, method: Method) -> Iterator[str]:
        for parameter in method.parameters:
            if parameter.where == "path":
                yield f"{self.code_of(parameter.type)} {argument(parameter.name)}"
        needed: list[str] = []
        others: list[str] = []
        if method.body is not None:
            code = self.types.code(method.body.type)
            (needed if method.body.required else others).append(
                f"{code} request" if method.body.required else f"{code}? request = null"
            )
        if self.query_of(method):
            name = self.query_name(resource, method)
            if self._is_lax(method):
                others.append(f"{name}? query = null")
            else:
                needed.append(f"{name} query")
        yield from [*needed, *others]

    def _whole(self, resource: Resource, method: Method) -> Iterator[str]:
        name = self.types.names.of("method", method.pointer) + "Async"
        answer = self.answer_of(resource, method)
        yield from self._head(resource, method, name, "async Task" + (f"<{answer}>" if answer else ""))
        yield "{"
        if method.stream is not None and method.stream.param:
            yield f"    if (request.{self._stream_field(method)} == true)"
            yield f'        throw new ConfigurationException("{name[:-5]}StreamAsync answers piece by piece.");'
        reader = self._reader(resource, method)
        yield from self._sent(method, reader)
        yield from (f"    {line}" for line in self._handed(resource, method))
        yield "}"

    def _sent(self, method: Method, reader: str) -> Iterator[str]:
        yield f"    var call = {self._call(method)};"
        yield f"    var answer = await _transport.Send(call, {reader}, options, cancellation).ConfigureAwait(false);"

    def _reader(self, resource: Resource, method: Method) -> str:
        content, type_ = self._first(method)
        if content in ("binary", "none") or self._is_various(method):
            return "bytes => bytes"
        if content == "text":
            return "Json.Utf8"
        assert type_ is not None
        return f"bytes => Json.Parse(bytes, root => {self.types.read(type_, 'root', csharp_string('the answer'))})"

    def _handed(self, resource: Resource, method: Method) -> Iterator[str]:
        content, type_ = self._first(method)
        if self._is_various(method):
            name = self.answer_of(resource, method)
            yield f"return {name}.Of(answer);"
        elif content == "none":
            yield "_ = answer;"
        elif content == "binary":
            yield "return BinaryAnswers.Of(answer);"
        else:
            if isinstance(type_, Ref) and self.types.is_view(self.types.declared[type_.name]):
                yield "answer.Value.Gateway = answer.Gateway;"
            yield "return answer.Value;"

    def _streamed(self, resource: Resource, method: Method) -> Iterator[str]:
        assert method.stream is not None
        name = self.types.names.of("method", method.pointer) + "StreamAsync"
        event = self.types.code(method.stream.event)
        whole = self._first(method)[1] if method.stream.fold else None
        if not (isinstance(whole, Ref) and self.types.is_view(self.types.declared[whole.name])):
            whole = None
        made = f"{event}, {self.types.code(whole)}" if whole else event
        yield from self._head(resource, method, name, f"Task<EventStream<{made}>>")
        yield "{"
        if method.stream.param:
            yield f"    request = request with {{ {self._stream_field(method)} = true }};"
        last = ", ".join(csharp_string(one) for one in method.stream.last)
        names = f"new[] {{ {last} }}" if last else "Array.Empty<string>()"
        read = f"root => {self.types.read(method.stream.event, 'root', csharp_string('an event'))}"
        fold = f", {csharp_string(method.stream.fold)}" if whole else ""
        declared = self.types.declared.get(method.stream.event.name) if isinstance(method.stream.event, Ref) else None
        union = " { IsUnion = true }" if isinstance(declared, Union) else ""
        made = f"({read}, {csharp_string(method.stream.done)}, {names}{fold}){union}"
        yield f"    var shape = new StreamShape<{event}>{made};"
        more = f"root => {self.types.read(whole, 'root', csharp_string('the answer'))}, " if whole else ""
        yield f"    return _transport.Stream({self._call(method)}, shape, {more}options, cancellation);"
        yield "}"

    def _paged(self, resource: Resource, method: Method) -> Iterator[str]:
        pages = method.pagination
        assert pages is not None
        _, type_ = self._first(method)
        assert isinstance(type_, Ref)
        model = self.types.declared[type_.name]
        assert isinstance(model, Model)
        fields = {field.name: field for field in model.fields}
        items = fields[pages.items].type
        items = items.of if isinstance(items, Nullable) else items
        assert isinstance(items, ListOf)
        item = self.types.code(items.items)
        listed = self.types.names.of("field", fields[pages.items].pointer)
        query = self.query_name(resource, method)
        step = property_of(pages.next, query)
        paths = [argument(one.name) for one in method.parameters if one.where == "path"]
        name = self.types.names.of("method", method.pointer) + "Async"
        count = fields.get("count")
        total = (
            f"found.{self.types.names.of('field', count.pointer)}"
            if count and count.type == Prim("integer")
            else "null"
        )
        yield from self._head(resource, method, name, f"async Task<Page<{item}>>")
        yield "{"
        read = f"bytes => Json.Parse(bytes, root => {self.types.read(type_, 'root', csharp_string('the answer'))})"
        yield from self._sent(method, read)
        yield "    var found = answer.Value;"
        body = ["request"] if method.body is not None else []
        next_call = f"{name}({', '.join([*paths, *body, '{next}', 'options', 'again'])})"
        if pages.kind == "page":
            following = f"(query ?? new()) with {{ {step} = (query?.{step} ?? 1) + 1 }}"
            has = f"Json.Find(found.Raw, {csharp_string(pages.more)}) is not null"
        else:
            following = f"(query ?? new()) with {{ {step} = Json.IdOf(found.{listed}[found.{listed}.Count - 1]) }}"
            has = (
                f"found.{listed} is {{ Count: > 0 }}"
                f" && Json.Find(found.Raw, {csharp_string(pages.more)}) is {{ ValueKind: JsonValueKind.True }}"
            )
        yield f"    var hasNext = {has};"
        yield f"    return new(found.{listed}, {total}, answer.Gateway,"
        yield f"        hasNext ? again => {next_call.replace('{next}', following)} : null);"
        yield "}"

    def _stream_field(self, method: Method) -> str:
        assert method.stream is not None
        assert method.body is not None
        assert isinstance(method.body.type, Ref)
        model = self.types.declared[method.body.type.name]
        assert isinstance(model, Model)
        (found,) = (field for field in model.fields if field.name == method.stream.param)
        return self.types.names.of("field", found.pointer)

    def _call(self, method: Method) -> str:
        """The `ApiCall` that is sent."""
        http = f"HttpMethod.{HTTP[method.http.lower()]}" if method.http.lower() in HTTP else 'new HttpMethod("PATCH")'
        said = []
        if method.body is not None:
            body = self._body(method)
            said.append(f"Body = {body if method.body.required else f'request is null ? null : {body}'}")
        if any(one.where == "query" for one in method.parameters):
            said.append("Query = query?.Pairs() ?? Json.NoPairs" if self._is_lax(method) else "Query = query.Pairs()")
        if any(one.where == "header" for one in method.parameters):
            said.append("Headers = query?.Headers()" if self._is_lax(method) else "Headers = query.Headers()")
        if method.idempotent:
            said.append("IsKeyed = true")
        if method.auth != "key":
            said.append(f"Key = KeyKind.{method.auth.capitalize()}")
        content, _ = self._first(method)
        if content in ("binary", "text"):
            said.append('Accept = "*/*"')
        return f"new ApiCall({http}, {self._path(method)})" + (f" {{ {', '.join(said)} }}" if said else "")

    def _is_lax(self, method: Method) -> bool:
        return not any(one.required for one in self.query_of(method))

    def _body(self, method: Method) -> str:
        assert method.body is not None
        match method.body.content:
            case "multipart":
                return "() => request.ToForm().Content()"
            case "binary":
                return "request.Content"
        write = self.types.write(method.body.type, "request")
        return f"() => Json.Content(writer => {write})"

    def _path(self, method: Method) -> str:
        parts = []
        for part in method.path.strip("/").split("/"):
            if part.startswith("{") and part.endswith("}"):
                (found,) = (one for one in method.parameters if one.where == "path" and one.name == part[1:-1])
                parts.append((True, f"Configuration.Part({self._text(found.type, argument(found.name))})"))
            else:
                parts.append((False, part))
        text, pieces = "", []
        for is_code, part in parts:
            text += "/"
            if is_code:
                pieces += [csharp_string(text), part]
                text = ""
            else:
                text += part
        if method.path.endswith("/"):
            text += "/"
        if text:
            pieces.append(csharp_string(text))
        return " + ".join(pieces)

    # ---- answers -------------------------------------------------------------------------------------------------
    def _first(self, method: Method) -> tuple[str, Type | None]:
        if not method.answers:
            return "none", None
        return method.answers[0].content, method.answers[0].type

    def _is_various(self, method: Method) -> bool:
        return len({(answer.content, answer.type) for answer in method.answers}) > 1

    def answer_of(self, resource: Resource, method: Method) -> str:
        """The type of what a method gives; empty for nothing."""
        if self._is_various(method):
            return resource_class(resource.path)[:-8] + self.types.names.of("method", method.pointer) + "Answer"
        content, type_ = self._first(method)
        if content == "none":
            return ""
        if content in ("binary", "text"):
            return "BinaryAnswer" if content == "binary" else "string"
        assert type_ is not None
        return self.types.code(type_)

    def answer_class(self, resource: Resource, method: Method) -> Iterator[str]:
        """Of a method whose answers differ by status."""
        if not self._is_various(method):
            return
        name = self.answer_of(resource, method)
        yield ""
        place = inline(f"{method.http.upper()} {method.path}")
        yield f"/// <summary>One of the answers of {place}; the others are null.</summary>"
        yield '/// <param name="Status">HTTP status.</param>'
        yield '/// <param name="Gateway">What the gateway says about the answer.</param>'
        yield f"public sealed record {name}(int Status, GatewayInfo Gateway)"
        yield "{"
        for answer in method.answers:
            if answer.type is not None:
                yield from summary(answer.doc, f"Status {answer.status}.", "    ")
                yield f"    public {self.types.code(answer.type)}? {self._label(answer)} {{ get; init; }}"
                yield ""
        yield f"    internal static {name} Of(RawResponse<ReadOnlyMemory<byte>> answer) => answer.Status switch"
        yield "    {"
        for answer in method.answers:
            if answer.type is not None:
                read = self.types.read(answer.type, "root", csharp_string("the answer"))
                value = f"Json.Parse(answer.Body, root => {read})"
                made = f"new(answer.Status, answer.Gateway) {{ {self._label(answer)} = {value} }}"
                yield f"        {answer.status} => {made},"
        yield "        _ => new(answer.Status, answer.Gateway),"
        yield "    };"
        yield "}"

    @staticmethod
    def _label(answer: Answer) -> str:
        return STATUSES.get(answer.status, f"Status{answer.status}")

    # ---- queries -------------------------------------------------------------------------------------------------
    @staticmethod
    def query_of(method: Method) -> list[Parameter]:
        return [one for one in method.parameters if one.where != "path"]

    def query_name(self, resource: Resource, method: Method) -> str:
        return resource_class(resource.path)[:-8] + self.types.names.of("method", method.pointer) + "Params"

    def query_class(self, resource: Resource, method: Method) -> Iterator[str]:
        parameters = self.query_of(method)
        if not parameters:
            return
        name = self.query_name(resource, method)
        yield ""
        place = inline(f"{method.http.upper()} {method.path}")
        yield f"/// <summary>What narrows or orders the answer of {place}.</summary>"
        yield f"public sealed record {name}"
        yield "{"
        for parameter in parameters:
            yield from summary(parameter.doc, f"Parameter {parameter.name}.", "    ")
            if parameter.deprecated:
                yield '    [Obsolete("Deprecated by the API.")]'
            yield f"    public {self.code_of(parameter.type)}? {property_of(parameter.name, name)} {{ get; init; }}"
            yield ""
        yield from self._pairs(name, parameters, "query")
        if any(one.where == "header" for one in parameters):
            yield ""
            yield from self._pairs(name, parameters, "header")
        yield "}"

    def _pairs(self, name: str, parameters: Sequence[Parameter], where: str) -> Iterator[str]:
        if where == "query":
            yield "    internal IReadOnlyList<KeyValuePair<string, string>> Pairs()"
            yield "    {"
            yield "        var pairs = new List<KeyValuePair<string, string>>();"
        else:
            yield "    internal IReadOnlyDictionary<string, string> Headers()"
            yield "    {"
            yield "        var pairs = new Dictionary<string, string>();"
        for parameter in parameters:
            if parameter.where != where:
                continue
            own, wire = property_of(parameter.name, name), csharp_string(parameter.name)
            if parameter.required:
                yield f"        if ({own} is null) throw Json.Unset({csharp_string(name)}, {csharp_string(own)});"
            add = f"pairs.Add(new({wire}, {{}}))" if where == "query" else f"pairs.Add({wire}, {{}})"
            yield f"        if ({own} is {{ }} some{own}) {add.format(self._text(parameter.type, f'some{own}'))};"
        yield "        return pairs;"
        yield "    }"

    def code_of(self, of: Type) -> str:
        """Of what stands in an address: what is no scalar is text."""
        inner = of.of if isinstance(of, Nullable) else of
        if isinstance(inner, ListOf):
            return f"IReadOnlyList<{self.code_of(inner.items)}>"
        if isinstance(inner, AnyValue | Scalar | MapOf | Const | Binary):
            return "string"
        if isinstance(inner, Ref) and not isinstance(self.types.declared[inner.name], Enum):
            return "string"
        return self.types.code(inner)

    def _text(self, of: Type, value: str) -> str:
        inner = of.of if isinstance(of, Nullable) else of
        if isinstance(inner, ListOf):
            return f"Json.Joined({value}, each => {self._text(inner.items, 'each')})"
        if isinstance(inner, Ref) and isinstance(self.types.declared[inner.name], Enum):
            return f"{value}.ToString()"
        return f"Json.Text({value})"


def nested(children: Sequence[tuple[str, ...]], transport: str) -> Iterator[str]:
    """Properties that lead to the resources below."""
    for path in children:
        name = resource_class(path)
        yield ""
        yield f"    /// <summary>{inline(' '.join(path).replace('_', ' ').capitalize())}.</summary>"
        yield f"    public {name} {pascal(path[-1])} => new({transport});"
