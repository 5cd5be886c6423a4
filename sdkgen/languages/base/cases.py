"""What the tests of a package check, in no language's words: every method with all of its arguments, every stream, one
list of each kind, every code of an error. Pure.

A package carries the cases as `cases.json`; a language writes the calls, and by hand what plays them: a server that
answers as a case says, and the comparison of what came with what it says.
"""

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import quote

from sdkgen.examples.binding import number_text
from sdkgen.examples.data import Call, Example, ExampleError, Kind, bind, operations, place_of
from sdkgen.examples.make import arguments_of, sample
from sdkgen.ir.nodes import Answer, Api, Binary, Method, Model, Prim, Ref, Stream, Type, Union
from sdkgen.languages.base.snippets import Snippets

FILE = "LICENSE"
"""What the tests upload: it is in every package, and they run in its folder."""
LONE = re.compile("[\ud800-\udfff]")
UNKNOWN = {"x_unknown": {"kept": [1, None, "é"]}}
"""A field that no version of a package knows."""


@dataclass(frozen=True, slots=True)
class Sent:
    """What a call has to send. `query`, `headers` and the fields of a form are texts; `form` has [name, text] pairs,
    `files` [name, name of the file] pairs. `auth` is the kind of key, `keyed`: with an idempotency key."""

    http: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    auth: str
    keyed: bool
    json: Any = None
    form: list[list[str]] | None = None
    files: list[list[str]] = field(default_factory=list)

    def said(self) -> dict[str, Any]:
        found: dict[str, Any] = {name: getattr(self, name) for name in ("http", "path", "query", "headers", "auth")}
        found["keyed"] = self.keyed
        if self.form is not None:
            found |= {"form": self.form, "files": self.files}
        elif self.json is not None:
            found["json"] = self.json
        return found


@dataclass(frozen=True, slots=True)
class Case:
    """A call, what it has to send, and what it is answered: the sample of the document where it has one. `kind` is that
    of the method's answer (`json`, `text`, `binary`, `none`), `page` for a list that goes on over several answers. As
    JSON, `items` is the field of a page that lists them, `several` stands where answers differ by their status."""

    name: str
    call: Call
    sent: Sent
    kind: str
    status: int
    body: Any

    def said(self) -> dict[str, Any]:
        method = self.call.method
        answer = {"kind": self.kind, "status": self.status, "body": self.body}
        if method.pagination is not None:
            answer["items"] = method.pagination.items
        if len({one.type for one in method.answers}) > 1:
            answer["several"] = True
        return {"name": self.name, "sent": self.sent.said(), "answer": answer}


@dataclass(frozen=True, slots=True)
class StreamCase:
    """`events` are (name, value); the one that no version knows is at `unknown`, -1 where events are of one type: these
    have a field that no version knows. `done` is the data of the last event."""

    case: Case
    events: list[tuple[str, Any]]
    unknown: int
    done: str

    def said(self) -> dict[str, Any]:
        shown = [{"event": name, "data": value} for name, value in self.events]
        return {"name": self.case.name, "sent": self.case.sent.said(), "events": shown, "unknown": self.unknown,
                "done": self.done}  # fmt: skip


@dataclass(frozen=True, slots=True)
class PageCase:
    """Two answers, and the parameter by which the second one is asked for."""

    case: Case
    answers: list[Any]
    items: list[Any]
    next: tuple[str, str]

    def said(self) -> dict[str, Any]:
        return {"name": self.case.name, "answers": self.answers, "items": self.items, "next": list(self.next)}


@dataclass(frozen=True, slots=True)
class Cases:
    """Of one package. `roles`: the methods that behaviours are shown with, none where the package has none: `read` is
    safe to repeat, `keyed` carries an idempotency key, `unsafe` is neither, `any` is the first of them."""

    methods: list[Case]
    streams: list[StreamCase]
    pages: list[PageCase]
    errors: list[tuple[int, str]]
    roles: dict[str, Case]

    def dumps(self) -> str:
        """JSON, a case a line."""
        lists: dict[str, list[dict[str, Any]]] = {
            "methods": [one.said() for one in self.methods],
            "streams": [one.said() for one in self.streams],
            "pages": [one.said() for one in self.pages],
            "errors": [{"status": status, "code": code} for status, code in self.errors],
        }
        roles = _compact({role: case.name for role, case in self.roles.items()})
        shown = [f'"{name}": [\n{_lines(said)}]' for name, said in lists.items()]
        return "{\n" + ",\n".join([*shown, f'"roles": {roles}']) + "\n}\n"


