"""Names in Python. Pure."""

import keyword
from collections.abc import Iterator

from sdkgen.ir.names import pascal, snake
from sdkgen.ir.nodes import Api, Enum, Field, Model
from sdkgen.languages.base.names import Name, Names, shape_of
from sdkgen.languages.base.usage import Usage

MANAGE = "manage"
OF_MODELS = frozenset({"from_dict", "gateway", "to_dict"})
"""What a view of an answer has of its own (`runtime/model.py`)."""
OF_CLIENTS = frozenset({"call", "close", "page", "fetch_page", "request", "settings", "stream"})
OF_TYPES = frozenset(
    {
        "Any", "Call", "Decimal", "False", "Literal", "Mapping", "None", "Required", "Sequence", "Stream", "True",
        "TypeAlias", "TypedDict", "TYPE_CHECKING", "Unknown", "Unpack",
    }
)  # fmt: skip
OF_CALLS = frozenset({"request_options", "self", "params"})


def attribute(wire: str, taken: frozenset[str] = OF_MODELS) -> str:
    """The attribute of a field; its wire name wherever that is possible."""
    name = wire if wire.isascii() and wire.isidentifier() and not wire.startswith("_") else snake(wire)
    if not name.isidentifier():
        name = f"n{name}"
    return name + "_" if keyword.iskeyword(name) or name in taken else name


def type_name(declared: str) -> str:
    return declared + "Type" if declared in OF_TYPES else declared


def param_name(declared: str) -> str:
    """Of what is sent: `KeyRequest` → `KeyParam`."""
    return type_name(declared.removesuffix("Request") or declared) + "Param"


def resource_class(path: tuple[str, ...]) -> str:
    """`ChatCompletions`; those of the management API are in modules of their own and go without its word."""
    return pascal("_".join(path[1:] if path[0] == MANAGE and len(path) > 1 else path))


def arguments_class(path: tuple[str, ...], method: str) -> str:
    """Within the module of its group: `CompletionsCreateArgs`."""
    return pascal("_".join((*path[2 if path[0] == MANAGE else 1 :], method))) + "Args"


def propose(api: Api, usage: Usage) -> Iterator[Name]:
    """The scope `types` are the classes of answers and lists of words, `params` those of what is sent."""
    for declared in api.types:
        shape = shape_of(declared)
        if declared.name in usage.received or isinstance(declared, Enum):
            yield Name("type", declared.pointer, "types", type_name(declared.name), shape)
        if declared.name in usage.sent and not isinstance(declared, Enum):
            yield Name("param", declared.pointer, "params", param_name(declared.name), shape)
        if isinstance(declared, Model):
            yield from _fields(declared)
    for resource in api.resources:
        scope = ".".join(resource.path)
        for method in resource.methods:
            name = attribute(method.name, frozenset())
            yield Name("method", method.pointer, scope, f"{scope}.{name}")


def _fields(model: Model) -> Iterator[Name]:
    """All are unique in their model; only those that differ from the wire are worth a line of the lock."""
    for field in model.fields:
        name = attribute(field.name)
        if name != field.name:
            yield Name("field", f"{model.pointer} {field.name}", f"fields of {model.pointer}", name)


def field_name(names: Names, model: Model, field: Field) -> str:
    return names.find("field", f"{model.pointer} {field.name}", field.name)
