"""Declared types as C#: views of what is received, records of what is sent, open enumerations, unions. Pure."""

from collections.abc import Iterator, Sequence

from sdkgen.ir.nodes import Binary, Const, Declaration, Enum, Field, ListOf, Model, Nullable, Prim, Ref, Type, Union
from sdkgen.languages.base.escaping import csharp_string, one_line, xml_doc, xml_text
from sdkgen.languages.csharp.naming import escaped
from sdkgen.languages.csharp.types import Types, constant, unknown_of

HEAD = (
    "// Made by the SDK generator from the API's document.",
    "namespace {namespace};",
    "",
    "using System;",
    "using System.Collections.Generic;",
    "using System.Text.Json;",
)


def module(declared: Sequence[Declaration], types: Types, namespace: str, forms: frozenset[str] = frozenset()) -> str:
    """A file of types; `forms` are sent as forms."""
    lines = [line.format(namespace=namespace) for line in HEAD]
    unions = _memberships(types)
    for one in declared:
        lines += ["", *of(one, types, unions, one.name in forms)]
    return "\n".join(lines) + "\n"


def of(declared: Declaration, types: Types, unions: dict[str, list[str]], is_form: bool = False) -> list[str]:
    match declared:
        case Enum():
            return list(_enum(declared, types))
        case Union():
            return list(_interface(declared, types) if declared.discriminator else _choice(declared, types))
        case Model():
            implemented = unions.get(declared.name, [])
            if types.is_view(declared):
                return list(_view(declared, types, implemented))
            return list(_form(declared, types) if is_form else _record(declared, types, implemented))


def _memberships(types: Types) -> dict[str, list[str]]:
    """Model → the interfaces of the unions that it is a variant of."""
    found: dict[str, list[str]] = {}
    for declared in types.declared.values():
        if isinstance(declared, Union) and declared.discriminator:
            for variant in declared.variants:
                if isinstance(variant.type, Ref):
                    found.setdefault(variant.type.name, []).append(types.name(declared))
    return found


def summary(doc: str, otherwise: str, indent: str = "") -> list[str]:
    return xml_doc(doc, indent) or [f"{indent}/// <summary>{inline(otherwise)}</summary>"]


def inline(text: str) -> str:
    """Text within one line of a comment."""
    return xml_text(one_line(text))


def _obsolete(is_deprecated: bool, indent: str = "") -> list[str]:
    return [f'{indent}[Obsolete("Deprecated by the API.")]'] if is_deprecated else []


# ---- enumerations ------------------------------------------------------------------------------------------------
def _enum(declared: Enum, types: Types) -> Iterator[str]:
    name = types.name(declared)
    yield from summary(declared.doc, f"Known words of {name}; any other is kept as it is.")
    yield '/// <param name="Value">The word on the wire.</param>'
    yield f"public readonly record struct {name}(string Value) : IJsonValue"
    yield "{"
    for value, note in declared.noted():
        member = types.names.of("member", f"{declared.pointer}/enum/{escaped(value)}")
        yield f"    /// <summary><c>{inline(value)}</c>{f': {inline(note)}' if note else ''}</summary>"
        yield f"    public static {name} {member} => new({csharp_string(value)});"
        yield ""
    yield "    /// <summary>A word, known or not.</summary>"
    yield f"    public static implicit operator {name}(string value) => new(value);"
    yield ""
    yield "    /// <inheritdoc/>"
    yield "    public void WriteTo(Utf8JsonWriter writer) => writer.WriteStringValue(Value);"
    yield ""
    yield "    /// <summary>The word on the wire.</summary>"
    yield '    public override string ToString() => Value ?? "";'
    yield ""
    yield f"    internal static {name} Read(JsonElement value, string name) => new(Json.String(value, name));"
    yield "}"


