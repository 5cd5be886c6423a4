"""The package of resources: one class for each place of a client. Pure."""

from collections.abc import Iterator

from sdkgen.ir.nodes import Answer, Api, Enum, ListOf, Method, Model, Parameter, Prim, Resource, Type
from sdkgen.languages.base.casing import camel
from sdkgen.languages.base.escaping import java_string, javadoc, sentence
from sdkgen.languages.base.names import NameCollisionError
from sdkgen.languages.java.models import Models
from sdkgen.languages.java.naming import OF_OBJECTS, asked, identifier, is_mixed, method_name, resource_class
from sdkgen.languages.java.types import Spelling

Lines = Iterator[str]
Argument = tuple[str, str]
"""Type and name."""


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


def accessors(tree: Tree, path: tuple[str, ...], client: str) -> Lines:
    """The methods that lead to the places below one."""
    for below in tree.below(path):
        resource = tree.places[below]
        yield ""
        yield from doc(resource.doc if resource else "", f"To {' '.join(below)}.")
        yield f"    public {resource_class(below)} {identifier(below[-1], OF_OBJECTS)}() {{"
        yield f"        return new {resource_class(below)}({client});\n    }}"


def doc(text: str, otherwise: str) -> list[str]:
    return javadoc(sentence(text), "    ") or javadoc(otherwise, "    ")


class Resources:
    """All of an API."""

    def __init__(self, api: Api, spelling: Spelling, models: Models) -> None:
        self.tree = Tree(api)
        self._spelling, self._models = spelling, models

    def files(self) -> Iterator[tuple[str, list[str]]]:
        """Class → its lines."""
        for path, resource in sorted(self.tree.places.items()):
            yield resource_class(path), list(self._class(path, resource))

    def _class(self, path: tuple[str, ...], resource: Resource | None) -> Lines:
        name = resource_class(path)
        yield from javadoc(resource.doc if resource else "") or javadoc(f"The place {'.'.join(path)}.")
        yield f"public final class {name} {{"
        yield "    private final ApiClient client;\n    private final RequestOptions options;\n"
        yield "    /** Below a client. */"
        yield f"    public {name}(ApiClient client, RequestOptions options) {{"
        yield "        this.client = client;\n        this.options = options;\n    }\n"
        yield "    /** The same with other options for each call. */"
        yield f"    public {name} with(RequestOptions other) {{\n        return new {name}(client, other);\n    }}"
        yield from accessors(self.tree, path, "client, options")
        names = [identifier(below[-1], OF_OBJECTS) for below in self.tree.below(path)]
        for method in resource.methods if resource else ():
            writer = Writer(self._spelling, self._models, method)
            names += writer.public_names()
            yield from writer.lines()
        if doubled := {one for one in names if names.count(one) > 1}:
            raise NameCollisionError(f"{'.'.join(path)}: {', '.join(sorted(doubled))}")
        yield "}"


