"""The modules `resources/<group>.py`. A method's body is its declaration (`runtime/resource.py`). Pure."""

import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass

from sdkgen.ir.nodes import Answer, Api, ListOf, Method, Model, Pagination, Parameter, Ref, Resource, Type
from sdkgen.languages.base.escaping import python_docstring, python_string, sentence
from sdkgen.languages.base.usage import SHARED, Usage, group_of
from sdkgen.languages.python.models import FUTURE, LISTED, documented, has_arguments, narrow
from sdkgen.languages.python.naming import OF_CALLS, arguments_class, attribute, resource_class
from sdkgen.languages.python.types import Spelling

NUMBERED = Pagination("page", "results", "page", "next")
"""What `Ops.page` takes unless it is told otherwise."""
HEAD = "# mypy: disable-error-code=empty-body\n"


class Tree:
    """The places of a client: path → its resource, None for one that only holds others."""

    def __init__(self, api: Api) -> None:
        self.places: dict[tuple[str, ...], Resource | None] = {}
        for resource in api.resources:
            for depth in range(1, len(resource.path)):
                self.places.setdefault(resource.path[:depth], None)
        self.places.update({resource.path: resource for resource in api.resources})

    def below(self, path: tuple[str, ...]) -> list[tuple[str, ...]]:
        return sorted(one for one in self.places if len(one) == len(path) + 1 and one[: len(path)] == path)

    def groups(self) -> list[str]:
        return sorted({group_of(path) for path in self.places})


class Resources:
    """All modules of resources of a package."""

    def __init__(self, api: Api, usage: Usage, spelling: Spelling) -> None:
        self.tree = Tree(api)
        self._usage, self._spelling = usage, spelling

    def module(self, group: str) -> str:
        paths = sorted(path for path in self.tree.places if group_of(path) == group)
        body: list[str] = []
        foreign: set[tuple[str, ...]] = set()
        base = self._base(paths)
        for path in paths:
            resource = self.tree.places[path]
            body += [f"class {resource_class(path)}(Resource[M]):"]
            body += python_docstring(resource.doc if resource else "", "    ")
            inner = list(self._places(path, group, foreign))
            for method in resource.methods if resource else ():
                inner += [""] if inner and inner[-1] else []
                inner += _Writer(self._spelling, self._usage, path, method, group, base).lines()
            body += [*(inner or ["    ..."]), ""]
        lines = [HEAD + FUTURE, *self._imports(group, foreign, "\n".join(body), base), "", *body]
        return narrow("\n".join(lines).rstrip() + "\n")

    def _places(self, path: tuple[str, ...], group: str, foreign: set[tuple[str, ...]]) -> Iterator[str]:
        """Annotations, which `place` of `runtime/resource.py` reads."""
        for below in self.tree.below(path):
            yield f"    {attribute(below[-1], frozenset())}: {resource_class(below)}[M]"
            if group_of(below) != group:
                foreign.add(below)

    def _base(self, paths: list[tuple[str, ...]]) -> str:
        """What all paths of a module begin with, whole words."""
        resources = [found for path in paths if (found := self.tree.places[path]) is not None]
        return posixpath.commonpath([method.path for one in resources for method in one.methods]) if resources else ""

    def _imports(self, group: str, foreign: set[tuple[str, ...]], body: str, base: str) -> Iterator[str]:
        yield "from ._base import *"
        hints = [f"    from ..params import {group} as a"] if "[a." in body else []
        hints += [f"    from ..types import {group} as t"] if _mentions(body, "t") else []
        hints += [f"    from ..types import {SHARED} as s"] if _mentions(body, "s") else []
        hints += [f"    from .{group_of(path)} import {resource_class(path)}" for path in sorted(foreign)]
        if hints:
            yield from ["", "if TYPE_CHECKING:", *hints]
        if "@op" in body:
            yield ""
            whose = ", management=True" if "management" in _auths(self.tree, group) else ""
            yield f'op = Ops("{group}", {python_string(base)}{whose})'


def _mentions(body: str, alias: str) -> bool:
    return re.search(rf"\b{alias}\.[A-Z]", body) is not None


def _auths(tree: Tree, group: str) -> set[str]:
    return {
        method.auth
        for path, resource in tree.places.items()
        if resource is not None and group_of(path) == group
        for method in resource.methods
    }


