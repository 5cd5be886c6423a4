"""Small pieces of callers' code, by which a change between two versions is shown and checked. Pure.

A piece says what is done (`Call`, `Read`, `Make`, `Word`, `Catch`), a language writes it as one function with the very
names that its package has. Values that are plain are literals; others are arguments of the function, with their type,
so that a compiler looks at all of it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from sdkgen.ir.nodes import (
    Api,
    Const,
    Enum,
    ErrorCode,
    Field,
    ListOf,
    MapOf,
    Method,
    Model,
    Nullable,
    Parameter,
    Prim,
    Ref,
    Type,
)


@dataclass(frozen=True, slots=True)
class Call:
    """A method with all that it must be given, and the arguments `names` (by wire name) beside that. `reads`: the field
    of the answer that is looked at."""

    path: tuple[str, ...]
    method: Method
    names: frozenset[str] = frozenset()
    reads: Field | None = None
    answer: Model | None = None


@dataclass(frozen=True, slots=True)
class Read:
    """A field of an answer that is at hand."""

    model: Model
    field: Field


@dataclass(frozen=True, slots=True)
class Make:
    """What is sent, with all that must be in it and the fields `names`."""

    model: Model
    names: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Word:
    """A known word of a list."""

    enum: Enum
    value: str


@dataclass(frozen=True, slots=True)
class Catch:
    """The class of an error."""

    error: ErrorCode


Piece = Call | Read | Make | Word | Catch


@dataclass(frozen=True, slots=True)
class Given:
    """One argument. `where`: `path`, `params` (query and headers), `field` (of the body), `whole` (a body that is no
    object)."""

    name: str
    type: Type
    required: bool
    where: Literal["path", "params", "field", "whole"]
    field: Field | None = None


@dataclass(frozen=True, slots=True)
class Code:
    """One function. `imports` are lines that stand above it; `is_alone`: it needs nothing but a client."""

    name: str
    text: str
    imports: frozenset[str] = frozenset()
    is_alone: bool = False


class PieceWriter(Protocol):
    """Of one language and one API."""

    def function(self, name: str, piece: Piece) -> Code:
        """`name` in snake case."""

    def file(self, codes: Sequence[Code]) -> str:
        """A source file of these functions, as a compiler takes it beside the package."""


def bodied(api: Api, method: Method) -> Model | None:
    """The model whose fields are the method's arguments."""
    if method.body is None or not isinstance(method.body.type, Ref):
        return None
    declared = api.type_named(method.body.type.name)
    return declared if isinstance(declared, Model) else None


def given(api: Api, call: Call, *, with_constants: bool = False) -> list[Given]:
    """All that is handed over, in the order of the document: the path, the parameters, the body. `with_constants`:
    fields that can have one value only are stated by callers too."""
    found = [_of(one, "path" if one.where == "path" else "params") for one in call.method.parameters
             if one.required or one.name in call.names]  # fmt: skip
    body, model = call.method.body, bodied(api, call.method)
    if model is not None:
        flag = call.method.stream.param if call.method.stream else ""
        found += [one for one in filled(model, call.names, with_constants=with_constants) if one.name != flag]
    elif body is not None and body.required:
        found.append(Given("body", body.type, True, "whole"))
    return found


def _of(one: Parameter, where: Literal["path", "params"]) -> Given:
    return Given(one.name, one.type, one.required, where)


def filled(model: Model, names: frozenset[str], *, with_constants: bool = False) -> list[Given]:
    """The fields that a caller states."""
    return [
        Given(one.name, one.type, one.required, "field", one)
        for one in model.fields
        if (one.required or one.name in names)
        and (with_constants or not (isinstance(one.type, Const) and one.required))
    ]


def inner(of: Type) -> Type:
    """Without null."""
    return of.of if isinstance(of, Nullable) else of


def sample(one: Given) -> str | int | float | bool | None:
    """A plain value for an argument; None when it has to be handed over."""
    match one.type if one.required else inner(one.type):
        case Prim("string", shape) if shape not in ("decimal", "date-time", "date"):
            return one.name
        case Prim("integer", _):
            return 1
        case Prim("number", _):
            return 1.5
        case Prim("boolean", _):
            return True
        case Const(value):
            return value
    return None


def refs(of: Type) -> Iterator[str]:
    """The declared types that a type names."""
    match of:
        case Ref(name):
            yield name
        case ListOf(items):
            yield from refs(items)
        case MapOf(values):
            yield from refs(values)
        case Nullable(inside):
            yield from refs(inside)
