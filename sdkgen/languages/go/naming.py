"""Names in Go. Pure but for reading the runtime, whose names are taken."""

import re
from collections.abc import Iterable, Iterator
from functools import cache
from importlib import resources

from sdkgen.ir.names import words
from sdkgen.ir.nodes import Api, Enum, Field, ListOf, MapOf, Method, Model, Prim, Ref, Type, Union
from sdkgen.languages.base.names import Name, NameCollisionError, shape_of

INITIALISMS = {
    **{word: word.upper() for word in (
        "api", "cpu", "csv", "html", "http", "https", "id", "ip", "json", "llm", "mcp", "otlp", "pdf", "sdk", "sql",
        "sse", "ssl", "tls", "ttl", "uri", "url", "uuid", "utc",
    )},
    "ids": "IDs", "urls": "URLs", "ips": "IPs",
}  # fmt: skip
"""As Go's own packages write them (Go Code Review Comments, "Initialisms")."""
SIGNS = {
    "-": "Minus", "+": "Plus", "*": "Star", "<": "Less", ">": "Greater", "=": "Equal", "!": "Not", "%": "Percent",
    "~": "Tilde", "&": "And", "|": "Or", "^": "Caret", "?": "Question", "#": "Hash", "@": "At", "$": "Dollar",
}  # fmt: skip
KEYWORDS = frozenset(
    {
        "break", "case", "chan", "const", "continue", "default", "defer", "else", "fallthrough", "for", "func", "go",
        "goto", "if", "import", "interface", "map", "package", "range", "return", "select", "struct", "switch", "type",
        "var", "any", "append", "bool", "byte", "cap", "close", "complex", "copy", "delete", "error", "false",
        "float64", "imag", "int", "int64", "len", "make", "new", "nil", "panic", "print", "println", "real", "recover",
        "string", "true", "uint8", "iota",
    }
)  # fmt: skip
OF_ARGUMENTS = frozenset({"body", "call", "context", "ctx", "options", "params", "r", "s", "json", "time"})
OF_MODELS = frozenset({"ExtraFields", "MarshalJSON", "UnmarshalJSON"})
OF_PACKAGE = frozenset({"Client", "DefaultMaxRetries", "DefaultTimeouts", "NewClient", "Version"})
RUNTIME = (
    "client", "decode", "encode", "errors", "fold", "iterate_go123", "log", "log_go121", "meta", "model", "multipart",
    "opt", "options", "page", "request", "retry", "sse", "stream", "telemetry", "values", "watch",
)  # fmt: skip
_DECLARED = re.compile(
    r"^(?:type|func|var|const) ([A-Z]\w*)|^\t([A-Z]\w*)\b[^\n.:(]*=|^\t([A-Z]\w*)(?:\s+//.*)?$", re.M
)


def exported(text: str) -> str:
    """`max_tokens` → `MaxTokens`, `api_key` → `APIKey`, `ImageUrl` → `ImageURL`; what has no ASCII letter and no digit
    is spelled in hexadecimal."""
    name = "".join(INITIALISMS.get(word, word.capitalize()) for word in words(text))
    if not name:
        return "X" + text.encode("utf-8", "replace").hex()
    return name if name[0].isalpha() else "N" + name


def argument(text: str) -> str:
    """Of a function."""
    first, *rest = words(text) or ["x"]
    name = first + "".join(INITIALISMS.get(word, word.capitalize()) for word in rest)
    name = name if name[0].isalpha() else "n" + name
    return name + "Value" if name in KEYWORDS | OF_ARGUMENTS else name


def word_of(value: str) -> str:
    """A word of an enum as the end of a constant's name; signs at its beginning are spelled."""
    signs = re.match(r"[^A-Za-z0-9_ ./:]*", value)
    spelled = "".join(SIGNS.get(sign, "") for sign in (signs[0] if signs else ""))
    name = "".join(INITIALISMS.get(word, word.capitalize()) for word in words(value))
    return spelled + name or "X" + value.encode("utf-8", "replace").hex()


@cache
def taken() -> frozenset[str]:
    """What the runtime exports, methods and fields aside."""
    found = set(OF_PACKAGE)
    for name in RUNTIME:
        text = resources.files("sdkgen.languages.go.runtime").joinpath(f"{name}.go").read_text(encoding="utf-8")
        found |= {next(filter(None, match.groups())) for match in _DECLARED.finditer(text)}
    return frozenset(found)


