"""The modules of types: `types/<group>.py` for answers, `params/<group>.py` for arguments. Pure."""

import re
from collections.abc import Iterable, Iterator

from sdkgen.ir.nodes import Api, Const, Enum, Field, Method, Model, Parameter, Ref, Resource, Union
from sdkgen.languages.base.common import noted
from sdkgen.languages.base.escaping import python_docstring, python_string, sentence
from sdkgen.languages.base.usage import SHARED, Usage, group_of, parts_of, refs_of
from sdkgen.languages.python.naming import OF_CALLS, arguments_class, attribute, field_name
from sdkgen.languages.python.types import Spelling, optional, quoted

LISTED = frozenset({"ordering", "page", "page_size", "search"})
"""Parameters of most lists, which `runtime/options.py` has once."""
FUTURE = "from __future__ import annotations\n"
CHECKING = ("if TYPE_CHECKING:", "    from .._runtime.hints import *")


def documented(group: str) -> bool:
    """Whether doc texts are in the code: those of the management API are in the reference, or the package would
    be twice as large."""
    return not group.startswith("manage")


class Modules:
    """All modules of types of a package."""

    def __init__(self, api: Api, usage: Usage, spelling: Spelling) -> None:
        self._api, self._usage, self._spelling = api, usage, spelling
        self._streamed = {
            (method.body.type.name, method.stream.param)
            for resource in api.resources
            for method in resource.methods
            if method.stream and method.stream.param and method.body and isinstance(method.body.type, Ref)
        }

        self._envelopes = _envelopes(api)
        self._only_bodies = _only_bodies(api)
        self._first_of: dict[tuple[str, tuple[str, ...]], str] = {}

    def groups(self) -> list[str]:
        """Of all types and methods, the shared one first."""
        found = {self._usage.group_of(declared.name) for declared in self._api.types}
        found |= {group_of(resource.path) for resource in self._api.resources}
        return [SHARED, *sorted(found - {SHARED})]

    # ---- answers -------------------------------------------------------------------------------------------------
    def types(self, group: str) -> str:
        body: list[str] = []
        needed: set[str] = set()
        tags: list[str] = []
        for declared in self._api.types:
            is_ours = self._usage.group_of(declared.name) == group
            if not is_ours or not (declared.name in self._usage.received or isinstance(declared, Enum)):
                continue
            if declared.name in self._envelopes:
                continue
            needed |= {ref for part in parts_of(declared) for ref in refs_of(part)}
            match declared:
                case Model():
                    body += ["", *self._view(declared, group)]
                case Enum():
                    body.append(self._words(declared))
                    body += python_docstring(noted(declared), "") if declared.notes else []
                case Union():
                    body.append(self._union(declared))
                    if declared.discriminator:
                        tags.append(self._tags(declared))
        model = "from .._runtime.model import Model as _Model"
        if group == SHARED:
            lines = [FUTURE, "from typing import TYPE_CHECKING", "", model, "", *CHECKING]
        else:
            lines = [FUTURE, model, "from ._base import *"]
        lines += ["", *body]
        if tags:
            lines += ["", "_tags = {", *tags, "}"]
        return _text(lines)

    def _view(self, model: Model, group: str) -> list[str]:
        lines = [f"class {self._spelling.public(model.name)}(_Model):"]
        is_documented = documented(group)
        doc = python_docstring(sentence(model.doc), "    ") if is_documented else []
        lines += doc
        renamed = {}
        for field in model.fields:
            name = field_name(self._spelling.names, model, field)
            if name != field.name:
                renamed[name] = field.name
            annotation = self._spelling.received(field.type)
            lines.append(f"    {name}: {annotation if field.required else optional(annotation)}")
            if is_documented and field.doc:
                lines += python_docstring(sentence(field.doc), "    ")
        if renamed:
            pairs = ", ".join(f"{python_string(name)}: {python_string(wire)}" for name, wire in renamed.items())
            lines.append(f"    _names = {{{pairs}}}")
        return lines if len(lines) > 1 else [lines[0] + " ..."]

    def _words(self, enum: Enum) -> str:
        """A list that a type of this module has already is an alias of that."""
        key = (self._usage.group_of(enum.name), enum.values)
        if (first := self._first_of.setdefault(key, enum.name)) != enum.name:
            return f"{self._spelling.public(enum.name)}: TypeAlias = {python_string(self._spelling.public(first))}"
        words = ", ".join(python_string(value) for value in enum.values)
        return f"{self._spelling.public(enum.name)}: TypeAlias = {quoted(f'Literal[{words}] | str')}"

    def _union(self, union: Union) -> str:
        options = [
            "str" if isinstance(variant.type, Const) else self._spelling.received(variant.type)
            for variant in union.variants
        ]
        code = " | ".join([*dict.fromkeys(options), *(["Unknown"] if union.discriminator else [])])
        return f"{self._spelling.public(union.name)}: TypeAlias = {python_string(code)}"

    def _tags(self, union: Union) -> str:
        pairs = ", ".join(
            f"{python_string(variant.tag or '')}: {python_string(self._spelling.received(variant.type))}"
            for variant in union.variants
        )
        name = python_string(self._spelling.public(union.name))
        return f"    {name}: ({python_string(union.discriminator)}, {{{pairs}}}),"

    # ---- arguments -----------------------------------------------------------------------------------------------
    def params(self, group: str) -> str:
        body: list[str] = []
        needed: set[str] = set()
        based: set[str] = set()
        for declared in self._api.types:
            is_ours = self._usage.group_of(declared.name) == group
            if not is_ours or declared.name not in self._usage.sent or isinstance(declared, Enum):
                continue
            if declared.name in self._only_bodies:
                continue
            needed |= {ref for part in parts_of(declared) for ref in refs_of(part)}
            body += ["", *self._sent(declared, group)]
        for resource in self._api.resources:
            if group_of(resource.path) == group:
                for method in resource.methods:
                    body += ["", *self._arguments(resource, method, needed, based)]
        words = f"from ..types.{group} import *" if self._has_words(needed, group) else ""
        if group == SHARED:
            lines = [
                FUTURE,
                "from typing import TYPE_CHECKING, TypedDict",
                "",
                *CHECKING,
                f"    {words}" if words else "",
            ]
        else:
            lines = [FUTURE]
            if hidden := sorted(set(re.findall(r"\b_(?:File|Model)\b", "\n".join(body)))):
                words = f"from .._runtime.hints import {', '.join(hidden)}\n    {words}".rstrip()
            lines.append("from ._base import *")
            if foreign := sorted(self._spelling.public_sent(name) for name in based if not self._is_ours(name, group)):
                lines.append(f"from .shared import {', '.join(foreign)}")
            lines += ["", "if TYPE_CHECKING:", f"    {words}"] if words else []
        return _text([*lines, "", *body])

    def _has_words(self, needed: Iterable[str], group: str) -> bool:
        """Whether lists of words, which are among the types of answers, are needed of the group."""
        return any(isinstance(self._spelling.types[name], Enum) and self._is_ours(name, group) for name in needed)

    def _is_ours(self, name: str, group: str) -> bool:
        return self._usage.group_of(name) == group

    def _sent(self, declared: Model | Union, group: str) -> list[str]:
        name = self._spelling.public_sent(declared.name)
        if isinstance(declared, Union):
            options = [
                "str" if isinstance(variant.type, Const) else self._spelling.sent(variant.type)
                for variant in declared.variants
            ]
            is_tagged = ["_Model"] if declared.discriminator else []  # an answer may be sent back
            return [f"{name}: TypeAlias = {python_string(' | '.join([*dict.fromkeys(options), *is_tagged]))}"]
        fields = [field for field in declared.fields if (declared.name, field.name) not in self._streamed]
        return self._dict(name, "", declared, fields, documented(group))

    def _dict(self, name: str, bases: str, model: Model, fields: Iterable[Field], is_documented: bool) -> list[str]:
        """A class, or a call where a wire name is no attribute: what is sent has the wire's names."""
        fields = list(fields)
        if any(attribute(field.name, frozenset()) != field.name for field in fields):
            pairs = ", ".join(f"{python_string(one.name)}: {python_string(self._given(one))}" for one in fields)
            return [f"{name} = TypedDict({python_string(name)}, {{{pairs}}}, total=False)"]
        lines = [f"class {name}({bases}TypedDict, total=False):"]
        if is_documented:
            lines += python_docstring(sentence(model.doc), "    ")
        for field in fields:
            lines.append(f"    {field.name}: {self._given(field)}")
            if is_documented and field.doc:
                lines += python_docstring(sentence(field.doc), "    ")
        return lines if len(lines) > 1 else [lines[0] + " ..."]

    def _given(self, one: Field | Parameter) -> str:
        annotation = self._spelling.sent(one.type)
        return f"Required[{annotation}]" if one.required else annotation

    def _arguments(self, resource: Resource, method: Method, needed: set[str], based: set[str]) -> Iterator[str]:
        """The keyword arguments of a method, when it has any of its own."""
        bases, lines = [], []
        body = method.body
        if body is not None and isinstance(body.type, Ref) and isinstance(self._spelling.types[body.type.name], Model):
            model = self._spelling.types[body.type.name]
            assert isinstance(model, Model)
            renames = any(attribute(field.name, OF_CALLS) != field.name for field in model.fields)
            if renames or model.name in self._only_bodies:
                for field in model.fields:
                    if (model.name, field.name) in self._streamed:
                        continue
                    needed |= set(refs_of(field.type))
                    lines.append(f"    {attribute(field.name, OF_CALLS)}: {self._given(field)}")
                    if documented(group_of(resource.path)) and field.doc:
                        lines += python_docstring(sentence(field.doc), "    ")
            else:
                bases.append(self._spelling.public_sent(body.type.name))
                based.add(body.type.name)
        elif body is not None:
            needed |= set(refs_of(body.type))
            annotation = "bytes" if body.content == "binary" else self._spelling.sent(body.type)
            lines.append(f"    body: {f'Required[{annotation}]' if body.required else annotation}")
        query = {one.name for one in method.parameters if one.where == "query"}
        listed = LISTED if query >= LISTED else frozenset[str]()
        for one in method.parameters:
            if one.where != "path" and one.name not in listed:
                needed |= set(refs_of(one.type))
                lines.append(f"    {attribute(one.name, OF_CALLS)}: {self._given(one)}")
        if bases or lines or listed:
            inherited = ", ".join([*bases, "Listed" if listed else "Call"])
            head = f"class {arguments_class(resource.path, method.name)}({inherited}"
            yield from [f"{head}, total=False):", *lines] if lines else [f"{head}): ..."]


