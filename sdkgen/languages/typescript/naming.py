"""Names in TypeScript. Fields keep their wire names: an answer is the JSON that came. Pure."""

import re
from collections.abc import Iterable, Iterator

from sdkgen.ir.nodes import Api, Method, Parameter, Ref
from sdkgen.languages.base.casing import camel, pascal
from sdkgen.languages.base.escaping import json_string
from sdkgen.languages.base.names import Name, Names, shape_of
from sdkgen.languages.base.usage import Usage, group_of

CLIENT = "Gateway"
OF_RUNTIME = frozenset(
    {
        "Answer", "ApiError", "ApiErrorDetails", "ApiKey", "ApiPromise", "Arguments", "AuthenticationError",
        "BadRequestError", "BaseClient", "ClientOptions", "ConflictError", "ConnectionError", "DecodeError",
        "ErrorBook", "ErrorCodes", "Fetch", "FetchInit", "FieldError", "FileContent", "GatewayError", "GatewayMetadata",
        "GatewayOptions", "HeadersInput", "Json", "LogLevel", "Logger", "NotFoundError", "OpenEnum", "Operation",
        "PackageDefaults", "Page", "PageFormat", "PagePromise", "PaymentRequiredError", "PermissionDeniedError",
        "RateLimit", "RateLimitedError", "RequestOptions", "Resource", "Retry", "ServerError", "ServerSentEvent",
        "SseDecoder", "Stream", "StreamFormat", "StreamInterruptedError", "TimeoutError", "TimeoutPhase", "Timeouts",
        "UnknownEvent", "UnknownTag", "UnknownVariant", "UnprocessableEntityError", "Upload", "UploadProgress",
        "Uploadable", "asUnknown", "file",
    }
)  # fmt: skip
"""What the hand-written part exports; a test compares."""
OF_PLATFORM = frozenset({"Blob", "Date", "Response", "Uint8Array"})
"""What declarations take from the platform."""
OF_CLIENTS = frozenset(
    {"baseUrl", "call", "constructor", "options", "page", "request", "stream", "then", "withOptions"}
)
OF_RESOURCES = frozenset({"constructor", "then"})
OF_ARGUMENTS = frozenset({"body", "options", "params"})
RESERVED = frozenset(
    {
        "arguments", "await", "break", "case", "catch", "class", "const", "continue", "debugger", "default", "delete",
        "do", "else", "enum", "eval", "export", "extends", "false", "finally", "for", "function", "if", "implements",
        "import", "in", "instanceof", "interface", "let", "new", "null", "package", "private", "protected", "public",
        "return", "static", "super", "switch", "this", "throw", "true", "try", "typeof", "var", "void", "while",
        "with", "yield",
    }
)  # fmt: skip
_IDENTIFIER = re.compile(r"[A-Za-z_$][A-Za-z0-9_$]*")


def type_name(declared: str, errors: frozenset[str] = frozenset()) -> str:
    """`errors`: the classes of error codes."""
    return f"{declared}Object" if declared in OF_RUNTIME | OF_PLATFORM | {CLIENT} | errors else declared


def error_name(name: str) -> str:
    """Of an error code's class: `BudgetExceeded` → `BudgetExceededError`."""
    return name if name.endswith("Error") else f"{name}Error"


def resource_class(path: tuple[str, ...]) -> str:
    return pascal("_".join(path)) + "Resource"


def params_name(path: tuple[str, ...], method: Method) -> str:
    """The interface of a method's query and headers."""
    return pascal("_".join((*path, method.name))) + "Params"


def asked(method: Method) -> list[Parameter]:
    """What stands in the query and in headers."""
    return [one for one in method.parameters if one.where != "path"]


def member(name: str, taken: frozenset[str]) -> str:
    """A method or a resource below another."""
    found = camel(name)
    return f"{found}_" if found in taken else found


def stream_name(name: str) -> str:
    """Of the method that always streams, beside the one that does so when it is asked to."""
    return "stream" if name in ("create", "generate") else f"{name}Stream"


def argument(wire: str) -> str:
    """The variable of a value in the path."""
    found = camel(wire) or "value"
    if found[0].isdigit():
        found = f"n{found}"
    return f"{found}_" if found in RESERVED | OF_ARGUMENTS else found


def property_name(wire: str) -> str:
    """In an interface or an object."""
    return wire if _IDENTIFIER.fullmatch(wire) else json_string(wire)


def file_of(group: str) -> str:
    """The module of a group of types; those of the management API share one."""
    return "manage" if group == "manage" or group.startswith("manage_") else group


def module_of(path: tuple[str, ...]) -> str:
    return file_of(group_of(path))


def propose(api: Api, usage: Usage) -> Iterator[Name]:
    """Types and parameters are exported together, so they are unique together."""
    errors = frozenset(error_name(code.name) for code in api.errors)
    for declared in api.types:
        yield Name("type", declared.pointer, "types", type_name(declared.name, errors), shape_of(declared))
    for code in api.errors:
        yield Name("type", f"error:{code.code}", "types", error_name(code.name))
    for resource in api.resources:
        scope = ".".join(resource.path)
        for method in resource.methods:
            yield Name("method", method.pointer, f"members of {scope}", member(method.name, OF_RESOURCES))
            if method.stream is not None and method.stream.param:
                name = stream_name(member(method.name, OF_RESOURCES))
                yield Name("method", f"{method.pointer} stream", f"members of {scope}", name)
            if asked(method):
                yield Name("type", f"{method.pointer} params", "types", params_name(resource.path, method))
    for path in places(api):
        taken = OF_CLIENTS if len(path) == 1 else OF_RESOURCES
        name = member(path[-1], taken)
        yield Name("member", ".".join(path), f"members of {'.'.join(path[:-1])}", name)


def places(api: Api) -> list[tuple[str, ...]]:
    """All resources, those without methods of their own too, sorted."""
    found = {resource.path[:n] for resource in api.resources for n in range(1, len(resource.path) + 1)}
    return sorted(found)


def below(path: tuple[str, ...], of: Iterable[tuple[str, ...]]) -> list[tuple[str, ...]]:
    return [other for other in of if len(other) == len(path) + 1 and other[: len(path)] == path]


def place_name(names: Names, path: tuple[str, ...]) -> str:
    return names.of("member", ".".join(path))


def called(names: Names, path: tuple[str, ...], method: Method) -> str:
    """`chat.completions.create`, as it is written behind the client."""
    parts = [place_name(names, path[:n]) for n in range(1, len(path) + 1)]
    return ".".join([*parts, names.of("method", method.pointer)])


def event_tag(api: Api, method: Method) -> str:
    """The field that names the events of a stream; empty when they have no names."""
    assert method.stream is not None
    event = method.stream.event
    declared = api.type_named(event.name) if isinstance(event, Ref) else None
    return getattr(declared, "discriminator", "")