# ---- unions ------------------------------------------------------------------------------------------------------
def _interface(declared: Union, types: Types) -> Iterator[str]:
    """Told by a field: an interface, the variants implement it."""
    name = types.name(declared)
    unknown = unknown_of(name)
    yield from summary(declared.doc, f"One of several, told by <{declared.discriminator}>.")
    yield f"public interface {name} : IJsonValue"
    yield "{"
    yield "}"
    yield ""
    yield f'/// <summary>A variant of <see cref="{name}"/> that this version does not know.</summary>'
    yield '/// <param name="Raw">It as it came, or as it is to be sent.</param>'
    yield f"public sealed record {unknown}(JsonElement Raw) : {name}, IUnknown"
    yield "{"
    yield "    /// <inheritdoc/>"
    yield "    public void WriteTo(Utf8JsonWriter writer) => Raw.WriteTo(writer);"
    if declared.name in types.usage.received:
        yield ""
        yield f"    internal static {name} Read(JsonElement value, string name)"
        yield "    {"
        yield '        if (value.ValueKind != JsonValueKind.Object) throw Json.Wrong(value, "an object", name);'
        told = f"Json.Find(value, {csharp_string(declared.discriminator)})"
        yield f"        if ({told} is {{ ValueKind: JsonValueKind.String }} tag)"
        yield "        {"
        yield "            switch (tag.GetString())"
        yield "            {"
        for variant in declared.variants:
            read = types.read(variant.type, "value", "name")
            yield f"                case {csharp_string(variant.tag or '')}: return {read};"
        yield "            }"
        yield "        }"
        yield f"        return new {unknown}(value);"
        yield "    }"
    yield "}"


def _choice(declared: Union, types: Types) -> Iterator[str]:
    """Told by its JSON type or its fields: a class that holds one of the variants."""
    name = types.name(declared)
    is_sent, is_received = declared.name in types.usage.sent, declared.name in types.usage.received
    yield from summary(declared.doc, f"One of several types of {name}.")
    yield f"public sealed class {name} : IJsonValue"
    yield "{"
    yield "    private readonly Action<Utf8JsonWriter> _write;"
    yield ""
    yield f"    private {name}(Action<Utf8JsonWriter> write) => _write = write;"
    for variant in declared.variants:
        label, code = _label(variant.type, types), types.code(variant.type)
        about = inline(_said(variant.type, types))
        write = types.write(variant.type, "value")
        yield ""
        yield f"    /// <summary>It as {about}; null when it is another variant.</summary>"
        yield f"    public {code}? As{label} {{ get; private init; }}"
        yield ""
        yield f"    /// <summary>Of {about}.</summary>"
        yield f"    public static {name} Of({code} value) => new(writer => {write}) {{ As{label} = value }};"
        for source in _sources(variant.type, types):
            yield ""
            yield f"    /// <summary>Of {about}.</summary>"
            yield f"    public static implicit operator {name}({source} value) => Of(value);"
    yield ""
    yield "    /// <summary>Of JSON that this version does not know.</summary>"
    yield f"    public static {name} OfJson(AnyJson value) => new(value.WriteTo);"
    yield ""
    yield "    /// <inheritdoc/>"
    yield "    public void WriteTo(Utf8JsonWriter writer) => _write(writer);"
    if is_received or not is_sent:
        yield ""
        yield f"    internal static {name} Read(JsonElement value, string name)"
        yield "    {"
        for variant in declared.variants:
            yield f"        if ({_test(variant.type, types)}) return Of({types.read(variant.type, 'value', 'name')});"
        yield "        return OfJson(value);"
        yield "    }"
    yield "}"


def _label(of: Type, types: Types) -> str:
    match of:
        case Prim(kind):
            return {"string": "Text", "integer": "Integer", "number": "Number", "boolean": "Boolean"}[kind]
        case ListOf(inner):
            return f"{_label(inner, types)}List"
        case Ref(name):
            return types.name(types.declared[name])
    return "Map"


