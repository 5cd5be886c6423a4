"""Examples as C# writes them. Pure."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sdkgen.examples.binding import chosen, number_text
from sdkgen.examples.data import Call, Options, Path, error_of
from sdkgen.examples.walk import answer_type, item_type, read_field, steps
from sdkgen.ir.nodes import (
    AnyValue,
    Api,
    Binary,
    Const,
    Enum,
    ErrorCode,
    Field,
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
from sdkgen.languages.base.common import kind_of
from sdkgen.languages.base.config import Config
from sdkgen.languages.base.escaping import csharp_string
from sdkgen.languages.base.layout import Group, Node, Style, text
from sdkgen.languages.base.names import Names
from sdkgen.languages.base.snippets import BUILTIN, Code, Snippet, each_parts, indented, ordered, singular
from sdkgen.languages.base.usage import usage_of
from sdkgen.languages.csharp.naming import KEYWORDS, argument, escaped, property_of
from sdkgen.languages.csharp.resources import Resources
from sdkgen.languages.csharp.types import Types

STYLE = Style("    ", width=92)
USES = {
    "Console.": "System", "DateTimeOffset": "System", "TimeSpan.": "System", "Task": "System.Threading.Tasks",
    "Dictionary<": "System.Collections.Generic", "IReadOnlyList<": "System.Collections.Generic",
}  # fmt: skip
TAKEN = BUILTIN | {"answer", "error", "found"}


class CSharpSnippets:
    """See `sdkgen.languages.base.snippets.Snippets`. `imports` are namespaces."""

    def __init__(self, api: Api, names: Names, config: Config) -> None:
        self._api, self._names, self._namespace = api, names, config.module
        declared = {one.name: one for one in api.types}
        self._types = Types(declared, names, usage_of(api), config.module)
        self._resources = Resources(self._types)

    def of(self, call: Call) -> Snippet:
        made = text(self._call(call), STYLE, len("var answer = await ;"))
        lines = {
            "stream": self._stream, "paged": self._paged, "error": self._error, "async": self._together,
        }.get(call.variant, self._plain)(call, made)  # fmt: skip
        body = "\n".join(lines)
        return Snippet(self._imports(body), body, made, is_async=True)

    def _imports(self, body: str) -> tuple[str, ...]:
        return ordered({*(space for word, space in USES.items() if word in body), self._namespace})

    def program(self, snippet: Snippet, name: str = "Example") -> str:
        spaces = sorted({*snippet.imports, "System.Threading.Tasks"} - {self._namespace})
        uses = "".join(f"using {one};\n" for one in [*spaces, self._namespace])
        return (
            f"{uses}\npublic static class {name}\n{{\n    public static async Task Main()\n    {{\n"
            f"        using var client = new GatewayClient();\n{indented(snippet.body, ' ' * 8)}\n    }}\n}}\n"
        )

    # ---- as functions --------------------------------------------------------------------------------------------
    def reading(self, model: Model, field: Field) -> Snippet:
        body = "\n".join(self._read(model, field))
        return Snippet(self._imports(body), body, "", takes=(f"{self._types.name(model)} answer",))

    def making(self, of: Ref, value: Any) -> Snippet:
        name = _variable(of.name)
        made = text(self._value(of, value), STYLE, len(f"var {name} = ;"))
        body = f"var {name} = {made};\nConsole.WriteLine({name});"
        return Snippet(self._imports(body), body, "")

    def catching(self, error: ErrorCode) -> Snippet:
        body = f"if (error is {error.name}Exception found) Console.WriteLine(found.RequestId);"
        return Snippet(self._imports(body), body, "", takes=("Exception error",))

    def function(self, name: str, snippet: Snippet) -> Code:
        arguments = ", ".join([*(["GatewayClient client"] if snippet.call else []), *snippet.takes])
        head = f"public static {'async Task' if snippet.is_async else 'void'} {pascal(name)}({arguments})"
        spaces = {*snippet.imports, *(["System.Threading.Tasks"] if snippet.is_async else [])}
        made = f"{head}\n{{\n{indented(snippet.body, ' ' * 4)}\n}}\n"
        return Code(pascal(name), made, frozenset(f"using {one};" for one in spaces), snippet.is_alone)

    def file(self, codes: Sequence[Code]) -> str:
        spaces = {line[6:-1] for code in codes for line in code.imports} - {self._namespace}
        uses = "".join(f"using {one};\n" for one in [*sorted(spaces), self._namespace])
        body = indented("\n".join(code.text for code in codes).rstrip("\n"), " " * 4)
        return f"{uses}\npublic static class Example\n{{\n{body}\n}}\n"

    def _read(self, model: Model, field: Field) -> Iterator[str]:
        is_nullable = isinstance(field.type, Nullable)
        code = self._types.code(field.type.of if isinstance(field.type, Nullable) else field.type)
        if not field.required or is_nullable:
            code += "?"
            if not self._types.is_view(model) and is_nullable and not field.required:
                code = f"Optional<{code}>"
        name = _variable(field.name)
        yield f"{code} {name} = answer.{self._names.of('field', field.pointer)};"
        yield f"Console.WriteLine({name});"

    # ---- what is said of a method --------------------------------------------------------------------------------
    def place(self, resource: Resource, method: Method) -> str:
        name = self._names.of("method", method.pointer)
        return f"client.{'.'.join(pascal(part) for part in resource.path)}.{name}Async"

    def signature(self, resource: Resource, method: Method) -> str:
        lines = list(self._resources.method(resource, method))
        return "\n".join(
            f"{line}\n{lines[index + 1]}" for index, line in enumerate(lines) if line.startswith("public ")
        )

    def argument(self, method: Method, one: Parameter | Field) -> tuple[str, str]:
        if isinstance(one, Parameter):
            name = argument(one.name) if one.where == "path" else property_of(one.name, "")
            return name, self._resources.code_of(one.type)
        return self._names.of("field", one.pointer), self._types.code(one.type)

    def returns(self, method: Method) -> str:
        if method.pagination is not None:
            return f"Page<{self._types.code(item_type(method, self._types.declared))}>"
        resource = next(one for one in self._api.resources if method in one.methods)
        return self._resources.answer_of(resource, method)

    def error(self, status: int) -> str:
        return f"{kind_of(status)}Exception"

    def declared(self, name: str) -> str:
        return self._types.name(self._types.declared[name])

    def spelled(self, of: Type, *, is_sent: bool = False) -> str:
        return self._types.code(of)

    def member(self, model: Model, one: Field, *, is_sent: bool = False) -> tuple[str, str]:
        return self._names.of("field", one.pointer), self.spelled(one.type)

    # ---- the call ------------------------------------------------------------------------------------------------
    def _call(self, call: Call) -> Group:
        method = call.method
        place = ".".join(pascal(part) for part in call.resource.path)
        name = self._names.of("method", method.pointer) + ("StreamAsync" if call.variant == "stream" else "Async")
        types = {one.name: one.type for one in method.parameters}
        given: list[tuple[str, Node]] = [("", self._in_address(types[n], v)) for n, v in call.path.items()]
        is_named = False
        if method.body is not None:
            if call.body is not None:
                model = self._types.declared[method.body.type.name] if isinstance(method.body.type, Ref) else None
                assert isinstance(model, Model)
                given.append(("", self._fields("new()", model, call.body)))
            else:
                is_named = True
        query = self._resources.query_of(method)
        if query:
            if call.others or any(one.required for one in query):
                owner = self._resources.query_name(call.resource, method)
                given.append(("query: " if is_named else "", self._query(owner, query, call.others)))
            else:
                is_named = True
        if (options := _options(call.example.options)) is not None:
            given.append(("options: " if is_named else "", options))
        return Group(f"client.{place}.{name}(", tuple(given), ")", last="")

    def _query(self, owner: str, parameters: list[Parameter], said: Mapping[str, Any]) -> Group:
        types = {one.name: one.type for one in parameters}
        items = tuple((f"{property_of(n, owner)} = ", self._in_address(types[n], v)) for n, v in said.items())
        return _object("new()", items)

    def _in_address(self, of: Type, value: Any) -> Node:
        """What is no scalar is text there."""
        inner = of.of if isinstance(of, Nullable) else of
        if self._resources.code_of(inner) == "string":
            return csharp_string(value if isinstance(value, str) else json.dumps(value))
        if isinstance(inner, ListOf):
            code = self._resources.code_of(inner.items)
            items = tuple(("", self._in_address(inner.items, one)) for one in value)
            return _object("new[]" if code == "string" else f"new {code}[]", items)
        return self._value(inner, value)

    # ---- values --------------------------------------------------------------------------------------------------
    def _value(self, of: Type, value: Any, *, is_exact: bool = False) -> Node:
        """`is_exact`: of the very type, since a conversion follows (C# makes no two in a row)."""
        match of:
            case Nullable(inner):
                return "null" if value is None else self._value(inner, value, is_exact=is_exact)
            case Prim("string", "decimal"):
                return f"{value}m"
            case Prim("string", "date-time"):
                return f"DateTimeOffset.Parse({csharp_string(value)})"
            case Prim("string", _):
                return csharp_string(str(value))
            case Prim("boolean", _):
                return "true" if value else "false"
            case Prim():
                return number_text(value)
            case Const():
                return csharp_string(value) if isinstance(value, str) else str(value).lower()
            case ListOf(items):
                each = tuple(("", self._value(items, one)) for one in value)
                code = self._types.code(items)
                return _object("new[]" if code == "string" and each else f"new {code}[]", each)
            case MapOf(values):
                code = self._types.code(values)
                pairs = tuple((f"[{csharp_string(k)}] = ", self._value(values, v)) for k, v in value.items())
                return _object(f"new Dictionary<string, {code}>", pairs, "()" if not pairs else "")
            case Binary():
                return f"Upload.File({csharp_string(value)})"
            case AnyValue() | Scalar():
                return _any(value, is_exact=is_exact)
            case Ref(name):
                return self._declared(name, value, is_exact=is_exact)

    def _declared(self, name: str, value: Any, *, is_exact: bool) -> Node:
        declared = self._types.declared[name]
        public = self._types.name(declared)
        match declared:
            case Enum():
                if value in declared.values:
                    return f"{public}.{self._names.of('member', f'{declared.pointer}/enum/{escaped(value)}')}"
                return f"new {public}({csharp_string(value)})"
            case Model():
                return self._fields(f"new {public}", declared, value)
            case Union():
                variant = chosen(declared, value, self._types.declared).type
                inner = self._types.declared[variant.name] if isinstance(variant, Ref) else None
                if declared.discriminator:
                    return self._value(variant, value)
                is_told = isinstance(inner, Union) and bool(inner.discriminator)
                made = self._value(variant, value, is_exact=isinstance(inner, Union))
                if is_exact or is_told or isinstance(variant, MapOf) or isinstance(inner, Union):
                    return Group(f"{public}.Of(", (("", made),), ")", last="")
                return made

    def _fields(self, head: str, model: Model, said: Mapping[str, Any]) -> Group:
        items: list[tuple[str, Node]] = []
        fields = {one.name: one for one in model.fields}
        for field in (fields[name] for name in said):
            if isinstance(field.type, Const):
                continue
            name = self._names.of("field", field.pointer)
            is_optional = isinstance(field.type, Nullable) and not field.required
            made = self._value(field.type, said[field.name], is_exact=is_optional)
            if is_optional and said[field.name] is not None and self._is_interface(field.type):
                made = Group("new(", (("", made),), ")", last="")
            items.append((f"{name} = ", made))
        return _object(head, tuple(items), "()" if not items and not head.endswith(")") else "")

    def _is_interface(self, of: Type) -> bool:
        """C# converts nothing from an interface by itself."""
        inner = of.of if isinstance(of, Nullable) else of
        if isinstance(inner, Ref):
            declared = self._types.declared[inner.name]
            return isinstance(declared, Union) and bool(declared.discriminator)
        return isinstance(inner, ListOf | MapOf)

    # ---- what is done with it ------------------------------------------------------------------------------------
    def _plain(self, call: Call, made: str) -> Iterator[str]:
        content = call.method.answers[0].content if call.method.answers else "none"
        if content == "none":
            yield f"await {made};"
            return
        yield f"var answer = await {made};"
        if content == "binary":
            yield "Console.WriteLine(answer.Bytes.Length);"
            return
        if call.example.reads:
            yield from self._read(*read_field(call.method, call.example.reads, self._types.declared))
            return
        yield self._shown(call)

    def _shown(self, call: Call, name: str = "answer") -> str:
        said = [self._access(name, path, answer_type(call.method)) for path in call.shows]
        said += [f"{name}.Gateway?.{pascal(one)}" for one in call.meta]
        return f"Console.WriteLine({_joined(said) or name});"

    def _together(self, call: Call, made: str) -> Iterator[str]:
        yield f"var first = {made};"
        yield f"var second = {made};"
        yield "foreach (var answer in await Task.WhenAll(first, second))"
        yield "{"
        yield f"    {self._shown(call)}"
        yield "}"

    def _access(self, name: str, path: Path, of: Type | None) -> str:
        code, is_loose = name, False
        for step in steps(of, path, self._types.declared):
            mark = "?" if is_loose else ""
            if step.field is None:
                code += f"{mark}[{step.index}]"
            else:
                code += f"{mark}.{self._names.of('field', step.field.pointer)}"
            is_loose = step.is_optional
        return code

    def _stream(self, call: Call, made: str) -> Iterator[str]:
        assert call.method.stream is not None
        of: Type | None = call.method.stream.event
        yield f"await using var stream = await {made};"
        yield "await foreach (var part in stream)"
        yield "{"
        indent, name = "    ", "part"
        closing: list[str] = []
        for path in call.shows:
            *lists, last = each_parts(path)
            for part in lists:
                item = singular(str(part[-1]), KEYWORDS)
                yield f"{indent}foreach (var {item} in {self._access(name, part, of)})"
                yield f"{indent}{{"
                reached = steps(of, part, self._types.declared)[-1].type
                assert isinstance(reached, ListOf)
                closing.insert(0, f"{indent}}}")
                of, name, indent = reached.items, item, indent + "    "
            yield f"{indent}Console.Write({self._access(name, last, of)});"
        yield from closing
        if not call.shows:
            yield f"{indent}Console.WriteLine({name});"
        yield "}"
        if call.shows:
            yield "Console.WriteLine();"
        if call.meta:
            yield f"Console.WriteLine({_joined([f'stream.Gateway.{pascal(one)}' for one in call.meta])});"

    def _paged(self, call: Call, made: str) -> Iterator[str]:
        of = item_type(call.method, self._types.declared)
        item = singular(call.resource.path[-1], KEYWORDS)
        said = [self._access(item, path, of) for path in call.shows]
        yield f"await foreach (var {item} in await {made})"
        yield "{"
        yield f"    Console.WriteLine({_joined(said) or item});"
        yield "}"

    def _error(self, call: Call, made: str) -> Iterator[str]:
        error = error_of(self._api, call.example.expects.error)
        yield "try"
        yield "{"
        yield indented(f"await {made};", "    ")
        yield "}"
        yield f"catch ({error.name}Exception error)"
        yield "{"
        yield '    Console.WriteLine(error.Status + " " + error.Code + " " + error.Message);'
        yield "}"


def _variable(name: str) -> str:
    found = argument(name)
    return f"{found}Value" if found.lstrip("@") in TAKEN else found


def _object(head: str, items: tuple[tuple[str, Node], ...], empty: str = "") -> Group:
    if not items:
        return Group(f"{head}{empty}", (), "" if head.endswith(")") or empty else " { }")
    return Group(f"{head} {{", items, "}", pad=" ", is_below=True)


def _any(value: Any, *, is_exact: bool) -> Node:
    if isinstance(value, dict | list) or value is None:
        return f"AnyJson.Parse({csharp_string(json.dumps(value))})"
    made = csharp_string(value) if isinstance(value, str) else number_text(value)
    if isinstance(value, bool):
        made = str(value).lower()
    elif isinstance(value, int):
        made += "L"
    return f"AnyJson.Of({made})" if is_exact else made


def _joined(parts: list[str]) -> str:
    """Several in one line. A part is never null where it stands alone."""
    return ' + " " + '.join(parts) if len(parts) != 1 else parts[0]


def _options(said: Options) -> Node | None:
    items: list[tuple[str, Node]] = []
    if said.tags:
        pairs = tuple((f"[{csharp_string(k)}] = ", csharp_string(v)) for k, v in said.tags.items())
        items.append(("Tags = ", _object("new Dictionary<string, string>", pairs)))
    for name in ("end_user", "idempotency_key", "cache", "route"):
        value = getattr(said, name)
        items += [(f"{pascal(name)} = ", csharp_string(value))] if value else []
    if said.max_retries is not None:
        items.append(("MaxRetries = ", str(said.max_retries)))
    if said.total_timeout_s is not None:
        total = f"TimeSpan.FromSeconds({number_text(said.total_timeout_s)})"
        items.append(("Timeouts = ", _object("new()", (("Total = ", total),))))
    return _object("new()", tuple(items)) if items else None
