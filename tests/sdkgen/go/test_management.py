"""Management operations through the generated Go package, against the real views: every list and read, and every body
of an example."""

import json
import os
import subprocess
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from sdkgen.ir.nodes import Api, Method, Resource
from sdkgen.languages.base.config import Config
from sdkgen.languages.base.escaping import go_string
from sdkgen.languages.base.language import generate
from sdkgen.languages.go.naming import exported
from sdkgen.languages.go.resources import Writer
from sdkgen.languages.go.types import Spelling
from sdkgen.languages.registry import named
from tests import factories
from tests.sdkgen.bridge import serving
from tests.sdkgen.go.conftest import HERE, Toolchain, program

pytestmark = pytest.mark.django_db
MISSING = "01930f2e-7c1a-7b3e-9d41-2f6a8c0b5e17"


def calls(api: Api) -> Iterator[tuple[str, str]]:
    """(id, Go expression) of each call that can be made without knowing the company."""
    config = named("go").checked(Config())
    spelling = Spelling.of(api, generate(named("go"), api, config).names)
    for resource in api.resources:
        for method in resource.methods:
            needs_more = any(one.required and one.where != "path" for one in method.parameters)
            if method.path.startswith("/api/v1/") and not needs_more and _is_wanted(method):
                yield method.id, _expression(Writer(spelling, resource, method, ""), resource, method)


def _is_wanted(method: Method) -> bool:
    if method.http == "POST":
        in_path = any(one.where == "path" for one in method.parameters)
        example = method.examples[0].request if method.examples else None
        return isinstance(example, dict) and not in_path and method.auth == "management"
    return method.http == "GET"


def _expression(writer: Writer, resource: Resource, method: Method) -> str:
    said = ["ctx"]
    for name, kind in writer.arguments():
        if name == "body":
            text = go_string(json.dumps(method.examples[0].request))
            optional = kind.startswith("*")
            said.append(f"{'pointer' if optional else 'body'}[gateway.{kind.removeprefix('*')}]({text})")
        elif name == "params":
            said.append(f"gateway.{kind}{{}}")
        else:
            said.append("1" if kind == "int64" else f'"{MISSING}"')
    place = ".".join(exported(part) for part in resource.path)
    answer = writer.answer
    how = "empty" if answer is None else "file" if answer.content == "binary" else "plain"
    how = "page" if method.pagination else "first" if writer.result else how
    return f"{how}(client.{place}.{writer.name}({', '.join(said)}, option))"


def _source(api: Api) -> str:
    lines = [
        f"\t{{{go_string(identity)}, func(client *gateway.Client, option gateway.Option) (any, error) {{\n"
        f"\t\treturn {expression}\n\t}}}},"
        for identity, expression in calls(api)
    ]
    return (
        'package main\n\nimport gateway "example.com/llmgateway"\n\nvar calls = []call{\n' + "\n".join(lines) + "\n}\n"
    )


def test_every_read_and_every_example(toolchain: Toolchain, go_folder: Path, api: Api, tmp_path: Path) -> None:
    folder = program(HERE / "management", tmp_path / "program", go_folder)
    (folder / "calls.go").write_text(_source(api))
    toolchain.run(folder, "build", "-o", "management", ".")

    found, bodies = _run(folder / "management", factories.acme().secrets["write"])

    assert len(found) == len(bodies) > 150
    assert {one["id"]: one["problem"] for one in found if one["problem"]} == {}
    assert {one["status"] for one in found} <= {200, 201, 202, 204, 400, 403, 404, 409}
    assert all(one["code"] for one in found if one["status"] >= 400)
    answered = [(one, body) for one, body in zip(found, bodies, strict=True) if one["status"] < 400]
    assert len(answered) > 80
    objects = [(one, json.loads(body)) for one, body in answered if isinstance(one["answer"], dict)]
    differing = {one["id"]: list(_differ(one["answer"], body))[:3] for one, body in objects}
    assert {identity: said for identity, said in differing.items() if said} == {}


def _run(command: Path, key: str) -> tuple[list[dict[str, Any]], list[bytes]]:
    with serving() as server, (command.parent / "outcomes").open("wb") as out:
        environment = {**os.environ, "GATEWAY_MANAGEMENT_KEY": key, "GATEWAY_BASE_URL": server.url}
        server.pass_on(subprocess.Popen([str(command)], env=environment, stdout=out))
    lines = (command.parent / "outcomes").read_text().splitlines()
    return [json.loads(line) for line in lines], server.bodies


def _differ(written: Any, came: Any, where: str = "") -> Iterator[str]:
    """Where what a model writes is not what it has read. Times are equal as points in time: zeros at their end go."""
    if isinstance(written, dict) and isinstance(came, dict):
        for name in sorted({*written, *came}):
            yield from _differ(written.get(name, "(absent)"), came.get(name, "(absent)"), f"{where}.{name}")
    elif isinstance(written, list) and isinstance(came, list) and len(written) == len(came):
        for index, (one, other) in enumerate(zip(written, came, strict=True)):
            yield from _differ(one, other, f"{where}.{index}")
    elif written != came and _point(written) != _point(came):
        yield f"{where}: {written!r}, not {came!r}"


def _point(value: Any) -> Any:
    try:
        return datetime.fromisoformat(value).timestamp()
    except (TypeError, ValueError):
        return value