def _only_bodies(api: Api) -> set[str]:
    """Types that are the body of one method and nothing else: their fields are its arguments."""
    bodies: dict[str, int] = {}
    others = {ref for declared in api.types for part in parts_of(declared) for ref in refs_of(part)}
    for resource in api.resources:
        for method in resource.methods:
            others |= {ref for one in method.parameters for ref in refs_of(one.type)}
            if method.body is not None:
                for name in refs_of(method.body.type):
                    bodies[name] = bodies.get(name, 0) + (1 if method.body.type == Ref(name) else 2)
    return {name for name, count in bodies.items() if count == 1} - others


def _envelopes(api: Api) -> set[str]:
    """Types that are only the answer around a page, for which callers get a `Page`."""
    pages: set[str] = set()
    others: set[str] = set()
    for resource in api.resources:
        for method in resource.methods:
            found = {ref for answer in method.answers for ref in refs_of(answer.type)}
            (pages if method.pagination else others).update(found)
            others |= set(refs_of(method.stream.event)) if method.stream else set()
    others |= {ref for declared in api.types for part in parts_of(declared) for ref in refs_of(part)}
    return pages - others


def has_arguments(method: Method) -> bool:
    """Whether a method has keyword arguments of its own."""
    return method.body is not None or any(one.where != "path" for one in method.parameters)


def _text(lines: Iterable[str]) -> str:
    return narrow(re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip() + "\n")


def narrow(text: str) -> str:
    """Declarations indented by two: of thousands of fields, further spaces are a thirtieth of what is installed."""
    return re.sub(r"(?m)^(?: {4})+", lambda found: found[0][::2], text)
