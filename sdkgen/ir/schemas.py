"""Schemas of OpenAPI 3.1 (JSON Schema 2020-12) → types and declarations. Pure.

References are resolved, `allOf` is folded, `null` in any of its spellings becomes `Nullable`, unions of one become that
one, a word that may also be any string is an open enum, and what has no name gets one from its path: never a counter,
so a name stays when something else appears. Two places that come to the same name are an error.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Literal

from sdkgen.ir.errors import DocumentError
from sdkgen.ir.names import pascal, type_name
from sdkgen.ir.nodes import (
    AnyValue,
    Binary,
    Const,
    Declaration,
    Enum,
    Field,
    Kind,
    ListOf,
    MapOf,
    Model,
    Nullable,
    Prim,
    Ref,
    Scalar,
    Type,
    Union,
    Variant,
)

Schema = Mapping[str, Any]
SCALARS: dict[str, Kind] = {"string": "string", "integer": "integer", "number": "number", "boolean": "boolean"}
CONSTRAINTS = (
    "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minLength", "maxLength", "pattern",
    "minItems", "maxItems", "uniqueItems", "minProperties", "maxProperties",
)  # fmt: skip
COMPONENTS = "#/components/schemas/"


def escaped(token: str) -> str:
    """A token of a JSON pointer (RFC 6901)."""
    return token.replace("~", "~0").replace("/", "~1")


def constraints_of(schema: Schema) -> dict[str, Any] | None:
    return {name: schema[name] for name in CONSTRAINTS if name in schema} or None


def nullable(of: Type) -> Type:
    return of if isinstance(of, Nullable | AnyValue) else Nullable(of)


class Schemas:
    """The types of one document; `declared` grows as schemas are read."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._components: Mapping[str, Schema] = document.get("components", {}).get("schemas", {})
        self._resolved: dict[str, Type] = {}
        self._under_way: set[str] = set()
        self.declared: dict[str, Declaration] = {}
        self._pointers: dict[str, str] = {}

    def type_of(self, schema: Schema | bool, pointer: str, name: str) -> Type:
        """The type at `pointer`; a declaration that it needs is called `name`. Raises DocumentError."""
        if schema is True or schema == {}:
            return AnyValue()
        if isinstance(schema, bool):
            raise DocumentError(pointer, "a schema that nothing fits")
        if "$ref" in schema:
            return self._component(schema["$ref"], pointer)
        if "allOf" in schema:
            return self._all_of(schema, pointer, name)
        for word in ("oneOf", "anyOf"):
            if word in schema:
                return self._one_of(schema, word, pointer, name)
        return self._plain(schema, pointer, name)

    # ---- references ----------------------------------------------------------------------------------------------
    def _component(self, ref: str, pointer: str) -> Type:
        if not ref.startswith(COMPONENTS):
            raise DocumentError(pointer, f"a reference to elsewhere than the components: {ref}")
        key = ref.removeprefix(COMPONENTS).replace("~1", "/").replace("~0", "~")
        if key in self._resolved:
            return self._resolved[key]
        if key not in self._components:
            raise DocumentError(pointer, f"a reference to nothing: {ref}")
        name = type_name(key)
        if not name:
            raise DocumentError(COMPONENTS + escaped(key), "no name can be made of this one")
        if key in self._under_way:  # it holds itself, so it has a name
            return Ref(name)
        self._under_way.add(key)
        found = self.type_of(self._components[key], COMPONENTS + escaped(key), name)
        self._under_way.discard(key)
        self._resolved[key] = found
        return found

    def _schema_behind(self, schema: Schema, pointer: str) -> tuple[Schema, str]:
        """Follows references to what stands there."""
        while "$ref" in schema:
            ref = schema["$ref"]
            key = ref.removeprefix(COMPONENTS).replace("~1", "/").replace("~0", "~")
            if key not in self._components:
                raise DocumentError(pointer, f"a reference to nothing: {ref}")
            schema, pointer = self._components[key], COMPONENTS + escaped(key)
        return schema, pointer

    # ---- allOf ---------------------------------------------------------------------------------------------------
    def _all_of(self, schema: Schema, pointer: str, name: str) -> Type:
        parts = schema["allOf"]
        if len(parts) == 1 and "properties" not in schema:
            return self.type_of(parts[0], f"{pointer}/allOf/0", name)
        places: dict[str, tuple[Schema, str]] = {}
        required: set[str] = set()
        extra: tuple[Schema | bool, str] | None = None
        sources = [(part, f"{pointer}/allOf/{i}") for i, part in enumerate(parts)]
        for part, place in [*sources, ({k: v for k, v in schema.items() if k != "allOf"}, pointer)]:
            behind, place = self._schema_behind(part, place)
            while "allOf" in behind and len(behind["allOf"]) == 1:
                behind, place = self._schema_behind(behind["allOf"][0], f"{place}/allOf/0")
            if "allOf" in behind or "oneOf" in behind or "anyOf" in behind:
                raise DocumentError(place, "allOf over something else than objects")
            for key, value in behind.get("properties", {}).items():
                places[key] = (value, f"{place}/properties/{escaped(key)}")
            required |= set(behind.get("required", ()))
            if isinstance(behind.get("additionalProperties"), dict):
                extra = (behind["additionalProperties"], f"{place}/additionalProperties")
        return self._model(schema, pointer, name, places, required, extra)

    # ---- oneOf, anyOf --------------------------------------------------------------------------------------------
    def _one_of(self, schema: Schema, word: str, pointer: str, name: str) -> Type:
        options, is_nullable = self._options(schema, word, pointer)
        if not options:
            raise DocumentError(pointer, "a union of nothing")
        found = self._union(schema, options, pointer, name)
        return nullable(found) if is_nullable else found

    def _options(self, schema: Schema, word: str, pointer: str) -> tuple[list[tuple[Schema, str]], bool]:
        """What is left without null and without the empty word, nested unions laid flat."""
        options: list[tuple[Schema, str]] = []
        is_nullable = False
        for index, option in enumerate(schema[word]):
            place = f"{pointer}/{word}/{index}"
            behind, there = self._schema_behind(option, place)
            if behind.get("type") == "null" or behind.get("enum") == [None]:
                is_nullable = True
            elif behind.get("enum") == [""]:
                continue  # every enum is open
            elif ("oneOf" in behind or "anyOf" in behind) and "discriminator" not in behind and "$ref" not in option:
                nested, also = self._options(behind, "oneOf" if "oneOf" in behind else "anyOf", there)
                options += nested
                is_nullable |= also
            else:
                options.append((option, place))
        return options, is_nullable

    def _union(self, schema: Schema, options: list[tuple[Schema, str]], pointer: str, name: str) -> Type:
        if len(options) == 1:
            return self.type_of(*options[0], name)
        if words := self._words(options):
            return self._enum(schema, pointer, name, words)
        types = [self.type_of(option, place, self._variant_name(option, place, name)) for option, place in options]
        is_nullable = any(isinstance(each, Nullable) for each in types)
        types = list(dict.fromkeys(each.of if isinstance(each, Nullable) else each for each in types))
        found = self._one_type(schema, types, pointer, name)
        return nullable(found) if is_nullable else found

    def _one_type(self, schema: Schema, types: list[Type], pointer: str, name: str) -> Type:
        if any(isinstance(each, AnyValue) for each in types):
            return AnyValue()
        if len(types) == 1:
            return types[0]
        kinds = [self._kinds(each) for each in types]
        if all(kinds):
            return _scalar(kind for found in kinds for kind in found)
        tag = schema.get("discriminator", {}).get("propertyName") or self._shared_tag(types)
        variants = tuple(Variant(each, self._tag(each, tag, pointer)) for each in types)
        return self._declare(Union(name, pointer, variants, tag, _doc(schema)))

    def _words(self, options: Iterable[tuple[Schema, str]]) -> list[str]:
        """The words of a union in which all are strings, at least one of them a list of words; else none."""
        found: list[str] = []
        for option, place in options:
            behind, _ = self._schema_behind(option, place)
            if "enum" in behind and all(isinstance(value, str) for value in behind["enum"]):
                found += [value for value in behind["enum"] if value not in found]
            elif isinstance(behind.get("const"), str):
                found.append(behind["const"])
            elif behind.get("type") != "string" or "format" in behind:
                return []
        return found

    def _variant_name(self, option: Schema, pointer: str, name: str) -> str:
        """Of an inline variant: from its title or its constant tag, else from its kind."""
        if title := option.get("title"):
            return name + pascal(title)
        for value in option.get("properties", {}).values():
            if isinstance(value.get("const"), str):
                return name + pascal(value["const"])
        kind = option.get("type")
        return name + pascal(kind if isinstance(kind, str) else "variant")

    def _kinds(self, of: Type) -> tuple[Kind, ...]:
        match of:
            case Prim(kind):
                return (kind,)
            case Scalar(kinds):
                return kinds
            case Ref(name) if isinstance(self.declared.get(name), Enum):
                return ("string",)
            case Const(str()):
                return ("string",)
        return ()

    def _shared_tag(self, types: list[Type]) -> str:
        """The field in which every variant has a constant of its own; empty when there is none."""
        shared: set[str] | None = None
        for each in types:
            declared = self.declared.get(each.name) if isinstance(each, Ref) else None
            if not isinstance(declared, Model):
                return ""
            names = {field.name for field in declared.fields if isinstance(field.type, Const) and field.required}
            shared = names if shared is None else shared & names
        for name in sorted(shared or (), key=lambda found: (found != "type", found != "role", found)):
            values = [self._tag(each, name, "") for each in types]
            if len(set(values)) == len(values):
                return name
        return ""

    def _tag(self, of: Type, tag: str, pointer: str) -> str | None:
        if not tag:
            return None
        declared = self.declared.get(of.name) if isinstance(of, Ref) else None
        for field in declared.fields if isinstance(declared, Model) else ():
            if field.name == tag and isinstance(field.type, Const):
                return str(field.type.value)
        raise DocumentError(pointer, f"a variant without a constant in the discriminator '{tag}'")

    # ---- everything else -----------------------------------------------------------------------------------------
    def _plain(self, schema: Schema, pointer: str, name: str) -> Type:
        if "const" in schema:
            value = schema["const"]
            return nullable(AnyValue()) if value is None else Const(value)
        if "enum" in schema:
            return self._listed(schema, pointer, name)
        kinds = schema.get("type", "object" if "properties" in schema else None)
        if kinds is None:
            return AnyValue()
        kinds = [kinds] if isinstance(kinds, str) else list(dict.fromkeys(kinds))
        is_nullable = "null" in kinds or schema.get("nullable") is True
        kinds = [kind for kind in kinds if kind != "null"]
        found = self._of_kinds(schema, kinds, pointer, name)
        return nullable(found) if is_nullable else found

    def _of_kinds(self, schema: Schema, kinds: list[str], pointer: str, name: str) -> Type:
        if not kinds:
            return AnyValue()
        if len(kinds) == 1:
            return self._of_kind(schema, kinds[0], pointer, name)
        if all(kind in SCALARS for kind in kinds):
            return _scalar(SCALARS[kind] for kind in kinds)
        types = [self._of_kind(schema, kind, pointer, name + pascal(kind)) for kind in kinds]
        return self._one_type(schema, types, pointer, name)

    def _of_kind(self, schema: Schema, kind: str, pointer: str, name: str) -> Type:
        if kind == "object":
            return self._object(schema, pointer, name)
        if kind == "array":
            return ListOf(self.type_of(schema.get("items", True), f"{pointer}/items", name + "Item"))
        if kind not in SCALARS:
            raise DocumentError(pointer, f"an unknown type: {kind}")
        form = str(schema.get("format", ""))
        if kind == "string" and (form == "binary" or schema.get("contentMediaType") == "application/octet-stream"):
            return Binary()
        return Prim(SCALARS[kind], form)

    def _listed(self, schema: Schema, pointer: str, name: str) -> Type:
        values = [value for value in schema["enum"] if value is not None]
        is_nullable = len(values) < len(schema["enum"])
        if all(isinstance(value, str) for value in values):
            found = self._enum(schema, pointer, name, [value for value in values if value != ""])
        elif all(isinstance(value, bool) for value in values):
            found = Prim("boolean")
        elif all(isinstance(value, int) for value in values):
            found = Prim("integer")
        else:
            found = AnyValue()
        return nullable(found) if is_nullable else found

    def _enum(self, schema: Schema, pointer: str, name: str, values: list[str]) -> Type:
        if not values:
            return Prim("string")
        return self._declare(Enum(name, pointer, tuple(dict.fromkeys(values)), _doc(schema)))

    def _object(self, schema: Schema, pointer: str, name: str) -> Type:
        more = schema.get("additionalProperties")
        if not schema.get("properties"):
            values = self.type_of(more, f"{pointer}/additionalProperties", name + "Value") if more else AnyValue()
            return MapOf(values)
        places = {key: (value, f"{pointer}/properties/{escaped(key)}") for key, value in schema["properties"].items()}
        extra = (more, f"{pointer}/additionalProperties") if isinstance(more, dict) else None
        return self._model(schema, pointer, name, places, set(schema.get("required", ())), extra)

    def _model(
        self,
        schema: Schema,
        pointer: str,
        name: str,
        places: Mapping[str, tuple[Schema, str]],
        required: set[str],
        extra: tuple[Schema | bool, str] | None,
    ) -> Type:
        if missing := required - set(places):
            raise DocumentError(pointer, f"required, and not among the properties: {', '.join(sorted(missing))}")
        fields = tuple(self._field(key, *places[key], name, required=key in required) for key in sorted(places))
        rest = self.type_of(*extra, name + "Value") if extra else None
        is_old = bool(schema.get("deprecated"))
        return self._declare(Model(name, pointer, fields, _doc(schema), rest, is_old))

    def _field(self, key: str, schema: Schema, pointer: str, owner: str, *, required: bool) -> Field:
        if not pascal(key):
            raise DocumentError(pointer, "no name can be made of this one")
        found = self.type_of(schema, pointer, owner + pascal(key))
        return Field(
            key, found, required, pointer, _doc(schema), bool(schema.get("deprecated")), schema.get("default"),
            constraints_of(schema),
        )  # fmt: skip

    def _declare(self, declaration: Declaration) -> Type:
        name, pointer = declaration.name, declaration.pointer
        before = self._pointers.setdefault(name, pointer)
        if before != pointer:
            raise DocumentError(pointer, f"its name '{name}' is taken by {before}; name one of them in the components")
        self.declared[name] = declaration
        return Ref(name)


def _doc(schema: Schema) -> str:
    return str(schema.get("description", "")).strip()


def _scalar(kinds: Iterable[Kind]) -> Type:
    found = set(kinds)
    if "number" in found:
        found.discard("integer")
    if len(found) == 1:
        return Prim(next(iter(found)))
    ordered: tuple[Literal["string", "integer", "number", "boolean"], ...] = tuple(sorted(found))
    return Scalar(ordered)
