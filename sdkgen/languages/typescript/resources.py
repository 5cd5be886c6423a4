"""The modules of resources, `lib/resources/<group>.js` and their declarations. Pure."""

from collections.abc import Iterator

from sdkgen.ir.nodes import Api, ListOf, Method, Model, Ref, Resource, Type
from sdkgen.languages.base.escaping import json_string, sentence
from sdkgen.languages.base.names import Names
from sdkgen.languages.typescript.comments import doc
from sdkgen.languages.typescript.declarations import documented
from sdkgen.languages.typescript.naming import (
    argument,
    asked,
    below,
    event_tag,
    module_of,
    place_name,
    places,
    property_name,
    resource_class,
)
from sdkgen.languages.typescript.types import Spelling

EMPTY = "none"
IMPORTED = ("ApiPromise", "BaseClient", "PagePromise", "RequestOptions", "Resource", "Stream", "Uploadable")


class Resources:
    """All resources of a client, by module."""

    def __init__(self, api: Api, names: Names, spelling: Spelling) -> None:
        self._api, self._names, self._spelling = api, names, spelling
        self._places = places(api)
        self._known = {resource.path: resource for resource in api.resources}

    def modules(self) -> list[str]:
        return sorted({module_of(path) for path in self._places})

    def roots(self) -> list[tuple[str, ...]]:
        return below((), self._places)

    def _of(self, module: str) -> list[tuple[str, ...]]:
        """Deepest first: a class stands before the one that makes it."""
        found = [path for path in self._places if module_of(path) == module]
        return sorted(found, key=lambda path: (-len(path), path))

    # ---- code ----------------------------------------------------------------------------------------------------
    def code(self, module: str) -> str:
        lines = ["import { Resource } from '../runtime/resource.js';"]
        for path in self._of(module):
            lines += ["", *self._class(path)]
        return "\n".join(lines) + "\n"

    def _class(self, path: tuple[str, ...]) -> Iterator[str]:
        name = resource_class(path)
        resource = self._known.get(path)
        yield f"export class {name} extends Resource {{"
        children = below(path, self._places)
        if children:
            yield "  constructor(client) {"
            yield "    super(client);"
            for child in children:
                yield f"    this.{place_name(self._names, child)} = new {resource_class(child)}(client);"
            yield "  }"
        for index, method in enumerate(resource.methods if resource is not None else ()):
            if index or children:
                yield ""
            yield from self._calls(method)
        yield "}"

    def _operation(self, method: Method) -> str:
        """The object that the runtime reads (`runtime/request.ts`)."""
        said = [f"method: {json_string(method.http)}", f"path: {json_string(method.path)}"]
        if (kind := answer_kind(method)) != "json":
            said.append(f"answer: {json_string(kind)}")
        if method.idempotent:
            said.append("isIdempotent: true")
        if method.body is not None and method.body.content in ("multipart", "binary"):
            said.append(f"sends: {json_string('form' if method.body.content == 'multipart' else 'bytes')}")
        if method.auth != "key":
            said.append(f"auth: {json_string(method.auth)}")
        if method.stream is not None:
            said.append(f"stream: {self._stream(method)}")
        if (page := method.pagination) is not None:
            said.append(
                f"page: {{ kind: {json_string(page.kind)}, items: {json_string(page.items)}, "
                f"next: {json_string(page.next)}, more: {json_string(page.more)} }}"
            )
        return f"{{ {', '.join(said)} }}"

    def _stream(self, method: Method) -> str:
        stream = method.stream
        assert stream is not None
        said = []
        if stream.done:
            said.append(f"done: {json_string(stream.done)}")
        if stream.last:
            said.append(f"terminal: [{', '.join(json_string(one) for one in stream.last)}]")
        if tag := event_tag(self._api, method):
            said.append(f"tag: {json_string(tag)}")
        if stream.fold:
            said.append(f"fold: {json_string(stream.fold)}")
        return f"{{ {', '.join(said)} }}"

    def _calls(self, method: Method) -> Iterator[str]:
        name = self._method_name(method)
        in_path = [one for one in method.parameters if one.where == "path"]
        given = [argument(one.name) for one in in_path]
        given += ["body"] * (method.body is not None) + ["params"] * bool(asked(method)) + ["options"]
        arguments = self._arguments(method)
        operation = self._operation(method)
        how = "page" if method.pagination else "call"
        yield f"  {name}({', '.join(given)}) {{"
        if (stream := method.stream) is not None and stream.param:
            flag = f"body[{json_string(stream.param)}]"
            yield f"    if ({flag} === true) return this.{self._stream_name(method)}({', '.join(given)});"
        elif stream is not None:
            how = "stream"
        yield f"    return this._client.{how}({operation}, {arguments}, options);"
        yield "  }"
        if stream is not None and stream.param:
            flagged = f"{{ ...body, {property_name(stream.param)}: true }}"
            sent = self._arguments(method, body=f"body: {flagged}")
            yield ""
            yield f"  {self._stream_name(method)}({', '.join(given)}) {{"
            yield f"    return this._client.stream({operation}, {sent}, options);"
            yield "  }"

    def _arguments(self, method: Method, body: str = "body") -> str:
        """Of the runtime's call."""
        in_path = [one for one in method.parameters if one.where == "path"]
        said = []
        if in_path:
            inner = ", ".join(f"{property_name(one.name)}: {argument(one.name)}" for one in in_path)
            said.append(f"path: {{ {inner} }}")
        if method.body is not None:
            said.append(body)
        for where in ("query", "header"):
            found = [one for one in method.parameters if one.where == where]
            if not found:
                continue
            room = "query" if where == "query" else "headers"
            if len(found) == len(asked(method)):
                said.append(f"{room}: params")
            else:
                inner = ", ".join(f"{property_name(one.name)}: params?.[{json_string(one.name)}]" for one in found)
                said.append(f"{room}: {{ {inner} }}")
        return f"{{ {', '.join(said)} }}" if said else "{}"

    # ---- declarations --------------------------------------------------------------------------------------------
    def declarations(self, module: str) -> str:
        body: list[str] = []
        for path in self._of(module):
            body += ["", *self._declared(path)]
        text = "\n".join(body)
        used = [name for name in IMPORTED if name in text]
        lines = [f"import {{ {', '.join(used)} }} from '../runtime/index.js';"]
        if "T." in text:
            lines.append("import type * as T from '../types/index.js';")
        return "\n".join([*lines, *body]) + "\n"

    def _declared(self, path: tuple[str, ...]) -> Iterator[str]:
        resource = self._known.get(path)
        yield from doc(resource.doc if resource is not None else "")
        yield f"export declare class {resource_class(path)} extends Resource {{"
        children = below(path, self._places)
        if children:
            yield "  constructor(client: BaseClient);"
        for child in children:
            yield f"  readonly {place_name(self._names, child)}: {resource_class(child)};"
        for method in resource.methods if resource is not None else ():
            yield from self.signatures(resource, method)
        yield "}"

    def signatures(self, resource: Resource | None, method: Method) -> Iterator[str]:
        assert resource is not None
        name = self._method_name(method)
        about = method.doc if documented(module_of(resource.path)) else sentence(method.doc)
        head = doc(about, "  ", deprecated=method.deprecated)
        given = self._given(method)
        answer = self.answer(method)
        if (stream := method.stream) is None:
            kind = "PagePromise" if method.pagination else "ApiPromise"
            yield from head
            yield f"  {name}({', '.join(given)}): {kind}<{answer}>;"
            return
        streamed = f"ApiPromise<Stream<{self._spelling.text(stream.event, 'T.')}, {answer}>>"
        if not stream.param:
            yield from head
            yield f"  {name}({', '.join(given)}): {streamed};"
            return
        flag = property_name(stream.param)
        for narrowed, of in ((f"{flag}?: false | undefined", f"ApiPromise<{answer}>"), (f"{flag}: true", streamed)):
            yield from head
            yield f"  {name}({', '.join(self._given(method, f' & {{ {narrowed} }}'))}): {of};"
        yield from doc(f"The same, event by event. {method.doc}", "  ", deprecated=method.deprecated)
        yield f"  {self._stream_name(method)}({', '.join(given)}): {streamed};"

    def _given(self, method: Method, narrowed: str = "") -> list[str]:
        """The parameters of a signature."""
        found = [
            f"{argument(one.name)}: {self._spelling.text(one.type, 'T.', only_sent=True)}"
            for one in method.parameters
            if one.where == "path"
        ]
        parameters = asked(method)
        needs_params = any(one.required for one in parameters)
        if (body := method.body) is not None:
            of = self._body(method) + narrowed
            if body.required:
                found.append(f"body: {of}")
            else:
                found.append(f"body: {of} | undefined" if needs_params else f"body?: {of}")
        if parameters:
            name = f"T.{self._names.of('type', f'{method.pointer} params')}"
            found.append(f"params: {name}" if needs_params else f"params?: {name}")
        return [*found, "options?: RequestOptions"]

    def _body(self, method: Method) -> str:
        assert method.body is not None
        if method.body.content == "binary":
            return "Uploadable | Uint8Array | string"
        return self._spelling.text(method.body.type, "T.", only_sent=True)

    def answer(self, method: Method) -> str:
        """The type of the data; of a page that of an item and that of the page."""
        kind = answer_kind(method)
        if kind in ("binary", "text", EMPTY):
            return {"binary": "Response", "text": "string", EMPTY: "void"}[kind]
        options = ["undefined" if one.type is None else self._spelling.text(one.type, "T.") for one in method.answers]
        of = " | ".join(dict.fromkeys(options))
        if method.pagination is None:
            return of
        return f"{self._spelling.text(self._item(method), 'T.')}, {of}"

    def _item(self, method: Method) -> Type:
        assert method.pagination is not None
        for answer in method.answers:
            if isinstance(answer.type, Ref):
                declared = self._api.type_named(answer.type.name)
                if isinstance(declared, Model):
                    for field in declared.fields:
                        if field.name == method.pagination.items and isinstance(field.type, ListOf):
                            return field.type.items
        raise ValueError(f"{method.pointer}: the answer has no list '{method.pagination.items}'")

    def _method_name(self, method: Method) -> str:
        return self._names.of("method", method.pointer)

    def _stream_name(self, method: Method) -> str:
        return self._names.of("method", f"{method.pointer} stream")


def answer_kind(method: Method) -> str:
    """Of a success: what most of them are."""
    kinds = {one.content for one in method.answers if one.content != EMPTY}
    if "binary" in kinds:
        return "binary"
    if "json" in kinds:
        return "json"
    return "text" if "text" in kinds else EMPTY
