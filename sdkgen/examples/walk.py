"""The way into an answer, step by step with its types. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from sdkgen.examples.data import ExampleError, Path
from sdkgen.ir.nodes import Declaration, Field, ListOf, Method, Model, Nullable, Ref, Type


@dataclass(frozen=True, slots=True)
class Step:
    """A field of a model, or an index into a list. `type` is what is reached, without null; `is_optional`: it may be
    absent or null."""

    type: Type
    is_optional: bool
    field: Field | None = None
    model: Model | None = None
    index: int = 0


def answer_type(method: Method) -> Type | None:
    """Of a success that has a JSON body; None where there is none or it is a file."""
    if not method.answers or method.answers[0].content != "json":
        return None
    return method.answers[0].type


def read_field(method: Method, name: str, types: Mapping[str, Declaration]) -> tuple[Model, Field]:
    """A field of the answer, and the model that it is of. Raises ExampleError."""
    (step,) = steps(answer_type(method), (name,), types)
    assert step.model is not None
    assert step.field is not None
    return step.model, step.field


def item_type(method: Method, types: Mapping[str, Declaration]) -> Type:
    """Of a page's item."""
    assert method.pagination is not None
    of = answer_type(method)
    model = types[of.name] if isinstance(of, Ref) else None
    assert isinstance(model, Model)
    items = next(one.type for one in model.fields if one.name == method.pagination.items)
    inner = items.of if isinstance(items, Nullable) else items
    assert isinstance(inner, ListOf)
    return inner.items


def steps(of: Type | None, path: Path, types: Mapping[str, Declaration]) -> list[Step]:
    """Raises ExampleError for a way that is not there or goes through a union."""
    found: list[Step] = []
    for part in path:
        if isinstance(part, int):
            if not isinstance(of, ListOf):
                raise ExampleError(f"{path}: no list at {part}")
            of = of.items
            found.append(Step(of, is_optional=False, index=part))
            continue
        model = types.get(of.name) if isinstance(of, Ref) else None
        if not isinstance(model, Model):
            raise ExampleError(f"{path}: no object at {part}")
        field = next((one for one in model.fields if one.name == part), None)
        if field is None:
            raise ExampleError(f"{path}: {model.name} has no {part}")
        of = field.type.of if isinstance(field.type, Nullable) else field.type
        optional = not field.required or isinstance(field.type, Nullable)
        found.append(Step(of, optional, field=field, model=model))
    return found


def end(of: Type | None, path: Path, types: Mapping[str, Declaration]) -> Type | None:
    found = steps(of, path, types)
    return found[-1].type if found else of
