"""Names in Java. Pure."""

import re
from collections.abc import Iterator

from sdkgen.ir.names import pascal
from sdkgen.ir.nodes import Api, Enum, Field, Method, Model, Parameter
from sdkgen.languages.base.casing import camel, screaming
from sdkgen.languages.base.names import Name, Names, shape_of

KEYWORDS = frozenset(
    {
        "abstract", "assert", "boolean", "break", "byte", "case", "catch", "char", "class", "const", "continue",
        "default", "do", "double", "else", "enum", "extends", "final", "finally", "float", "for", "goto", "if",
        "implements", "import", "instanceof", "int", "interface", "long", "native", "new", "package", "private",
        "protected", "public", "return", "short", "static", "strictfp", "super", "switch", "synchronized", "this",
        "throw", "throws", "transient", "try", "void", "volatile", "while", "true", "false", "null", "var", "record",
        "sealed", "permits", "yield", "non", "_",
    }
)  # fmt: skip
OF_OBJECTS = frozenset(
    {"clone", "finalize", "getclass", "hashcode", "notify", "notifyall", "tostring", "wait", "equals"}
)
OF_MODELS = OF_OBJECTS | {"json", "of", "with", "form", "files"}
"""What a model has of its own."""
OF_TYPES = frozenset(
    {
        "ApiClient", "ApiRequest", "ApiResponse", "BigDecimal", "BinaryResponse", "Boolean", "Codec", "Codecs",
        "CompletableFuture", "Deprecated", "Double", "EventStream", "FileUpload", "JsonArray", "JsonBoolean",
        "JsonModel", "JsonNull", "JsonNumber", "JsonObject", "JsonString", "JsonValue", "List", "LlmGateway",
        "LocalDate", "Long", "Map", "Maybe", "MultipartForm", "Object", "OffsetDateTime", "OpenEnum", "Optional",
        "Override", "Page", "PageRules", "RequestBody", "RequestOptions", "Set", "StreamFold", "StreamRules",
        "String", "Unknown", "Void",
    }
)  # fmt: skip
OF_ENUMS = frozenset({"CODEC"})


def identifier(wire: str, taken: frozenset[str]) -> str:
    """A method or parameter for a wire name; `taken` in small letters."""
    name = camel(wire)
    if not name or name[0].isdigit():
        name = f"n{name}"
    return name + "_" if name in KEYWORDS or name.lower() in taken else name


def type_name(declared: str) -> str:
    return declared + "Type" if declared in OF_TYPES else declared


def member_name(value: str) -> str:
    """A constant for a word of an enumeration: `-created_at` (descending) is `MINUS_CREATED_AT`."""
    name = screaming(("minus_" if value.startswith("-") else "") + re.sub(r"[^A-Za-z0-9]+", "_", value))
    if not name or name[0].isdigit():
        name = f"V{name}"
    return name + "_" if name in OF_ENUMS else name


def resource_class(path: tuple[str, ...]) -> str:
    return pascal("_".join(path)) + "Resource"


def propose(api: Api) -> Iterator[Name]:
    """Types, their arguments' and answers' own ones, and resources are one scope: a file may name all of them."""
    for declared in api.types:
        yield Name("type", declared.pointer, "types", type_name(declared.name), shape_of(declared))
        if isinstance(declared, Model):
            yield from _fields(declared)
        elif isinstance(declared, Enum):
            for value in declared.values:
                place = f"{declared.pointer} {value}"
                yield Name("member", place, f"members of {declared.pointer}", member_name(value))
    for resource in api.resources:
        scope = ".".join(resource.path)
        yield Name("type", f"resource {scope}", "types", resource_class(resource.path))
        for method in resource.methods:
            name = identifier(method.name, OF_OBJECTS)
            yield Name("method", method.pointer, scope, f"{scope}.{name}")
            own = pascal("_".join((*resource.path, method.name)))
            if asked(method):
                yield Name("type", f"{method.pointer}/parameters", "types", f"{own}Params")
            if is_mixed(method):
                yield Name("type", f"{method.pointer}/responses", "types", f"{own}Answer")


def _fields(model: Model) -> Iterator[Name]:
    """All are unique in their model; only those that are not the rule's are worth a line of the lock."""
    for field in model.fields:
        name = identifier(field.name, OF_MODELS)
        if name != camel(field.name):
            yield Name("field", f"{model.pointer} {field.name}", f"fields of {model.pointer}", name)


def field_name(names: Names, model: Model, field: Field) -> str:
    return names.find("field", f"{model.pointer} {field.name}", camel(field.name))


def method_name(names: Names, method: Method) -> str:
    return names.of("method", method.pointer).rpartition(".")[2]


def asked(method: Method) -> list[Parameter]:
    """What is asked beside the path: these have a class of their own."""
    return [one for one in method.parameters if one.where != "path"]


def is_mixed(method: Method) -> bool:
    """Whether several successes differ in type."""
    return len({repr(answer.type) for answer in method.answers}) > 1
