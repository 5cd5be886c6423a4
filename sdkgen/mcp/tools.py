"""Operations as tools: which, their arguments, and the request that a call of one is. Pure.

Texts of the document are data here: they become one line of bounded length, and no name is made of anything but an
operationId that is a plain word.
"""

import json
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any
from urllib.parse import quote, urlencode

from sdkgen.ir.nodes import Api, Field, Method, Model, Parameter, Ref
from sdkgen.ir.select import place_of
from sdkgen.mcp.schema import Schemas, text

NAME = re.compile(r"[A-Za-z][A-Za-z0-9_\-]{0,63}")
CALLS = frozenset({"chat_completions_create", "embeddings_create", "v1_models_list", "v1_models_retrieve"})
"""Of the data plane; files, trainings and batches are no business of an assistant."""
DESCRIPTION = 800


class ArgumentsError(ValueError):
    """What is wrong with the arguments of a call, for who made it."""


@dataclass(frozen=True, slots=True)
class Call:
    """A request: `auth` says which kind of key it takes."""

    http: str
    path: str
    body: bytes | None
    auth: str


@dataclass(frozen=True, slots=True)
class Tool:
    """`writes`: a call changes something in the gateway."""

    name: str
    place: str
    method: Method
    arguments: Mapping[str, Field | Parameter]
    writes: bool

    def described(self, schemas: Schemas) -> dict[str, Any]:
        """As `tools/list` answers it."""
        method = self.method
        paid = " Each call is paid for." if method.auth == "key" and method.http == "POST" else ""
        doc = text(f"{method.doc or self.place}{paid} ({method.http} {method.path})", DESCRIPTION)
        return {
            "name": self.name,
            "title": self.place,
            "description": doc,
            "inputSchema": schemas.of_arguments(self.arguments),
            "annotations": {
                "readOnlyHint": not self.writes and not paid,
                "destructiveHint": self.writes,
                "idempotentHint": method.http in ("GET", "PUT", "DELETE"),
                "openWorldHint": method.auth == "key",
            },
        }

    def call(self, arguments: Any) -> Call:
        """Raises ArgumentsError."""
        given = self._checked(arguments)
        path, query, body = self.method.path, {}, {}
        for name, one in self.arguments.items():
            if name not in given:
                continue
            value = given[name]
            if isinstance(one, Field):
                body[one.name] = value
            elif one.where == "path":
                path = path.replace(f"{{{one.name}}}", _segment(name, value))
            elif one.where == "query" and value is not None:
                query[one.name] = _plain(value)
        asked = f"{path}?{urlencode(query)}" if query else path
        sent = json.dumps(body).encode() if self.method.body is not None else None
        return Call(self.method.http, asked, sent, self.method.auth)

    def _checked(self, arguments: Any) -> dict[str, Any]:
        given = {} if arguments is None else arguments
        if not isinstance(given, dict):
            raise ArgumentsError("The arguments must be an object.")
        if unknown := sorted(str(name) for name in given if name not in self.arguments):
            raise ArgumentsError(
                f"Unknown: {', '.join(unknown[:10])}. Known are {', '.join(self.arguments) or 'none'}."
            )
        if missing := [name for name, one in self.arguments.items() if one.required and name not in given]:
            raise ArgumentsError(f"Missing: {', '.join(missing)}.")
        return given


def _segment(name: str, value: Any) -> str:
    said = _plain(value)
    if not said or said in (".", ".."):
        raise ArgumentsError(f"{name} must not be empty, and no path.")
    return quote(said, safe="")


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return ",".join(_plain(item) for item in value)
    return json.dumps(value) if isinstance(value, dict) else str(value)


def tools_of(
    api: Api, *, allowed: Collection[str], reads: Collection[str], may_write: bool, only: Iterable[str] = ()
) -> dict[str, Tool]:
    """By name, sorted: operations of `allowed` ids whose bodies and answers are JSON or text. `reads`: ids of those
    that change nothing; the others only if `may_write`. `only`: patterns of ids or places."""
    types = {declared.name: declared for declared in api.types}
    patterns = list(only)
    found = {}
    for resource in api.resources:
        for method in resource.methods:
            place = place_of(resource, method)
            writes = method.id not in reads and method.auth != "key"
            is_ours = method.auth != "key" or method.id in CALLS
            is_chosen = not patterns or any(fnmatchcase(method.id, one) or fnmatchcase(place, one) for one in patterns)
            if method.id in allowed and is_ours and is_chosen and _fits(method) and (may_write or not writes):
                body = types[method.body.type.name] if method.body and isinstance(method.body.type, Ref) else None
                found[method.id] = Tool(method.id, place, method, _arguments(method, body), writes)
    return dict(sorted(found.items()))


def _fits(method: Method) -> bool:
    contents = {answer.content for answer in method.answers}
    body = method.body
    is_plain = body is None or (body.content == "json" and isinstance(body.type, Ref))
    always_streams = method.stream is not None and not method.stream.param
    return bool(NAME.fullmatch(method.id)) and is_plain and contents <= {"json", "text", "none"} and not always_streams


def _arguments(method: Method, body: Any) -> dict[str, Field | Parameter]:
    """Parameters, then members of the body; a member that is called as a parameter is has `body_` before it."""
    found: dict[str, Field | Parameter] = {one.name: one for one in method.parameters if one.where != "header"}
    hidden = {method.stream.param, "stream_options"} if method.stream else set()
    for field in body.fields if isinstance(body, Model) else ():
        if field.name not in hidden:
            found[f"body_{field.name}" if field.name in found else field.name] = field
    return found
