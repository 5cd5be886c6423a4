"""Examples as Java writes them. Pure."""

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from sdkgen.examples.binding import chosen
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
from sdkgen.languages.base.casing import camel
from sdkgen.languages.base.common import kind_of
from sdkgen.languages.base.config import Config
from sdkgen.languages.base.escaping import java_string
from sdkgen.languages.base.layout import Chain, Group, Node, Style, flat, text
from sdkgen.languages.base.names import Names
from sdkgen.languages.base.snippets import BUILTIN, Code, Snippet, each_parts, indented, ordered, singular
from sdkgen.languages.java.models import MOST_FORMS, Models
from sdkgen.languages.java.naming import (
    KEYWORDS,
    OF_MODELS,
    OF_OBJECTS,
    asked,
    field_name,
    identifier,
    is_mixed,
    method_name,
)
from sdkgen.languages.java.resources import Writer
from sdkgen.languages.java.source import HOMES, OWN, renamed
from sdkgen.languages.java.types import Spelling

STYLE = Style("        ", width=104, chain="        ")
LEADING_MODEL = "models"
LANG = frozenset({"Boolean", "Double", "Long", "String"})
"""What needs no import."""
SPACED = ' + " " + '
DECIMAL = Prim("string", "decimal")
DECIMALS = frozenset({"cost", "cache_similarity"})
"""Of what comes beside an answer."""
TAKEN = BUILTIN | {"answer", "error", "found", "params", "request"}


