"""Types of the representation as Python writes them: for answers (`received`) and for arguments (`sent`). Pure."""

from dataclasses import dataclass

from sdkgen.ir.nodes import (
    AnyValue,
    Api,
    Binary,
    Const,
    Declaration,
    Enum,
    ListOf,
    MapOf,
    Nullable,
    Prim,
    Ref,
    Scalar,
    Type,
)
from sdkgen.languages.base.escaping import python_string
from sdkgen.languages.base.names import Names

KINDS = {"string": "str", "integer": "int", "number": "float", "boolean": "bool"}
FORMATS = {"decimal": "Decimal", "date-time": "datetime", "date": "date"}


@dataclass(frozen=True)
class Spelling:
    """Of one API: its declared types by name, and their public names."""

    types: dict[str, Declaration]
    names: Names

    @classmethod
    def of(cls, api: Api, names: Names) -> "Spelling":
        return cls({declared.name: declared for declared in api.types}, names)

    def public(self, name: str) -> str:
        """Of a type that is received, or of a list of words."""
        return self.names.of("type", self.types[name].pointer)

    def public_sent(self, name: str) -> str:
        declared = self.types[name]
        kind = "type" if isinstance(declared, Enum) else "param"
        return self.names.of("type" if kind == "type" else "param", declared.pointer)

    def received(self, of: Type) -> str:
        """As an annotation that `runtime/model.py` reads."""
        match of:
            case Prim("string", form) if form in FORMATS:
                return FORMATS[form]
            case Prim(kind, _):
                return KINDS[kind]
            case Scalar(kinds):
                return " | ".join(sorted(KINDS[kind] for kind in kinds))
            case Const(value):
                return f"Literal[{literal(value)}]"
            case ListOf(items):
                return f"list[{self.received(items)}]"
            case MapOf(values):
                return f"dict[str, {self.received(values)}]"
            case Nullable(inner):
                return f"{self.received(inner)} | None"
            case Ref(name):
                return self.public(name)
            case AnyValue():
                return "Any"
            case Binary():
                return "bytes"

    def sent(self, of: Type) -> str:
        """What a caller may give."""
        match of:
            case Prim("string", form) if form in FORMATS:
                return f"str | {FORMATS[form]}"
            case Prim(kind, _):
                return KINDS[kind]
            case Scalar(kinds):
                return " | ".join(sorted(KINDS[kind] for kind in kinds))
            case Const(value):
                return f"Literal[{literal(value)}]"
            case ListOf(items):
                return f"Sequence[{self.sent(items)}]"
            case MapOf(values):
                return f"Mapping[str, {self.sent(values)}]"
            case Nullable(inner):
                return f"{self.sent(inner)} | None"
            case Ref(name):
                return self.public_sent(name)
            case AnyValue():
                return "Any"
            case Binary():
                return "_File"


def literal(value: str | int | bool) -> str:
    return python_string(value) if isinstance(value, str) else repr(value)


def quoted(code: str) -> str:
    """Code of an annotation, itself ASCII, as a literal: in single quotes where nothing in it has to be escaped."""
    return f"'{code}'" if "'" not in code and "\\" not in code else python_string(code)


def optional(annotation: str) -> str:
    """Of a field that may be absent."""
    return annotation if annotation in ("Any", "None") or annotation.endswith(" | None") else f"{annotation} | None"
