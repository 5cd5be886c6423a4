"""Examples as Go writes them, and as gofmt leaves them. Pure."""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from sdkgen.examples.binding import number_text, variant_of
from sdkgen.examples.data import Call, ExampleError, Options, Path, error_of
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
from sdkgen.languages.base.common import kind_of
from sdkgen.languages.base.config import Config
from sdkgen.languages.base.escaping import go_string
from sdkgen.languages.base.layout import Group, Node, Style, flat, text
from sdkgen.languages.base.names import Names
from sdkgen.languages.base.snippets import BUILTIN, Code, Snippet, each_parts, indented, ordered, singular
from sdkgen.languages.go.naming import KEYWORDS, argument, error_name, exported
from sdkgen.languages.go.resources import Writer
from sdkgen.languages.go.types import Spelling

STYLE = Style("\t", width=96, is_aligned=True)
PACKAGE = "gateway"
SHORT = {"string": "String", "integer": "Int", "number": "Float", "boolean": "Bool"}
META = {"cost": "Cost", "request_id": "RequestID", "provider": "Provider", "cache": "Cache", "model": "Model",
        "attempts": "Attempts"}  # fmt: skip
MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip
TAKEN = BUILTIN | {"answer", "ctx", "err", "errors", "fmt", "items", "json", "log", "time"}
FAIL = "if err != nil {\n\tlog.Fatal(err)\n}"