class JavaSnippets:
    """See `sdkgen.languages.base.snippets.Snippets`. `imports` are full names of classes; the client is `gateway`."""

    def __init__(self, api: Api, names: Names, config: Config) -> None:
        self._api, self._names, self._base = api, names, config.module
        self._spelling = Spelling.of(api, names)
        self._types = self._spelling.types
        self._models = Models(api, self._spelling)
        self._forms = {
            method.body.type.name
            for resource in api.resources
            for method in resource.methods
            if method.body and method.body.content == "multipart" and isinstance(method.body.type, Ref)
        }

    def of(self, call: Call) -> Snippet:
        writer = _Writer(self._spelling, self._forms)
        writer.imports.add(f"{OWN}.LlmGateway")
        made = text(self._call(call, writer), STYLE, len("var answer = ;"))
        first: list[str] = []
        if "\n" in made or len(made) > STYLE.width:
            made = text(self._call(call, writer, first), STYLE, len("var answer = ;"))
        lines = {
            "stream": self._stream, "paged": self._paged, "error": self._error, "async": self._async,
        }.get(call.variant, self._plain)(call, made, writer)  # fmt: skip
        body = "\n".join([*first, *lines])
        return Snippet(self._imports(writer), body, text(self._call(call, writer), STYLE))

    def _imports(self, writer: "_Writer") -> tuple[str, ...]:
        return ordered(renamed(f"import {one};", self._base)[7:-1] for one in writer.imports)

    def program(self, snippet: Snippet, name: str = "Example") -> str:
        imports = "".join(f"import {one};\n" for one in snippet.imports)
        body = indented(snippet.body, " " * 8)
        return (
            f"{imports}\npublic final class {name} {{\n    private {name}() {{\n    }}\n\n"
            "    public static void main(String[] arguments) {\n"
            f"        var gateway = new LlmGateway();\n{body}\n    }}\n}}\n"
        )

    # ---- as functions --------------------------------------------------------------------------------------------
    def reading(self, model: Model, field: Field) -> Snippet:
        writer = _Writer(self._spelling, self._forms)
        takes = (f"{writer.use(self._spelling.public(model.name))} answer",)
        body = "\n".join(self._read(model, field, writer))
        return Snippet(self._imports(writer), body, "", takes=takes)

    def making(self, of: Ref, value: Any) -> Snippet:
        writer = _Writer(self._spelling, self._forms)
        name = identifier(of.name, TAKEN)
        head = f"{writer.use(self._spelling.public(of.name))} {name} = "
        made = text(writer.value(of, value), STYLE, len(head) + 1)
        return Snippet(self._imports(writer), f"{head}{made};\nSystem.out.println({name});", "")

    def catching(self, error: ErrorCode) -> Snippet:
        name = f"{error.name.removesuffix('Error')}Exception"
        writer = _Writer(self._spelling, self._forms)
        writer.imports.add(f"{OWN}.errors.{name}")
        body = f"if (error instanceof {name} found) {{\n    System.out.println(found.requestId());\n}}"
        return Snippet(self._imports(writer), body, "", takes=("Exception error",))

    def function(self, name: str, snippet: Snippet) -> Code:
        arguments = ", ".join([*(["LlmGateway gateway"] if snippet.call else []), *snippet.takes])
        imports = frozenset(f"import {one};" for one in snippet.imports)
        made = f"static void {camel(name)}({arguments}) {{\n{indented(snippet.body, ' ' * 4)}\n}}\n"
        return Code(camel(name), made, imports, snippet.is_alone)

    def file(self, codes: Sequence[Code]) -> str:
        imports = "".join(sorted({f"{line}\n" for code in codes for line in code.imports}))
        body = indented("\n".join(code.text for code in codes).rstrip("\n"), " " * 4)
        return f"{imports}\nfinal class Example {{\n    private Example() {{\n    }}\n\n{body}\n}}\n"

    def _read(self, model: Model, field: Field, writer: "_Writer") -> Iterator[str]:
        is_nullable = isinstance(field.type, Nullable)
        inner = field.type.of if isinstance(field.type, Nullable) else field.type
        spelled = self._spelling.boxed(inner)
        if field.required and not is_nullable:
            spelled = self._spelling.plain(inner)
        else:
            spelled = f"{'Optional' if field.required or not is_nullable else 'Maybe'}<{spelled}>"
        for word in re.findall(r"[A-Z]\w*", spelled):
            if word not in LANG:
                writer.use(word)
        name = identifier(field.name, TAKEN)
        yield f"{spelled} {name} = answer.{field_name(self._names, model, field)}();"
        yield f"System.out.println({name});"

    # ---- what is said of a method --------------------------------------------------------------------------------
    def place(self, resource: Resource, method: Method) -> str:
        path = ".".join(f"{identifier(part, OF_OBJECTS)}()" for part in resource.path)
        return f"gateway.{path}.{method_name(self._names, method)}"

    def signature(self, resource: Resource, method: Method) -> str:
        writer = Writer(self._spelling, self._models, method)
        wanted = [writer.name, *([writer.stream_name()] if method.stream else [])]
        lines = (line.strip() for line in writer.lines())
        return "\n".join(
            line.partition(" {")[0]
            for text in lines
            for line in text.split("\n")[:1]
            if line.startswith("public ") and any(f" {name}(" in line for name in wanted)
        )

    def argument(self, method: Method, one: Parameter | Field) -> tuple[str, str]:
        return identifier(one.name, OF_MODELS), self._spelling.plain(one.type)

    def returns(self, method: Method) -> str:
        if method.pagination is not None:
            return f"Page<{self._spelling.boxed(item_type(method, self._types))}>"
        answer = method.answers[0] if method.answers else None
        if answer is None or answer.content == "none" or answer.type is None:
            return ""
        if is_mixed(method):
            return self._names.of("type", f"{method.pointer}/responses")
        plain = {"binary": "BinaryResponse", "text": "String"}
        return plain.get(answer.content) or self._spelling.boxed(answer.type)

    def error(self, status: int) -> str:
        return f"{kind_of(status)}Exception"

    def declared(self, name: str) -> str:
        return self._spelling.public(name)

    def spelled(self, of: Type, *, is_sent: bool = False) -> str:
        return self._spelling.plain(of)

    def member(self, model: Model, one: Field, *, is_sent: bool = False) -> tuple[str, str]:
        return field_name(self._names, model, one), self.spelled(one.type)

    # ---- the call ------------------------------------------------------------------------------------------------
    def _call(self, call: Call, writer: "_Writer", first: list[str] | None = None) -> Node:
        """`first` takes statements that give names to what is long."""
        method = call.method
        name = method_name(self._names, method)
        if call.variant == "stream":
            name = "stream" if name == "create" else camel(f"stream_{method.name}")
        elif call.variant == "async":
            name += "Async"
        elif call.meta:
            name += "WithResponse"
        place = "".join(f".{identifier(part, OF_OBJECTS)}()" for part in call.resource.path)
        types = {one.name: one.type for one in method.parameters}
        given: list[Node] = [self._in_path(types[name], value, writer) for name, value in call.path.items()]
        if method.body is not None:
            if call.body is not None:
                given.append(_named("request", writer.value(method.body.type, call.body), first))
            elif call.others:
                given.append("null")
        name_of_params = self._names.of("type", f"{method.pointer}/parameters") if asked(method) else ""
        may_be_left_out = method.body is not None and not method.body.required
        if asked(method) and not call.others and call.body is not None and may_be_left_out:
            given.append(f"{writer.use(name_of_params)}.NONE")  # there is a form with all that may be left out, or none
        if asked(method) and call.others:
            given.append(_named("params", writer.params(name_of_params, asked(method), call.others), first))
        options = _options(call.example.options, writer)
        client = f"gateway.with({flat(_named('options', options, first))})" if options else "gateway"
        return Group(f"{client}{place}.{name}(", tuple(("", one) for one in given), ")", last="")

    def _in_path(self, of: Type, value: Any, writer: "_Writer") -> Node:
        if isinstance(of, Prim) and of.kind == "integer":
            return str(value)
        if isinstance(of, Ref) and isinstance(self._types[of.name], Enum):
            return writer.value(of, value)
        return java_string(str(value))

    # ---- what is done with it ------------------------------------------------------------------------------------
    def _plain(self, call: Call, made: str, writer: "_Writer") -> Iterator[str]:
        answer = call.method.answers[0] if call.method.answers else None
        if answer is None or answer.content == "none":
            yield f"{made};"
        elif answer.content == "binary":
            yield f"try (var answer = {made}) {{"
            yield "    System.out.println(answer.readAllBytes().length);"
            yield "}"
        elif call.example.reads:
            yield f"var answer = {made};"
            yield from self._read(*read_field(call.method, call.example.reads, self._types), writer)
        elif call.meta:
            yield f"var response = {made};"
            yield from self._shown(call, "response.value()", "response", answer_type(call.method), writer)
        else:
            yield f"var answer = {made};"
            yield from self._shown(call, "answer", "", answer_type(call.method), writer)

    def _async(self, call: Call, made: str, writer: "_Writer") -> Iterator[str]:
        yield f"var pending = {made};"
        said = self._said("answer", call.shows, answer_type(call.method), writer)
        yield f"pending.thenAccept(answer -> System.out.println({said or 'answer'})).join();"

    def _said(self, name: str, shows: Iterable[Path], of: Type | None, writer: "_Writer") -> str:
        return SPACED.join(self._access(name, path, of, writer) for path in shows)

    def _shown(self, call: Call, name: str, response: str, of: Type | None, writer: "_Writer") -> Iterator[str]:
        parts = [self._access(name, path, of, writer) for path in call.shows]
        parts += [_metadata(response, one, writer) for one in call.meta]
        whole = f"{name}.json()" if isinstance(of, Ref) and not is_mixed(call.method) else name
        said = SPACED.join(parts) or whole
        together = f"System.out.println({said});"
        if len(together) <= STYLE.width:
            yield together
        else:
            yield from (f"System.out.println({part});" for part in parts)

    def _access(self, name: str, path: Path, of: Type | None, writer: "_Writer", *, is_open: bool = False) -> str:
        """`is_open`: the last step keeps its `Optional`. Decimals are read in plain notation, without an exponent."""
        code = name
        found = steps(of, path, self._types)
        for index, step in enumerate(found):
            if step.field is None:
                code += f".get({step.index})"
                continue
            assert step.model is not None
            code += f".{field_name(self._names, step.model, step.field)}()"
            is_last = index == len(found) - 1
            if is_last and step.type == DECIMAL:
                plain = f"{writer.use('BigDecimal')}::toPlainString"
                code += f".map({plain})" if step.is_optional else ".toPlainString()"
            if step.is_optional and not (is_open and is_last):
                is_maybe = isinstance(step.field.type, Nullable) and not step.field.required
                if not is_last:
                    code += ".get()" if is_maybe else ".orElseThrow()"
                else:
                    code += '.orElse("")' if step.type == Prim("string") else ".orElse(null)"
        return code

    def _stream(self, call: Call, made: str, writer: "_Writer") -> Iterator[str]:
        assert call.method.stream is not None
        of: Type | None = call.method.stream.event
        event = "event" if isinstance(of, Ref) and isinstance(self._types[of.name], Union) else "chunk"
        yield f"try (var stream = {made}) {{"
        yield f"    for (var {event} : stream) {{"
        indent, name = " " * 8, event
        for path in call.shows:
            *lists, last = each_parts(path)
            closing: list[str] = []
            for part in lists:
                item = singular(str(part[-1]), KEYWORDS)
                yield f"{indent}for (var {item} : {self._access(name, part, of, writer)}) {{"
                reached = steps(of, part, self._types)[-1].type
                assert isinstance(reached, ListOf)
                closing.insert(0, f"{indent}}}")
                of, name, indent = reached.items, item, indent + " " * 4
            code = self._access(name, last, of, writer, is_open=True)
            is_optional = steps(of, last, self._types)[-1].is_optional
            yield f"{indent}{f'{code}.ifPresent(System.out::print)' if is_optional else f'System.out.print({code})'};"
            yield from closing
        if not call.shows:
            yield f"{indent}System.out.println({event}.json());"
        yield "    }"
        if call.shows:
            yield "    System.out.println();"
        if call.meta:
            said = SPACED.join(_metadata("stream", one, writer) for one in call.meta)
            yield f"    System.out.println({said});"
        yield "}"

    def _paged(self, call: Call, made: str, writer: "_Writer") -> Iterator[str]:
        of = item_type(call.method, self._types)
        item = singular(call.resource.path[-1], KEYWORDS)
        yield f"for (var {item} : {made}.all()) {{"
        whole = f"{item}.json()" if isinstance(of, Ref) and isinstance(self._types[of.name], Model) else item
        yield f"    System.out.println({self._said(item, call.shows, of, writer) or whole});"
        yield "}"

    def _error(self, call: Call, made: str, writer: "_Writer") -> Iterator[str]:
        error = error_of(self._api, call.example.expects.error)
        name = f"{error.name.removesuffix('Error')}Exception"
        writer.imports.add(f"{OWN}.errors.{name}")
        yield "try {"
        yield indented(f"{made};", "    ")
        yield f"}} catch ({name} error) {{"
        yield '    System.out.println(error.status() + " " + error.code().orElseThrow() + " " + error.detail());'
        yield "}"


