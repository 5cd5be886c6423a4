"""The package of models: a record, an interface or an enumeration each. Pure."""

import itertools
from collections.abc import Iterator

from sdkgen.ir.nodes import (
    AnyValue,
    Api,
    Binary,
    Const,
    Enum,
    Field,
    ListOf,
    MapOf,
    Method,
    Model,
    Nullable,
    Parameter,
    Prim,
    Ref,
    Scalar,
    Type,
    Union,
)
from sdkgen.languages.base.escaping import java_string, javadoc
from sdkgen.languages.base.usage import usage_of
from sdkgen.languages.java.naming import OF_MODELS, asked, field_name, identifier, is_mixed
from sdkgen.languages.java.types import Spelling, erased

Lines = Iterator[str]
MOST_FORMS = 8
"""Of one factory; with more choices only the types themselves are taken."""
KINDS = {"string": "JsonString", "integer": "JsonNumber", "number": "JsonNumber", "boolean": "JsonBoolean"}


class Models:
    """All of an API."""

    def __init__(self, api: Api, spelling: Spelling) -> None:
        self._api, self._spelling = api, spelling
        self._usage = usage_of(api)
        self._methods = [method for resource in api.resources for method in resource.methods]
        self._forms = {
            method.body.type.name
            for method in self._methods
            if method.body and method.body.content == "multipart" and isinstance(method.body.type, Ref)
        }
        self._streamed = {
            (method.body.type.name, method.stream.param)
            for method in self._methods
            if method.stream and method.stream.param and method.body and isinstance(method.body.type, Ref)
        }
        self._interfaces = self._interfaces_of_models()

    def _interfaces_of_models(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for declared in self._api.types:
            if isinstance(declared, Union) and declared.discriminator:
                for variant in declared.variants:
                    assert isinstance(variant.type, Ref)
                    found.setdefault(variant.type.name, []).append(self._spelling.public(declared.name))
        for method in self._methods:
            if is_mixed(method):
                for answer in method.answers:
                    if isinstance(answer.type, Ref):
                        found.setdefault(answer.type.name, []).append(self.answer_class(method))
        return {name: list(dict.fromkeys(interfaces)) for name, interfaces in found.items()}

    def answer_class(self, method: Method) -> str:
        return self._spelling.names.of("type", f"{method.pointer}/responses")

    def params_class(self, method: Method) -> str:
        return self._spelling.names.of("type", f"{method.pointer}/parameters")

    def files(self) -> Iterator[tuple[str, list[str]]]:
        """Class → its lines."""
        for declared in self._api.types:
            name = self._spelling.public(declared.name)
            match declared:
                case Model() if declared.name in self._forms:
                    yield name, list(self._form(declared, name))
                case Model():
                    yield name, list(self._model(declared, name))
                case Enum():
                    yield name, list(self._enum(declared, name))
                case Union():
                    lines = self._tagged(declared, name) if declared.discriminator else self._untagged(declared, name)
                    yield name, list(lines)
        for method in self._methods:
            if asked(method):
                yield self.params_class(method), list(self._params(method))
            if is_mixed(method):
                yield self.answer_class(method), list(self._answer(method))

    # ---- records ---------------------------------------------------------------------------------------------------
    def _model(self, model: Model, name: str) -> Lines:
        interfaces = self._interfaces.get(model.name) or ["JsonModel"]
        yield from _doc(model.doc or f"{name}.")
        yield f"public record {name}(JsonObject json) implements {', '.join(interfaces)} {{"
        yield f"    /** How it is read and written. */\n    public static final Codec<{name}> CODEC = {_codec(name)};"
        is_sent = model.name in self._usage.sent
        if is_sent:
            given = [field for field in model.fields if field.required and not isinstance(field.type, Const)]
            yield from self._of(model, name, given)
        for field in model.fields:
            yield from self._accessor(model, field)
            if is_sent and not isinstance(field.type, Const) and (model.name, field.name) not in self._streamed:
                yield from self._withers(name, field_name(self._spelling.names, model, field), field)
        if is_sent:
            yield from _with(name)
        yield "}"

    def _of(self, model: Model, name: str, given: list[Field]) -> Lines:
        """The members that have to be there, in the document's order of names, each in any of its forms."""
        choices = [[(self._spelling.plain(one.type), "value"), *self._spelling.options(one.type)] for one in given]
        forms = list(itertools.product(*choices))
        for form in forms if len(forms) <= MOST_FORMS else forms[:1]:
            arguments = ", ".join(
                f"{spelled} {identifier(one.name, frozenset())}" for one, (spelled, _) in zip(given, form, strict=True)
            )
            yield f"\n    /** With what has to be there. */\n    public static {name} of({arguments}) {{"
            yield f"        return new {name}(JsonObject.builder()"
            for field in model.fields:
                if isinstance(field.type, Const) and field.required:
                    yield f"                .put({java_string(field.name)}, {_constant(field.type)})"
            for one, (_, made) in zip(given, form, strict=True):
                value = made.replace("value", identifier(one.name, frozenset()))
                yield f"                .put({java_string(one.name)}, {self._spelling.codec(one.type)}, {value})"
            yield "                .build());\n    }"

    def _accessor(self, model: Model, field: Field) -> Lines:
        name = field_name(self._spelling.names, model, field)
        inner, codec, wire = field.type, self._spelling.codec, java_string(field.name)
        is_nullable = isinstance(inner, Nullable)
        if isinstance(inner, Nullable):
            inner = inner.of
        yield ""
        yield from _doc(field.doc or f"The member {field.name}.", "    ")
        if field.deprecated:
            yield "    @Deprecated"
        boxed = self._spelling.boxed(inner)
        if field.required and not is_nullable:
            yield f"    public {self._spelling.plain(inner)} {name}() {{"
            yield f"        return json.required({wire}, {codec(inner)});"
        elif field.required or not is_nullable:
            yield f"    public Optional<{boxed}> {name}() {{"
            yield f"        return json.optional({wire}, {codec(inner)});"
        else:
            yield f"    public Maybe<{boxed}> {name}() {{"
            yield f"        return json.maybe({wire}, {codec(inner)});"
        yield "    }"

    def _withers(self, owner: str, name: str, one: Field | Parameter) -> Lines:
        inner = one.type.of if isinstance(one.type, Nullable) else one.type
        codec, wire = self._spelling.codec(inner), java_string(one.name)
        forms = [(self._spelling.plain(inner), "value"), *self._spelling.options(inner)]
        if isinstance(one.type, Nullable):
            forms.append((f"Maybe<{self._spelling.boxed(inner)}>", "value"))
        seen: set[str] = set()
        for spelled, made in forms:
            if erased(spelled) not in seen:
                seen.add(erased(spelled))
                yield f"\n    /** The same with another {name}. */"
                if one.deprecated:
                    yield "    @Deprecated"
                yield f"    public {owner} {name}({spelled} value) {{"
                yield f"        return new {owner}(json.with({wire}, {codec}, {made}));\n    }}"

    def _params(self, method: Method) -> Lines:
        name = self.params_class(method)
        parameters = asked(method)
        given = [one for one in parameters if one.required]
        yield from _doc(f"What {method.id} can be asked.")
        yield f"public record {name}(JsonObject json) implements JsonModel {{"
        if given:
            arguments = ", ".join(
                f"{self._spelling.plain(one.type)} {identifier(one.name, frozenset())}" for one in given
            )
            yield f"    /** With what has to be there. */\n    public static {name} of({arguments}) {{"
            yield f"        return new {name}(JsonObject.builder()"
            for one in given:
                value = identifier(one.name, frozenset())
                yield f"                .put({java_string(one.name)}, {self._spelling.codec(one.type)}, {value})"
            yield "                .build());\n    }"
        else:
            yield f"    /** Nothing. */\n    public static final {name} NONE = new {name}(JsonObject.EMPTY);"
        for one in parameters:
            yield from self._withers(name, identifier(one.name, OF_MODELS), one)
        yield from _with(name)
        yield "}"

    # ---- forms with files ------------------------------------------------------------------------------------------
    def _form(self, model: Model, name: str) -> Lines:
        """A form is sent and never read."""
        given = [field for field in model.fields if field.required]
        yield from _doc(model.doc or f"{name}.")
        yield f"public record {name}(JsonObject json, Map<String, List<FileUpload>> files) implements JsonModel {{"
        arguments = ", ".join(f"{self._spelling.plain(one.type)} {identifier(one.name, frozenset())}" for one in given)
        yield f"    /** With what has to be there. */\n    public static {name} of({arguments}) {{"
        calls = [
            f".{field_name(self._spelling.names, model, one)}({identifier(one.name, frozenset())})" for one in given
        ]
        made = "\n                ".join([f"new {name}(JsonObject.EMPTY, Map.of())", *calls])
        yield f"        return {made};\n    }}"
        for field in model.fields:
            if (model.name, field.name) not in self._streamed:
                yield from self._form_wither(name, field_name(self._spelling.names, model, field), field)
        yield ""
        yield "    /** The same with a member that this version does not know. */"
        yield f"    public {name} with(String name, JsonValue value) {{"
        yield f"        return new {name}(json.with(name, Codecs.ANY, value), files);\n    }}"
        yield "\n    /** As it is sent. */\n    public MultipartForm form() {\n        return form(Map.of());\n    }"
        yield ""
        yield "    /** As it is sent, with more fields. */"
        yield "    public MultipartForm form(Map<String, JsonValue> more) {"
        yield "        MultipartForm form = new MultipartForm().fields(json).fields(JsonObject.of(more));"
        yield "        files.forEach((name, all) -> all.forEach(file -> form.file(name, file)));"
        yield "        return form;\n    }\n}"

    def _form_wither(self, owner: str, name: str, field: Field) -> Lines:
        inner = field.type.of if isinstance(field.type, Nullable) else field.type
        wire = java_string(field.name)
        said = _doc(field.doc or f"The same with another {name}.", "    ")
        if isinstance(inner, Binary) or (isinstance(inner, ListOf) and isinstance(inner.items, Binary)):
            is_list = isinstance(inner, ListOf)
            spelled, value = ("List<FileUpload>", "value") if is_list else ("FileUpload", "List.of(value)")
            yield from ["", *said]
            yield f"    public {owner} {name}({spelled} value) {{"
            yield "        Map<String, List<FileUpload>> all = new LinkedHashMap<>(files);"
            yield f"        all.put({wire}, {value});"
            yield f"        return new {owner}(json, all);\n    }}"
            return
        for spelled, made in [(self._spelling.plain(inner), "value"), *self._spelling.options(inner)]:
            yield from ["", *said]
            yield f"    public {owner} {name}({spelled} value) {{"
            yield f"        return new {owner}(json.with({wire}, {self._spelling.codec(inner)}, {made}), files);"
            yield "    }"

    # ---- words -----------------------------------------------------------------------------------------------------
    def _enum(self, enum: Enum, name: str) -> Lines:
        yield from _doc(enum.doc or f"{name}.")
        yield f"public record {name}(String value) implements OpenEnum {{"
        for value, note in enum.noted():
            member = self._spelling.names.of("member", f"{enum.pointer} {value}")
            yield from _doc(f"{value}: {note}" if note else f"{value}.", "    ")
            yield f"    public static final {name} {member} = new {name}({java_string(value)});"
        yield "    /** How it is read and written. */"
        yield f"    public static final Codec<{name}> CODEC = OpenEnum.codec({name}::new);"
        yield "\n    @Override\n    public String toString() {\n        return value;\n    }\n}"

    # ---- unions ----------------------------------------------------------------------------------------------------
    def _tagged(self, union: Union, name: str) -> Lines:
        variants = [(variant.tag, self._spelling.public(variant.type.name)) for variant in union.variants
                    if isinstance(variant.type, Ref)]  # fmt: skip
        permitted = ", ".join(dict.fromkeys(public for _, public in variants))
        yield from _doc(union.doc or f"{name}: one of several, told apart by {union.discriminator}.")
        yield f"public sealed interface {name} extends JsonModel permits {permitted}, {name}.Unknown {{"
        yield f"    /** How it is read and written. */\n    Codec<{name}> CODEC = JsonModel.codec({name}::read);"
        yield f"\n    private static {name} read(JsonObject json) {{"
        yield f'        return switch (json.string({java_string(union.discriminator)}).orElse("")) {{'
        for tag, public in variants:
            yield f"            case {java_string(tag or '')} -> new {public}(json);"
        yield "            default -> new Unknown(json);\n        };\n    }"
        yield "\n    /** A variant that this version does not know; it is written again as it came. */"
        yield f"    record Unknown(JsonObject json) implements {name} {{\n    }}\n}}"

    def _untagged(self, union: Union, name: str) -> Lines:
        yield from _doc(union.doc or f"{name}: one of several.")
        names = [(f"Of{_word(self._spelling.boxed(one.type))}", one.type) for one in union.variants]
        yield f"public sealed interface {name} {{"
        yield f"    /** How it is read and written. */\n    Codec<{name}> CODEC = Codec.of({name}::read, {name}::json);"
        yield "\n    /** The value as JSON. */\n    JsonValue json();"
        made: set[str] = set()
        for word, of in names:
            spelled = self._spelling.plain(of)
            if erased(spelled) not in made:
                made.add(erased(spelled))
                yield ""
                yield "    /** This variant. */"
                yield f"    static {name} of({spelled} value) {{"
                yield f"        return new {word}(value);"
                yield "    }"
        yield f"\n    private static {name} read(JsonValue json) {{"
        for word, of in names:
            yield f"        if ({self._fits(of)}) {{"
            yield f"            return new {word}({self._spelling.codec(of)}.decode(json));"
            yield "        }"
        yield "        return new Unknown(json);\n    }"
        for word, of in names:
            yield f"\n    /** A variant. */\n    record {word}({self._spelling.plain(of)} value) implements {name} {{"
            yield "        @Override\n        public JsonValue json() {"
            yield f"            return {self._spelling.codec(of)}.encode(value);\n        }}\n    }}"
        yield "\n    /** A variant that this version does not know; it is written again as it came. */"
        yield f"    record Unknown(JsonValue json) implements {name} {{\n    }}\n}}"

    def _fits(self, of: Type, json: str = "json") -> str:
        """A condition on a JSON value that tells the variant from the others."""
        match of:
            case Prim(kind, _):
                return f"{json} instanceof {KINDS[kind]}"
            case Const(value):
                return f"{json}.equals({_constant(Const(value))})"
            case ListOf(items):
                inner = self._fits(items, "array.items().get(0)")
                guard = "" if inner == "true" else f" && (array.items().isEmpty() || {inner})"
                return f"{json} instanceof JsonArray array{guard}"
            case MapOf():
                return f"{json} instanceof JsonObject"
            case Ref(name):
                return self._fits_declared(name, json)
            case Scalar() | AnyValue() | Nullable() | Binary():
                return "true"

    def _fits_declared(self, name: str, json: str) -> str:
        declared = self._spelling.types[name]
        if isinstance(declared, Enum):
            return f"{json} instanceof JsonString"
        if isinstance(declared, Union):
            return f"{json} instanceof JsonObject" if declared.discriminator else "true"
        conditions = [f"{json} instanceof JsonObject object"]
        for field in declared.fields:
            if field.required and isinstance(field.type, Const):
                conditions.append(f"{_constant(field.type)}.equals(object.get({java_string(field.name)}))")
            elif field.required:
                conditions.append(f"object.get({java_string(field.name)}) != null")
        return " && ".join(conditions) if len(conditions) > 1 else f"{json} instanceof JsonObject"

    def _answer(self, method: Method) -> Lines:
        """Of a method whose successes differ by their status."""
        permitted = dict.fromkeys(
            self._spelling.public(answer.type.name) for answer in method.answers if isinstance(answer.type, Ref)
        )
        yield from _doc(f"What {method.id} answers, by its status.")
        yield f"public sealed interface {self.answer_class(method)} extends JsonModel permits {', '.join(permitted)} {{"
        yield "}"


def _codec(name: str) -> str:
    return f"JsonModel.codec({name}::new)"


def _with(name: str) -> Lines:
    yield ""
    yield "    /** The same with a member that this version does not know. */"
    yield f"    public {name} with(String name, JsonValue value) {{"
    yield f"        return new {name}(json.with(name, Codecs.ANY, value));\n    }}"


def _constant(of: Const) -> str:
    """A JsonValue."""
    if isinstance(of.value, bool):
        return f"JsonBoolean.of({str(of.value).lower()})"
    if isinstance(of.value, int):
        return f"JsonNumber.of({of.value}L)"
    return f"new JsonString({java_string(of.value)})"


def _word(boxed: str) -> str:
    """`List<String>` → `ListOfString`."""
    return (
        boxed.replace("Map<String, ", "MapOf")
        .replace("List<", "ListOf")
        .replace("Optional<", "Optional")
        .replace(">", "")
    )


def _doc(text: str, indent: str = "") -> list[str]:
    """Never nothing: what is public has a comment."""
    return javadoc(text, indent) or [f"{indent}/** As the API documents it. */"]
