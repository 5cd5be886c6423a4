"""Examples as Python writes them. Pure."""

import keyword
import re
from collections.abc import Iterator, Sequence
from typing import Any

from sdkgen.examples.binding import chosen
from sdkgen.examples.data import Call, Options, Path, body_model, error_of
from sdkgen.examples.walk import answer_type, item_type, read_field, steps
from sdkgen.ir.names import snake
from sdkgen.ir.nodes import (
    AnyValue,
    Api,
    Binary,
    Enum,
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
from sdkgen.ir.reach import refs_of
from sdkgen.languages.base.common import kind_of
from sdkgen.languages.base.config import Config
from sdkgen.languages.base.escaping import python_string
from sdkgen.languages.base.layout import Group, Node, Style, text
from sdkgen.languages.base.names import Names
from sdkgen.languages.base.snippets import BUILTIN, Code, Snippet, each_parts, indented, ordered, singular
from sdkgen.languages.base.usage import usage_of
from sdkgen.languages.python.naming import OF_CALLS, attribute, field_name
from sdkgen.languages.python.types import Spelling, optional

STYLE = Style("    ", width=88)
PATH = "from pathlib import Path"
STANDARD = {
    "Any": "typing", "Literal": "typing", "Mapping": "collections.abc", "Sequence": "collections.abc",
    "Decimal": "decimal", "datetime": "datetime", "date": "datetime",
}  # fmt: skip
"""What is not of the package itself, by its name."""
TAKEN = BUILTIN | {"answer", "errors"}


class PythonSnippets:
    """See `sdkgen.languages.base.snippets.Snippets`. Every example can be asynchronous."""

    def __init__(self, api: Api, names: Names, config: Config) -> None:
        self._api, self._names, self._module = api, names, config.module
        self._spelling = Spelling.of(api, names)
        self._types = self._spelling.types
        self._usage = usage_of(api)

    def of(self, call: Call) -> Snippet:
        is_async = call.variant == "async"
        wait = "await " if is_async else ""
        imports = {f"from {self._module} import {'AsyncGateway' if is_async else 'Gateway'}"}
        made = text(self._call(call, imports), STYLE, len(f"answer = {wait}"))
        lines = {
            "stream": self._stream, "paged": self._paged, "error": self._error,
        }.get(call.variant, self._plain)(call, made, wait, imports)  # fmt: skip
        body = "\n".join(lines)
        return Snippet(ordered(imports), body, made, is_async)

    def program(self, snippet: Snippet, name: str = "Example") -> str:
        imports = sorted(snippet.imports, key=lambda line: (line.startswith(f"from {self._module}"), line))
        own = [line for line in imports if line.startswith(f"from {self._module}")]
        system = [line for line in imports if line not in own]
        types = [line for line in own if line.startswith(f"from {self._module}.")]
        own = [line for line in own if line not in types]
        if snippet.is_async:
            system = sorted([*system, "import asyncio"], key=lambda line: (not line.startswith("import"), line))
        own = [f"from {self._module} import {', '.join(sorted(line.rpartition(' ')[2] for line in own))}", *types]
        head = [*system, *([""] if system else []), *own, ""]
        if not snippet.is_async:
            return "\n".join([*head, "client = Gateway()", snippet.body, ""])
        body = indented(snippet.body, "        ")
        return "\n".join(
            [*head, "", "async def main() -> None:", "    async with AsyncGateway() as client:", body, "", "",
             "asyncio.run(main())", ""]
        )  # fmt: skip

    # ---- as functions --------------------------------------------------------------------------------------------
    def reading(self, model: Model, field: Field) -> Snippet:
        imports: set[str] = set()
        takes = (f"answer: {self._named(Ref(model.name), imports)}",)
        body = "\n".join(self._read(model, field, imports))
        return Snippet(ordered(imports), body, "", takes=takes)

    def making(self, of: Ref, value: Any) -> Snippet:
        imports: set[str] = set()
        spelled = self._named(of, imports, is_sent=True)
        name = attribute(snake(of.name), TAKEN)
        made = text(self._value(of, value, imports), STYLE, len(f"{name}: {spelled} = "))
        return Snippet(ordered(imports), f"{name}: {spelled} = {made}\nprint({name})", "")

    def catching(self, error: ErrorCode) -> Snippet:
        body = f"if isinstance(error, errors.{error.name}):\n    print(error.request_id)"
        return Snippet((f"from {self._module} import errors",), body, "", takes=("error: Exception",))

    def function(self, name: str, snippet: Snippet) -> Code:
        arguments = ", ".join([*(["client: Gateway"] if snippet.call else []), *snippet.takes])
        body = indented(snippet.body, " " * 4)
        made = f"def {name}({arguments}) -> None:\n{body}\n"
        return Code(name, made, frozenset(snippet.imports), snippet.is_alone)

    def file(self, codes: Sequence[Code]) -> str:
        imports = sorted({line for code in codes for line in code.imports})
        own = [line for line in imports if line.startswith(f"from {self._module}")]
        system = [line for line in imports if line not in own]
        head = [*system, *([""] if system and own else []), *own, *([""] * 2 if imports else [])]
        return "\n".join([*head, "\n\n".join(code.text for code in codes)])

    def _read(self, model: Model, field: Field, imports: set[str]) -> Iterator[str]:
        spelled = self._named(field.type, imports)
        name = attribute(snake(field.name), TAKEN)
        wanted = spelled if field.required else optional(spelled)
        yield f"{name}: {wanted} = answer.{field_name(self._names, model, field)}"
        yield f"print({name})"

    def _named(self, of: Type, imports: set[str], *, is_sent: bool = False) -> str:
        """A type as it is spelled, with the imports that it needs."""
        spelled = self._spelling.sent(of) if is_sent else self._spelling.received(of)
        words = set(re.findall(r"\w+", spelled))
        imports |= {f"from {STANDARD[word]} import {word}" for word in words & STANDARD.keys()}
        for name in refs_of(of):
            is_param = is_sent and not isinstance(self._types[name], Enum)
            public = self._spelling.public_sent(name) if is_sent else self._spelling.public(name)
            room = f"{self._module}.{'params' if is_param else 'types'}.{self._usage.group_of(name)}"
            imports.add(f"from {room} import {public}")
        return spelled

    # ---- what is said of a method --------------------------------------------------------------------------------
    def place(self, resource: Resource, method: Method) -> str:
        name = self._names.of("method", method.pointer).rpartition(".")[2]
        return f"client.{'.'.join(attribute(part, frozenset()) for part in resource.path)}.{name}"

    def signature(self, resource: Resource, method: Method) -> str:
        """Optional arguments are keywords, which the table lists."""
        path = [": ".join(self.argument(method, one)) for one in method.parameters if one.where == "path"]
        model = body_model(self._api, method)
        others: list[Parameter | Field] = [one for one in method.parameters if one.where != "path"]
        others += model.fields if model is not None and method.body is not None else []
        needed = [": ".join(self.argument(method, one)) for one in others if one.required]
        given = [*path, *(["/"] if path else []), *(["*", *needed] if needed else []), "**optional"]
        name = self.place(resource, method).rpartition(".")[2]
        lines = [f"def {name}({', '.join(given)}) -> {self.returns(method) or 'None'}"]
        if method.stream is not None:
            event = self._spelling.received(method.stream.event)
            lines.append(f"def {'stream' if name == 'create' else f'stream_{name}'}(...) -> Stream[{event}, ...]")
        return "\n".join(lines)

    def argument(self, method: Method, one: Parameter | Field) -> tuple[str, str]:
        return attribute(one.name, OF_CALLS), self._spelling.sent(one.type).replace("_File", "File")

    def returns(self, method: Method) -> str:
        if method.pagination is not None:
            return f"Page[{self._spelling.received(item_type(method, self._types))}]"
        plain = {"binary": "bytes", "text": "str"}
        found = [plain.get(one.content) or (self._spelling.received(one.type) if one.type else "None")
                 for one in method.answers if one.content != "none"]  # fmt: skip
        return " | ".join(dict.fromkeys(found))

    def error(self, status: int) -> str:
        kind = kind_of(status)
        return f"errors.{'ServerError' if kind == 'Server' else kind}"

    def declared(self, name: str) -> str:
        return self._spelling.public(name) if name in self._usage.received else self._spelling.public_sent(name)

    def spelled(self, of: Type, *, is_sent: bool = False) -> str:
        return (self._spelling.sent(of) if is_sent else self._spelling.received(of)).replace("_File", "File")

    def member(self, model: Model, one: Field, *, is_sent: bool = False) -> tuple[str, str]:
        name = attribute(one.name, OF_CALLS) if is_sent else field_name(self._names, model, one)
        return name, self.spelled(one.type, is_sent=is_sent)

    # ---- the call ------------------------------------------------------------------------------------------------
    def _call(self, call: Call, imports: set[str]) -> Group:
        method = call.method
        place = ".".join(attribute(part, frozenset()) for part in call.resource.path)
        name = self._names.of("method", method.pointer).rpartition(".")[2]
        if call.variant == "stream":
            name = "stream" if name == "create" else f"stream_{name}"
        types = {one.name: one.type for one in method.parameters}
        items: list[tuple[str, Node]] = [("", self._value(types[n], v, imports)) for n, v in call.path.items()]
        body = call.body if isinstance(call.body, dict) else {}
        model = self._types[method.body.type.name] if method.body and isinstance(method.body.type, Ref) else None
        if isinstance(model, Model):
            types |= {one.name: one.type for one in model.fields}
        elif call.body is not None and method.body is not None:
            items.append(("body=", self._value(method.body.type, call.body, imports)))
        for wire, value in [*body.items(), *call.others.items()]:
            items.append((f"{attribute(wire, OF_CALLS)}=", self._value(types[wire], value, imports)))
        if options := _options(call.example.options):
            items.append(("request_options=", options))
        return Group(f"client.{place}.{name}(", tuple(items), ")")

    def _value(self, of: Type, value: Any, imports: set[str]) -> Node:
        """A literal; a file is its path."""
        if value is None:
            return "None"
        match of:
            case Binary():
                imports.add(PATH)
                return f"Path({python_string(value)})"
            case Nullable(inner):
                return self._value(inner, value, imports)
            case ListOf(items):
                return Group("[", tuple(("", self._value(items, one, imports)) for one in value), "]")
            case MapOf(values):
                return _dict((k, self._value(values, v, imports)) for k, v in value.items())
            case Ref(name):
                declared = self._types[name]
                if isinstance(declared, Union):
                    return self._value(chosen(declared, value, self._types).type, value, imports)
                if isinstance(declared, Model):
                    fields = {one.name: one.type for one in declared.fields}
                    return _dict((k, self._value(fields.get(k, AnyValue()), v, imports)) for k, v in value.items())
        return literal(value)

    # ---- what is done with it ------------------------------------------------------------------------------------
    def _plain(self, call: Call, made: str, wait: str, imports: set[str]) -> Iterator[str]:
        answer = call.method.answers[0] if call.method.answers else None
        if answer is None or answer.content == "none":
            yield f"{wait}{made}"
            return
        yield f"answer = {wait}{made}"
        if answer.content == "binary":
            yield "print(len(answer))"
        elif call.example.reads:
            yield from self._read(*read_field(call.method, call.example.reads, self._types), imports)
        else:
            yield from self._shown(call, "answer", answer_type(call.method))

    def _shown(self, call: Call, name: str, of: Type | None) -> Iterator[str]:
        said = [self._access(name, path, of) for path in call.shows]
        said += [f"{name}.gateway.{one}" for one in call.meta]
        yield f"print({', '.join(said or [name])})"

    def _access(self, name: str, path: Path, of: Type | None) -> str:
        code, guards = name, []
        found = steps(of, path, self._types)
        for index, step in enumerate(found):
            if step.field is None:
                code += f"[{step.index}]"
                continue
            assert step.model is not None
            code += f".{field_name(self._names, step.model, step.field)}"
            if step.is_optional and index < len(found) - 1:
                guards.append(code)
        return f"({code} if {' and '.join(guards)} else None)" if guards else code

    def _stream(self, call: Call, made: str, wait: str, imports: set[str]) -> Iterator[str]:
        assert call.method.stream is not None
        of: Type | None = call.method.stream.event
        yield f"with {made} as stream:"
        event = "event" if isinstance(of, Ref) and isinstance(self._types[of.name], Union) else "chunk"
        yield f"    for {event} in stream:"
        indent, name = " " * 8, event
        for path in call.shows:
            *lists, last = each_parts(path)
            for part in lists:
                found = steps(of, part, self._types)
                item = singular(str(part[-1]), frozenset(keyword.kwlist))
                yield f"{indent}for {item} in {self._access(name, part, of)}:"
                assert isinstance(found[-1].type, ListOf)
                of, name, indent = found[-1].type.items, item, indent + " " * 4
            yield f'{indent}print({self._access(name, last, of)} or "", end="", flush=True)'
        if not call.shows:
            yield f"{indent}print({event})"
        else:
            yield "print()"
        if call.meta:
            yield f"print({', '.join(f'stream.gateway.{one}' for one in call.meta)})"

    def _paged(self, call: Call, made: str, wait: str, imports: set[str]) -> Iterator[str]:
        item = singular(call.resource.path[-1], frozenset(keyword.kwlist))
        yield f"for {item} in {made}:"
        said = [self._access(item, path, item_type(call.method, self._types)) for path in call.shows]
        yield f"    print({', '.join(said or [item])})"

    def _error(self, call: Call, made: str, wait: str, imports: set[str]) -> Iterator[str]:
        imports.add(f"from {self._module} import errors")
        yield "try:"
        yield indented(made, "    ")
        yield f"except errors.{error_of(self._api, call.example.expects.error).name} as error:"
        yield "    print(error.status, error.code, error.message)"


def literal(value: Any) -> Node:
    if isinstance(value, str):
        return python_string(value)
    if isinstance(value, dict):
        return _dict((name, literal(one)) for name, one in value.items())
    if isinstance(value, list):
        return Group("[", tuple(("", literal(one)) for one in value), "]")
    return repr(value)


def _dict(pairs: Any) -> Group:
    return Group("{", tuple((f"{python_string(name)}: ", node) for name, node in pairs), "}")


def _options(said: Options) -> Node | None:
    found: dict[str, Any] = {}
    if said.total_timeout_s is not None:
        found["timeouts"] = {"total": said.total_timeout_s}
    for name in ("max_retries", "idempotency_key", "tags", "end_user", "cache", "route"):
        if (value := getattr(said, name)) not in (None, "", {}):
            found[name] = dict(value) if name == "tags" else value
    return literal(found) if found else None
