"""Two representations → the list of changes. Pure.

Operations are the same when their HTTP method and path are, else when their ids are; types when their names are, else
when exactly one of the same shape is gone and one is new. A place within a type is compared once, however many
operations reach it.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sdkgen.ir.nodes import (
    Api,
    Body,
    Declaration,
    Enum,
    Field,
    Method,
    Model,
    Parameter,
    Ref,
    Type,
    Union,
    Variant,
)
from sdkgen.languages.base.names import shape_of
from sdkgen.languages.base.usage import closure, received_by, sent_by
from sdkgen.versions.nodes import Change, Direction
from sdkgen.versions.relation import relation, said

TIGHTER_WHEN_MORE = frozenset({"minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties"})
TIGHTER_WHEN_LESS = frozenset({"maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties"})
WORDS = {
    "wider": "takes more than before", "narrower": "takes less than before", "nullable": "may be null",
    "not_nullable": "is never null", "type": "has another type",
}  # fmt: skip


def compare(old: Api, new: Api) -> tuple[Change, ...]:
    """Every difference, ordered by what it is about."""
    comparison = _Comparison(old, new)
    found = [*comparison.methods(), *comparison.types(), *comparison.errors()]
    return tuple(sorted(found, key=lambda change: (change.subject, change.rule, change.pointer, change.text)))


@dataclass(frozen=True, slots=True)
class Called:
    """A method with the name it is called by."""

    name: str
    method: Method


@dataclass(slots=True)
class _Reach:
    """Which operations send and receive each declared type."""

    sent: dict[str, set[str]] = field(default_factory=dict)
    received: dict[str, set[str]] = field(default_factory=dict)

    @classmethod
    def of(cls, api: Api) -> "_Reach":
        reach = cls()
        types = {declared.name: declared for declared in api.types}
        for resource in api.resources:
            for method in resource.methods:
                for name in closure(sent_by(method), types):
                    reach.sent.setdefault(name, set()).add(method.id)
                for name in closure(received_by(method), types):
                    reach.received.setdefault(name, set()).add(method.id)
        return reach

    def direction(self, name: str) -> Direction:
        if name in self.sent:
            return "both" if name in self.received else "sent"
        return "received" if name in self.received else "none"

    def operations(self, name: str) -> tuple[str, ...]:
        return tuple(sorted(self.sent.get(name, set()) | self.received.get(name, set())))


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a value stands: what its changes say of it."""

    subject: str
    pointer: str
    direction: Direction
    operations: tuple[str, ...]

    def change(self, rule: str, text: str, before: Any = None, after: Any = None) -> Change:
        return Change(rule, self.subject, self.pointer, text, self.direction, self.operations, before, after)


