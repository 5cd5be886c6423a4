"""The modules of resources: `resources/<group>.py`, with the blocking and the asynchronous class of each. Pure."""

from collections.abc import Iterable, Iterator

from sdkgen.ir.nodes import Answer, Api, ListOf, Method, Model, Parameter, Ref, Resource, Type
from sdkgen.languages.base.escaping import python_docstring, python_string, sentence
from sdkgen.languages.base.usage import Usage, group_of, refs_of
from sdkgen.languages.python.models import FUTURE, arguments_class, documented, has_arguments
from sdkgen.languages.python.naming import OF_CALLS, attribute, resource_class
from sdkgen.languages.python.types import Spelling

HEAD = "# mypy: disable-error-code=no-any-return\n"


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
        answers: set[str] = set()
        arguments: set[str] = set()
        foreign: set[tuple[str, ...]] = set()
        for path in paths:
            resource = self.tree.places[path]
            ops = [(method, _Writer(self._spelling, resource, method, group)) for method in resource.methods] if (
                resource) else []  # fmt: skip
            for method, writer in ops:
                answers |= writer.received
                if has_arguments(method) and resource:
                    arguments.add(arguments_class(resource, method))
                body.append(writer.op())
            for prefix in ("", "Async"):
                body += ["", f"class {prefix}{resource_class(path)}(_{prefix}Resource):"]
                doc = python_docstring(resource.doc if resource else "", "    ")
                inner = [line for _, writer in ops for line in writer.methods(prefix)]
                inner += self._places(path, prefix, group, foreign)
                body += [*doc, *(inner or ["    ..."]), ""]
        return _text([HEAD + FUTURE, *self._imports(group, answers, arguments, foreign, body), "", *body])

    def _places(
        self, path: tuple[str, ...], prefix: str, group: str, foreign: set[tuple[str, ...]]
    ) -> Iterator[str]:
        for below in self.tree.below(path):
            name = prefix + resource_class(below)
            yield "    @property"
            yield f"    def {attribute(below[-1], frozenset())}(self) -> {name}:"
            if group_of(below) != group:
                foreign.add(below)
                yield f"        from .{group_of(below)} import {name}"
                yield ""
            yield f"        return {name}(self._client)"
            yield ""

    def _imports(
        self, group: str, answers: set[str], arguments: set[str], foreign: set[tuple[str, ...]], body: list[str]
    ) -> Iterator[str]:
        text = "\n".join(body)
        yield "from typing import TYPE_CHECKING"
        yield ""
        if "Op(" in text:
            yield "from .._runtime.core import Op"
        yield "from .._runtime.resource import AsyncResource as _AsyncResource, Resource as _Resource"
        yield ""
        yield "if TYPE_CHECKING:"
        yield "    import builtins"
        yield "    from typing import Any, Literal, Unpack"
        yield ""
        yield "    from .._runtime.options import Call as _Call"
        yield "    from .._runtime.pages import AsyncPages, Page"
        yield "    from .._runtime.stream import AsyncStream, Stream"
        if arguments:
            yield f"    from ..params.{group} import {', '.join(sorted(arguments))}"
        homes: dict[str, set[str]] = {}
        for name in answers:
            homes.setdefault(self._usage.group_of(name), set()).add(self._spelling.public(name))
        for home, names in sorted(homes.items()):
            yield f"    from ..types.{home} import {', '.join(f'{name} as _{name}' for name in sorted(names))}"
        for path in sorted(foreign):
            name = resource_class(path)
            yield f"    from .{group_of(path)} import Async{name}, {name}"


