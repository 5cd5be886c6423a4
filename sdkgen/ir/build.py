"""An OpenAPI 3.1 document with `x-sdk` on its operations → the representation. Pure.

`x-sdk` of an operation: `resource` (a list of words), `method`, `stream` {event, param, done, last, fold}, `pagination`
{kind, items, next, more}, `idempotent`, `ignore`. Of the document: `errors`, a list of {code, status, name, doc}.
"""

import hashlib
from collections.abc import Mapping
from typing import Any, Literal

from sdkgen.ir.codec import canonical
from sdkgen.ir.errors import DocumentError
from sdkgen.ir.names import pascal
from sdkgen.ir.nodes import (
    Answer,
    Api,
    Binary,
    Body,
    Content,
    ErrorCode,
    Example,
    Method,
    Pagination,
    Parameter,
    Prim,
    Resource,
    Stream,
    Type,
)
from sdkgen.ir.schemas import COMPONENTS, Schemas, constraints_of, escaped

METHODS = ("get", "put", "post", "delete", "patch")
BODIES: tuple[tuple[str, Content], ...] = (
    ("application/json", "json"), ("multipart/form-data", "multipart"), ("application/octet-stream", "binary"),
)  # fmt: skip
EVENTS = "text/event-stream"


def build(document: Mapping[str, Any]) -> Api:
    """Raises DocumentError, which names the place."""
    if not str(document.get("openapi", "")).startswith("3.1"):
        raise DocumentError("#/openapi", "only OpenAPI 3.1 is read")
    schemas = Schemas(document)
    methods: dict[tuple[str, ...], list[Method]] = {}
    for path, item in sorted(document.get("paths", {}).items()):
        for http in METHODS:
            if http in item:
                pointer = f"#/paths/{escaped(path)}/{http}"
                place, method = _Operation(schemas, path, http, item[http], pointer).read()
                if method is not None:
                    methods.setdefault(place, []).append(method)
    return Api(
        title=document["info"]["title"],
        version=document["info"]["version"],
        document_sha=hashlib.sha256(canonical(document).encode()).hexdigest(),
        resources=_resources(methods, document.get("x-sdk", {}).get("resources", {})),
        types=tuple(schemas.declared[name] for name in sorted(schemas.declared)),
        errors=tuple(ErrorCode(**said) for said in document.get("x-sdk", {}).get("errors", ())),
        doc=str(document["info"].get("description", "")).strip(),
    )


def _resources(methods: Mapping[tuple[str, ...], list[Method]], docs: Mapping[str, str]) -> tuple[Resource, ...]:
    """Sorted. Raises DocumentError for two methods of one name, and for a method where a resource is."""
    found, ids = [], dict[str, str]()
    for path in sorted(methods):
        names: dict[str, str] = {}
        for method in methods[path]:
            if method.name in names:
                raise DocumentError(
                    method.pointer, f"'{'.'.join((*path, method.name))}' is {names[method.name]} already"
                )
            if (*path, method.name) in methods:
                raise DocumentError(method.pointer, f"'{'.'.join((*path, method.name))}' is a resource already")
            if method.id in ids:
                raise DocumentError(method.pointer, f"the operationId '{method.id}' is that of {ids[method.id]}")
            names[method.name] = ids[method.id] = method.pointer
        ordered = tuple(sorted(methods[path], key=lambda method: method.name))
        found.append(Resource(path, ordered, docs.get(".".join(path), "")))
    return tuple(found)