class GoSnippets:
    """See `sdkgen.languages.base.snippets.Snippets`. `imports` are paths; `client` and `ctx` are there."""

    def __init__(self, api: Api, names: Names, config: Config) -> None:
        self._api, self._names, self._path = api, names, config.package
        self._spelling = Spelling.of(api, names)
        self._types = self._spelling.types

    def of(self, call: Call) -> Snippet:
        values = _Values(self._spelling)
        made = text(self._call(call, values), STYLE, len("answer, err := "))
        lines = {
            "stream": self._stream, "paged": self._paged, "error": self._error, "async": self._async,
        }.get(call.variant, self._plain)(call, made)  # fmt: skip
        body = "\n".join(lines)
        return Snippet(_imports(body), body, made)

    def program(self, snippet: Snippet, name: str = "Example") -> str:
        imports = sorted({*snippet.imports, "context", "log"})
        listed = "\n".join(f'\t"{one}"' for one in imports)
        body = indented(snippet.body, "\t")
        return (
            f'package main\n\nimport (\n{listed}\n\n\t{PACKAGE} "{self._path}"\n)\n\nfunc main() {{\n'
            f"\tctx := context.Background()\n\tclient, err := {PACKAGE}.NewClient()\n{indented(FAIL, chr(9))}\n"
            f"{body}\n}}\n"
        )

    # ---- as functions --------------------------------------------------------------------------------------------
    def reading(self, model: Model, field: Field) -> Snippet:
        body = "\n".join(self._read(model, field))
        return Snippet(_imports(body), body, "", takes=(f"answer {PACKAGE}.{self._spelling.public(model.name)}",))

    def making(self, of: Ref, value: Any) -> Snippet:
        name = _variable(of.name)
        made = text(_Values(self._spelling).value(of, value), STYLE, len(f"{name} := "))
        body = f"{name} := {made}\nfmt.Println({name})"
        return Snippet(_imports(body), body, "")

    def catching(self, error: ErrorCode) -> Snippet:
        body = f"if errors.Is(err, {PACKAGE}.{error_name(error.name)}) {{\n\tfmt.Println(err)\n}}"
        return Snippet(_imports(body), body, "", takes=("err error",))

    def function(self, name: str, snippet: Snippet) -> Code:
        client = [f"ctx context.Context, client *{PACKAGE}.Client"] if snippet.call else []
        head = f"func {argument(name)}({', '.join([*client, *snippet.takes])}) {{"
        imports = {f'"{one}"' for one in (*snippet.imports, *(["context"] if client else []))}
        made = f"{head}\n{indented(snippet.body, chr(9))}\n}}\n"
        own = {f'{PACKAGE} "{self._path}"'} if f"{PACKAGE}." in made else set()
        return Code(argument(name), made, frozenset(imports | own), snippet.is_alone)

    def file(self, codes: Sequence[Code]) -> str:
        found = {line for code in codes for line in code.imports}
        standard = sorted(f"\t{line}" for line in found if not line.startswith(PACKAGE))
        own = sorted(f"\t{line}" for line in found if line.startswith(PACKAGE))
        head = ["package main", "", "import (", *standard, *([""] if standard and own else []), *own, ")", ""]
        return "\n".join([*head, "\n".join(code.text for code in codes)])

    def _read(self, model: Model, field: Field) -> Iterator[str]:
        if isinstance(field.type, Const) and field.required:
            raise ExampleError(f"Go's {model.name} has no {field.name}: it is always the same")
        name = _variable(field.name)
        spelled = re.sub(r"(?<![\w.])([A-Z]\w*)", rf"{PACKAGE}.\1", self._spelling.field(model, field))
        yield f"var {name} {spelled} = answer.{self._spelling.field_name(field)}"
        yield f"fmt.Println({name})"

    # ---- what is said of a method --------------------------------------------------------------------------------
    def place(self, resource: Resource, method: Method) -> str:
        name = self._names.of("method", method.pointer).rpartition(".")[2]
        return f"client.{'.'.join(exported(part) for part in resource.path)}.{name}"

    def signature(self, resource: Resource, method: Method) -> str:
        writer = Writer(self._spelling, resource, method, "")
        heads = (line for line in writer.lines() if line.startswith("func (s *) ") and "ctx context" in line)
        return "\n".join(f"func {line.removeprefix('func (s *) ').removesuffix(' {')}" for line in heads)

    def argument(self, method: Method, one: Parameter | Field) -> tuple[str, str]:
        if isinstance(one, Parameter) and one.where == "path":
            return argument(one.name), self._spelling.go(one.type)
        return exported(one.name), self._spelling.place(one.type, required=one.required)

    def returns(self, method: Method) -> str:
        if method.pagination is not None:
            return f"*Page[{self._spelling.go(item_type(method, self._types))}]"
        answer = next((one for one in method.answers if one.type is not None), None)
        if answer is None or answer.type is None or answer.content == "none":
            return ""
        if len({one.type for one in method.answers}) > 1:
            return "*" + self._names.of("type", f"{method.pointer} result")
        plain = {"binary": "*Binary", "text": "string"}
        star = "*" if self._spelling.is_model(answer.type) else ""
        return plain.get(answer.content) or star + self._spelling.go(answer.type)

    def error(self, status: int) -> str:
        return f"{PACKAGE}.Err{kind_of(status)}"

    def declared(self, name: str) -> str:
        return self._spelling.public(name)

    def spelled(self, of: Type, *, is_sent: bool = False) -> str:
        return self._spelling.go(of)

    def member(self, model: Model, one: Field, *, is_sent: bool = False) -> tuple[str, str]:
        return self._spelling.field_name(one), self._spelling.field(model, one)

    # ---- the call ------------------------------------------------------------------------------------------------
    def _call(self, call: Call, values: "_Values") -> Group:
        method = call.method
        writer = Writer(self._spelling, call.resource, method, "")
        name = writer.name
        if call.variant == "stream":
            name = self._names.of("method", f"{method.pointer} stream").rpartition(".")[2]
        elif call.variant == "paged":
            name = self._names.of("method", f"{method.pointer} all").rpartition(".")[2]
        place = ".".join(exported(part) for part in call.resource.path)
        given: list[Node] = ["ctx", *(values.value(one.type, call.path[one.name]) for one in writer.in_path)]
        if method.body is not None:
            is_pointer = not method.body.required and not self._spelling.has_nil(method.body.type)
            made = "nil" if call.body is None else values.value(method.body.type, call.body)
            given.append(_pointer(made) if is_pointer and made != "nil" else made)
        if writer.others:
            given.append(values.struct(f"{PACKAGE}.{writer.params_type}", writer.others, call.others))
        if call.meta and call.variant != "stream":
            given.append(f"{PACKAGE}.WithMeta(&meta)")
        given += _options(call.example.options)
        return Group(f"client.{place}.{name}(", tuple(("", one) for one in given), ")")

    # ---- what is done with it ------------------------------------------------------------------------------------
    def _plain(self, call: Call, made: str) -> Iterator[str]:
        answer = call.method.answers[0] if call.method.answers else None
        if call.meta:
            yield f"var meta {PACKAGE}.Meta"
        if answer is None or answer.content == "none":
            yield f"if err := {made}; err != nil {{\n\tlog.Fatal(err)\n}}"
            return
        yield f"_, err = {made}" if call.meta and not call.shows else f"answer, err := {made}"
        yield FAIL
        if answer.content == "binary":
            yield "defer answer.Close()"
            yield "content, err := io.ReadAll(answer)"
            yield FAIL
            yield "fmt.Println(len(content))"
            return
        if call.example.reads:
            yield from self._read(*read_field(call.method, call.example.reads, self._types))
            return
        said = [self._access("answer", path, answer_type(call.method)) for path in call.shows]
        said += [f"meta.{META[one]}" for one in call.meta]
        if said:
            yield f"fmt.Println({', '.join(said)})"
        else:
            yield 'fmt.Printf("%+v\\n", answer)'

    def _async(self, call: Call, made: str) -> Iterator[str]:
        """Calls block; goroutines run them beside each other."""
        said = [self._access("answer", path, answer_type(call.method)) for path in call.shows] or ["answer"]
        yield "var group sync.WaitGroup"
        yield "for i := 0; i < 2; i++ {"
        yield "\tgroup.Add(1)"
        yield "\tgo func() {"
        yield "\t\tdefer group.Done()"
        yield indented(f"answer, err := {made}\n{FAIL}\nfmt.Println({', '.join(said)})", "\t\t")
        yield "\t}()"
        yield "}"
        yield "group.Wait()"

    def _access(self, name: str, path: Path, of: Type | None) -> str:
        code = name
        for step in steps(of, path, self._types):
            if step.field is None:
                code += f"[{step.index}]"
                continue
            assert step.model is not None
            code += f".{self._spelling.field_name(step.field)}"
            if self._spelling.field(step.model, step.field).startswith("Opt["):
                code += ".Value()"
        return code

    def _stream(self, call: Call, made: str) -> Iterator[str]:
        assert call.method.stream is not None
        of: Type | None = call.method.stream.event
        yield f"stream, err := {made}"
        yield FAIL
        yield "defer stream.Close()"
        yield "for stream.Next() {"
        indent, name = "\t", "stream.Current()"
        closing: list[str] = []
        for path in call.shows:
            *lists, last = each_parts(path)
            for part in lists:
                item = singular(str(part[-1]), KEYWORDS)
                yield f"{indent}for _, {item} := range {self._access(name, part, of)} {{"
                reached = steps(of, part, self._types)[-1].type
                assert isinstance(reached, ListOf)
                closing.insert(0, f"{indent}}}")
                of, name, indent = reached.items, item, indent + "\t"
            yield f"{indent}fmt.Print({self._access(name, last, of)})"
        yield from closing
        if not call.shows:
            yield f'{indent}fmt.Printf("%T\\n", {name})'
        yield "}"
        yield "if err := stream.Err(); err != nil {\n\tlog.Fatal(err)\n}"
        if call.shows:
            yield "fmt.Println()"
        if call.meta:
            yield f"fmt.Println({', '.join(f'stream.Meta().{META[one]}' for one in call.meta)})"

    def _paged(self, call: Call, made: str) -> Iterator[str]:
        of = item_type(call.method, self._types)
        yield f"items := {made}"
        yield "for items.Next() {"
        said = [self._access("items.Current()", path, of) for path in call.shows]
        yield f"\tfmt.Println({', '.join(said)})" if said else '\tfmt.Printf("%+v\\n", items.Current())'
        yield "}"
        yield "if err := items.Err(); err != nil {\n\tlog.Fatal(err)\n}"

    def _error(self, call: Call, made: str) -> Iterator[str]:
        name = error_name(error_of(self._api, call.example.expects.error).name)
        answer = call.method.answers[0] if call.method.answers else None
        is_lone = answer is None or answer.content == "none"
        yield f"{'err' if is_lone else '_, err'} = {made}"
        yield f"var failed *{PACKAGE}.APIError"
        yield f"if errors.Is(err, {PACKAGE}.{name}) && errors.As(err, &failed) {{"
        yield "\tfmt.Println(failed.StatusCode, failed.Code, failed.Message)"
        yield "} else if err != nil {"
        yield "\tlog.Fatal(err)"
        yield "}"


