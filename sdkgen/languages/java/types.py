"""Types of the representation as Java writes them, and the codecs that read and write them. Pure."""

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
    Model,
    Nullable,
    Prim,
    Ref,
    Scalar,
    Type,
    Union,
)
from sdkgen.languages.base.names import Names

PRIMS = {"string": "String", "integer": "Long", "number": "Double", "boolean": "Boolean"}
FORMATS = {"decimal": "BigDecimal", "date-time": "OffsetDateTime", "date": "LocalDate"}
PRIMITIVES = {"Long": "long", "Double": "double", "Boolean": "boolean"}
CODECS = {
    "String": "STRING", "Long": "LONG", "Double": "DOUBLE", "Boolean": "BOOLEAN", "BigDecimal": "DECIMAL",
    "OffsetDateTime": "DATE_TIME", "LocalDate": "DATE", "JsonValue": "ANY",
}  # fmt: skip
IMPORTS = {
    "BigDecimal": "java.math.BigDecimal", "OffsetDateTime": "java.time.OffsetDateTime",
    "LocalDate": "java.time.LocalDate", "List": "java.util.List", "Map": "java.util.Map",
    "Optional": "java.util.Optional",
}  # fmt: skip
"""What is not of the package itself, by its simple name."""


@dataclass(frozen=True)
class Spelling:
    """Of one API: its declared types by name, and their public names."""

    types: dict[str, Declaration]
    names: Names

    @classmethod
    def of(cls, api: Api, names: Names) -> "Spelling":
        return cls({declared.name: declared for declared in api.types}, names)

    def public(self, name: str) -> str:
        return self.names.of("type", self.types[name].pointer)

    def boxed(self, of: Type) -> str:
        """As an argument of a generic type."""
        match of:
            case Prim("string", form):
                return FORMATS.get(form, "String")
            case Prim(kind, _):
                return PRIMS[kind]
            case Const(bool()):
                return "Boolean"
            case Const(int()):
                return "Long"
            case Const():
                return "String"
            case ListOf(items):
                return f"List<{self.boxed(items)}>"
            case MapOf(values):
                return f"Map<String, {self.boxed(values)}>"
            case Nullable(inner):
                return f"Optional<{self.boxed(inner)}>"
            case Ref(name):
                return self.public(name)
            case Binary():
                return "FileUpload"
            case Scalar() | AnyValue():
                return "JsonValue"

    def plain(self, of: Type) -> str:
        """As the type of a value that is there."""
        boxed = self.boxed(of)
        return PRIMITIVES.get(boxed, boxed)

    def codec(self, of: Type) -> str:
        """An expression."""
        match of:
            case ListOf(items):
                return f"Codecs.list({self.codec(items)})"
            case MapOf(values):
                return f"Codecs.map({self.codec(values)})"
            case Nullable(inner):
                return f"Codecs.nullable({self.codec(inner)})"
            case Ref(name):
                return f"{self.public(name)}.CODEC"
            case _:
                return f"Codecs.{CODECS[self.boxed(of)]}"

    def declaration(self, of: Type) -> Declaration | None:
        return self.types[of.name] if isinstance(of, Ref) else None

    def options(self, of: Type) -> list[tuple[str, str]]:
        """Beside the type itself, what may be given in its place: (Java type, expression over `value`). A word for an
        enumeration, a variant for a union without a tag."""
        declared = self.declaration(of)
        if isinstance(declared, Enum):
            return [("String", f"new {self.public(declared.name)}(value)")]
        if not isinstance(declared, Union) or declared.discriminator:
            return []
        found: dict[str, tuple[str, str]] = {}
        for variant in declared.variants:
            if not isinstance(self.declaration(variant.type), Model | Union):
                spelled = self.plain(variant.type)
                erased = spelled.partition("<")[0]
                if isinstance(self.declaration(variant.type), Enum):
                    spelled = erased = "String"
                    made = f"new {self.public(variant.type.name)}(value)" if isinstance(variant.type, Ref) else "value"
                else:
                    made = "value"
                found.setdefault(erased, (spelled, f"{self.public(declared.name)}.of({made})"))
        return list(found.values())


def erased(spelled: str) -> str:
    return spelled.partition("<")[0]