class _Operation:
    """One operation of the document."""

    def __init__(self, schemas: Schemas, path: str, http: str, said: Mapping[str, Any], pointer: str) -> None:
        self._schemas, self._path, self._http, self._said, self._pointer = schemas, path, http, said, pointer
        self._sdk: Mapping[str, Any] = said.get("x-sdk", {})

    def read(self) -> tuple[tuple[str, ...], Method | None]:
        if self._sdk.get("ignore"):
            return (), None
        for word in ("resource", "method"):
            if not self._sdk.get(word):
                raise DocumentError(self._pointer, f"x-sdk says no {word}")
        if not self._said.get("operationId"):
            raise DocumentError(self._pointer, "it has no operationId")
        self._name = pascal(self._said["operationId"])
        method = Method(
            id=self._said["operationId"],
            name=self._sdk["method"],
            http=self._http.upper(),
            path=self._path,
            pointer=self._pointer,
            doc=str(self._said.get("description") or self._said.get("summary") or "").strip(),
            parameters=self._parameters(),
            body=self._body(),
            answers=self._answers(),
            stream=self._stream(),
            pagination=Pagination(**self._sdk["pagination"]) if "pagination" in self._sdk else None,
            idempotent=bool(self._sdk.get("idempotent")),
            auth=self._auth(),
            errors=tuple(sorted(int(s) for s in self._said["responses"] if s.isdigit() and int(s) >= 400)),
            deprecated=bool(self._said.get("deprecated")),
            examples=self._examples(),
        )
        return tuple(self._sdk["resource"]), _checked(method)

    def _auth(self) -> Literal["key", "management", "none"]:
        names = {name for option in self._said.get("security", []) for name in option}
        if "gatewayKey" in names:
            return "key"
        return "management" if names else "none"

    # ---- what is sent --------------------------------------------------------------------------------------------
    def _parameters(self) -> tuple[Parameter, ...]:
        found = []
        for index, said in enumerate(self._said.get("parameters", ())):
            if said.get("x-sdk", {}).get("ignore"):
                continue
            pointer = f"{self._pointer}/parameters/{index}"
            if said["in"] not in ("path", "query", "header"):
                raise DocumentError(pointer, f"a parameter in the {said['in']}")
            found.append(self._parameter(said, pointer))
        order = {"path": 0, "query": 1, "header": 2}
        in_path = [self._path.find("{" + one.name + "}") for one in found]
        keyed = zip(found, in_path, strict=True)
        ordered = sorted(keyed, key=lambda pair: (order[pair[0].where], max(pair[1], 0), pair[0].name))
        return tuple(one for one, _ in ordered)

    def _parameter(self, said: Mapping[str, Any], pointer: str) -> Parameter:
        schema = said.get("schema", {})
        where = said["in"]
        # not its number in the list, which says nothing and changes
        pointer = f"{self._pointer}/parameters/{where}:{escaped(said['name'])}"
        found = self._schemas.type_of(schema, f"{pointer}/schema", self._name + pascal(said["name"]))
        return Parameter(
            name=said["name"],
            where=where,
            type=found,
            required=where == "path" or bool(said.get("required")),
            pointer=pointer,
            doc=str(said.get("description", "")).strip(),
            deprecated=bool(said.get("deprecated")),
            default=schema.get("default"),
            constraints=constraints_of(schema),
        )

    def _body(self) -> Body | None:
        said = self._said.get("requestBody")
        if not said:
            return None
        for kind, content in BODIES:
            if kind in said["content"]:
                pointer = f"{self._pointer}/requestBody/content/{escaped(kind)}/schema"
                schema = said["content"][kind].get("schema", {})
                found = self._schemas.type_of(schema, pointer, self._name + "Request")
                return Body(content, found, bool(said.get("required")), pointer)
        raise DocumentError(f"{self._pointer}/requestBody", f"no known content: {', '.join(said['content'])}")

    # ---- what comes back -----------------------------------------------------------------------------------------
    def _answers(self) -> tuple[Answer, ...]:
        found = []
        for status, said in sorted(self._said["responses"].items()):
            if status.startswith("2"):
                pointer = f"{self._pointer}/responses/{status}"
                content, of = self._content(said.get("content", {}), pointer)
                if content is not None:
                    found.append(Answer(int(status), content, of, pointer, str(said.get("description", "")).strip()))
        return tuple(found)

    def _content(self, contents: Mapping[str, Any], pointer: str) -> tuple[Content | None, Type | None]:
        kinds = [kind for kind in contents if kind != EVENTS]
        if not kinds:
            return (None, None) if contents else ("none", None)
        if "application/json" in kinds:
            place = f"{pointer}/content/{escaped('application/json')}/schema"
            schema = contents["application/json"].get("schema", {})
            found = self._schemas.type_of(schema, place, self._name + "Answer")
            return ("binary", Binary()) if isinstance(found, Binary) else ("json", found)
        if any(kind.startswith("text/") for kind in kinds):
            return "text", Prim("string")
        return "binary", Binary()

    def _stream(self) -> Stream | None:
        said = self._sdk.get("stream")
        if said is None:
            return None
        pointer = f"{self._pointer}/x-sdk/stream"
        event = self._schemas.type_of({"$ref": COMPONENTS + said["event"]}, pointer, self._name + "Event")
        rest = {key: value for key, value in said.items() if key != "event"}
        return Stream(event, pointer, **{**rest, "last": tuple(rest.get("last", ()))})

    def _examples(self) -> tuple[Example, ...]:
        sent = _example(self._said.get("requestBody", {}).get("content", {}))
        got = None
        for status in sorted(self._said["responses"]):
            if status.startswith("2"):
                got = _example(self._said["responses"][status].get("content", {}))
                break
        return (Example("basic", sent, got),) if sent is not None or got is not None else ()


def _example(contents: Mapping[str, Any]) -> Any:
    """The first one, of JSON where there is JSON: the types of a file are beside it."""
    for _, content in sorted(contents.items(), key=lambda one: (one[0] != "application/json", one[0])):
        for _, example in sorted(content.get("examples", {}).items()):
            return example.get("value")
    return None


def _checked(method: Method) -> Method:
    """Raises DocumentError for a path whose parameters are not those that are declared."""
    declared = [one.name for one in method.parameters if one.where == "path"]
    in_path = [part[1:-1] for part in method.path.split("/") if part.startswith("{")]
    if sorted(declared) != sorted(in_path):
        raise DocumentError(method.pointer, f"the path has {in_path}, the parameters are {declared}")
    if method.stream is not None and method.stream.param and method.body is None:
        raise DocumentError(method.pointer, "a stream is asked for in a body that there is not")
    return method