class _Values:
    def __init__(self, spelling: Spelling) -> None:
        self._spelling, self._types, self._names = spelling, spelling.types, spelling.names

    def value(self, of: Type, value: Any, *, is_element: bool = False) -> Node:
        """`is_element`: of a list whose type says the element's."""
        match of:
            case Nullable(inner):
                return self._opt(inner, value)
            case Prim("string", "date-time"):
                return _time(str(value))
            case Prim("string", "decimal" | "date" as form):
                word = "Decimal" if form == "decimal" else "Date"
                return f"{PACKAGE}.{word}({go_string(str(value))})"
            case Prim("string", _):
                return go_string(str(value))
            case Prim() | Const():
                return _literal(value)
            case ListOf(items):
                return self._list(f"[]{self._type(items)}", items, value)
            case MapOf(values):
                return self._map(f"map[string]{self._type(values)}", values, value)
            case Binary():
                return f"{PACKAGE}.FileFromPath({go_string(value)})"
            case AnyValue() | Scalar():
                return _any(value)
            case Ref(name):
                return self._declared(name, value, is_element=is_element)

    def _type(self, of: Type) -> str:
        """With the package's name before what is declared in it."""
        match of:
            case ListOf(items):
                return f"[]{self._type(items)}"
            case MapOf(values):
                return f"map[string]{self._type(values)}"
            case Nullable(inner):
                return f"{PACKAGE}.Opt[{self._type(inner)}]"
            case Ref(name):
                return f"{PACKAGE}.{self._spelling.public(name)}"
            case Prim("string", "decimal"):
                return f"{PACKAGE}.Decimal"
            case Prim("string", "date"):
                return f"{PACKAGE}.Date"
            case Binary():
                return f"*{PACKAGE}.InputFile"
        return self._spelling.go(of)

    def _opt(self, of: Type, value: Any, pointer: str = "") -> Node:
        if value is None:
            return f"{PACKAGE}.Null[{pointer}{self._type(of)}]()"
        if isinstance(of, Prim) and of.format not in ("decimal", "date", "date-time"):
            return f"{PACKAGE}.{SHORT[of.kind]}({flat(self.value(of, value))})"
        made = self.value(of, value)
        if pointer:
            made = _pointer(made)
        needs = isinstance(of, Scalar | AnyValue | Const) or (
            isinstance(of, Ref) and isinstance(self._types[of.name], Union)
        )
        return Group(f"{PACKAGE}.Some{f'[{self._type(of)}]' if needs else ''}(", (("", made),), ")")

    def place(self, one: Field | Parameter, value: Any, spelled: str) -> Node:
        """Of a field or parameter whose type in Go is `spelled`."""
        inner = one.type.of if isinstance(one.type, Nullable) else one.type
        pointer = "*" if "*" in spelled and not isinstance(inner, Binary) else ""
        if spelled.startswith("Opt["):
            return self._opt(inner, value, pointer)
        made = self.value(one.type, value)
        return _pointer(made) if pointer else made

    def struct(self, name: str, fields: Any, said: Mapping[str, Any]) -> Group:
        items: list[tuple[str, Node]] = []
        for one in fields:
            if one.name in said:
                spelled = self._spelling.parameter(one)
                items.append((f"{exported(one.name)}: ", self.place(one, said[one.name], spelled)))
        return Group(f"{name}{{", tuple(items), "}")

    def _model(self, model: Model, said: Mapping[str, Any], *, is_element: bool) -> Group:
        items: list[tuple[str, Node]] = []
        fields = {one.name: one for one in model.fields}
        for field in (fields[name] for name in said):
            if not (isinstance(field.type, Const) and field.required):
                spelled = self._spelling.field(model, field)
                items.append((f"{self._spelling.field_name(field)}: ", self.place(field, said[field.name], spelled)))
        name = "" if is_element else f"{PACKAGE}.{self._spelling.public(model.name)}"
        return Group(f"{name}{{", tuple(items), "}")

    def _list(self, name: str, items: Type, value: list[Any]) -> Node:
        is_model = self._spelling.is_model(items)
        inner = tuple(("", self.value(items, one, is_element=is_model)) for one in value)
        return Group(f"{name}{{", inner, "}")

    def _map(self, name: str, of: Type, value: Mapping[str, Any]) -> Node:
        is_model = self._spelling.is_model(of)
        pairs = tuple((f"{go_string(k)}: ", self.value(of, v, is_element=is_model)) for k, v in value.items())
        return Group(f"{name}{{", pairs, "}")

    def _declared(self, name: str, value: Any, *, is_element: bool = False) -> Node:
        declared = self._types[name]
        match declared:
            case Enum():
                if value in declared.values:
                    return f"{PACKAGE}.{self._names.of('member', f'{declared.pointer} {value}')}"
                return f"{PACKAGE}.{self._spelling.public(name)}({go_string(value)})"
            case Model():
                return self._model(declared, value, is_element=is_element)
            case Union():
                return self._variant(declared, value)

    def _variant(self, union: Union, value: Any) -> Node:
        index = variant_of(union, value, self._types)
        of = union.variants[index].type
        if isinstance(of, Ref):
            return self.value(of, value)
        name = f"{PACKAGE}.{self._names.of('type', f'{union.pointer} {index}')}"
        if isinstance(of, ListOf):
            return self._list(name, of.items, value)
        if isinstance(of, MapOf):
            return self._map(name, of.values, value)
        return f"{name}({flat(self.value(of, value))})"


