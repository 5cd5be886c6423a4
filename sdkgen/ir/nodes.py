"""The nodes of the representation: what an API is, without words of OpenAPI and without words of any language.

Pure, immutable, comparable. Every node that stands for a place in the document keeps its JSON pointer and its doc text.
`sdkgen.ir.codec` writes and reads it as JSON; that file is what a release stores and what two releases are compared by.
Fields marked `raw` hold JSON of the document (examples, defaults) and are never looked into.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Any, Literal

FORMAT = 1
"""Of the JSON file; a reader refuses another one."""

Kind = Literal["string", "integer", "number", "boolean"]
Content = Literal["json", "multipart", "binary", "text", "none"]


RAW = {"raw": True}
"""Of a field that holds JSON of the document."""


# ---- types, as they stand in a field, a parameter or a body ------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Prim:
    """One JSON scalar. `format` is the document's: `decimal` (money, a string on the wire), `date-time` (RFC 3339),
    `date`, `uuid`, `uri`, `email`, `int64` …, or empty."""

    kind: Kind
    format: str = ""


@dataclass(frozen=True, slots=True)
class Scalar:
    """A value that is one of several JSON scalars, such as a number or a word; nothing says which. Sorted."""

    kinds: tuple[Kind, ...]


@dataclass(frozen=True, slots=True)
class Const:
    """Always this value; the tag of a union's variant is one."""

    value: str | int | bool


@dataclass(frozen=True, slots=True)
class ListOf:
    items: "Type"


@dataclass(frozen=True, slots=True)
class MapOf:
    """An object whose names are data."""

    values: "Type"


@dataclass(frozen=True, slots=True)
class Nullable:
    """The value may be null, which is not the same as absent: that is `Field.required`."""

    of: "Type"


@dataclass(frozen=True, slots=True)
class Ref:
    """A declared `Model`, `Enum` or `Union` of `Api.types`."""

    name: str


@dataclass(frozen=True, slots=True)
class AnyValue:
    """Any JSON."""


@dataclass(frozen=True, slots=True)
class Binary:
    """The bytes of a file."""


Type = Prim | Scalar | Const | ListOf | MapOf | Nullable | Ref | AnyValue | Binary


# ---- declarations: types with a name -----------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Field:
    """Of a model. `name` is the wire's. `default` is what the server takes when the field is absent, None if unsaid.
    `constraints` are the document's keywords (`maxLength`, `minimum` …)."""

    name: str
    type: Type
    required: bool
    pointer: str
    doc: str = ""
    deprecated: bool = False
    default: Any = field(default=None, metadata=RAW)
    constraints: Any = field(default=None, metadata=RAW)


@dataclass(frozen=True, slots=True)
class Model:
    """An object. Fields are sorted by name, so that the order of keys in the document says nothing. An answer may
    hold more fields than these; `extra` is their type when the document says one."""

    name: str
    pointer: str
    fields: tuple[Field, ...]
    doc: str = ""
    extra: Type | None = None
    deprecated: bool = False


@dataclass(frozen=True, slots=True)
class Enum:
    """Known words; always open: a reader keeps others as they are. `notes` say something of each value, in their order;
    empty where there is nothing to say."""

    name: str
    pointer: str
    values: tuple[str, ...]
    doc: str = ""
    notes: tuple[str, ...] = ()

    def noted(self) -> Iterator[tuple[str, str]]:
        """Each value with its note, which may be empty."""
        return zip_longest(self.values, self.notes, fillvalue="")


@dataclass(frozen=True, slots=True)
class Variant:
    """Of a union. `tag` is the value of the union's discriminator, None in a union without one."""

    type: Type
    tag: str | None = None


@dataclass(frozen=True, slots=True)
class Union:
    """One of several types. With a `discriminator` every variant is a `Ref` to a model that has a constant there, and
    a reader keeps an unknown tag as a variant of its own. Without one, variants differ in their JSON type or by the
    fields they require; they are tried in this order."""

    name: str
    pointer: str
    variants: tuple[Variant, ...]
    discriminator: str = ""
    doc: str = ""


Declaration = Model | Enum | Union


