"""Types of the representation as Go writes them. Pure."""

from dataclasses import dataclass

from sdkgen.ir.nodes import (
    AnyValue,
    Api,
    Binary,
    Const,
    Declaration,
    Enum,
    Field,
    ListOf,
    MapOf,
    Model,
    Nullable,
    Parameter,
    Prim,
    Ref,
    Scalar,
    Type,
    Union,
)
from sdkgen.languages.base.names import Names
from sdkgen.languages.go.naming import field_name

KINDS = {"string": "string", "integer": "int64", "number": "float64", "boolean": "bool"}
FORMATS = {"decimal": "Decimal", "date-time": "time.Time", "date": "Date"}


@dataclass(frozen=True)
class Spelling:
    """Of one API: its declared types by name, their public names, and the models that hold themselves."""

    types: dict[str, Declaration]
    names: Names
    recursive: frozenset[tuple[str, str]]

    @classmethod
    def of(cls, api: Api, names: Names) -> "Spelling":
        types = {declared.name: declared for declared in api.types}
        return cls(types, names, frozenset(_recursive(types)))

    def public(self, name: str) -> str:
        return self.names.of("type", self.types[name].pointer)

    def field_name(self, field: Field) -> str:
        return field_name(field.name)

    def go(self, of: Type) -> str:
        match of:
            case Prim("string", form) if form in FORMATS:
                return FORMATS[form]
            case Prim(kind, _):
                return KINDS[kind]
            case Const(value):
                return "bool" if isinstance(value, bool) else "int64" if isinstance(value, int) else "string"
            case ListOf(items):
                return f"[]{self.go(items)}"
            case MapOf(values):
                return f"map[string]{self.go(values)}"
            case Nullable(inner):
                return f"Opt[{self.go(inner)}]"
            case Ref(name):
                return self.public(name)
            case Binary():
                return "*InputFile"
            case AnyValue() | Scalar():
                return "any"

    def has_nil(self, of: Type) -> bool:
        """Whether its zero value is nil, which can say that it is absent."""
        match of:
            case ListOf() | MapOf() | Binary():
                return True
            case Ref(name):
                return isinstance(self.types[name], Union)
        return False

    def place(self, of: Type, *, required: bool) -> str:
        """Of a field or parameter."""
        if isinstance(of, Nullable) or required or self.has_nil(of):
            return self.go(of)
        return f"Opt[{self.go(of)}]"

    def field(self, model: Model, field: Field) -> str:
        spelled = self.place(field.type, required=field.required)
        inner = field.type.of if isinstance(field.type, Nullable) else field.type
        if isinstance(inner, Ref) and (model.name, inner.name) in self.recursive:
            name = self.public(inner.name)
            return spelled.replace(name, "*" + name)
        return spelled

    def parameter(self, one: Parameter) -> str:
        return self.place(one.type, required=one.required)

    def is_model(self, of: Type | None) -> bool:
        return isinstance(of, Ref) and isinstance(self.types[of.name], Model)

    def is_enum(self, of: Type) -> bool:
        return isinstance(of, Ref) and isinstance(self.types[of.name], Enum)


def _recursive(types: dict[str, Declaration]) -> set[tuple[str, str]]:
    """(model, model in one of its fields) where the second holds the first again, without a list, map or union
    between: as values they would have no size."""
    held = {name: _held(declared, types) for name, declared in types.items() if isinstance(declared, Model)}
    return {(name, inner) for name, inners in held.items() for inner in inners if name in _reached(inner, held)}


def _held(model: Model, types: dict[str, Declaration]) -> set[str]:
    inners = (one.type.of if isinstance(one.type, Nullable) else one.type for one in model.fields)
    return {one.name for one in inners if isinstance(one, Ref) and isinstance(types[one.name], Model)}


def _reached(start: str, held: dict[str, set[str]]) -> set[str]:
    found: set[str] = set()
    waiting = [start]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += held[name]
    return found