def _variable(name: str) -> str:
    found = argument(name)
    return f"{found}Value" if found in TAKEN else found


def _imports(body: str) -> tuple[str, ...]:
    return ordered(path for word, path in (
        ("log.", "log"), ("fmt.", "fmt"), ("errors.", "errors"), ("json.", "encoding/json"), ("time.", "time"),
        ("sync.", "sync"), ("io.", "io"),
    ) if _mentions(body, word))  # fmt: skip


def _literal(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return go_string(value) if isinstance(value, str) else number_text(value)


def _any(value: Any) -> Node:
    if isinstance(value, dict):
        return Group("map[string]any{", tuple((f"{go_string(k)}: ", _any(v)) for k, v in value.items()), "}")
    if isinstance(value, list):
        if value and all(isinstance(one, str) for one in value):
            return Group("[]string{", tuple(("", go_string(one)) for one in value), "}")
        return Group("[]any{", tuple(("", _any(one)) for one in value), "}")
    return "nil" if value is None else _literal(value)


def _pointer(node: Node) -> Node:
    if isinstance(node, Group):
        return Group(f"&{node.open}", node.items, node.close, node.pad, node.is_below, node.last)
    return f"&{flat(node)}"


def _time(value: str) -> str:
    found = datetime.fromisoformat(value.replace("Z", "+00:00")).astimezone(UTC)
    clock = f"{found.hour}, {found.minute}, {found.second}, {found.microsecond * 1000}"
    return f"time.Date({found.year}, time.{MONTHS[found.month - 1]}, {found.day}, {clock}, time.UTC)"


def _mentions(body: str, word: str) -> bool:
    """Outside literals, which end before a name could be taken for a package."""
    rest = "".join(body.split('\\"')).split('"')[::2]
    return any(
        (index == 0 or not (part[index - 1].isalnum() or part[index - 1] in "._"))
        for part in rest
        for index in _indices(part, word)
    )


def _indices(text: str, word: str) -> Iterator[int]:
    at = text.find(word)
    while at >= 0:
        yield at
        at = text.find(word, at + 1)


def _options(said: Options) -> list[Node]:
    found: list[Node] = [f"{PACKAGE}.WithTag({go_string(k)}, {go_string(v)})" for k, v in said.tags.items()]
    for name, value in (("EndUser", said.end_user), ("IdempotencyKey", said.idempotency_key), ("Cache", said.cache),
                        ("Route", said.route)):  # fmt: skip
        found += [f"{PACKAGE}.With{name}({go_string(value)})"] if value else []
    if said.max_retries is not None:
        found.append(f"{PACKAGE}.WithMaxRetries({said.max_retries})")
    if said.total_timeout_s is not None:
        millis = round(said.total_timeout_s * 1000)
        whole = f"{millis // 1000}*time.Second" if millis % 1000 == 0 else f"{millis}*time.Millisecond"
        found.append(f"{PACKAGE}.WithTimeout({whole})")
    return found