# ---- operations --------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Parameter:
    """In the path, the query or a header; `name` is the wire's. A list in the query is joined by commas."""

    name: str
    where: Literal["path", "query", "header"]
    type: Type
    required: bool
    pointer: str
    doc: str = ""
    deprecated: bool = False
    default: Any = field(default=None, metadata=RAW)
    constraints: Any = field(default=None, metadata=RAW)


@dataclass(frozen=True, slots=True)
class Body:
    """What is sent. A `Ref` to a model is spread into the method's arguments; anything else is one argument `body`."""

    content: Content
    type: Type
    required: bool
    pointer: str


@dataclass(frozen=True, slots=True)
class Answer:
    """A success. Several of one method are told apart by `status`."""

    status: int
    content: Content
    type: Type | None
    pointer: str
    doc: str = ""


@dataclass(frozen=True, slots=True)
class Stream:
    """Server-sent events. `param` is the boolean of the body that asks for them; empty: the method always streams.
    `done` is the data of the last event, which is no JSON; empty: the end of the body is the end. `last` lists the
    event names (or `type` values) after which the stream is complete. `fold` names the rule by which the events add
    up to the whole answer; empty: they do not."""

    event: Type
    pointer: str
    param: str = ""
    done: str = ""
    last: tuple[str, ...] = ()
    fold: Literal["", "chat", "completion", "responses", "messages"] = ""


@dataclass(frozen=True, slots=True)
class Pagination:
    """`page`: numbered by the parameter `next`, while the answer's field `more` is not null. `cursor`: the parameter
    `next` is the `id` of the last item, while the answer's field `more` is true. `items` is the answer's list."""

    kind: Literal["page", "cursor"]
    items: str
    next: str
    more: str


@dataclass(frozen=True, slots=True)
class Example:
    """From the document: the arguments (by wire name) and the answer, each None when the document has none."""

    name: str
    request: Any = field(default=None, metadata=RAW)
    answer: Any = field(default=None, metadata=RAW)


@dataclass(frozen=True, slots=True)
class Method:
    """One operation. `id` is the document's operationId, `name` the method within its resource, in snake case.
    `idempotent`: the gateway honours an `Idempotency-Key`, so a repeat is made and billed once. `auth` is `key` (a
    virtual key), `management`, or `none`."""

    id: str
    name: str
    http: str
    path: str
    pointer: str
    doc: str = ""
    parameters: tuple[Parameter, ...] = ()
    body: Body | None = None
    answers: tuple[Answer, ...] = ()
    stream: Stream | None = None
    pagination: Pagination | None = None
    idempotent: bool = False
    auth: Literal["key", "management", "none"] = "key"
    errors: tuple[int, ...] = ()
    deprecated: bool = False
    examples: tuple[Example, ...] = ()


@dataclass(frozen=True, slots=True)
class Resource:
    """A place in the tree of a client: `("chat", "completions")` is `client.chat.completions`. In snake case."""

    path: tuple[str, ...]
    methods: tuple[Method, ...]
    doc: str = ""


@dataclass(frozen=True, slots=True)
class ErrorCode:
    """A stable `code` of an error answer that deserves a class of its own; `name` in Pascal case, without a suffix."""

    code: str
    status: int
    name: str
    doc: str = ""


@dataclass(frozen=True, slots=True)
class Api:
    """A whole API. `document_sha` is of the canonical document. Types are sorted by name, resources by path, methods
    by name."""

    title: str
    version: str
    document_sha: str
    resources: tuple[Resource, ...]
    types: tuple[Declaration, ...]
    errors: tuple[ErrorCode, ...] = ()
    doc: str = ""

    def type_named(self, name: str) -> Declaration:
        """Raises KeyError."""
        for declared in self.types:
            if declared.name == name:
                return declared
        raise KeyError(name)


NODES: dict[str, type[Any]] = {
    node.__name__: node
    for node in (
        Prim, Scalar, Const, ListOf, MapOf, Nullable, Ref, AnyValue, Binary, Field, Model, Enum, Variant, Union,
        Parameter, Body, Answer, Stream, Pagination, Example, Method, Resource, ErrorCode, Api,
    )
}  # fmt: skip