def _lines(said: list[dict[str, Any]]) -> str:
    return "".join(f"{_compact(one)}{',' if index < len(said) - 1 else ''}\n" for index, one in enumerate(said))


def _compact(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def cases_of(api: Api) -> Cases:
    """A method whose document has no arguments that fit it is left out."""
    maker = _Maker(api)
    methods = [case for call in maker.calls() if (case := maker.case(call))]
    streams = [maker.stream(one, one.call.method.stream) for one in methods if one.call.method.stream]
    paged: dict[str, PageCase] = {}
    for one in methods:
        if one.kind == "page" and (made := maker.page(one)):
            paged.setdefault(made.next[0], made)
    errors = [(one.status, one.code) for one in api.errors]
    return Cases(methods, streams, list(paged.values()), errors, _roles(methods))


def rendered(cases: Iterable[Case], snippets: Snippets, variant: Kind = "plain") -> dict[str, tuple[str, ...]]:
    """Name of the case → the expression of its call, and what that imports."""
    found = {}
    for one in cases:
        call = replace(one.call, example=replace(one.call.example, variant=variant))
        made = snippets.of(call)
        found[one.name] = (made.call, *made.imports)
    return found


def with_argument(call: str, argument: str) -> str:
    """The expression of a call, with one argument more at its end."""
    head = call[:-1].rstrip().removesuffix(",")
    return f"{head}{'' if head.endswith('(') else ', '}{argument})"


def _roles(methods: list[Case]) -> dict[str, Case]:
    plain = [one for one in methods if one.kind == "json" and one.sent.auth != "none" and one.sent.form is None]
    found: dict[str, Case] = {}
    for one in plain:
        is_safe = one.sent.http in ("GET", "PUT", "DELETE")
        if one.sent.http == "GET":
            found.setdefault("read", one)
        elif one.sent.keyed:
            found.setdefault("keyed", one)
        elif not is_safe:
            found.setdefault("unsafe", one)
    if some := [found[role] for role in ("read", "keyed", "unsafe") if role in found]:
        found["any"] = some[0]
    return found


class _Maker:
    def __init__(self, api: Api) -> None:
        self._api = api
        self._types = {declared.name: declared for declared in api.types}

    def calls(self) -> Iterator[Call]:
        for resource, method in operations(self._api):
            place = place_of(resource, method)
            for extent in ("full", "minimal"):
                arguments = arguments_of(self._api, method, extent) | self._path(method)
                arguments = _settled(_with_files(self._api, method, arguments))
                try:
                    yield bind(self._api, Example(place, place, place, arguments))
                except ExampleError:
                    continue
                break

    def _path(self, method: Method) -> dict[str, str]:
        """Values that have to be escaped, where there may be any text."""
        free = [one for one in method.parameters if one.where == "path" and isinstance(one.type, Prim)]
        return {one.name: f"a/{index} é?" for index, one in enumerate(free) if _is_text(one.type)}

    def case(self, call: Call) -> Case:
        method = call.method
        answer = method.answers[0] if method.answers else None
        kind = "page" if method.pagination else answer.content if answer else "none"
        body = self._answer(method, answer) if answer is not None else None
        return Case(call.example.id, call, self._sent(call), kind, answer.status if answer else 204, body)

    def _sent(self, call: Call) -> Sent:
        method = call.method
        path = method.path
        for name, value in call.path.items():
            path = path.replace("{" + name + "}", quote(_text(value), safe=""))
        where = {one.name: one.where for one in method.parameters}
        query = {name: _text(value) for name, value in call.others.items() if where[name] == "query"}
        headers = {name.lower(): _text(value) for name, value in call.others.items() if where[name] == "header"}
        sent = Sent(method.http, path, query, headers, method.auth, method.idempotent)
        if method.body is not None and method.body.content == "multipart" and isinstance(call.body, dict):
            files = {one.name for one in self._fields(method) if isinstance(one.type, Binary)}
            form = [
                list(pair) for name, value in call.body.items() if name not in files for pair in _parts(name, value)
            ]
            return replace(sent, form=form, files=[[name, FILE] for name in call.body if name in files])
        return replace(sent, json=call.body) if method.body is not None and method.body.content == "json" else sent

    def _fields(self, method: Method) -> tuple[Any, ...]:
        of = method.body.type if method.body else None
        declared = self._types[of.name] if isinstance(of, Ref) else None
        return declared.fields if isinstance(declared, Model) else ()

    def _answer(self, method: Method, answer: Answer) -> Any:
        if answer.content != "json" or answer.type is None:
            return "plain" if answer.content == "text" else "bytes" if answer.content == "binary" else None
        said = next((one.answer for one in method.examples if one.answer is not None), None)
        return self._strange(answer.type, _settled(sample(self._api, answer.type) if said is None else said))

    def _strange(self, of: Type, value: Any) -> Any:
        """With a field that no version knows, where that is what the type allows."""
        declared = self._types[of.name] if isinstance(of, Ref) else None
        is_open = isinstance(declared, Model) and declared.extra is None
        return {**value, **UNKNOWN} if is_open and isinstance(value, dict) else value

    def stream(self, case: Case, stream: Stream) -> StreamCase:
        declared = self._types[stream.event.name] if isinstance(stream.event, Ref) else None
        sent = case.sent
        if stream.param and isinstance(sent.json, dict):
            sent = replace(sent, json={**sent.json, stream.param: True})
        elif stream.param and sent.form is not None:
            sent = replace(sent, form=[*sent.form, [stream.param, "true"]])
        case = replace(case, sent=sent)
        if isinstance(declared, Union) and declared.discriminator:
            last = [one for one in declared.variants if one.tag in stream.last] or list(declared.variants[-1:])
            name = last[0].tag or ""
            end = {declared.discriminator: name, **_settled(sample(self._api, last[0].type, "minimal"))}
            new = {declared.discriminator: "x_unknown", **UNKNOWN}
            return StreamCase(case, [("x_unknown", new), (name, end)], 0, stream.done)
        event = self._strange(stream.event, _settled(sample(self._api, stream.event, "minimal")))
        return StreamCase(case, [("", event), ("", event)], -1, stream.done)

    def page(self, case: Case) -> PageCase | None:
        """None where the sample of the document has no item."""
        page = case.call.method.pagination
        if page is None or not isinstance(case.body, dict) or not case.body.get(page.items):
            return None
        (item, *_) = case.body[page.items]
        items = [{**item, "id": f"item-{n}"} if page.kind == "cursor" else item for n in (1, 2)]
        more: tuple[Any, Any] = ("https://gateway.example/more", None) if page.kind == "page" else (True, False)
        answers = [{**case.body, page.items: [one], page.more: has} for one, has in zip(items, more, strict=True)]
        asked = case.call.others.get(page.next)
        following = str(int(asked or 1) + 1) if page.kind == "page" else "item-1"
        return PageCase(case, answers, items, (page.next, following))


def _is_text(of: Type) -> bool:
    return isinstance(of, Prim) and of.kind == "string" and of.format in ("", "uuid")


def _with_files(api: Api, method: Method, arguments: dict[str, Any]) -> dict[str, Any]:
    body = api.type_named(method.body.type.name) if method.body and isinstance(method.body.type, Ref) else None
    files = {one.name for one in body.fields if isinstance(one.type, Binary)} if isinstance(body, Model) else set()
    return {name: FILE if name in files else value for name, value in arguments.items()}


def _settled(value: Any) -> Any:
    """Examples of a document have their keys in no order that is kept, and a text may hold what no encoding has."""
    if isinstance(value, dict):
        return {name: _settled(value[name]) for name in sorted(value)}
    if isinstance(value, str) and LONE.search(value):
        return "example"
    return [_settled(one) for one in value] if isinstance(value, list) else value


def _text(value: Any) -> str:
    """In a path, a query, a header or a form."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return ",".join(map(_text, value))
    return value if isinstance(value, str) else number_text(value)


def _parts(name: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, list):
        for one in value:
            yield from _parts(name, one)
    elif value is not None:
        yield name, json.dumps(value, separators=(",", ":")) if isinstance(value, dict) else _text(value)