def _said(of: Type, types: Types) -> str:
    words = {"string": "a text", "integer": "a whole number", "number": "a number", "boolean": "true or false"}
    match of:
        case Prim(kind):
            return words[kind]
        case ListOf():
            return "a list"
        case Ref(name):
            return types.name(types.declared[name])
    return "a map"


def _sources(of: Type, types: Types) -> list[str]:
    """Types that convert by themselves; C# allows none from an interface."""
    match of:
        case ListOf(inner):
            return [f"List<{types.code(inner)}>", f"{types.code(inner)}[]"]
        case Ref(name):
            declared = types.declared[name]
            return [] if isinstance(declared, Union) and declared.discriminator else [types.code(of)]
        case Prim():
            return [types.code(of)]
    return []


def _test(of: Type, types: Types) -> str:
    match of:
        case Prim("string"):
            return "value.ValueKind == JsonValueKind.String"
        case Prim("boolean"):
            return "value.ValueKind is JsonValueKind.True or JsonValueKind.False"
        case Prim():
            return "value.ValueKind == JsonValueKind.Number"
        case ListOf():
            return "value.ValueKind == JsonValueKind.Array"
        case Ref(name):
            declared = types.declared[name]
            if isinstance(declared, Enum):
                return "value.ValueKind == JsonValueKind.String"
            fields = declared.fields if isinstance(declared, Model) else ()
            required = [csharp_string(field.name) for field in fields if field.required]
            tests = [f"value.TryGetProperty({wire}, out _)" for wire in required]
            return " && ".join(["value.ValueKind == JsonValueKind.Object", *tests])
    return "value.ValueKind == JsonValueKind.Object"


# ---- what is received --------------------------------------------------------------------------------------------
def _view(declared: Model, types: Types, implemented: Sequence[str]) -> Iterator[str]:
    name = types.name(declared)
    yield from summary(declared.doc, f"{name} as it came.")
    yield from _obsolete(declared.deprecated)
    yield f"public sealed class {name} : {', '.join(['JsonView', *implemented])}"
    yield "{"
    for field in declared.fields:
        if _is_cached(field.type, types):
            yield f"    private {_bare(field.type, types)}? {_slot(field, types)};"
    yield ""
    yield f"    internal {name}(JsonElement raw)"
    yield f"        : base(raw, {csharp_string(declared.name)})"
    yield "    {"
    yield "    }"
    for field in declared.fields:
        yield ""
        yield from summary(field.doc, f"Field {field.name}.", "    ")
        yield from _obsolete(field.deprecated, "    ")
        yield f"    {_getter(field, types)}"
    if declared.extra is not None:
        yield ""
        yield "    /// <summary>Every field, under names that are data.</summary>"
        code = f"IReadOnlyDictionary<string, {types.code(declared.extra)}>"
        yield f"    public {code} All => Json.Map(Raw, {csharp_string(declared.name)}, {types.reader(declared.extra)});"
    yield ""
    yield f"    internal static {name} Read(JsonElement value, string name)"
    yield "    {"
    yield "        _ = name;"
    yield "        return new(value);"
    yield "    }"
    yield "}"


def _is_cached(of: Type, types: Types) -> bool:
    """Whether decoding it makes an object, which is then kept."""
    match of:
        case Nullable(inner):
            return _is_cached(inner, types)
        case ListOf() | Ref():
            return not types.is_value(of)
    return types.code(of).startswith("IReadOnlyDictionary")


def _bare(of: Type, types: Types) -> str:
    return types.code(of.of if isinstance(of, Nullable) else of)


def _slot(field: Field, types: Types) -> str:
    name = types.names.of("field", field.pointer)
    return f"_{name[:1].lower()}{name[1:]}"