class _Writer:
    """Values; keeps the classes that they need."""

    def __init__(self, spelling: Spelling, forms: set[str]) -> None:
        self._spelling, self._types, self._names, self._forms = spelling, spelling.types, spelling.names, forms
        self.imports: set[str] = set()

    def use(self, name: str) -> str:
        self.imports.add(HOMES.get(name) or f"{OWN}.{LEADING_MODEL}.{name}")
        return name

    def value(self, of: Type, value: Any, *, is_boxed: bool = False) -> Node:
        match of:
            case Nullable(inner):
                optional = self.use("Optional")
                if value is None:
                    return f"{optional}.empty()"
                return Group(f"{optional}.of(", (("", self.value(inner, value, is_boxed=True)),), ")", last="")
            case Prim("string", form):
                return self._text(form, str(value))
            case Prim("integer", _) | Const(int()):
                return f"{value}L" if is_boxed or abs(value) > 2**31 - 1 else str(value)
            case Prim("number", _):
                return repr(float(value))
            case Prim():
                return "true" if value else "false"
            case Const():
                return java_string(str(value))
            case ListOf(items):
                each = tuple(("", self.value(items, one, is_boxed=True)) for one in value)
                return Group(f"{self.use('List')}.of(", each, ")", last="")
            case MapOf(values):
                return self._map(values, value)
            case Binary():
                path = f"{self._path()}.of({java_string(value)})"
                return f"{self.use('FileUpload')}.of({path})"
            case Scalar() | AnyValue():
                return self.json(value)
            case Ref(name):
                return self._declared(name, value)

    def _path(self) -> str:
        self.imports.add("java.nio.file.Path")
        return "Path"

    def _text(self, form: str, value: str) -> str:
        if form == "decimal":
            return f"new {self.use('BigDecimal')}({java_string(value)})"
        if form == "date-time":
            return f"{self.use('OffsetDateTime')}.parse({java_string(value)})"
        if form == "date":
            return f"{self.use('LocalDate')}.parse({java_string(value)})"
        return java_string(value)

    def _map(self, of: Type, value: dict[str, Any]) -> Node:
        made = self.use("Map")
        if len(value) > 10:
            entries = tuple(
                ("", Group(f"Map.entry({java_string(k)}, ", (("", self.value(of, v, is_boxed=True)),), ")", last=""))
                for k, v in value.items()
            )
            return Group(f"{made}.ofEntries(", entries, ")", last="")
        pairs = tuple((f"{java_string(k)}, ", self.value(of, v, is_boxed=True)) for k, v in value.items())
        return Group(f"{made}.of(", pairs, ")", last="")

    def json(self, value: Any) -> str:
        if isinstance(value, bool):
            return f"{self.use('JsonBoolean')}.of({str(value).lower()})"
        if isinstance(value, str):
            return f"new {self.use('JsonString')}({java_string(value)})"
        return f"{self.use('JsonValue')}.parse({java_string(json.dumps(value))})"

    def _declared(self, name: str, value: Any) -> Node:
        declared = self._types[name]
        public = self._spelling.public(name)
        match declared:
            case Enum():
                self.use(public)
                if value in declared.values:
                    return f"{public}.{self._names.of('member', f'{declared.pointer} {value}')}"
                return f"new {public}({java_string(value)})"
            case Union():
                variant = chosen(declared, value, self._types)
                inner = self.value(variant.type, value)
                if declared.discriminator:
                    return inner
                return Group(f"{self.use(public)}.of(", (("", inner),), ")", last="")
            case Model():
                return self._model(declared, public, value)

    def _model(self, model: Model, public: str, said: dict[str, Any]) -> Node:
        """`of` takes what has to be there, each in any form when they are few."""
        given = [one for one in model.fields if one.required and not isinstance(one.type, Const)]
        forms = 1
        for one in given:
            forms *= 1 + len(self._spelling.options(one.type))
        is_short = forms <= MOST_FORMS and model.name not in self._forms
        arguments = tuple(
            ("", self._short(one.type, said[one.name]) if is_short else self.value(one.type, said[one.name]))
            for one in given
        )
        head = Group(f"{self.use(public)}.of(", arguments, ")", last="")
        others = [one for one in model.fields if one.name in said and not one.required]
        calls = tuple(self._with(field_name(self._names, model, one), one, said[one.name]) for one in others)
        return Chain(head, calls) if calls else head

    def _with(self, name: str, one: Field | Parameter, value: Any) -> Group:
        inner = one.type.of if isinstance(one.type, Nullable) else one.type
        if value is None:
            return Group(f".{name}({self.use('Maybe')}.ofNull(", (), "))", last="")
        return Group(f".{name}(", (("", self._short(inner, value)),), ")", last="")

    def _short(self, of: Type, value: Any) -> Node:
        """Where a method takes variants of a union for the union itself."""
        declared = self._spelling.declaration(of)
        if isinstance(declared, Union) and not declared.discriminator:
            variant = chosen(declared, value, self._types).type
            inner = self._spelling.declaration(variant)
            if isinstance(inner, Enum):
                return java_string(value)
            if not isinstance(inner, Model | Union):
                return self.value(variant, value)
        return self.value(of, value)

    def params(self, name: str, parameters: list[Parameter], said: Any) -> Node:
        given = [one for one in parameters if one.required]
        self.use(name)
        if given:
            arguments = tuple(("", self.value(one.type, said[one.name])) for one in given)
            head: Node = Group(f"{name}.of(", arguments, ")", last="")
        else:
            head = f"{name}.NONE"
        others = [one for one in parameters if one.name in said and not one.required]
        calls = tuple(self._with(identifier(one.name, OF_MODELS), one, said[one.name]) for one in others)
        return Chain(head, calls) if calls else head


