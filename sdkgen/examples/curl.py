"""Examples as a command of a shell. Pure."""

import json
import re
from typing import Any
from urllib.parse import quote, urlencode

from sdkgen.examples.data import Call, Options, body_model
from sdkgen.ir.nodes import Api, Binary, Method, Model
from sdkgen.languages.base.escaping import shell_word
from sdkgen.languages.base.layout import Group, Node, Style, text

STYLE = Style("  ", width=90)

KEYS = {"key": "GATEWAY_API_KEY", "management": "GATEWAY_MANAGEMENT_KEY"}


def curl(api: Api, call: Call) -> str:
    """The address and the key come from the environment, as for the SDKs."""
    method = call.method
    path = method.path
    for name, value in call.path.items():
        path = path.replace("{" + name + "}", quote(str(value), safe=""))
    query = {one.name: call.others[one.name] for one in method.parameters
             if one.where == "query" and one.name in call.others}  # fmt: skip
    asked = "?" + urlencode({name: _text(value) for name, value in query.items()}, safe=",") if query else ""
    stream = method.stream
    quiet = "-N " if call.variant == "stream" else ""
    verb = "" if method.http == "GET" or (method.http == "POST" and call.body is not None) else f"-X {method.http} "
    parts = [f"curl {quiet}{verb}{_address(path + asked)}"]
    if (key := KEYS.get(method.auth)) is not None:
        parts.append(f'-H "Authorization: Bearer ${key}"')
    parts += [f"-H {shell_word(f'{name}: {value}')}" for name, value in _headers(call.example.options)]
    if call.body is not None and method.body is not None:
        body = dict(call.body) if isinstance(call.body, dict) else call.body
        if call.variant == "stream" and stream is not None and stream.param:
            body[stream.param] = True
        parts += _form(api, method, body) if method.body.content == "multipart" else _json(body)
    return " \\\n  ".join(parts) + "\n"


def _json(body: Any) -> list[str]:
    return ["-H 'Content-Type: application/json'", f"-d {shell_word(_spelled(body))}"]


def _address(path: str) -> str:
    if re.fullmatch(r"[A-Za-z0-9/_.~?=&%,:+\-]*", path):
        return f'"$GATEWAY_BASE_URL{path}"'
    return f'"$GATEWAY_BASE_URL"{shell_word(path)}'


def _spelled(body: Any) -> str:
    return text(_node(body), STYLE, 4)


def _node(value: Any) -> Node:
    if isinstance(value, dict):
        return Group("{", tuple((f"{_json_text(name)}: ", _node(one)) for name, one in value.items()), "}", last="")
    if isinstance(value, list):
        return Group("[", tuple(("", _node(one)) for one in value), "]", last="")
    return _json_text(value)


def _json_text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _form(api: Api, method: Method, body: dict[str, Any]) -> list[str]:
    model = body_model(api, method)
    assert isinstance(model, Model)
    files = {one.name for one in model.fields if "Binary" in repr(one.type) and Binary() in _parts(one.type)}
    return [
        f"-F {shell_word(f'{name}=@{one}' if name in files else f'{name}={_text(one)}')}"
        for name, value in body.items()
        for one in (value if name in files and isinstance(value, list) else [value])
    ]


def _parts(of: Any) -> list[Any]:
    """A type and what it holds."""
    found = [of]
    while (inner := getattr(found[-1], "of", None) or getattr(found[-1], "items", None)) is not None:
        found.append(inner)
    return found


def _text(value: Any) -> str:
    if isinstance(value, list):
        return ",".join(map(_text, value))
    return value if isinstance(value, str) else json.dumps(value)


def _headers(said: Options) -> list[tuple[str, str]]:
    found = [("Idempotency-Key", said.idempotency_key)] if said.idempotency_key else []
    if said.tags:
        found.append(("X-Gateway-Tags", ",".join(f"{name}={value}" for name, value in said.tags.items())))
    for name, value in (("End-User", said.end_user), ("Cache", said.cache), ("Route", said.route)):
        found += [(f"X-Gateway-{name}", value)] if value else []
    return found
