"""Examples as plain ES modules, which are TypeScript too. Pure."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

from sdkgen.examples.binding import chosen
from sdkgen.examples.data import Call, Options, Path
from sdkgen.examples.walk import answer_type, item_type, read_field, steps
from sdkgen.ir.nodes import (
    AnyValue,
    Api,
    Binary,
    ErrorCode,
    Field,
    ListOf,
    MapOf,
    Method,
    Model,
    Nullable,
    Parameter,
    Ref,
    Resource,
    Type,
    Union,
)
from sdkgen.languages.base.casing import camel
from sdkgen.languages.base.common import kind_of
from sdkgen.languages.base.config import Config
from sdkgen.languages.base.layout import Group, Node, Style, text
from sdkgen.languages.base.names import Names
from sdkgen.languages.base.snippets import BUILTIN, Code, Snippet, each_parts, indented, ordered, singular
from sdkgen.languages.typescript.naming import RESERVED, argument, asked, called, property_name
from sdkgen.languages.typescript.resources import Resources, answer_kind
from sdkgen.languages.typescript.types import Spelling

STYLE = Style("  ", width=88)
TAKEN = BUILTIN | {"answer", "error"}
ERRORS = {
    "AuthenticationFailed": "AuthenticationError", "BadRequest": "BadRequestError", "Conflict": "ConflictError",
    "NotFound": "NotFoundError", "PaymentRequired": "PaymentRequiredError", "RateLimited": "RateLimitedError",
    "PermissionDenied": "PermissionDeniedError", "Server": "ServerError", "Unprocessable": "UnprocessableEntityError",
}  # fmt: skip


class TypeScriptSnippets:
    """See `sdkgen.languages.base.snippets.Snippets`. `imports` are names of the package, or of its part for Node."""

    def __init__(self, api: Api, names: Names, config: Config) -> None:
        self._api, self._names, self._package = api, names, config.package
        self._spelling = Spelling.of(api, names)
        self._types = self._spelling.types
        self._resources = Resources(api, names, self._spelling)

    def of(self, call: Call) -> Snippet:
        imports = {"Gateway"}
        made = text(self._call(call, imports), STYLE, len("const answer = await ;"))
        lines = {
            "stream": self._stream, "paged": self._paged, "error": self._error, "async": self._together,
        }.get(call.variant, self._plain)(call, made, imports)  # fmt: skip
        body = "\n".join(lines)
        return Snippet(ordered(imports), body, made, is_async=True)

    def program(self, snippet: Snippet, name: str = "Example") -> str:
        own = [one for one in snippet.imports if one != "fileFromPath"]
        lines = [f"import {{ {', '.join(own)} }} from '{self._package}';"]
        if "fileFromPath" in snippet.imports:
            lines.append(f"import {{ fileFromPath }} from '{self._package}/node';")
        return "\n".join([*lines, "", "const client = new Gateway();", snippet.body, ""])

    # ---- as functions, which are TypeScript alone ----------------------------------------------------------------
    def reading(self, model: Model, field: Field) -> Snippet:
        body = "\n".join(self._read(model, field))
        return Snippet((), body, "", takes=(f"answer: G.{self._spelling.public(model.name)}",))

    def making(self, of: Ref, value: Any) -> Snippet:
        imports: set[str] = set()
        name = _variable(of.name)
        head = f"const {name}: G.{self._spelling.public(of.name)} = "
        made = text(self._value(of, value, imports), STYLE, len(head) + 1)
        return Snippet(ordered(imports), f"{head}{made};\nconsole.log({name});", "", is_async="await " in made)

    def catching(self, error: ErrorCode) -> Snippet:
        name = self._names.of("type", f"error:{error.code}")
        body = f"if (error instanceof {name}) console.log(error.requestId);"
        return Snippet((name,), body, "", takes=("error: unknown",))

    def function(self, name: str, snippet: Snippet) -> Code:
        arguments = ", ".join([*(["client: G.Gateway"] if snippet.call else []), *snippet.takes])
        is_async = "async " if snippet.is_async else ""
        returns = "Promise<void>" if snippet.is_async else "void"
        body = indented(snippet.body, "  ")
        made = f"export {is_async}function {camel(name)}({arguments}): {returns} {{\n{body}\n}}\n"
        imports = {self._import(one) for one in snippet.imports if one != "Gateway"}
        if "G." in made:
            imports.add(f"import type * as G from '{self._package}';")
        return Code(camel(name), made, frozenset(imports), snippet.is_alone)

    def file(self, codes: Sequence[Code]) -> str:
        imports = sorted({line for code in codes for line in code.imports})
        return "\n".join([*imports, *([""] if imports else []), "\n".join(code.text for code in codes)])

    def _import(self, name: str) -> str:
        room = f"{self._package}/node" if name == "fileFromPath" else self._package
        return f"import {{ {name} }} from '{room}';"

    def _read(self, model: Model, field: Field) -> Iterator[str]:
        spelled = self._spelling.text(field.type, "G.") + ("" if field.required else " | undefined")
        name = property_name(field.name)
        variable = _variable(field.name)
        yield f"const {variable}: {spelled} = answer{f'.{name}' if name == field.name else f'[{name}]'};"
        yield f"console.log({variable});"

    # ---- what is said of a method --------------------------------------------------------------------------------
    def place(self, resource: Resource, method: Method) -> str:
        return f"client.{called(self._names, resource.path, method)}"

    def signature(self, resource: Resource, method: Method) -> str:
        lines = (line.strip() for line in self._resources.signatures(resource, method))
        return "\n".join(line.replace("T.", "") for line in lines if not line.startswith(("/*", "*")))

    def argument(self, method: Method, one: Parameter | Field) -> tuple[str, str]:
        return property_name(one.name), self._spelling.text(one.type, only_sent=True)

    def returns(self, method: Method) -> str:
        found = self._resources.answer(method).replace("T.", "")
        return f"Page<{found.partition(', ')[0]}>" if method.pagination else "" if found == "void" else found

    def error(self, status: int) -> str:
        return ERRORS[kind_of(status)]

    def declared(self, name: str) -> str:
        return self._spelling.public(name)

    def spelled(self, of: Type, *, is_sent: bool = False) -> str:
        return self._spelling.text(of, only_sent=is_sent)

    def member(self, model: Model, one: Field, *, is_sent: bool = False) -> tuple[str, str]:
        return property_name(one.name), self.spelled(one.type, is_sent=is_sent)

    # ---- the call ------------------------------------------------------------------------------------------------
    def _call(self, call: Call, imports: set[str]) -> Group:
        method = call.method
        place = called(self._names, call.resource.path, method)
        if call.variant == "stream":
            place = place.rpartition(".")[0] + "." + self._names.of("method", f"{method.pointer} stream")
        types = {one.name: one.type for one in method.parameters}
        given: list[Node] = [self._value(types[name], value, imports) for name, value in call.path.items()]
        options = _options(call.example.options)
        later = [bool(call.others), options is not None]
        if method.body is not None:
            if call.body is not None:
                given.append(self._value(method.body.type, call.body, imports))
            elif any(later):
                given.append("undefined")
        if asked(method):
            if call.others:
                pairs = ((name, self._value(types[name], one, imports)) for name, one in call.others.items())
                given.append(_object(pairs))
            elif options is not None:
                given.append("undefined")
        given += [options] if options is not None else []
        return Group(f"client.{place}(", tuple(("", one) for one in given), ")")

    def _value(self, of: Type, value: Any, imports: set[str]) -> Node:
        if value is None:
            return "null"
        match of:
            case Binary():
                imports.add("fileFromPath")
                return f"await fileFromPath({quoted(value)})"
            case Nullable(inner):
                return self._value(inner, value, imports)
            case ListOf(items):
                return Group("[", tuple(("", self._value(items, one, imports)) for one in value), "]")
            case MapOf(values):
                return _object((k, self._value(values, v, imports)) for k, v in value.items())
            case Ref(name):
                declared = self._types[name]
                if isinstance(declared, Union):
                    return self._value(chosen(declared, value, self._types).type, value, imports)
                if isinstance(declared, Model):
                    fields = {one.name: one.type for one in declared.fields}
                    return _object((k, self._value(fields.get(k, AnyValue()), v, imports)) for k, v in value.items())
        return literal(value)

    # ---- what is done with it ------------------------------------------------------------------------------------
    def _plain(self, call: Call, made: str, imports: set[str]) -> Iterator[str]:
        kind = answer_kind(call.method)
        if kind == "none":
            yield f"await {made};"
        elif kind == "binary":
            yield f"const answer = await {made};"
            yield "console.log((await answer.arrayBuffer()).byteLength);"
        elif call.example.reads:
            yield f"const answer = await {made};"
            yield from self._read(*read_field(call.method, call.example.reads, self._types))
        elif call.meta:
            data = "data: answer, " if call.shows else ""
            yield f"const {{ {data}gateway }} = await {made}.withResponse();"
            yield self._shown(call, "answer", answer_type(call.method))
        else:
            yield f"const answer = await {made};"
            yield self._shown(call, "answer", answer_type(call.method))

    def _together(self, call: Call, made: str, imports: set[str]) -> Iterator[str]:
        """Every call is asynchronous: two at once."""
        yield f"const ask = () => {made};"
        yield "const answers = await Promise.all([ask(), ask()]);"
        said = [self._access("answer", path, answer_type(call.method)) for path in call.shows] or ["answer"]
        yield f"for (const answer of answers) console.log({', '.join(said)});"

    def _shown(self, call: Call, name: str, of: Type | None) -> str:
        said = [self._access(name, path, of) for path in call.shows] or [name] * (not call.meta)
        said += [f"gateway.{camel(one)}" for one in call.meta]
        return f"console.log({', '.join(said)});"

    def _access(self, name: str, path: Path, of: Type | None) -> str:
        """An index may be beyond the end, so what follows one is optional."""
        code, is_loose = name, False
        for step in steps(of, path, self._types):
            if step.field is None:
                code += f"{'?.' if is_loose else ''}[{step.index}]"
                is_loose = True
                continue
            word = step.field.name
            code += f"{'?' if is_loose else ''}.{word}"
            is_loose = step.is_optional
        return code

    def _stream(self, call: Call, made: str, imports: set[str]) -> Iterator[str]:
        assert call.method.stream is not None
        of: Type | None = call.method.stream.event
        is_union = isinstance(of, Ref) and isinstance(self._types[of.name], Union)
        event = "event" if is_union else "chunk"
        yield f"const stream = await {made};"
        yield f"for await (const {event} of stream) {{"
        indent, name = "  ", event
        for path in call.shows:
            *lists, last = each_parts(path)
            closing: list[str] = []
            for part in lists:
                item = singular(str(part[-1]), RESERVED)
                yield f"{indent}for (const {item} of {self._access(name, part, of)}) {{"
                found = steps(of, part, self._types)[-1].type
                assert isinstance(found, ListOf)
                closing.insert(0, f"{indent}}}")
                of, name, indent = found.items, item, indent + "  "
            yield f"{indent}process.stdout.write({self._access(name, last, of)} ?? '');"
            yield from closing
        if not call.shows:
            yield f"{indent}console.log({event}{'.type' if is_union else ''});"
        yield "}"
        if call.shows:
            yield "console.log();"
        if call.meta:
            yield f"console.log({', '.join(f'stream.gateway.{camel(one)}' for one in call.meta)});"

    def _paged(self, call: Call, made: str, imports: set[str]) -> Iterator[str]:
        item = singular(call.resource.path[-1], RESERVED)
        of = item_type(call.method, self._types)
        said = [self._access(item, path, of) for path in call.shows] or [item]
        yield f"for await (const {item} of {made}) {{"
        yield f"  console.log({', '.join(said)});"
        yield "}"

    def _error(self, call: Call, made: str, imports: set[str]) -> Iterator[str]:
        name = self._names.of("type", f"error:{call.example.expects.error}")
        imports.add(name)
        yield "try {"
        yield indented(f"await {made};", "  ")
        yield "} catch (error) {"
        yield f"  if (!(error instanceof {name})) throw error;"
        yield "  console.log(error.status, error.code, error.message);"
        yield "}"


def _variable(name: str) -> str:
    found = argument(name)
    return f"{found}_" if found in TAKEN else found


def quoted(value: str) -> str:
    """A literal in single quotes, ASCII only."""
    return "'" + json.dumps(value)[1:-1].replace('\\"', '"').replace("'", "\\'") + "'"


def literal(value: Any) -> Node:
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, dict):
        return _object((name, literal(one)) for name, one in value.items())
    if isinstance(value, list):
        return Group("[", tuple(("", literal(one)) for one in value), "]")
    return json.dumps(value)


def _object(pairs: Any) -> Group:
    return Group("{", tuple((f"{_name(name)}: ", node) for name, node in pairs), "}", pad=" ")


def _name(wire: str) -> str:
    plain = wire.isascii() and wire.isidentifier() and wire != "__proto__"
    return wire if plain else quoted(wire)


def _options(said: Options) -> Node | None:
    found: dict[str, Any] = {}
    if said.total_timeout_s is not None:
        found["timeouts"] = {"total": round(said.total_timeout_s * 1000)}
    if said.max_retries is not None:
        found["maxRetries"] = said.max_retries
    if said.idempotency_key:
        found["idempotencyKey"] = said.idempotency_key
    gateway = {
        name: value
        for name, value in (
            ("tags", dict(said.tags)), ("endUser", said.end_user), ("cache", said.cache), ("route", said.route)
        )
        if value
    }  # fmt: skip
    if gateway:
        found["gateway"] = gateway
    return literal(found) if found else None