class _Writer:
    """One method, of a blocking and an asynchronous client alike."""

    def __init__(
        self, spelling: Spelling, usage: Usage, path: tuple[str, ...], method: Method, group: str, base: str
    ) -> None:
        self._spelling, self._path, self._method, self._group, self._base = spelling, path, method, group, base
        self._here = _Here(spelling.types, spelling.names, usage, group)
        self._name = spelling.names.of("method", method.pointer).rpartition(".")[2]

    def lines(self) -> Iterator[str]:
        yield f"    @op{'.page' if self._method.pagination else ''}({self._op()})"
        doc = python_docstring(sentence(self._method.doc), "        ") if documented(self._group) else []
        yield f"    def {self._name}({self._signature()}) -> {self._returns()}:{'' if doc else ' ...'}"
        yield from doc
        yield ""
        if self._method.stream:
            name = "stream" if self._name == "create" else f"stream_{self._name}"
            event = self._here.received(self._method.stream.event)
            yield f"    @op.stream({self._op()})"
            yield f"    def {name}({self._signature()}) -> Stream[{event}, {self._returns()}]:"
            yield '        """The same as events, while the answer is made."""'
            yield ""

    # ---- the operation -------------------------------------------------------------------------------------------
    def _op(self) -> str:
        method = self._method
        said = [python_string(method.http), python_string(method.path.removeprefix(self._base))]
        listed = LISTED if method.pagination == NUMBERED else frozenset[str]()
        if listed and not listed <= {one.name for one in method.parameters}:
            said.append("listed=False")
            listed = frozenset()
        for where, word in (("query", "query"), ("header", "headers")):
            if found := [self._pair(one) for one in method.parameters if one.where == where and one.name not in listed]:
                said.append(f"{word}={python_string(' '.join(found))}")
        said += self._body()
        said += [f"answer={answer}"] if (answer := self._answer()) else []
        if method.idempotent:
            said.append("idempotent=True")
        if method.auth == "none":
            said.append("management=None")
        if (page := method.pagination) and page != NUMBERED:
            said.append("page=(" + ", ".join(map(python_string, (page.kind, page.items, page.next, page.more))) + ")")
        if stream := method.stream:
            said.append(f"event={python_string(self._spelling.received(stream.event))}")
            for word, value in (("param", stream.param), ("done", stream.done), ("fold", stream.fold)):
                said += [f"{word}={python_string(value)}"] if value else []
            if stream.last:
                said.append("last=(" + "".join(f"{python_string(one)}, " for one in stream.last).rstrip() + ")")
        return ", ".join(said)

    def _pair(self, one: Parameter) -> str:
        name = attribute(one.name, OF_CALLS)
        return name if name == one.name else f"{name}={one.name}"

    def _body(self) -> list[str]:
        body = self._method.body
        if body is None:
            return []
        model = self._spelling.types.get(body.type.name) if isinstance(body.type, Ref) else None
        if not isinstance(model, Model):
            return ['body="binary"' if body.content == "binary" else 'body="raw"']
        said = [f"body={python_string(body.content)}"]
        renamed = {attribute(one.name, OF_CALLS): one.name for one in model.fields}
        pairs = [f"{python_string(k)}: {python_string(v)}" for k, v in renamed.items() if k != v]
        return [*said, f"names={{{', '.join(pairs)}}}"] if pairs else said

    def _answer(self) -> str:
        """Where it depends on the status."""
        answers = self._method.answers
        if self._method.pagination:
            return ""
        spelled = {answer.status: self._runtime_type(answer) for answer in answers}
        if len(set(spelled.values())) <= 1:
            return ""  # the method's annotation says it
        return "{" + ", ".join(f"{status}: {python_string(said)}" for status, said in spelled.items()) + "}"

    def _runtime_type(self, answer: Answer) -> str:
        if answer.content == "none" or answer.type is None:
            return ""
        return {"binary": "bytes", "text": "text"}.get(answer.content) or self._spelling.received(answer.type)

    # ---- its types -----------------------------------------------------------------------------------------------
    def _signature(self) -> str:
        method = self._method
        path = [one for one in method.parameters if one.where == "path"]
        spelled = [f"{attribute(one.name, OF_CALLS)}: {_builtin(self._spelling.sent(one.type))}" for one in path]
        kind = "a." + arguments_class(self._path, method.name) if has_arguments(method) else "Call"
        return ", ".join(["self", *spelled, *(["/"] if spelled else []), f"**params: Unpack[{kind}]"])

    def _returns(self) -> str:
        """Of a page, the type of an item."""
        if self._method.pagination:
            return _builtin(self._here.received(self._item()))
        found = []
        for answer in self._method.answers:
            if answer.content == "none" or answer.type is None:
                found.append("None")
            else:
                plain = {"binary": "bytes", "text": "str"}.get(answer.content)
                found.append(plain or _builtin(self._here.received(answer.type)))
        return " | ".join(dict.fromkeys(found)) or "None"

    def _item(self) -> Type:
        page, answer = self._method.pagination, self._method.answers[0]
        assert page is not None
        assert isinstance(answer.type, Ref)
        model = self._spelling.types[answer.type.name]
        assert isinstance(model, Model)
        items = next(field.type for field in model.fields if field.name == page.items)
        assert isinstance(items, ListOf)
        return items.items


@dataclass(frozen=True)
class _Here(Spelling):
    """Types by the modules they are in, as a module of resources imports them: no method can hide them."""

    usage: Usage
    group: str

    def public(self, name: str) -> str:
        return f"{'t' if self.usage.group_of(name) == self.group else 's'}.{super().public(name)}"


def _builtin(annotation: str) -> str:
    """A method may be called `list`."""
    return annotation.replace("list[", "builtins.list[").replace("dict[", "builtins.dict[")
