"""The files of types: `types_<group>.go`. Pure."""

from collections.abc import Iterator

from sdkgen.ir.nodes import Api, Const, Declaration, Enum, Field, ListOf, MapOf, Model, Nullable, Prim, Ref, Type, Union
from sdkgen.languages.base.escaping import go_string, json_string, one_line, sentence
from sdkgen.languages.base.usage import Usage
from sdkgen.languages.go.layout import aligned, comment, source
from sdkgen.languages.go.types import Spelling

FIRST = {"string": '"', "integer": "0", "number": "0", "boolean": "t"}
"""As `jsonKind` of the runtime has it."""


def documented(group: str) -> bool:
    """Whether doc texts of fields are in the code: those of the management API are in the reference, or the package
    would be half as large again."""
    return not group.startswith("manage")


class Models:
    """All files of types of a package."""

    def __init__(self, api: Api, usage: Usage, spelling: Spelling, hidden: frozenset[tuple[str, str]]) -> None:
        """`hidden` are (model, field) that a caller does not set: a method does."""
        self._api, self._usage, self._spelling, self._hidden = api, usage, spelling, hidden

    def groups(self) -> list[str]:
        return sorted({self._usage.group_of(declared.name) for declared in self._api.types})

    def file(self, package: str, group: str) -> str:
        lines: list[str] = []
        for declared in self._api.types:
            if self._usage.group_of(declared.name) == group:
                lines += [*self._declaration(declared), ""]
        return source(package, lines)

    def registry(self, package: str) -> str:
        """The readers of unions, by their interfaces."""
        names = [self._spelling.public(one.name) for one in self._api.types if isinstance(one, Union)]
        registered = [f"\tregisterUnion[{name}](read{name})" for name in names]
        return source(package, ["func init() {", *registered, "}"])

    def _declaration(self, declared: Declaration) -> Iterator[str]:
        name = self._spelling.public(declared.name)
        match declared:
            case Model():
                yield from self._model(name, declared)
            case Enum():
                yield from self._enum(name, declared)
            case Union():
                yield from self._union(name, declared)

    # ---- objects -------------------------------------------------------------------------------------------------
    def _model(self, name: str, model: Model) -> Iterator[str]:
        doc = sentence(model.doc) or f"{name} is an object of the API."
        yield from comment(doc + ("\n\nDeprecated: it is going to be removed." if model.deprecated else ""))
        yield f"type {name} struct {{"
        rows: list[tuple[str, ...]] = []
        for field in model.fields:
            if (model.name, field.name) not in self._hidden:
                rows += [(line,) for line in comment(self._doc(model, field))]
                rows.append(self._field(model, field))
        yield from aligned(rows)
        if rows:
            yield ""
        yield "\tmodelFields"
        yield "}"
        yield ""
        yield f"func (m *{name}) UnmarshalJSON(data []byte) error {{"
        yield "\treturn decodeDocument(data, m)"
        yield "}"
        yield ""
        yield f"func (m {name}) MarshalJSON() ([]byte, error) {{"
        yield "\treturn encodeJSON(m)"
        yield "}"

    def _field(self, model: Model, field: Field) -> tuple[str, ...]:
        if isinstance(field.type, Const) and field.required:
            value = json_string(field.type.value) if isinstance(field.type.value, str) else _literal(field.type.value)
            return ("_", "string", _tag(("const", field.name), ("value", value)))
        public = self._spelling.field_name(field)
        said = field.name if field.required else f"{field.name},omitempty"
        return (public, self._spelling.field(model, field), _tag(("json", said)))

    def _doc(self, model: Model, field: Field) -> str:
        if isinstance(field.type, Const) and field.required:
            return ""
        text = sentence(field.doc) if documented(self._usage.group_of(model.name)) else ""
        return text + ("\n\nDeprecated: it is going to be removed." if field.deprecated else "")

    # ---- words ---------------------------------------------------------------------------------------------------
    def _enum(self, name: str, enum: Enum) -> Iterator[str]:
        doc = sentence(enum.doc) or f"{name} is a word."
        notes = "".join(f"\n\n{value}: {note}" for value, note in enum.noted() if note)
        yield from comment(f"{doc} It may be another one than those that this version knows.{notes}")
        yield f"type {name} string"
        yield ""
        yield f"// Words of {name}."
        yield "const ("
        members = [(self._spelling.names.of("member", f"{enum.pointer} {value}"), value) for value in enum.values]
        yield from aligned([(member, name, f"= {go_string(value)}") for member, value in members])
        yield ")"

    # ---- unions --------------------------------------------------------------------------------------------------
    def _union(self, name: str, union: Union) -> Iterator[str]:
        variants = [(self._variant(union, index), variant.type) for index, variant in enumerate(union.variants)]
        listed = ", ".join(variant for variant, _ in variants)
        doc = f"{one_line(union.doc)}\n\n" if union.doc else ""
        yield from comment(f"{doc}{name} is one of {listed}, or Unknown.")
        yield f"type {name} interface{{ is{name}() }}"
        yield ""
        for variant, of in variants:
            if not isinstance(of, Ref):
                yield f"// {variant} is a variant of {name}."
                yield f"type {variant} {self._spelling.go(of)}"
                yield ""
        for variant in dict.fromkeys([*self._marked(union), "Unknown"]):
            yield f"func ({variant}) is{name}() {{}}"
            yield ""
        yield from self._reader(name, union, variants)

    def _variant(self, union: Union, index: int) -> str:
        of = union.variants[index].type
        if isinstance(of, Ref):
            return self._spelling.public(of.name)
        return self._spelling.names.of("type", f"{union.pointer} {index}")

    def _marked(self, union: Union) -> Iterator[str]:
        """Variants, and those of a union among them."""
        for index, variant in enumerate(union.variants):
            inner = self._spelling.types[variant.type.name] if isinstance(variant.type, Ref) else None
            if isinstance(inner, Union):
                yield from self._marked(inner)
            else:
                yield self._variant(union, index)

    def _reader(self, name: str, union: Union, variants: list[tuple[str, Type]]) -> Iterator[str]:
        yield f"func read{name}(raw []byte) (any, error) {{"
        if union.discriminator:
            yield f"\ttag := tagOf(raw, {go_string(union.discriminator)})"
            yield "\tswitch tag {"
            for (variant, _), declared in zip(variants, union.variants, strict=True):
                yield f"\tcase {go_string(declared.tag or '')}:"
                yield f"\t\treturn decodeVariant[{variant}](raw)"
            yield "\t}"
            yield "\treturn unknownVariant(tag, raw)"
        else:
            for variant, of in variants:
                for said in self._marks(of):
                    yield f"\tif found, err := decodeVariant[{variant}](raw); {said} && err == nil {{"
                    yield "\t\treturn found, nil"
                    yield "\t}"
            yield '\treturn unknownVariant("", raw)'
        yield "}"

    def _marks(self, of: Type) -> Iterator[str]:
        """Conditions by which a value is of a type; one of them is enough."""
        match of:
            case Prim(kind, _):
                yield f"jsonKind(raw) == {_rune(FIRST[kind])}"
            case ListOf():
                yield "jsonKind(raw) == '['"
            case MapOf():
                yield "jsonKind(raw) == '{'"
            case Nullable(inner):
                yield from self._marks(inner)
            case Ref(name):
                yield from self._marks_of(self._spelling.types[name])
            case _:
                yield "len(raw) > 0"

    def _marks_of(self, declared: Declaration) -> Iterator[str]:
        match declared:
            case Enum():
                yield "jsonKind(raw) == '\"'"
            case Model():
                needed = [go_string(field.name) for field in declared.fields if field.required]
                yield f"hasFields(raw{''.join(f', {name}' for name in needed)})"
            case Union():
                yield "len(raw) > 0"


def _rune(character: str) -> str:
    return f"'{character}'"


def _literal(value: int | bool) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _tag(*pairs: tuple[str, str]) -> str:
    """A struct tag; its values are literals of Go within a literal of Go."""
    said = " ".join(f"{key}:{go_string(value)}" for key, value in pairs)
    return f"`{said}`" if "`" not in said else go_string(said)
