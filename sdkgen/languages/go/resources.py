"""The files of resources, `resources_<group>.go`, and the client that holds them. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass

from sdkgen.ir.nodes import Answer, Api, ListOf, Method, Model, Parameter, Ref, Resource, Type, Union
from sdkgen.languages.base.escaping import go_string, sentence
from sdkgen.languages.base.usage import group_of
from sdkgen.languages.go.layout import aligned, comment, source
from sdkgen.languages.go.naming import argument, exported, places
from sdkgen.languages.go.types import Spelling

CLIENT_DOC = "Client calls the gateway. It is safe for use by many goroutines, which share its connections."
NEW_DOC = (
    "NewClient makes a client. Keys come from options, else from GATEWAY_API_KEY and GATEWAY_MANAGEMENT_KEY; the "
    "address from WithBaseURL, else from GATEWAY_BASE_URL."
)


class Resources:
    """All files of resources of a package."""

    def __init__(self, api: Api, spelling: Spelling) -> None:
        self._api, self._spelling = api, spelling
        self._places = places(api)
        self._by_path = {resource.path: resource for resource in api.resources}

    def groups(self) -> list[str]:
        return sorted({group_of(path) for path in self._places})

    def file(self, package: str, group: str) -> str:
        lines: list[str] = []
        for path in self._places:
            if group_of(path) == group:
                lines += self._service(path)
        return source(package, lines)

    def client(self, package: str) -> str:
        roots = [path for path in self._places if len(path) == 1]
        fields = [(exported(path[0]), f"*{self._name(path)}") for path in roots]
        lines = [
            *comment(CLIENT_DOC), "type Client struct {", *aligned(fields), "", "\t*core", "}", "", *comment(NEW_DOC),
            "func NewClient(options ...Option) (*Client, error) {", "\tc, err := newCore(options)", "\tif err != nil {",
            "\t\treturn nil, err", "\t}", "\treturn clientOf(c), nil", "}", "",
            "// With is a client on the same connections that has further options.",
            "func (c *Client) With(options ...Option) (*Client, error) {", "\tchanged, err := c.core.with(options)",
            "\tif err != nil {", "\t\treturn nil, err", "\t}", "\treturn clientOf(changed), nil", "}", "",
            "func clientOf(c *core) *Client {", "\tclient := &Client{core: c}",
            *[f"\tclient.{exported(path[0])} = new{self._name(path)}(c)" for path in roots], "\treturn client", "}",
        ]  # fmt: skip
        return source(package, lines)

    def _name(self, path: tuple[str, ...]) -> str:
        return self._spelling.names.of("type", f"#/x-sdk/resources/{'.'.join(path)}")

    def _service(self, path: tuple[str, ...]) -> Iterator[str]:
        resource = self._by_path.get(path)
        name = self._name(path)
        below = [one for one in self._places if len(one) == len(path) + 1 and one[: len(path)] == path]
        yield from comment((resource.doc if resource else "") or f"{name} holds what is below it.")
        yield f"type {name} struct {{"
        yield "\tcore *core"
        if below:
            yield ""
            yield from aligned([(exported(one[-1]), f"*{self._name(one)}") for one in below])
        yield "}"
        yield ""
        yield f"func new{name}(c *core) *{name} {{"
        if below:
            yield f"\ts := &{name}{{core: c}}"
            for one in below:
                yield f"\ts.{exported(one[-1])} = new{self._name(one)}(c)"
            yield "\treturn s"
        else:
            yield f"\treturn &{name}{{core: c}}"
        yield "}"
        yield ""
        for method in resource.methods if resource else ():
            assert resource is not None
            yield from Writer(self._spelling, resource, method, name).lines()


@dataclass(frozen=True)
class Writer:
    """One method: its types and its functions."""

    spelling: Spelling
    resource: Resource
    method: Method
    service: str

    def lines(self) -> Iterator[str]:
        if self.others:
            yield from self._params()
        if self.result:
            yield from self._result()
        if self.method.pagination:
            yield from self._pages()
        else:
            yield from self._plain()
        if self.method.stream:
            yield from self._stream()
        yield from self._request()

    # ---- names and types -----------------------------------------------------------------------------------------
    @property
    def name(self) -> str:
        return self.spelling.names.of("method", self.method.pointer).rpartition(".")[2]

    def _derived(self, word: str) -> str:
        return self.spelling.names.of("method", f"{self.method.pointer} {word}").rpartition(".")[2]

    @property
    def in_path(self) -> list[Parameter]:
        """In the order of the path."""
        found = [one for one in self.method.parameters if one.where == "path"]
        return sorted(found, key=lambda one: self.method.path.index("{" + one.name + "}"))

    @property
    def others(self) -> list[Parameter]:
        return [one for one in self.method.parameters if one.where != "path"]

    @property
    def params_type(self) -> str:
        return self.spelling.names.of("type", f"{self.method.pointer} params")

    @property
    def result(self) -> str:
        """The name of the type that holds one of several answers; empty when there is one."""
        if len({answer.type for answer in self.method.answers}) < 2:
            return ""
        return self.spelling.names.of("type", f"{self.method.pointer} result")

    @property
    def answer(self) -> Answer | None:
        return next((one for one in self.method.answers if one.type is not None), None)

    @property
    def body(self) -> str:
        """The type of the argument; empty without one."""
        body = self.method.body
        if body is None:
            return ""
        if body.content == "binary":
            return "*InputFile"
        spelled = self.spelling.go(body.type)
        return spelled if body.required or self.spelling.has_nil(body.type) else "*" + spelled

    def arguments(self) -> list[tuple[str, str]]:
        found = [(argument(one.name), self.spelling.go(one.type)) for one in self.in_path]
        found += [("body", self.body)] if self.body else []
        return [*found, *([("params", self.params_type)] if self.others else [])]

    def _head(self, name: str, returns: str, *, has_context: bool = True) -> str:
        said = [*(["ctx context.Context"] if has_context else []), *(f"{one} {kind}" for one, kind in self.arguments())]
        said += ["options ...Option"] if has_context else []
        return f"func (s *{self.service}) {name}({', '.join(said)}) {returns} {{"

    def _asked(self) -> str:
        return f"s.{self._maker}({', '.join(name for name, _ in self.arguments())})"

    @property
    def _maker(self) -> str:
        return self.name[:1].lower() + self.name[1:] + "Request"

    def _doc(self, name: str, more: str = "") -> list[str]:
        method = self.method
        text = f"{name}: {sentence(method.doc)}" if method.doc else f"{name} calls {method.http} {method.path}."
        text += f"\n\n{more}" if more else ""
        return comment(text + ("\n\nDeprecated: it is going to be removed." if method.deprecated else ""))

    # ---- types of the method -------------------------------------------------------------------------------------
    def _params(self) -> Iterator[str]:
        yield f"// {self.params_type} are the parameters of {self.service}.{self.name}."
        yield f"type {self.params_type} struct {{"
        rows: list[tuple[str, ...]] = []
        for one in self.others:
            rows += [(line,) for line in comment(sentence(one.doc))]
            rows.append((exported(one.name), self.spelling.parameter(one)))
        yield from aligned(rows)
        yield "}"
        yield ""

    def _kinds(self) -> list[tuple[str, Type, list[int]]]:
        """(field, type, statuses) of the result."""
        found: dict[Type, list[int]] = {}
        for answer in self.method.answers:
            if answer.type is not None:
                found.setdefault(answer.type, []).append(answer.status)
        return [(self._kind_name(of), of, statuses) for of, statuses in found.items()]

    def _kind_name(self, of: Type) -> str:
        return self.spelling.public(of.name) if isinstance(of, Ref) else "Value"

    def _result(self) -> Iterator[str]:
        yield f"// {self.result} is one of several answers: the field that is not nil."
        yield f"type {self.result} struct {{"
        yield from aligned([(name, f"*{self.spelling.go(of)}") for name, of, _ in self._kinds()])
        yield "}"
        yield ""

    # ---- functions -----------------------------------------------------------------------------------------------
    def _plain(self) -> Iterator[str]:
        name, answer = self.name, self.answer
        yield from self._doc(name)
        if self.result:
            yield self._head(name, f"(*{self.result}, error)")
            yield from self._call_one()
        elif answer is None or answer.type is None or answer.content == "none":
            yield self._head(name, "error")
            yield f"\treturn callEmpty(ctx, s.core, {self._asked()}, options)"
        elif answer.content == "binary":
            yield self._head(name, "(*Binary, error)")
            yield f"\treturn callBinary(ctx, s.core, {self._asked()}, options)"
        elif answer.content == "text":
            yield self._head(name, "(string, error)")
            yield f"\treturn callText(ctx, s.core, {self._asked()}, options)"
        elif self.spelling.is_model(answer.type):
            spelled = self.spelling.go(answer.type)
            yield self._head(name, f"(*{spelled}, error)")
            yield f"\treturn call[{spelled}](ctx, s.core, {self._asked()}, options)"
        else:
            spelled = self.spelling.go(answer.type)
            yield self._head(name, f"({spelled}, error)")
            yield f"\treturn valueOf(call[{spelled}](ctx, s.core, {self._asked()}, options))"
        yield "}"
        yield ""

    def _call_one(self) -> Iterator[str]:
        yield f"\tresult := new({self.result})"
        yield f"\terr := callOne(ctx, s.core, {self._asked()}, func(status int) any {{"
        yield "\t\tswitch status {"
        first, *rest = self._kinds()
        for name, of, statuses in rest:
            yield f"\t\tcase {', '.join(map(str, statuses))}:"
            yield f"\t\t\tresult.{name} = new({self.spelling.go(of)})"
            yield f"\t\t\treturn result.{name}"
        yield "\t\t}"
        yield f"\t\tresult.{first[0]} = new({self.spelling.go(first[1])})"
        yield f"\t\treturn result.{first[0]}"
        yield "\t}, options)"
        yield "\tif err != nil {"
        yield "\t\treturn nil, err"
        yield "\t}"
        yield "\treturn result, nil"

    def _pages(self) -> Iterator[str]:
        page = self.method.pagination
        assert page is not None
        item = self.spelling.go(self._item(page.items))
        rules = ", ".join(map(go_string, (page.kind, page.items, page.next, page.more)))
        yield from self._doc(self.name)
        yield self._head(self.name, f"(*Page[{item}], error)")
        yield f"\treturn callPage[{item}](ctx, s.core, {self._asked()}, pageRules{{{rules}}}, options)"
        yield "}"
        yield ""
        name = self._derived("all")
        yield f"// {name} goes through the items of all pages of {self.name}."
        yield self._head(name, f"*Items[{item}]")
        said = ", ".join(["ctx", *(one for one, _ in self.arguments()), "options..."])
        yield f"\treturn allItems(ctx, func(ctx context.Context) (*Page[{item}], error) {{"
        yield f"\t\treturn s.{self.name}({said})"
        yield "\t})"
        yield "}"
        yield ""

    def _item(self, items: str) -> Type:
        answer = self.answer
        assert answer is not None
        assert isinstance(answer.type, Ref)
        model = self.spelling.types[answer.type.name]
        assert isinstance(model, Model)
        listed = next(field.type for field in model.fields if field.name == items)
        assert isinstance(listed, ListOf)
        return listed.items

    def _stream(self) -> Iterator[str]:
        stream = self.method.stream
        assert stream is not None
        name, event = self._derived("stream"), self.spelling.go(stream.event)
        of = self.answer.type if self.answer is not None else None
        whole = self.spelling.go(of) if of is not None and self.spelling.is_model(of) else "any"
        is_union = isinstance(stream.event, Ref) and isinstance(self.spelling.types[stream.event.name], Union)
        rules = [f"done: {go_string(stream.done)}"] if stream.done else []
        rules += [f"last: []string{{{', '.join(map(go_string, stream.last))}}}"] if stream.last else []
        rules += [f"fold: {go_string(stream.fold)}"] if stream.fold else []
        rules += ["named: true"] if is_union else []
        yield f"// {name} is {self.name} as events, while the answer is made."
        yield self._head(name, f"(*Stream[{event}, {whole}], error)")
        yield f"\tr := {self._asked()}.streamed({go_string(stream.param)})"
        yield f"\treturn callStream[{event}, {whole}](ctx, s.core, r, streamRules{{{', '.join(rules)}}}, options)"
        yield "}"
        yield ""

    def _request(self) -> Iterator[str]:
        method = self.method
        yield self._head(self._maker, "*request", has_context=False)
        yield f"\tr := newRequest({', '.join(map(go_string, (method.id, method.http, method.path)))})"
        if method.idempotent:
            yield "\tr.idempotent = true"
        if method.auth != "key":
            yield f"\tr.auth = {'withManagementKey' if method.auth == 'management' else 'withoutKey'}"
        for one in self.in_path:
            yield f"\tr.pathParameter({go_string(one.name)}, {argument(one.name)})"
        for one in self.others:
            word = "queryParameter" if one.where == "query" else "headerParameter"
            yield f"\tr.{word}({go_string(one.name)}, params.{exported(one.name)})"
        yield from self._with_body()
        yield "\treturn r"
        yield "}"
        yield ""

    def _with_body(self) -> Iterator[str]:
        body = self.method.body
        if body is None:
            return
        word = {"multipart": "form", "binary": "file"}.get(body.content, "json")
        if body.required and word != "file":
            yield f"\tr.{word}(body)"
        else:
            inner = "*body" if word != "file" and not self.spelling.has_nil(body.type) else "body"
            yield "\tif body != nil {"
            yield f"\t\tr.{word}({inner})"
            yield "\t}"
