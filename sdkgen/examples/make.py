"""Arguments of any operation, from the examples of its document: the fewest, and all. Pure."""

from collections.abc import Collection, Mapping
from typing import Any, Literal

from sdkgen.examples.binding import fit
from sdkgen.examples.data import Example, body_model, operations, place_of
from sdkgen.ir.nodes import (
    AnyValue,
    Api,
    Binary,
    Const,
    Enum,
    Field,
    ListOf,
    MapOf,
    Method,
    Model,
    Nullable,
    Parameter,
    Prim,
    Ref,
    Resource,
    Scalar,
    Type,
    Union,
)

Extent = Literal["minimal", "full"]
DEEPEST = 4
"""Levels of optional objects in full arguments; types may hold themselves."""
BY_NAME = {
    "model": "gpt-4o-mini", "base_model": "gpt-4o-mini", "voice": "alloy", "input": "Hello", "prompt": "A lighthouse",
    "currency": "USD", "file": "data.jsonl", "image": "image.png", "language": "en", "email": "ada@example.com",
    "timezone": "Europe/Paris", "provider": "openai", "purpose": "fine-tune", "endpoint": "/v1/chat/completions",
    "mime_type": "application/jsonl", "filename": "data.jsonl", "ordering": "-created_at", "search": "support",
}  # fmt: skip
BY_FORMAT = {
    "uuid": "01930f2e-7c1a-7b3e-9d41-2f6a8c0b5e17", "date-time": "2026-11-01T00:00:00Z", "date": "2026-11-01",
    "decimal": "12.50", "uri": "https://example.com/hook", "email": "ada@example.com", "ip": "192.0.2.1",
}  # fmt: skip


def example(api: Api, resource: Resource, method: Method, extent: Extent) -> Example:
    """A call with the arguments that have to be there, or with all of them."""
    place = place_of(resource, method)
    arguments = arguments_of(api, method, extent)
    return Example(f"{place}:{extent}", f"{place}, {extent}", place, arguments)


def every(api: Api, extent: Extent) -> list[Example]:
    return [example(api, resource, method, extent) for resource, method in operations(api)]


def arguments_of(
    api: Api, method: Method, extent: Extent, also: Collection[str] = frozenset()
) -> dict[str, Any]:  # fmt: skip
    """`also`: names of arguments that are stated in any case."""
    said = next((one.request for one in method.examples if isinstance(one.request, dict)), {})
    maker = _Maker(api, extent)
    found: dict[str, Any] = {}
    for one in method.parameters:
        if one.required or extent == "full" or one.name in also:
            found[one.name] = maker.place(one, {}, 0)
    model = body_model(api, method)
    has_body = model is not None and any(one.name in also for one in model.fields)
    if model is not None and method.body is not None and (method.body.required or extent == "full" or said or has_body):
        hidden = method.stream.param if method.stream else ""
        found |= maker.model(model, said, 0, hidden, also)
    elif model is None and method.body is not None and method.body.required:
        found["body"] = maker.value(method.body.type, "body", 0)
    return found


def value_of(api: Api, of: Ref, also: Collection[str] = frozenset()) -> Any:
    """The fewest that a declared type takes; `also`: names of fields that are stated besides."""
    declared = api.type_named(of.name)
    maker = _Maker(api, "minimal")
    return maker.model(declared, {}, 0, also=also) if isinstance(declared, Model) else maker.value(of, "", 0)


def sample(api: Api, of: Type, extent: Extent = "full") -> Any:
    """A value of any type, such as an answer."""
    return _Maker(api, extent).value(of, "", 0)


class _Maker:
    def __init__(self, api: Api, extent: Extent) -> None:
        self._types = {declared.name: declared for declared in api.types}
        self._extent = extent

    def model(
        self, model: Model, said: Mapping[str, Any], depth: int, hidden: str = "", also: Collection[str] = frozenset()
    ) -> dict[str, Any]:
        """What has to be there; all fields in full arguments, as far as the depth allows."""
        found: dict[str, Any] = {}
        for one in model.fields:
            if one.name == hidden or (one.deprecated and not one.required and one.name not in also):
                continue
            if isinstance(one.type, Const):
                found |= {one.name: one.type.value} if one.required or one.name in also else {}
            elif (
                one.required
                or one.name in also
                or (self._extent == "full" and depth < DEEPEST and not self._holds(one.type, depth))
            ):
                found[one.name] = self.place(one, said, depth)
        return found

    def place(self, one: Field | Parameter, said: Mapping[str, Any], depth: int) -> Any:
        """What the document's example has, its default, or something of the type."""
        for value in (said.get(one.name), one.default):
            if value not in (None, "", [], {}) and fit(one.type, value, self._types) >= 0:
                return value
        value = self.value(one.type, one.name, depth)
        return self._within(value, one.constraints or {})

    @staticmethod
    def _within(value: Any, limits: Mapping[str, Any]) -> Any:
        if isinstance(value, int | float) and not isinstance(value, bool):
            low, high = limits.get("minimum"), limits.get("maximum")
            value = low if low is not None and value < low else value
            return high if high is not None and value > high else value
        if isinstance(value, str) and limits.get("maxLength") is not None:
            return value[: limits["maxLength"]]
        return value

    def _holds(self, of: Type, depth: int) -> bool:
        """Whether it is an object that is too deep to be worth showing."""
        inner = of.of if isinstance(of, Nullable) else of
        inner = inner.items if isinstance(inner, ListOf) else inner
        return depth >= DEEPEST - 1 and isinstance(inner, Ref) and not isinstance(self._types[inner.name], Enum)

    def value(self, of: Type, name: str, depth: int) -> Any:
        match of:
            case Prim("string", form):
                return BY_FORMAT.get(form) or BY_NAME.get(name) or "example"
            case Prim("integer", _):
                return 10
            case Prim("number", _):
                return 0.5
            case Prim():
                return True
            case Scalar(kinds):
                return "example" if "string" in kinds else 0.5
            case Const(value):
                return value
            case ListOf(items):
                return [self.value(items, name.removesuffix("s"), depth)]
            case MapOf(values):
                return {"key": self.value(values, "value", depth)}
            case Nullable(inner):
                return self.value(inner, name, depth)
            case AnyValue():
                return "example"
            case Binary():
                return BY_NAME.get(name, "data.jsonl")
            case Ref(declared):
                return self._declared(declared, name, depth)

    def _declared(self, declared: str, name: str, depth: int) -> Any:
        found = self._types[declared]
        match found:
            case Enum():
                return found.values[0] if found.values else "example"
            case Model():
                return self.model(found, {}, depth + 1)
            case Union():
                return self._variant(found, name, depth)

    def _variant(self, union: Union, name: str, depth: int) -> Any:
        """The simplest; of those that a field tells the first. Where a value would be read as another one, that is
        what the union takes it for."""
        variant = union.variants[0]
        made = self.value(variant.type, name, depth)
        if union.discriminator and isinstance(made, dict):
            return {union.discriminator: variant.tag, **made}
        return made