class _Comparison:
    def __init__(self, old: Api, new: Api) -> None:
        self.old, self.new = old, new
        self.before = {declared.name: declared for declared in old.types}
        self.after = {declared.name: declared for declared in new.types}
        self.renamed = renamed_types(self.before, self.after)
        self.old_reach, self.new_reach = _Reach.of(old), _Reach.of(new)

    # ---- methods -------------------------------------------------------------------------------------------------
    def methods(self) -> Iterator[Change]:
        old, new = called(self.old), called(self.new)
        pairs, gone, added = matched(old, new)
        for one in gone:
            place = _Place(one.name, one.method.pointer, "none", (one.method.id,))
            yield place.change("method.removed", f"{one.name} is gone.", before=_line(one.method))
        for one in added:
            place = _Place(one.name, one.method.pointer, "none", (one.method.id,))
            yield place.change("method.added", f"{one.name} is new.", after=_line(one.method))
        for before, after in pairs:
            yield from self._method(before, after)

    def _method(self, old: Called, new: Called) -> Iterator[Change]:
        was, now = old.method, new.method
        place = _Place(new.name, now.pointer, "none", (now.id,))
        if old.name != new.name:
            yield place.change("method.renamed", f"{old.name} is now {new.name}.", old.name, new.name)
        if _line(was) != _line(now):
            yield place.change("method.moved", f"{new.name} calls {_line(now)}.", _line(was), _line(now))
        if was.deprecated != now.deprecated:
            words = "is deprecated" if now.deprecated else "is no longer deprecated"
            yield place.change(f"method.{'deprecated' if now.deprecated else 'restored'}", f"{new.name} {words}.")
        if was.auth != now.auth:
            yield place.change("method.auth", f"{new.name} wants another kind of key: {now.auth}.", was.auth, now.auth)
        if was.idempotent != now.idempotent:
            word = "is" if now.idempotent else "is no longer"
            rule = f"method.idempotent.{'gained' if now.idempotent else 'lost'}"
            yield place.change(rule, f"{new.name} {word} made once however often it is sent.")
        if was.errors != now.errors:
            yield place.change("method.errors", f"{new.name} may fail with {_numbers(now.errors)}.",
                               list(was.errors), list(now.errors))  # fmt: skip
        yield from _words(place, was.doc, now.doc)
        if was.examples != now.examples:
            yield place.change("example", f"The examples of {new.name} changed.")
        yield from self._stream(place, was, now)
        yield from _pages(place, was, now)
        if not _asks(was) and _asks(now):
            yield place.change("method.params.added", f"{new.name} takes parameters.")
        yield from self._parameters(new.name, was, now)
        yield from self._body(place, was.body, now.body)
        yield from self._answers(place, was, now)

    def _stream(self, place: _Place, was: Method, now: Method) -> Iterator[Change]:
        old, new = was.stream, now.stream
        if old is None or new is None:
            if old is not new:
                rule = "method.stream.added" if old is None else "method.stream.removed"
                word = "can answer" if old is None else "no longer answers"
                yield place.change(rule, f"{place.subject} {word} piece by piece.")
            return
        if (old.param, old.done, old.last) != (new.param, new.done, new.last):
            yield place.change("method.stream.changed", f"The stream of {place.subject} begins or ends otherwise.")
        received = _Place(f"{place.subject} event", new.pointer, "received", place.operations)
        yield from self._type(received, old.event, new.event)

    def _parameters(self, subject: str, was: Method, now: Method) -> Iterator[Change]:
        # A parameter that moves from the query to a header is the same argument.
        before = {one.name: one for one in was.parameters}
        after = {one.name: one for one in now.parameters}
        for name in sorted({*before, *after}):
            old, new = before.get(name), after.get(name)
            one = new or old
            assert one is not None
            place = _Place(f"{subject}({name})", one.pointer, "sent", (now.id,))
            yield from self._value(place, old, new)
            if old is not None and new is not None and old.where != new.where:
                yield place.change("value.place", f"{place.subject} goes to the {new.where}.", old.where, new.where)

    def _body(self, place: _Place, old: Body | None, new: Body | None) -> Iterator[Change]:
        if old is None or new is None:
            if new is not None:
                rule, word = ("added", "sends") if new.required or self._needs(new.type) else ("offered", "may send")
                yield place.change(f"method.body.{rule}", f"{place.subject} {word} a body.", after=said(new.type))
            elif old is not None:
                yield place.change("method.body.removed", f"{place.subject} sends no body.", before=said(old.type))
            return
        if old.content != new.content:
            yield place.change("method.body.content", f"The body of {place.subject} is {new.content}.",
                               old.content, new.content)  # fmt: skip
        body = _Place(f"{place.subject} body", new.pointer, "sent", place.operations)
        yield from self._type(body, old.type, new.type)
        if old.required != new.required:
            rule = "value.required" if new.required else "value.optional"
            yield body.change(rule, f"The body of {place.subject} {'must' if new.required else 'need not'} be sent.")

    def _needs(self, of: Type) -> bool:
        """Whether a body of the newer version has fields that must be stated: some languages take them as arguments."""
        declared = self.after.get(of.name) if isinstance(of, Ref) else None
        fields = declared.fields if isinstance(declared, Model) else ()
        return any(one.required for one in fields)

    def _answers(self, place: _Place, was: Method, now: Method) -> Iterator[Change]:
        before = {one.status: one for one in was.answers}
        after = {one.status: one for one in now.answers}
        for status in sorted({*before, *after}):
            old, new = before.get(status), after.get(status)
            one = new or old
            assert one is not None
            answer = _Place(f"{place.subject} answer {status}", one.pointer, "received", place.operations)
            if old is None or new is None:
                rule = "method.answer.added" if old is None else "method.answer.removed"
                word = "may answer" if old is None else "no longer answers"
                yield answer.change(rule, f"{place.subject} {word} with {status}.")
            elif (old.content, old.type is None) != (new.content, new.type is None):
                yield answer.change("value.type", f"The answer {status} of {place.subject} is {new.content}.",
                                    old.content, new.content)  # fmt: skip
            elif old.type is not None and new.type is not None:
                yield from self._type(answer, old.type, new.type)

    # ---- values --------------------------------------------------------------------------------------------------
    def _value(self, place: _Place, old: Field | Parameter | None, new: Field | Parameter | None) -> Iterator[Change]:
        """A field or parameter that stands in one or in both."""
        if old is None and new is not None:
            rule = "value.added.required" if new.required else "value.added"
            must = " and must be sent" if new.required and place.direction != "received" else ""
            yield place.change(rule, f"{place.subject} is new{must}.", after=said(new.type))
        elif new is None and old is not None:
            yield place.change("value.removed", f"{place.subject} is gone.", before=said(old.type))
        elif old is not None and new is not None:
            yield from self._type(place, old.type, new.type)
            if old.required != new.required:
                rule = "value.required" if new.required else "value.optional"
                yield place.change(rule, f"{place.subject} {_presence(new.required, place.direction)}.")
            if old.default != new.default:
                yield place.change("value.default", f"{place.subject} left out means {new.default!r}.",
                                   old.default, new.default)  # fmt: skip
            yield from _limits(place, old.constraints or {}, new.constraints or {})
            if old.deprecated != new.deprecated:
                word = "is" if new.deprecated else "is no longer"
                rule = f"value.{'deprecated' if new.deprecated else 'restored'}"
                yield place.change(rule, f"{place.subject} {word} deprecated.")
            yield from _words(place, old.doc, new.doc)

    def _type(self, place: _Place, old: Type, new: Type) -> Iterator[Change]:
        found = relation(old, new, self.renamed)
        if found != "same":
            yield place.change(f"value.{found}", f"{place.subject} {WORDS[found]}: {said(new)}, before {said(old)}.",
                               said(old), said(new))  # fmt: skip

    # ---- types ---------------------------------------------------------------------------------------------------
    def types(self) -> Iterator[Change]:
        back = {new: old for old, new in self.renamed.items()}
        for name, declared in self.before.items():
            if name not in self.after and name not in self.renamed:
                place = self._declared(self.old_reach, name, declared)
                yield place.change("type.removed", f"{name} is gone.")
        for name, declared in self.after.items():
            place = self._declared(self.new_reach, name, declared)
            old = self.before.get(back.get(name, name))
            if old is None:
                yield place.change("type.added", f"{name} is new.")
                continue
            if name in back:
                yield place.change("type.renamed", f"{back[name]} is {name} in the document; its name here stays.",
                                   back[name], name)  # fmt: skip
            yield from self._declaration(place, old, declared)

    def _declared(self, reach: _Reach, name: str, declared: Declaration) -> _Place:
        return _Place(name, declared.pointer, reach.direction(name), reach.operations(name))

    def _declaration(self, place: _Place, old: Declaration, new: Declaration) -> Iterator[Change]:
        yield from _words(place, old.doc, new.doc)
        match old, new:
            case Model(), Model():
                if not old.deprecated and new.deprecated:
                    yield place.change("type.deprecated", f"{new.name} is deprecated.")
                yield from self._model(place, old, new)
            case Enum(), Enum():
                yield from _members(place, "enum.value", old.values, new.values)
            case Union(), Union():
                if old.discriminator != new.discriminator:
                    yield place.change("union.discriminator", f"{new.name} is told by another field.",
                                       old.discriminator, new.discriminator)  # fmt: skip
                before = [self._variant(one, self.renamed) for one in old.variants]
                yield from _members(place, "union.variant", before, [self._variant(one, {}) for one in new.variants])
            case _:
                kinds = type(old).__name__.lower(), type(new).__name__.lower()
                yield place.change("type.kind", f"{new.name} is {kinds[1]}, before {kinds[0]}.", *kinds)

    def _variant(self, variant: Variant, renamed: Mapping[str, str]) -> str:
        name = said(variant.type)
        return variant.tag if variant.tag is not None else renamed.get(name, name)

    def _model(self, place: _Place, old: Model, new: Model) -> Iterator[Change]:
        before = {one.name: one for one in old.fields}
        after = {one.name: one for one in new.fields}
        for name in sorted({*before, *after}):
            one = after.get(name) or before[name]
            inner = _Place(f"{new.name}.{name}", one.pointer, place.direction, place.operations)
            yield from self._value(inner, before.get(name), after.get(name))
        if old.extra is not None and new.extra is not None:
            inner = _Place(f"{new.name}.*", new.pointer, place.direction, place.operations)
            yield from self._type(inner, old.extra, new.extra)
        elif old.extra is not new.extra:
            rule = "value.removed" if new.extra is None else "value.added"
            word = "no longer has" if new.extra is None else "has"
            yield place.change(rule, f"{new.name} {word} names that are data.")

    # ---- errors --------------------------------------------------------------------------------------------------
    def errors(self) -> Iterator[Change]:
        before = {one.code: one for one in self.old.errors}
        after = {one.code: one for one in self.new.errors}
        for code in sorted({*before, *after}):
            old, new = before.get(code), after.get(code)
            place = _Place(f"error {code}", "#/x-sdk/errors", "none", ())
            if old is None and new is not None:
                yield place.change("error.added", f"{new.name} is new ({code}).", after=new.name)
            elif new is None and old is not None:
                yield place.change("error.removed", f"{old.name} is gone ({code}).", before=old.name)
            elif old is not None and new is not None:
                if old.name != new.name:
                    yield place.change("error.renamed", f"{old.name} is now {new.name}.", old.name, new.name)
                if old.status != new.status:
                    yield place.change("error.status", f"{new.name} comes with {new.status}.", old.status, new.status)
                yield from _words(place, old.doc, new.doc)