class Writer:
    """One method, in its forms."""

    def __init__(self, spelling: Spelling, models: Models, method: Method) -> None:
        self._spelling, self._models, self._method = spelling, models, method
        self.name = method_name(spelling.names, method)
        self.path = [one for one in method.parameters if one.where == "path"]
        self.required = [*map(self._path_argument, self.path)]
        self._optional: list[tuple[Argument, str]] = []
        if method.body is not None:
            spelled = self.spelled_body()
            if method.body.required or self._body_model() is None:
                self.required.append((spelled, "body"))
            else:
                self._optional.append(((spelled, "body"), "null"))
        if asked(method):
            argument = (models.params_class(method), "params")
            if any(one.required for one in asked(method)):
                self.required.append(argument)
            else:
                self._optional.append((argument, f"{argument[0]}.NONE"))

    def public_names(self) -> list[str]:
        found = [self.name, f"{self.name}Async"]
        if self._answers_json():
            found.append(f"{self.name}WithResponse")
        return [*found, self.stream_name()] if self._method.stream else found

    def stream_name(self) -> str:
        return "stream" if self.name == "create" else camel(f"stream_{self._method.name}")

    def _path_argument(self, one: Parameter) -> Argument:
        spelled = "long" if isinstance(one.type, Prim) and one.type.kind == "integer" else "String"
        if isinstance(self._spelling.declaration(one.type), Enum):
            spelled = self._spelling.boxed(one.type)
        return spelled, identifier(one.name, frozenset())

    def _body_model(self) -> Model | None:
        assert self._method.body is not None
        declared = self._spelling.declaration(self._method.body.type)
        return declared if isinstance(declared, Model) else None

    def spelled_body(self) -> str:
        assert self._method.body is not None
        return "FileUpload" if self._method.body.content == "binary" else self._spelling.boxed(self._method.body.type)

    def _answers_json(self) -> bool:
        return self._method.pagination is None and self._answer().content != "binary"

    def _answer(self) -> Answer:
        return self._method.answers[0]

    def lines(self) -> Lines:
        everything = [*self.required, *(argument for argument, _ in self._optional)]
        yield from self._prepared(everything)
        if self._method.pagination:
            yield from self._paged(everything)
        elif self._answer().content == "binary":
            yield from self._one(
                "BinaryResponse", self.name, f"client.callForFile({self._prepare(everything)}, options)"
            )
        else:
            yield from self._answered(everything)
        if self._method.stream:
            yield from self._streamed(everything)

    # ---- HTTP ------------------------------------------------------------------------------------------------------
    def _prepare(self, arguments: list[Argument], stream: str = "") -> str:
        given = [name for _, name in arguments]
        return f"{self.name}Request({', '.join([*given, *([stream] if self._method.stream else [])])})"

    def _prepared(self, arguments: list[Argument]) -> Lines:
        method = self._method
        spelled = [f"{kind} {name}" for kind, name in arguments] + (["boolean isStream"] if method.stream else [])
        yield f"\n    private static ApiRequest {self.name}Request({', '.join(spelled)}) {{"
        made = f"new ApiRequest({java_string(method.http)}, {java_string(method.path)})"
        for one, (kind, name) in zip(self.path, self.required, strict=False):
            value = name if kind in ("String", "long") else f"{name}.value()"
            made += f"\n                .path({java_string(one.name)}, {value})"
        if asked(method):
            for where, word in (("query", "query"), ("header", "headers")):
                if any(one.where == where for one in asked(method)):
                    made += f"\n                .{word}(params.json())"
        if method.auth != "key":
            made += f"\n                .auth(ApiRequest.Auth.{method.auth.upper()})"
        if method.idempotent:
            made += "\n                .idempotent()"
        if method.body is None:
            yield f"        return {made};\n    }}"
            return
        yield f"        ApiRequest request = {made};"
        yield from self._sent()
        yield "        return request;\n    }"

    def _sent(self) -> Lines:
        method = self._method
        assert method.body is not None
        indent = "        "
        is_optional = not method.body.required and self._body_model() is not None
        if is_optional:
            yield "        if (body != null) {"
            indent += "    "
        if method.body.content == "multipart":
            form = "body.form()"
            if method.stream and method.stream.param:
                form = f"body.form(isStream ? Map.of({java_string(method.stream.param)}, JsonBoolean.TRUE) : Map.of())"
            yield f"{indent}request.body(new RequestBody.Form({form}));"
        elif method.body.content == "binary":
            yield f"{indent}request.body(new RequestBody.Bytes(body));"
        elif method.stream and method.stream.param:
            param = java_string(method.stream.param)
            yield f"{indent}request.json(isStream ? body.json().with({param}, Codecs.BOOLEAN, true) : body.json());"
        else:
            yield f"{indent}request.json({self._spelling.codec(method.body.type)}.encode(body));"
        if is_optional:
            yield "        }"

    # ---- forms of the method ---------------------------------------------------------------------------------------
    def _one(self, returns: str, name: str, call: str, text: str = "") -> Lines:
        """With all arguments, and without those that need not be given."""
        word = "" if returns == "void" else "return "
        everything = [*self.required, *(argument for argument, _ in self._optional)]
        yield ""
        yield from doc(text or self._method.doc, f"{self._method.http} {self._method.path}.")
        yield from self._deprecated()
        yield f"    public {returns} {name}({_spelled(everything)}) {{\n        {word}{call};\n    }}"
        if self._optional:
            yield "\n    /** The same with nothing else asked. */"
            yield from self._deprecated()
            given = [*(one for _, one in self.required), *(default for _, default in self._optional)]
            yield f"    public {returns} {name}({_spelled(self.required)}) {{"
            yield f"        {word}{name}({', '.join(given)});\n    }}"

    def _deprecated(self) -> Lines:
        if self._method.deprecated:
            yield "    @Deprecated"

    def _answered(self, arguments: list[Argument]) -> Lines:
        answer = self._answer()
        prepared = self._prepare(arguments, "false")
        if answer.content == "none" or answer.type is None:
            returns, call = "Void", f"client.callForNothing({prepared}, options)"
        elif answer.content == "text":
            returns, call = "String", f"client.callForText({prepared}, options)"
        elif is_mixed(self._method):
            returns = self._models.answer_class(self._method)
            call = f"client.call({prepared}, options, (status, json) -> {self._by_status()})"
        else:
            returns = self._spelling.boxed(answer.type)
            call = f"client.call({prepared}, options, {self._spelling.codec(answer.type)})"
        given = ", ".join(name for _, name in arguments)
        with_response = f"{self.name}WithResponse({given})"
        if returns == "Void":
            yield from self._one("void", self.name, with_response)
        else:
            yield from self._one(returns, self.name, f"{with_response}.value()")
        yield from self._one(f"ApiResponse<{returns}>", f"{self.name}WithResponse", call,
                             "The same, with status, headers and what the gateway says beside the answer.")  # fmt: skip
        yield from self._async(returns, f"{with_response}.value()", arguments)

    def _by_status(self) -> str:
        """An expression; a status that the document does not say is read as the first."""
        decoded = [
            (one.status, f"{self._spelling.codec(one.type)}.decode(json)") for one in self._method.answers if one.type
        ]
        arms = " ".join(f"case {status} -> {code};" for status, code in decoded[1:])
        return f"switch (status) {{ {arms} default -> {decoded[0][1]}; }}"

    def _async(self, returns: str, call: str, arguments: list[Argument]) -> Lines:
        yield from self._one(f"CompletableFuture<{returns}>", f"{self.name}Async", f"client.async(() -> {call})",
                             "The same on another thread; cancelling the future gives the call up.")  # fmt: skip

    def _paged(self, arguments: list[Argument]) -> Lines:
        page = self._method.pagination
        assert page is not None
        item = self._item()
        rules = (
            f"\n                new PageRules<>({self._spelling.codec(item)}, {java_string(page.items)}, "
            f"{java_string(page.next)}, {java_string(page.more)}, {str(page.kind == 'cursor').lower()})"
        )
        returns = f"Page<{self._spelling.boxed(item)}>"
        yield from self._one(returns, self.name, f"Page.get(client, {self._prepare(arguments)}, options,{rules})")
        given = ", ".join(name for _, name in arguments)
        yield from self._async(returns, f"{self.name}({given})", arguments)

    def _item(self) -> Type:
        page, answer = self._method.pagination, self._answer()
        assert page is not None
        model = self._spelling.declaration(answer.type) if answer.type else None
        assert isinstance(model, Model)
        items = next(field.type for field in model.fields if field.name == page.items)
        assert isinstance(items, ListOf)
        return items.items

    def _streamed(self, arguments: list[Argument]) -> Lines:
        stream, answer = self._method.stream, self._answer()
        assert stream is not None
        event = self._spelling.boxed(stream.event)
        whole = self._spelling.boxed(answer.type) if stream.fold and answer.type else "JsonObject"
        codec = self._spelling.codec(answer.type) if stream.fold and answer.type else "Codecs.OBJECT"
        has_names = not isinstance(self._spelling.declaration(stream.event), Model)
        last = ", ".join(map(java_string, stream.last))
        rules = (
            f"new StreamRules<>({self._spelling.codec(stream.event)}, {str(has_names).lower()}, "
            f"{java_string(stream.done)}, Set.of({last}),\n"
            f"                StreamFold.{(stream.fold or 'none').upper()}, {codec})"
        )
        call = f"client.stream({self._prepare(arguments, 'true')}, options,\n                {rules})"
        yield from self._one(f"EventStream<{event}, {whole}>", self.stream_name(), call,
                             "The same as events, while the answer is made. Close it.")  # fmt: skip


def _spelled(arguments: list[Argument]) -> str:
    return ", ".join(f"{kind} {name}" for kind, name in arguments)
