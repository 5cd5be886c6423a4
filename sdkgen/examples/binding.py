"""JSON values against the types that they are of: which variant of a union a value is. Pure."""

from collections.abc import Mapping
from typing import Any

from sdkgen.examples.data import ExampleError
from sdkgen.ir.nodes import (
    AnyValue,
    Binary,
    Const,
    Declaration,
    Enum,
    ListOf,
    MapOf,
    Model,
    Nullable,
    Prim,
    Ref,
    Scalar,
    Type,
    Union,
    Variant,
)

Types = Mapping[str, Declaration]


def variant_of(union: Union, value: Any, types: Types) -> int:
    """The index of the variant. Raises ExampleError when none fits."""
    if union.discriminator:
        tag = value.get(union.discriminator) if isinstance(value, dict) else None
        for index, variant in enumerate(union.variants):
            if variant.tag == tag:
                return index
        raise ExampleError(f"{union.name}: no variant is told by {tag!r}")
    fits = [(fit(one.type, value, types), -index) for index, one in enumerate(union.variants)]
    best, index = max(fits)
    if best < 0:
        raise ExampleError(f"{union.name}: no variant takes {value!r}")
    return -index


def chosen(union: Union, value: Any, types: Types) -> Variant:
    return union.variants[variant_of(union, value, types)]


def fit(of: Type, value: Any, types: Types) -> int:
    """How well: the number of fields that are known, negative when it does not fit at all."""
    match of:
        case Prim("string", _) | Binary():
            return 0 if isinstance(value, str) else -1
        case Prim("boolean", _):
            return 0 if isinstance(value, bool) else -1
        case Prim("integer", _):
            return 1 if isinstance(value, int) and not isinstance(value, bool) else -1
        case Prim():
            return 0 if isinstance(value, int | float) and not isinstance(value, bool) else -1
        case Scalar():
            return 0 if not isinstance(value, dict | list) else -1
        case Const(expected):
            return 1 if value == expected else -1
        case ListOf(items):
            if not isinstance(value, list):
                return -1
            return min((fit(items, one, types) for one in value), default=0)
        case MapOf():
            return 0 if isinstance(value, dict) else -1
        case Nullable(inner):
            return 0 if value is None else fit(inner, value, types)
        case AnyValue():
            return 0
        case Ref(name):
            return _fit_declared(types[name], value, types)


def _fit_declared(declared: Declaration, value: Any, types: Types) -> int:
    match declared:
        case Enum():
            return (1 if value in declared.values else 0) if isinstance(value, str) else -1
        case Union():
            if declared.discriminator:
                is_known = isinstance(value, dict) and value.get(declared.discriminator) in {
                    one.tag for one in declared.variants
                }
                return 1 if is_known else -1
            return max(fit(one.type, value, types) for one in declared.variants)
        case Model():
            return _fit_model(declared, value, types)


def _fit_model(model: Model, value: Any, types: Types) -> int:
    if not isinstance(value, dict):
        return -1
    fields = {one.name: one for one in model.fields}
    required = {one.name for one in model.fields if one.required and not isinstance(one.type, Const)}
    if not required <= set(value) or any(name not in fields for name in value):
        return -1
    fits = [fit(fields[name].type, one, types) for name, one in value.items()]
    return -1 if any(one < 0 for one in fits) else len(value)


def number_text(value: Any) -> str:
    """Of a JSON number, as every language writes it."""
    return repr(float(value)) if isinstance(value, float) else str(value)