def renamed_types(before: Mapping[str, Declaration], after: Mapping[str, Declaration]) -> dict[str, str]:
    """Old name → new name of types of which one is gone and one of the same shape is new."""
    gone, added = dict[str, list[str]](), dict[str, list[str]]()
    for name, declared in before.items():
        if name not in after:
            gone.setdefault(shape_of(declared), []).append(name)
    for name, declared in after.items():
        if name not in before:
            added.setdefault(shape_of(declared), []).append(name)
    return {old[0]: added[shape][0] for shape, old in gone.items() if len(old) == 1 == len(added.get(shape, ()))}


def called(api: Api) -> list[Called]:
    return [Called(".".join((*one.path, method.name)), method) for one in api.resources for method in one.methods]


def matched(
    old: Sequence[Called], new: Sequence[Called]
) -> tuple[list[tuple[Called, Called]], list[Called], list[Called]]:
    """Pairs, what is gone, what is new."""
    lines = {_line(one.method): one for one in old}
    pairs = [(lines.pop(_line(one.method)), one) for one in new if _line(one.method) in lines]
    taken = {one.method.id for _, one in pairs}
    ids = {one.method.id: one for one in lines.values()}
    rest = [one for one in new if one.method.id not in taken]
    pairs += [(ids.pop(one.method.id), one) for one in rest if one.method.id in ids]
    taken = {one.method.id for _, one in pairs}
    return pairs, list(ids.values()), [one for one in rest if one.method.id not in taken]