class _Writer:
    """One method."""

    def __init__(self, spelling: Spelling, resource: Resource | None, method: Method, group: str) -> None:
        assert resource is not None
        self._spelling, self._resource, self._method, self._group = spelling, resource, method, group
        self._name = spelling.names.of("method", method.pointer).rpartition(".")[2]
        self._op = f"_{'_'.join(resource.path)}_{self._name.rstrip('_')}"
        self.received = {ref for one in self._received() for ref in refs_of(one)}

    def _received(self) -> Iterator[Type]:
        for answer in self._method.answers:
            if answer.type is not None:
                yield self._item() if self._method.pagination else answer.type
        if self._method.stream:
            yield self._method.stream.event

    def _item(self) -> Type:
        """Of a page."""
        page, answer = self._method.pagination, self._method.answers[0]
        assert page is not None and isinstance(answer.type, Ref)
        model = self._spelling.types[answer.type.name]
        assert isinstance(model, Model)
        items = next(field.type for field in model.fields if field.name == page.items)
        assert isinstance(items, ListOf)
        return items.items

    # ---- the operation -------------------------------------------------------------------------------------------
    def op(self) -> str:
        method = self._method
        said = [python_string(method.http), python_string(method.path)]
        for where, word in (("query", "query"), ("header", "headers")):
            if found := [self._pair(one) for one in method.parameters if one.where == where]:
                said.append(f"{word}={python_string(' '.join(found))}")
        said += self._body()
        said += [f"answer={self._answer()}"] if self._answer() != '""' else []
        if method.idempotent:
            said.append("idempotent=True")
        if method.auth == "management":
            said.append("management=True")
        if page := method.pagination:
            said.append("page=(" + ", ".join(map(python_string, (page.kind, page.items, page.next, page.more))) + ")")
        if stream := method.stream:
            said.append(f"event={python_string(self._spelling.received(stream.event))}")
            for word, value in (("param", stream.param), ("done", stream.done), ("fold", stream.fold)):
                said += [f"{word}={python_string(value)}"] if value else []
            if stream.last:
                said.append("last=(" + "".join(f"{python_string(one)}, " for one in stream.last).rstrip() + ")")
        if self.received:
            said.append(f"group={python_string(self._group)}")
        return f"{self._op} = Op({', '.join(said)})"

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
        answers = self._method.answers
        if self._method.pagination:
            return python_string(self._spelling.received(self._item()))
        spelled = {answer.status: self._runtime_type(answer) for answer in answers}
        if len(set(spelled.values())) <= 1:
            return python_string(next(iter(spelled.values()), ""))
        return "{" + ", ".join(f"{status}: {python_string(said)}" for status, said in spelled.items()) + "}"

    def _runtime_type(self, answer: Answer) -> str:
        if answer.content == "none" or answer.type is None:
            return ""
        return {"binary": "bytes", "text": "text"}.get(answer.content) or self._spelling.received(answer.type)

    # ---- the method ----------------------------------------------------------------------------------------------
    def methods(self, prefix: str) -> Iterator[str]:
        yield from self._method_lines(prefix)
        if self._method.stream:
            yield from self._stream_lines(prefix)

    def _signature(self) -> tuple[str, str]:
        """Parameters, and the tuple of those in the path."""
        method = self._method
        path = [one for one in method.parameters if one.where == "path"]
        names = [attribute(one.name, OF_CALLS) for one in path]
        spelled = [f"{name}: {self._builtin(self._spelling.sent(one.type))}" for name, one in zip(names, path, strict=True)]
        kind = arguments_class(self._resource, method) if has_arguments(method) else "_Call"
        said = ", ".join(["self", *spelled, *(["/"] if spelled else []), f"**params: Unpack[{kind}]"])
        return said, "(" + "".join(f"{name}, " for name in names).rstrip() + ")"

    def _builtin(self, annotation: str) -> str:
        """A method may be called `list`."""
        return annotation.replace("list[", "builtins.list[").replace("dict[", "builtins.dict[")

    def _annotation(self, of: Type) -> str:
        """With the names as they are imported here."""
        return self._builtin(_Private(self._spelling).received(of))

    def _returns(self) -> str:
        found = []
        for answer in self._method.answers:
            if answer.content == "none" or answer.type is None:
                found.append("None")
            else:
                found.append({"binary": "bytes", "text": "str"}.get(answer.content) or self._annotation(answer.type))
        return " | ".join(dict.fromkeys(found)) or "None"

    def _method_lines(self, prefix: str) -> Iterator[str]:
        said, args = self._signature()
        call, returns = "call", self._returns()
        is_async, waits = ("async ", "await ") if prefix else ("", "")
        if self._method.pagination:
            item = self._annotation(self._item())
            returns = f"AsyncPages[{item}]" if prefix else f"Page[{item}]"
            call, is_async, waits = ("pages", "", "") if prefix else ("page", "", "")
        yield f"    {is_async}def {self._name}({said}) -> {returns}:"
        yield from self._doc(prefix)
        word = "" if returns == "None" else "return "
        yield f"        {word}{waits}self._client.{call}({self._op}, {args}, params)"
        yield ""

    def _stream_lines(self, prefix: str) -> Iterator[str]:
        stream = self._method.stream
        assert stream is not None
        said, args = self._signature()
        is_async, waits = ("async ", "await ") if prefix else ("", "")
        name = "stream" if self._name == "create" else f"stream_{self._name}"
        event = self._annotation(stream.event)
        yield f"    {is_async}def {name}({said}) -> {prefix}Stream[{event}, {self._returns()}]:"
        yield '        """The same as events, while the answer is made."""'
        yield f"        return {waits}self._client.stream({self._op}, {args}, params)"
        yield ""

    def _doc(self, prefix: str) -> Iterable[str]:
        if prefix and not documented(self._group):
            return []
        return python_docstring(sentence(self._method.doc), "        ")


class _Private(Spelling):
    """Types under the private names by which a module of resources imports them: no resource can hide them."""

    def __init__(self, spelling: Spelling) -> None:
        super().__init__(spelling.types, spelling.names)

    def public(self, name: str) -> str:
        return "_" + super().public(name)


def _text(lines: Iterable[str]) -> str:
    return "\n".join(lines).rstrip() + "\n"