def _metadata(response: str, name: str, writer: _Writer) -> str:
    """What comes beside an answer, decimals in plain notation."""
    plain = f".map({writer.use('BigDecimal')}::toPlainString)" if name in DECIMALS else ""
    return f"{response}.gateway().{camel(name)}(){plain}.orElse(null)"


def _named(name: str, node: Node, first: list[str] | None) -> Node:
    """A variable instead, where there are statements to declare it in."""
    if first is None or (isinstance(node, str) and len(node) < 40):
        return node
    first.append(f"var {name} = {text(node, STYLE, len(name) + len('var  = ;'))};")
    return name


def _options(said: Options, writer: _Writer) -> Node | None:
    calls: list[tuple[str, Node]] = []
    if said.tags:
        pairs = ", ".join(f"{java_string(k)}, {java_string(v)}" for k, v in said.tags.items())
        calls.append(("tags", f"{writer.use('Map')}.of({pairs})"))
    for name in ("end_user", "idempotency_key", "cache", "route"):
        value = getattr(said, name)
        calls += [(camel(name), java_string(value))] if value else []
    if said.max_retries is not None:
        calls.append(("maxRetries", str(said.max_retries)))
    if said.total_timeout_s is not None:
        millis = round(said.total_timeout_s * 1000)
        limit = f"{writer.use('Duration')}.ofMillis({millis})"
        if millis % 1000 == 0:
            limit = f"Duration.ofSeconds({millis // 1000})"
        calls.append(("timeouts", f"{writer.use('Timeouts')}.DEFAULT.withTotal({limit})"))
    if not calls:
        return None
    made = tuple(Group(f".{name}(", (("", value),), ")", last="") for name, value in calls)
    return Chain(f"{writer.use('RequestOptions')}.NONE", made)
