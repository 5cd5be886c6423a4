"""Names of C#: Pascal case, and around what the language, a record or the runtime has taken already. Pure."""

import re
from collections.abc import Iterator

from sdkgen.ir.nodes import Api, Declaration, Enum, Method, Model, Resource, Union
from sdkgen.languages.base.casing import camel, pascal
from sdkgen.languages.base.names import Name, shape_of

KEYWORDS = frozenset(
    {
        "abstract", "as", "base", "bool", "break", "byte", "case", "catch", "char", "checked", "class", "const",
        "continue", "decimal", "default", "delegate", "do", "double", "else", "enum", "event", "explicit", "extern",
        "false", "finally", "fixed", "float", "for", "foreach", "goto", "if", "implicit", "in", "int", "interface",
        "internal", "is", "lock", "long", "namespace", "new", "null", "object", "operator", "out", "override",
        "params", "private", "protected", "public", "readonly", "ref", "return", "sbyte", "sealed", "short",
        "sizeof", "stackalloc", "static", "string", "struct", "switch", "this", "throw", "true", "try", "typeof",
        "uint", "ulong", "unchecked", "unsafe", "ushort", "using", "virtual", "void", "volatile", "while",
    }
)  # fmt: skip
MEMBERS = frozenset(
    {
        "Clone", "Deconstruct", "EqualityContract", "Equals", "ExtraProperties", "Find", "Gateway", "GetHashCode",
        "GetType", "Has", "MemberwiseClone", "Need", "PrintMembers", "Raw", "Read", "ToJson", "ToString", "WriteTo",
    }
)  # fmt: skip
"""What a model has from its base or from the compiler."""

WORDS = frozenset({"Equals", "GetHashCode", "GetType", "Json", "Read", "ToString", "Value", "WriteTo"})
"""What an enumeration has."""

TYPES = frozenset(
    {
        "Action", "AnyJson", "ApiCall", "ApiException", "ArgumentException", "Array", "Attribute", "BinaryAnswer",
        "Boolean", "Byte", "CancellationToken", "ClientOptions", "Configuration", "Console", "Convert", "DateTime",
        "DateTimeOffset", "Decimal", "Defaults", "Delegate", "Dictionary", "Double", "Encoding", "Enum",
        "Environment", "EventStream", "Exception", "FieldError", "File", "Form", "Func", "GatewayException",
        "GatewayInfo", "Guid", "HttpContent", "HttpMethod", "IDisposable", "IJsonValue", "IUnknown", "IdleReader",
        "Int32", "Int64", "Json", "JsonElement", "JsonModel", "JsonView", "KeyValuePair", "Lazy", "List",
        "LogEntry", "Math", "Multipart", "Nullable", "Object", "Optional", "Page", "Path", "Random", "RateLimit",
        "RawResponse", "RequestOptions", "Retry", "ServerEvent", "SseReader", "Stream", "StreamShape", "String",
        "Task", "Telemetry", "TimeSpan", "Timeouts", "Transport", "Tuple", "Type", "Upload", "Uri",
        "Utf8JsonWriter", "Version",
    }
)  # fmt: skip
"""Of the runtime, and of the system where generated code names them."""

SIGNS = {"-": "Minus", "+": "Plus", ".": "Point", "*": "Star", "/": "Slash", "<": "Less", ">": "More", "=": "Equal"}


def type_of(declared: Declaration) -> str:
    """Of a declared type; a union that is told by a field is an interface."""
    name = declared.name if declared.name not in TYPES else f"{declared.name}Data"
    return f"I{name}" if isinstance(declared, Union) and declared.discriminator else name


def property_of(wire: str, owner: str) -> str:
    """Of a field. A member may not have the name of its class."""
    name = pascal(wire) or "Empty"
    if name[0].isdigit():
        name = f"Field{name}"
    return f"{name}Value" if name in MEMBERS or name == owner else name


def word_of(value: str, owner: str) -> str:
    """Of an enumeration's value: `-started_at` → `MinusStartedAt`, `24h` → `Of24H`, the empty text → `Empty`."""
    sign = SIGNS.get(value[:1], "")
    name = sign + pascal(value) if sign or pascal(value) else "Empty" if not value else "Sign" + value.encode().hex()
    if name[0].isdigit():
        name = f"Of{name}"
    return f"{name}Word" if name in WORDS or name == owner else name


def argument(wire: str) -> str:
    """Of a parameter of a method."""
    name = camel(wire) or "value"
    if name[0].isdigit():
        name = f"value{name}"
    return f"@{name}" if name in KEYWORDS else name


def method_of(method: Method) -> str:
    return pascal(method.name)


def resource_class(path: tuple[str, ...]) -> str:
    """`("chat", "completions")` → `ChatCompletionsResource`."""
    return "".join(pascal(part) for part in path) + "Resource"


def proposed(api: Api) -> Iterator[Name]:
    """Every public name that the document decides."""
    for declared in api.types:
        yield Name("type", declared.pointer, "types", type_of(declared), shape_of(declared))
        match declared:
            case Model():
                owner = type_of(declared)
                for field in declared.fields:
                    yield Name("field", field.pointer, f"type {declared.pointer}", property_of(field.name, owner))
            case Enum():
                owner = type_of(declared)
                for value in declared.values:
                    pointer = f"{declared.pointer}/enum/{escaped(value)}"
                    yield Name("member", pointer, f"type {declared.pointer}", word_of(value, owner))
    for resource in api.resources:
        yield from _methods(resource)


def _methods(resource: Resource) -> Iterator[Name]:
    for method in resource.methods:
        yield Name("method", method.pointer, ".".join(resource.path), method_of(method))


def escaped(value: str) -> str:
    """A part of a JSON pointer (RFC 6901)."""
    return re.sub("/", "~1", value.replace("~", "~0"))
