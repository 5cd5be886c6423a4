"""Types of the representation in C#: how they are written in code, read from JSON and written to it. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from sdkgen.ir.nodes import (
    AnyValue,
    Binary,
    Const,
    Declaration,
    Enum,
    ListOf,
    MapOf,
    Model,
    Nullable,
    Prim,
    Ref,
    Scalar,
    Type,
    Union,
)
from sdkgen.languages.base.escaping import csharp_string
from sdkgen.languages.base.names import Names
from sdkgen.languages.base.usage import Usage

PRIMS = {"string": "string", "integer": "long", "number": "double", "boolean": "bool"}
READERS = {"string": "Json.String", "integer": "Json.Integer", "number": "Json.Number", "boolean": "Json.Boolean"}
FORMATS = {"decimal": ("decimal", "Json.Amount"), "date-time": ("DateTimeOffset", "Json.Time")}
VALUES = frozenset({"long", "double", "bool", "decimal", "DateTimeOffset", "AnyJson"})


@dataclass(frozen=True, slots=True)
class Types:
    """The declared types of an API under their names in C#."""

    declared: Mapping[str, Declaration]
    names: Names
    usage: Usage
    namespace: str = "LlmGateway"

    def name(self, declared: Declaration) -> str:
        return self.names.of("type", declared.pointer)

    def is_view(self, declared: Declaration) -> bool:
        """A model that is only received is a view of its JSON."""
        return isinstance(declared, Model) and declared.name not in self.usage.sent

    def code(self, of: Type) -> str:
        """As it stands in a declaration."""
        match of:
            case Prim(kind, shape):
                return FORMATS[shape][0] if kind == "string" and shape in FORMATS else PRIMS[kind]
            case ListOf(inner):
                return f"IReadOnlyList<{self.code(inner)}>"
            case MapOf(inner):
                return f"IReadOnlyDictionary<string, {self.code(inner)}>"
            case Nullable(inner):
                return f"{self.code(inner)}?"
            case Ref(name):
                return self.name(self.declared[name])
            case Const(value):
                return "bool" if isinstance(value, bool) else "long" if isinstance(value, int) else "string"
            case Binary():
                return "Upload"
            case Scalar() | AnyValue():
                return "AnyJson"

    def is_value(self, of: Type) -> bool:
        """Whether C# has it as a value, whose `?` is another type."""
        if isinstance(of, Ref):
            return isinstance(self.declared[of.name], Enum)
        return self.code(of) in VALUES

    def reader(self, of: Type) -> str:
        """A `Func<JsonElement, string, T>`."""
        match of:
            case Prim(kind, shape):
                return FORMATS[shape][1] if kind == "string" and shape in FORMATS else READERS[kind]
            case ListOf(inner):
                return f"(value, name) => Json.List(value, name, {self.reader(inner)})"
            case MapOf(inner):
                return f"(value, name) => Json.Map(value, name, {self.reader(inner)})"
            case Nullable(inner):
                null = f"({self.code(inner)}?)null"
                read = self.read(inner, "value", "name")
                return f"(value, name) => value.ValueKind == JsonValueKind.Null ? {null} : {read}"
            case Ref(name):
                declared = self.declared[name]
                if isinstance(declared, Union) and declared.discriminator:
                    return f"{self._whole(unknown_of(self.name(declared)))}.Read"
                return f"{self._whole(self.name(declared))}.Read"
            case _:
                return "AnyJson.Read"

    def _whole(self, name: str) -> str:
        """With its namespace: a property may have the name of a type."""
        return f"global::{self.namespace}.{name}"

    def read(self, of: Type, value: str, name: str) -> str:
        """An expression of the type, from a `JsonElement`."""
        match of:
            case ListOf(inner):
                return f"Json.List({value}, {name}, {self.reader(inner)})"
            case MapOf(inner):
                return f"Json.Map({value}, {name}, {self.reader(inner)})"
            case Nullable():
                return f"({self.reader(of)})({value}, {name})"
        return f"{self.reader(of)}({value}, {name})"

    def write(self, of: Type, value: str, writer: str = "writer", depth: int = 0) -> str:
        """A call that writes it."""
        match of:
            case Nullable(ListOf() | MapOf() as inner):
                some = f"some{depth}"
                return (
                    f"if ({value} is {{ }} {some}) {self.write(inner, some, writer, depth + 1)}; "
                    f"else {writer}.WriteNullValue()"
                )
            case ListOf(inner):
                to, each = f"to{depth}", f"each{depth}"
                return f"Json.WriteList({writer}, {value}, ({to}, {each}) => {self._inner(inner, each, to, depth)})"
            case MapOf(inner):
                to, each = f"to{depth}", f"each{depth}"
                return f"Json.WriteMap({writer}, {value}, ({to}, {each}) => {self._inner(inner, each, to, depth)})"
        return f"Json.Write({writer}, {value})"

    def _inner(self, of: Type, value: str, writer: str, depth: int) -> str:
        call = self.write(of, value, writer, depth + 1)
        return f"{{ {call}; }}" if call.startswith("if ") else call


def unknown_of(interface: str) -> str:
    """`IChatMessage` → `UnknownChatMessage`, the variant that this version does not know."""
    return f"Unknown{interface[1:]}"


def constant(value: str | int | bool) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return csharp_string(value) if isinstance(value, str) else f"{value}L"