def _getter(field: Field, types: Types) -> str:
    name, wire = types.names.of("field", field.pointer), csharp_string(field.name)
    inner = field.type.of if isinstance(field.type, Nullable) else field.type
    if isinstance(inner, Const):
        code = types.code(inner)
        inner = Prim({"string": "string", "long": "integer", "bool": "boolean"}[code])  # type: ignore[arg-type]
    code = types.code(inner)
    keep = f"{_slot(field, types)} ??= " if _is_cached(inner, types) else ""
    if field.required and not isinstance(field.type, Nullable):
        return f"public {code} {name} => {keep}{types.read(inner, f'Need({wire})', wire)};"
    null = f"({code}?)null" if types.is_value(inner) else "null"
    found = f"Find({wire}) is {{ }} found ? {types.read(inner, 'found', wire)} : {null}"
    return f"public {code}? {name} => {f'{keep}({found})' if keep else found};"


# ---- what is sent ------------------------------------------------------------------------------------------------
def _form(declared: Model, types: Types) -> Iterator[str]:
    yield from summary(declared.doc, f"{types.name(declared)}, to be sent as a form.")
    yield from _obsolete(declared.deprecated)
    yield f"public sealed record {types.name(declared)}"
    yield "{"
    yield from _properties(declared, types)
    yield ""
    yield from form_writer(declared, types)
    yield "}"


def _record(declared: Model, types: Types, implemented: Sequence[str]) -> Iterator[str]:
    name = types.name(declared)
    yield from summary(declared.doc, f"{name}, to be sent.")
    yield from _obsolete(declared.deprecated)
    yield f"public sealed record {name} : {', '.join(['JsonModel', *implemented])}"
    yield "{"
    yield from _properties(declared, types)
    if declared.extra is not None:
        yield ""
        yield "    /// <summary>Fields under names that are data.</summary>"
        yield f"    public IReadOnlyDictionary<string, {types.code(declared.extra)}>? All {{ get; init; }}"
    yield ""
    yield "    /// <inheritdoc/>"
    yield "    public override void WriteTo(Utf8JsonWriter writer)"
    yield "    {"
    yield "        writer.WriteStartObject();"
    for field in declared.fields:
        yield from (f"        {line}" for line in _writing(field, types))
    if declared.extra is not None:
        yield "        if (All is { } all)"
        yield "        {"
        yield "            foreach (var pair in all)"
        yield "            {"
        yield "                writer.WritePropertyName(pair.Key);"
        yield f"                {types.write(declared.extra, 'pair.Value')};"
        yield "            }"
        yield "        }"
    yield "        Json.WriteExtra(writer, ExtraProperties);"
    yield "        writer.WriteEndObject();"
    yield "    }"
    if declared.name in types.usage.received:
        yield ""
        yield from _reading(declared, types)
    yield "}"


def _properties(declared: Model, types: Types) -> Iterator[str]:
    for field in declared.fields:
        if _is_checked(field):
            yield f"    private {types.code(field.type)}? {_slot(field, types)};"
    for number, field in enumerate(declared.fields):
        if number or any(map(_is_checked, declared.fields)):
            yield ""
        yield from summary(field.doc, f"Field {field.name}.", "    ")
        yield from _obsolete(field.deprecated, "    ")
        yield from (f"    {line}" for line in _property(declared, field, types))


def form_writer(model: Model, types: Types) -> Iterator[str]:
    """`ToForm` of a model that is sent as `multipart/form-data`; each item of a list is a field of its own."""
    yield "    internal Form ToForm()"
    yield "    {"
    yield "        var form = new Form();"
    for field in sorted(model.fields, key=lambda one: isinstance(_plain(one), Binary)):
        name, wire = types.names.of("field", field.pointer), csharp_string(field.name)
        inner = _plain(field)
        if isinstance(inner, Binary):
            yield f"        form.Add({wire}, {name});"
            continue
        local = f"some{name}"
        if isinstance(field.type, Nullable) and not field.required:
            yield f"        if ({name}.IsSet && {name}.Value is {{ }} {local}) {_added(wire, inner, local, types)};"
        else:
            yield f"        if ({name} is {{ }} {local}) {_added(wire, inner, local, types)};"
    yield "        return form;"
    yield "    }"


