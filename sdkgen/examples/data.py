"""An example is data: which operation, with which arguments, and what is to be seen. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from sdkgen.ir.nodes import Api, Const, Declaration, ErrorCode, Method, Model, Ref, Resource, Type

Kind = Literal["plain", "stream", "paged", "error", "async"]
Path = tuple[str | int, ...]
"""Into an answer: names of fields and indices, `*` for each item of a list. One that begins with `gateway` is of what
the gateway says beside the answer (`gateway`, `cost`)."""


class ExampleError(ValueError):
    """Arguments that do not fit the operation; the message names the place."""


@dataclass(frozen=True, slots=True)
class Options:
    """Of one call, where it is to differ from its client. Times are seconds."""

    max_retries: int | None = None
    total_timeout_s: float | None = None
    idempotency_key: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    end_user: str = ""
    cache: str = ""
    route: str = ""


@dataclass(frozen=True, slots=True)
class Expects:
    """What a run shows: the status, the code of the error (a class of its own), a regular expression of the output."""

    status: int = 200
    error: str = ""
    output: str = ""


@dataclass(frozen=True, slots=True)
class Example:
    """`operation` is the place in a client, `chat.completions.create`. `arguments` hold parameters and the fields of a
    body side by side, by their names on the wire; a file is the path of one. `shows` are the parts of the answer (of a
    stream: of each event; of a list: of each item) that are printed; without any the whole is. `reads`: a field of the
    answer that is put into a variable of its type instead."""

    id: str
    title: str
    operation: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    variant: Kind = "plain"
    expects: Expects = field(default_factory=Expects)
    use_case: str = ""
    shows: tuple[Path, ...] = ()
    reads: str = ""
    options: Options = field(default_factory=Options)
    doc: str = ""


@dataclass(frozen=True, slots=True)
class Call:
    """An example with the nodes that it is of, its arguments by where they go; `body` is None when nothing is sent."""

    example: Example
    resource: Resource
    method: Method
    path: Mapping[str, Any]
    others: Mapping[str, Any]
    body: Any

    @property
    def variant(self) -> Kind:
        return self.example.variant

    @property
    def shows(self) -> tuple[Path, ...]:
        """Of the answer itself."""
        return tuple(path for path in self.example.shows if path[0] != "gateway")

    @property
    def meta(self) -> tuple[str, ...]:
        """Names of what is shown of the gateway's metadata."""
        return tuple(str(path[1]) for path in self.example.shows if path[0] == "gateway")


def operations(api: Api) -> Iterator[tuple[Resource, Method]]:
    for resource in api.resources:
        for method in resource.methods:
            yield resource, method


def place_of(resource: Resource, method: Method) -> str:
    return ".".join((*resource.path, method.name))


def find(api: Api, operation: str) -> tuple[Resource, Method]:
    """By its place or its operationId. Raises ExampleError."""
    for resource, method in operations(api):
        if operation in (place_of(resource, method), method.id):
            return resource, method
    raise ExampleError(f"there is no operation {operation}")


def error_of(api: Api, code: str) -> ErrorCode:
    """Raises ExampleError."""
    for error in api.errors:
        if error.code == code:
            return error
    raise ExampleError(f"no error has the code {code}")


def declared_of(api: Api, of: Type | None) -> Declaration | None:
    return api.type_named(of.name) if isinstance(of, Ref) else None


def body_model(api: Api, method: Method) -> Model | None:
    """The model whose fields are arguments."""
    found = declared_of(api, method.body.type) if method.body else None
    return found if isinstance(found, Model) else None


def bind(api: Api, example: Example) -> Call:
    """Raises ExampleError for an operation that is not there, arguments it does not know, and those that it misses."""
    resource, method = find(api, example.operation)
    given = dict(example.arguments)
    path = {one.name: given.pop(one.name) for one in method.parameters if one.where == "path" and one.name in given}
    others = {one.name: given.pop(one.name) for one in method.parameters if one.where != "path" and one.name in given}
    missing = [one.name for one in method.parameters if one.required and one.name not in {**path, **others}]
    body: Any = None
    model = body_model(api, method)
    if model is not None:
        hidden = method.stream.param if method.stream else ""
        known = {one.name for one in model.fields if one.name != hidden}
        body = {name: given.pop(name) for name in list(given) if name in known}
        if body or (method.body and method.body.required):
            missing += [one.name for one in model.fields if _is_missing(one.required, one.type, one.name in body)]
        else:
            body = None
    elif method.body is not None:
        body = given.pop("body", None)
        missing += ["body"] if body is None and method.body.required else []
    if given:
        raise ExampleError(f"{example.operation} takes no {', '.join(sorted(given))}")
    if missing:
        raise ExampleError(f"{example.operation} needs {', '.join(missing)}")
    _check_variant(example, method)
    return Call(example, resource, method, path, others, body)


def _is_missing(required: bool, of: Type, is_given: bool) -> bool:
    return required and not is_given and not isinstance(of, Const)


def _check_variant(example: Example, method: Method) -> None:
    if example.variant == "stream" and method.stream is None:
        raise ExampleError(f"{example.operation} has no stream")
    if example.variant == "paged" and method.pagination is None:
        raise ExampleError(f"{example.operation} has no pages")
    if example.variant == "error" and not example.expects.error:
        raise ExampleError(f"{example.id}: an example of an error says which one")
