"""A change as code: what callers wrote for the older version, and what they write for the newer one. Pure.

Only changes that break code, or are going to, have any. Whether a compiler notices is part of the answer: a field that
must be sent now is an argument that is missing in Python, and silence in Go.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from sdkgen.examples.data import Call, Example, bind, operations, place_of
from sdkgen.examples.make import arguments_of, value_of
from sdkgen.ir.nodes import Api, Enum, ErrorCode, Field, Method, Model, Parameter, Ref, Resource
from sdkgen.languages.base.snippets import Snippet, Snippets
from sdkgen.versions.compare import called, matched, renamed_types
from sdkgen.versions.levels import RULES, Level, level_of
from sdkgen.versions.nodes import Change

_PARAMETER = re.compile(r"(?P<method>[\w.]+)\((?P<name>.*)\)")
_PLACE = re.compile(r"(?P<method>[\w.]+) (?:body|event|answer \d+)")
SILENT: Mapping[str, Mapping[str, frozenset[str]]] = {
    "enum.value.removed": {"sent": frozenset({"python", "typescript"})},
    "value.required": {"sent": frozenset({"csharp", "go"})},
    "value.added.required": {"sent": frozenset({"csharp", "go"})},
}
"""Rule → way → languages whose compilers say nothing: words are open, and initializers need not be complete. What is
here was seen by compiling (`tests/sdkgen/versions/test_code.py`)."""


@dataclass(frozen=True, slots=True)
class Read:
    """A field of an answer that is at hand."""

    model: Model
    field: Field


@dataclass(frozen=True, slots=True)
class Make:
    """A value of a declared type that is sent."""

    of: Ref
    value: Any


@dataclass(frozen=True, slots=True)
class Catch:
    """The class of an error."""

    error: ErrorCode


Piece = Call | Read | Make | Catch
"""What one side of a change is shown by."""


def snippet(snippets: Snippets, piece: Piece) -> Snippet:
    """The piece in a language. Raises ExampleError."""
    match piece:
        case Call():
            return snippets.of(piece)
        case Read(model, field):
            return snippets.reading(model, field)
        case Make(of, value):
            return snippets.making(of, value)
        case Catch(error):
            return snippets.catching(error)


def call_of(
    api: Api, resource: Resource, method: Method, names: Collection[str] = frozenset(), reads: str = ""
) -> Call:  # fmt: skip
    """With all that it must be given and the arguments `names`; a list is gone through. Raises ExampleError."""
    place = place_of(resource, method)
    return bind(api, Example(
        place, place, place, arguments_of(api, method, "minimal", names),
        variant="paged" if method.pagination else "plain", reads=reads,
    ))  # fmt: skip


def is_told(change: Change) -> bool:
    """Whether it belongs into a guide: it breaks code somewhere, or says that something will go."""
    return change.rule.endswith(".deprecated") or level_of(change, "go") is Level.MAJOR or any(
        level_of(change, name) is Level.MAJOR for name in ("csharp", "java", "python", "typescript")
    )  # fmt: skip


def shown_way(change: Change) -> str:
    """`sent` or `received`: the side on which it is the graver for callers."""
    if change.direction != "both":
        return change.direction
    rule = RULES[change.rule]
    return "sent" if rule.of("sent", "python") >= rule.of("received", "python") else "received"


Placed = tuple[Resource, Method]


@dataclass(frozen=True)
class Pair:
    """Two versions, looked at together."""

    old: Api
    new: Api

    @cached_property
    def _methods(self) -> dict[str, tuple[Placed | None, Placed | None]]:
        """By the name in the newer one, of those that are gone in the older one."""
        old, new = called(self.old), called(self.new)
        pairs, gone, added = matched(old, new)
        before, after = _placed(self.old), _placed(self.new)
        return {
            **{one.name: (before[one.name], None) for one in gone},
            **{one.name: (None, after[one.name]) for one in added},
            **{now.name: (before[was.name], after[now.name]) for was, now in pairs},
        }

    @cached_property
    def _renamed(self) -> dict[str, str]:
        """Newer name → older name of a type."""
        before = {one.name: one for one in self.old.types}
        after = {one.name: one for one in self.new.types}
        return {new: old for old, new in renamed_types(before, after).items()}

    def pieces(self, change: Change) -> tuple[Piece | None, Piece | None]:
        """Before and after; None where there is nothing to write. Raises ExampleError."""
        kind = change.rule.partition(".")[0]
        if kind == "error":
            return self._error(change)
        if kind == "method":
            return self._method(change.subject, frozenset(), frozenset())
        if found := _PARAMETER.fullmatch(change.subject):
            return self._parameter(change, found["method"], found["name"])
        if found := _PLACE.fullmatch(change.subject):
            return self._method(found["method"], frozenset(), frozenset())
        if change.rule == "enum.value.removed":
            declared = self._type(self.old, self._renamed.get(change.subject, change.subject))
            return (Make(Ref(declared.name), change.before) if isinstance(declared, Enum) else None), None
        if kind == "value":
            return self._field(change)
        return None, None

    def is_noticed(self, change: Change, language: str) -> bool:
        """Whether code of the older version no longer passes the compiler, or the type checker, because of it."""
        if level_of(change, language) is not Level.MAJOR:
            return False
        way = "sent" if change.rule.startswith("enum") else shown_way(change)
        if language == "java" and way == "sent" and (change.before, change.after) == ("integer", "number"):
            return False  # a long is taken where a double is wanted
        if language == "csharp" and (found := _PARAMETER.fullmatch(change.subject)):
            old, _ = self._methods.get(found["method"], (None, None))
            if change.rule in ("value.required", "value.added.required") and old is not None:
                # The argument that holds the parameters could be left out, and cannot any more.
                return not any(one.required and one.where != "path" for one in old[1].parameters)
        return language not in SILENT.get(change.rule, {}).get(way, frozenset())

    def _error(self, change: Change) -> tuple[Piece | None, Piece | None]:
        code = change.subject.removeprefix("error ")
        before = next((one for one in self.old.errors if one.code == code), None)
        after = next((one for one in self.new.errors if one.code == code), None)
        return (Catch(before) if before else None), (Catch(after) if after else None)

    def _method(self, name: str, before: frozenset[str], after: frozenset[str]) -> tuple[Piece | None, Piece | None]:
        old, new = self._methods.get(name, (None, None))
        return (
            call_of(self.old, *old, before) if old else None,
            call_of(self.new, *new, after) if new else None,
        )

    def _parameter(self, change: Change, method: str, name: str) -> tuple[Piece | None, Piece | None]:
        old, new = self._methods.get(method, (None, None))
        was = _has(old[1].parameters, name) if old else False
        now = _has(new[1].parameters, name) if new else False
        before = frozenset({name}) if was and change.rule != "value.required" else frozenset()
        return self._method(method, before, frozenset({name}) if now else frozenset())

    def _field(self, change: Change) -> tuple[Piece | None, Piece | None]:
        type_name, _, name = change.subject.partition(".")
        old = self._type(self.old, self._renamed.get(type_name, type_name))
        new = self._type(self.new, type_name)
        if not isinstance(old, Model) or not isinstance(new, Model) or name == "*":
            return None, None
        was, now = _field_of(old, name), _field_of(new, name)
        if shown_way(change) == "received":
            return _reading(self.old, old, was), _reading(self.new, new, now)
        named = frozenset({name})
        before = named if was and change.rule != "value.required" else frozenset[str]()
        return _sending(self.old, old, before), _sending(self.new, new, named if now else frozenset())

    def _type(self, api: Api, name: str) -> object:
        return next((one for one in api.types if one.name == name), None)


def _placed(api: Api) -> dict[str, Placed]:
    return {place_of(resource, method): (resource, method) for resource, method in operations(api)}


def _sending(api: Api, model: Model, names: Collection[str]) -> Piece:
    """A call whose body it is, where there is one."""
    found = [
        call_of(api, resource, method, names) for resource, method in operations(api)
        if method.body is not None and method.body.type == Ref(model.name)
    ]  # fmt: skip
    return min(found, key=_weight) if found else Make(Ref(model.name), value_of(api, Ref(model.name), names))


def _reading(api: Api, model: Model, field: Field | None) -> Piece | None:
    """A call that answers it, where there is one; nothing of a page, which callers go through and do not see."""
    if field is None or _is_page(api, model):
        return None
    found = [
        call_of(api, resource, method, reads=field.name) for resource, method in operations(api)
        if method.pagination is None and not method.stream
        and {(one.type, one.content) for one in method.answers} == {(Ref(model.name), "json")}
    ]  # fmt: skip
    simple = [call for call in found if _weight(call)[0] == 0]
    return min(simple, key=_weight, default=Read(model, field))


def _is_page(api: Api, model: Model) -> bool:
    answers = [
        method.pagination is not None for _, method in operations(api)
        if Ref(model.name) in {one.type for one in method.answers}
    ]  # fmt: skip
    return bool(answers) and all(answers)


def _weight(call: Call) -> tuple[int, bool, int, str]:
    """The easiest to read first: arguments that are no plain values, a body, arguments, name."""
    values = call.example.arguments.values()
    return sum(isinstance(one, dict | list) for one in values), call.body is not None, len(values), call.method.id


def _has(parameters: tuple[Parameter, ...], name: str) -> bool:
    return any(one.name == name for one in parameters)


def _field_of(model: Model, name: str) -> Field | None:
    return next((one for one in model.fields if one.name == name), None)