def _added(wire: str, of: Type, local: str, types: Types) -> str:
    if isinstance(of, ListOf):
        return f"foreach (var one in {local}) form.Add({wire}, {form_text(of.items, 'one', types)})"
    return f"form.Add({wire}, {form_text(of, local, types)})"


def _plain(field: Field) -> Type:
    return field.type.of if isinstance(field.type, Nullable) else field.type


def form_text(of: Type, value: str, types: Types) -> str:
    if isinstance(of, Ref) and isinstance(types.declared[of.name], Enum):
        return f"{value}.ToString()"
    if isinstance(of, Prim):
        return f"Json.Text({value})"
    return f"System.Text.Encoding.UTF8.GetString(Json.Bytes(writer => {types.write(of, value)}))"


def _is_checked(field: Field) -> bool:
    """Must be stated, so leaving it out is told before anything is sent."""
    return field.required and not isinstance(field.type, Nullable | Const)


def _property(declared: Model, field: Field, types: Types) -> Iterator[str]:
    name, code = types.names.of("field", field.pointer), types.code(field.type)
    if isinstance(field.type, Const):
        yield f"public {code} {name} => {constant(field.type.value)};"
    elif _is_checked(field):
        slot = _slot(field, types)
        yield f"public {code} {name}"
        yield "{"
        unset = f"throw Json.Unset({csharp_string(declared.name)}, {csharp_string(name)})"
        yield f"    get => {slot} ?? {unset};"
        yield f"    init => {slot} = value;"
        yield "}"
    elif isinstance(field.type, Nullable):
        # Required and null is sent as null; what may be left out has three states.
        yield f"public {code if field.required else f'Optional<{code}>'} {name} {{ get; init; }}"
    else:
        yield f"public {code}? {name} {{ get; init; }}"


def _writing(field: Field, types: Types) -> Iterator[str]:
    name, wire = types.names.of("field", field.pointer), csharp_string(field.name)
    put = f"writer.WritePropertyName({wire});"
    if isinstance(field.type, Const):
        if field.required:
            yield put
            yield f"Json.Write(writer, {name});"
        return
    if field.required:
        yield put
        yield f"{types.write(field.type, name)};"
        return
    if isinstance(field.type, Nullable):
        yield f"if ({name}.IsSet)"
        value = f"{name}.Value"
    else:
        yield f"if ({name} is {{ }} {_slot(field, types)[1:]}Value)"
        value = f"{_slot(field, types)[1:]}Value"
    yield "{"
    yield f"    {put}"
    yield f"    {types.write(field.type, value)};"
    yield "}"


def _reading(declared: Model, types: Types) -> Iterator[str]:
    name = types.name(declared)
    yield f"    internal static {name} Read(JsonElement value, string name)"
    yield "    {"
    yield '        if (value.ValueKind != JsonValueKind.Object) throw Json.Wrong(value, "an object", name);'
    yield f"        return new {name}"
    yield "        {"
    known = []
    for field in declared.fields:
        known.append(csharp_string(field.name))
        if isinstance(field.type, Const):
            continue
        target = _slot(field, types) if _is_checked(field) else types.names.of("field", field.pointer)
        wire = csharp_string(field.name)
        inner = field.type.of if isinstance(field.type, Nullable) else field.type
        null = f"({types.code(inner)}?)null" if types.is_value(inner) else "null"
        slot = _slot(field, types)
        found = f"Json.Find(value, {wire}) is {{ }} {slot} ? {types.read(inner, slot, wire)} : {null}"
        if isinstance(field.type, Nullable) and not field.required:
            code = f"Optional<{types.code(field.type)}>"
            found = f"value.TryGetProperty({wire}, out _) ? new {code}({found}) : default"
        yield f"            {target} = {found},"
    yield f"            ExtraProperties = Json.Extra(value{''.join(f', {one}' for one in known)}),"
    yield "        };"
    yield "    }"
