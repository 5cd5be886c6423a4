"""Places in the tree of a client, and their methods, which are declared once for the blocking and the asynchronous
client: the body of a method is its declaration."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from .core import Op

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from typing import Concatenate, ParamSpec, Protocol, overload

    from .pages import AsyncPages, Page
    from .stream import AsyncStream, Stream

    P = ParamSpec("P")
    R = TypeVar("R", covariant=True)
    E = TypeVar("E")
    W = TypeVar("W")

M = TypeVar("M")


class Sync:
    """Marks what a `Gateway` has."""


class Async:
    """Marks what an `AsyncGateway` has."""


def place(owner: Any, name: str, client: Any, prefix: str) -> Any:
    """What is below a place or a client, which its class declares by an annotation (`completions: Completions[M]`): of
    the class's own module, else of the one whose name is `prefix` and `name`. Raises AttributeError."""
    for cls in type(owner).__mro__ if name[0] != "_" else ():
        found, is_place, _ = str(getattr(cls, "__annotations__", {}).get(name, "")).partition("[")
        if is_place:
            made = getattr(sys.modules[cls.__module__], found, None)
            if made is None:
                from importlib import import_module

                made = getattr(import_module(prefix + name.rstrip("_")), found)
            return made(client)
    raise AttributeError(f"{type(owner).__name__!r} has no {name!r}")


class Resource(Generic[M]):
    """A place; `M` says of which client."""

    __slots__ = ("_client",)

    def __init__(self, client: Any) -> None:
        self._client = client

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            client = None if name[0] == "_" else self._client  # which may be what is missing
            return place(self, name, client, type(self).__module__ + "_")

        def __dir__(self) -> list[str]:
            return [*super().__dir__(), *type(self).__annotations__]


class _Declared:
    """A method: bound to a client it calls `client.<kind>(op, path arguments, arguments)`."""

    def __init__(self, op: Op, kind: str, declared: Any) -> None:
        self.op, self._kind = op, kind
        self.name, self.__doc__ = declared.__name__, declared.__doc__

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        if instance is None:
            return self
        send, op = getattr(instance._client, self._kind), self.op

        def bound(*args: Any, **params: Any) -> Any:
            return send(op, args, params)

        bound.__name__, bound.__doc__ = self.name, self.__doc__
        return bound


def _answer(annotation: str) -> str:
    """What is decoded, from the annotation of what a method returns."""
    said = annotation.replace("builtins.", "").replace("t.", "").replace("s.", "")
    if said.startswith("Stream["):
        said = said[7:-1].partition(", ")[2]
    return {"None": "", "str": "text"}.get(said, said)


class Ops:
    """Declares the methods of one module of resources; their paths go on from `base`. The answer of an operation is
    what its method returns, unless it depends on the status."""

    def __init__(self, group: str, base: str = "", *, management: bool = False) -> None:
        self._base = base
        self._said: dict[str, Any] = {"group": group, "management": management}

    if TYPE_CHECKING:

        def __call__(self, http: str, path: str, **said: Any) -> _Method: ...

        def page(self, http: str, path: str, **said: Any) -> _Pages: ...

        def stream(self, http: str, path: str, **said: Any) -> _Streams: ...

    else:

        def __call__(self, http, path, **said):
            return self._declare("call", http, path, said)

        def page(self, http, path, query="", listed=True, **said):
            """A numbered list unless `page` says otherwise; what most of them take need not be told."""
            if listed and "page" not in said:
                query += " ordering page page_size search"
            said = {"page": ("page", "results", "page", "next"), "query": query, **said}
            return self._declare("page", http, path, said)

        def stream(self, http, path, **said):
            return self._declare("stream", http, path, said)

        def _declare(self, kind, http, path, said):
            def declare(declared):
                answer = said.get("answer") or _answer(declared.__annotations__["return"])
                op = Op(http, self._base + path, **{**self._said, **said, "answer": answer})
                return _Declared(op, kind, declared)

            return declare


if TYPE_CHECKING:

    class Method(Generic[P, R]):
        @overload
        def __get__(self, instance: Resource[Sync], owner: Any = None) -> Callable[P, R]: ...
        @overload
        def __get__(self, instance: Resource[Async], owner: Any = None) -> Callable[P, Awaitable[R]]: ...
        def __get__(self, instance: Any, owner: Any = None) -> Any: ...

    class Pages(Generic[P, E]):
        @overload
        def __get__(self, instance: Resource[Sync], owner: Any = None) -> Callable[P, Page[E]]: ...
        @overload
        def __get__(self, instance: Resource[Async], owner: Any = None) -> Callable[P, AsyncPages[E]]: ...
        def __get__(self, instance: Any, owner: Any = None) -> Any: ...

    class Streams(Generic[P, E, W]):
        @overload
        def __get__(self, instance: Resource[Sync], owner: Any = None) -> Callable[P, Stream[E, W]]: ...
        @overload
        def __get__(
            self, instance: Resource[Async], owner: Any = None
        ) -> Callable[P, Awaitable[AsyncStream[E, W]]]: ...
        def __get__(self, instance: Any, owner: Any = None) -> Any: ...

    class _Method(Protocol):
        def __call__(self, declared: Callable[Concatenate[Any, P], R]) -> Method[P, R]: ...

    class _Pages(Protocol):
        def __call__(self, declared: Callable[Concatenate[Any, P], E]) -> Pages[P, E]: ...

    class _Streams(Protocol):
        def __call__(self, declared: Callable[Concatenate[Any, P], Stream[E, W]]) -> Streams[P, E, W]: ...