def type_name(declared: str) -> str:
    name = exported(declared)
    return name + "Type" if name in taken() or (name.startswith("Err") and name[3:4].isupper()) else name


def field_name(wire: str) -> str:
    name = exported(wire)
    return name + "Value" if name in OF_MODELS else name


def error_name(name: str) -> str:
    return "Err" + exported(name)


def service_name(path: tuple[str, ...]) -> str:
    return exported("_".join(path)) + "Service"


def stem_of(path: tuple[str, ...], method: Method) -> str:
    """Of the types that belong to one method."""
    return exported("_".join((*path, method.name)))


def stream_name(method: Method) -> str:
    return "Stream" if method.name == "create" else exported(method.name) + "Stream"


def kind_word(of: Type) -> str:
    """Of a variant that has no name of its own."""
    match of:
        case Prim(kind, _):
            return kind.capitalize()
        case ListOf(Ref() | Prim()):
            return "List"
        case ListOf(inner):
            return kind_word(inner) + "List"
        case MapOf():
            return "Map"
    return type(of).__name__


def propose(api: Api) -> Iterator[Name]:
    """Everything that stands in the package's one scope, and the methods of each resource. Raises
    NameCollisionError."""
    _refuse_same_fields(api)
    for declared in api.types:
        yield Name("type", declared.pointer, "package", type_name(declared.name), shape_of(declared))
        if isinstance(declared, Enum):
            for value in declared.values:
                name = type_name(declared.name) + word_of(value)
                yield Name("member", f"{declared.pointer} {value}", "package", name)
        if isinstance(declared, Union):
            yield from _variants(declared)
    for error in api.errors:
        yield Name("member", f"#/x-sdk/errors/{error.code}", "package", error_name(error.name))
    for resource in api.resources:
        for method in resource.methods:
            yield from _methods(resource.path, method)
    for path in places(api):
        scope = ".".join(path)
        yield Name("type", f"#/x-sdk/resources/{scope}", "package", service_name(path))
        if len(path) > 1:  # a field beside the methods of the resource above
            above = ".".join(path[:-1])
            yield Name("method", f"#/x-sdk/resources/{scope}", above, f"{above}.{exported(path[-1])}")


def places(api: Api) -> list[tuple[str, ...]]:
    """Resources, and what holds them."""
    return sorted({resource.path[:depth] for resource in api.resources for depth in range(1, len(resource.path) + 1)})


def _variants(union: Union) -> Iterator[Name]:
    for index, variant in enumerate(union.variants):
        if not isinstance(variant.type, Ref):
            name = type_name(union.name) + kind_word(variant.type)
            yield Name("type", f"{union.pointer} {index}", "package", name)


def _methods(path: tuple[str, ...], method: Method) -> Iterator[Name]:
    scope = ".".join(path)
    yield Name("method", method.pointer, scope, f"{scope}.{exported(method.name)}")
    if method.stream:
        yield Name("method", f"{method.pointer} stream", scope, f"{scope}.{stream_name(method)}")
    if method.pagination:
        yield Name("method", f"{method.pointer} all", scope, f"{scope}.{exported(method.name)}All")
    if any(one.where != "path" for one in method.parameters):
        yield Name("type", f"{method.pointer} params", "package", stem_of(path, method) + "Params")
    if len({answer.type for answer in method.answers}) > 1:
        yield Name("type", f"{method.pointer} result", "package", stem_of(path, method) + "Result")


def _refuse_same_fields(api: Api) -> None:
    """Fields are named by rule from their wire names, so they need no line in the lock, but must differ."""
    wrong = []
    for declared in api.types:
        if isinstance(declared, Model):
            wrong += [f"{declared.pointer}: {pair}" for pair in _same(declared.fields)]
    if wrong:
        raise NameCollisionError("fields collide; rename one of each in overrides.yaml:\n" + "\n".join(wrong))


def _same(fields: Iterable[Field]) -> Iterator[str]:
    seen: dict[str, str] = {}
    for field in fields:
        before = seen.setdefault(field_name(field.name), field.name)
        if before != field.name:
            yield f"{before!r} and {field.name!r}"