def _asks(method: Method) -> bool:
    """Whether it has parameters beside those of the path: most languages hand them over as one argument."""
    return any(one.where != "path" for one in method.parameters)


def _line(method: Method) -> str:
    return f"{method.http.upper()} {method.path}"


def _pages(place: _Place, was: Method, now: Method) -> Iterator[Change]:
    old, new = was.pagination, now.pagination
    if old is None or new is None:
        if old is not new:
            rule = "method.pages.added" if old is None else "method.pages.removed"
            yield place.change(rule, f"{place.subject} answers {'with pages' if old is None else 'at once'}.")
    elif old != new:
        yield place.change("method.pages.changed", f"The pages of {place.subject} are asked for otherwise.")


def _limits(place: _Place, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Change]:
    for name in sorted({*old, *new}):
        before, after = old.get(name), new.get(name)
        if before == after:
            continue
        rule = f"value.limits.{'tighter' if _is_tighter(name, before, after) else 'looser'}"
        yield place.change(rule, f"{place.subject}: {name} is {after if after is not None else 'no longer stated'}.",
                           before, after)  # fmt: skip


def _is_tighter(name: str, before: Any, after: Any) -> bool:
    if after is None:
        return False
    if before is None:
        return True
    if name in TIGHTER_WHEN_MORE:
        return bool(after > before)
    if name in TIGHTER_WHEN_LESS:
        return bool(after < before)
    # Another pattern, another step: some of what was taken may be refused.
    return True


def _members(place: _Place, rule: str, old: Iterable[str], new: Iterable[str]) -> Iterator[Change]:
    before, after = set(old), set(new)
    for name in sorted(before - after):
        yield place.change(f"{rule}.removed", f"{place.subject} has no {name}.", before=name)
    for name in sorted(after - before):
        yield place.change(f"{rule}.added", f"{place.subject} has {name}.", after=name)


def _presence(required: bool, direction: Direction) -> str:
    if direction == "received":
        return "always comes" if required else "may be missing"
    return "must be sent" if required else "may be left out"


def _words(place: _Place, old: str, new: str) -> Iterator[Change]:
    if old != new:
        yield place.change("doc", f"The description of {place.subject} changed.")


def _numbers(statuses: Sequence[int]) -> str:
    return ", ".join(map(str, statuses)) or "no stated status"
