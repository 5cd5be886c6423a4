"""Types of the representation as TypeScript writes them. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from sdkgen.ir.nodes import (
    AnyValue,
    Api,
    Binary,
    Const,
    Declaration,
    ListOf,
    MapOf,
    Nullable,
    Prim,
    Ref,
    Scalar,
    Type,
)
from sdkgen.languages.base.escaping import json_string
from sdkgen.languages.base.names import Names

KINDS = {"string": "string", "integer": "number", "number": "number", "boolean": "boolean"}


@dataclass(frozen=True)
class Spelling:
    """Of one API: its declared types by name, and their public names."""

    types: Mapping[str, Declaration]
    names: Names

    @classmethod
    def of(cls, api: Api, names: Names) -> "Spelling":
        return cls({declared.name: declared for declared in api.types}, names)

    def public(self, name: str) -> str:
        return self.names.of("type", self.types[name].pointer)

    def text(self, of: Type, prefix: str = "", *, only_sent: bool = False) -> str:
        """`prefix` stands before declared names. What is only sent takes read-only lists, and dates for times."""
        match of:
            case Prim("string", "date-time") if only_sent:
                return "string | Date"
            case Prim(kind, _):
                return KINDS[kind]
            case Scalar(kinds):
                return " | ".join(sorted({KINDS[kind] for kind in kinds}))
            case Const(value):
                return literal(value)
            case ListOf(items):
                inner = self.text(items, prefix, only_sent=only_sent)
                inner = f"({inner})" if " | " in inner else inner
                return f"readonly {inner}[]" if only_sent else f"{inner}[]"
            case MapOf(values):
                return f"{{ [name: string]: {self.text(values, prefix, only_sent=only_sent)} }}"
            case Nullable(inner):
                return f"{self.text(inner, prefix, only_sent=only_sent)} | null"
            case Ref(name):
                return prefix + self.public(name)
            case AnyValue():
                return "unknown"
            case Binary():
                return "Uploadable"


def literal(value: str | int | bool) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return json_string(value) if isinstance(value, str) else str(value)
