"""How a type at a place relates to the one that stood there. Pure."""

from collections.abc import Mapping
from typing import Literal

from sdkgen.ir.nodes import AnyValue, ListOf, MapOf, Nullable, Prim, Ref, Scalar, Type

Relation = Literal["same", "wider", "narrower", "nullable", "not_nullable", "type"]


def relation(old: Type, new: Type, renamed: Mapping[str, str]) -> Relation:
    """`renamed`: old name → new name of a type that only got another name. What is within declared types is compared
    where they are declared."""
    match old, new:
        case Nullable(inner), Nullable(other):
            return relation(inner, other, renamed)
        case Nullable(inner), other if relation(inner, other, renamed) == "same":
            return "not_nullable"
        case inner, Nullable(other) if relation(inner, other, renamed) == "same":
            return "nullable"
        case (ListOf(inner), ListOf(other)) | (MapOf(inner), MapOf(other)):
            return relation(inner, other, renamed)
        case Ref(name), Ref(other):
            return "same" if renamed.get(name, name) == other else "type"
        case Prim("integer"), Prim("number"):
            return "wider"
        case Prim("number"), Prim("integer"):
            return "narrower"
        case AnyValue(), AnyValue():
            return "same"
        case AnyValue(), _:
            return "narrower"
        case _, AnyValue():
            return "wider"
    if old == new:
        return "same"
    before, after = _kinds(old), _kinds(new)
    if before and after and before < after:
        return "wider"
    if before and after and after < before:
        return "narrower"
    return "type"


def _kinds(of: Type) -> set[str]:
    """Of a value that is told by its JSON type alone; empty for all others."""
    match of:
        case Scalar(kinds):
            return set(kinds)
        case Prim(kind, ""):
            return {kind}
    return set()


def said(of: Type) -> str:
    """A type in words for people: `list of string`, `Message or null`."""
    match of:
        case Prim(kind, shape):
            return f"{kind} ({shape})" if shape else kind
        case Scalar(kinds):
            return " or ".join(kinds)
        case ListOf(inner):
            return f"list of {said(inner)}"
        case MapOf(inner):
            return f"map of {said(inner)}"
        case Nullable(inner):
            return f"{said(inner)} or null"
        case Ref(name):
            return name
        case AnyValue():
            return "any JSON"
    value = getattr(of, "value", None)
    return "file" if value is None else f"always {value!r}"
