"""Management operations through the generated C# package, against the real views: every list and read, and every body
of an example."""

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sdkgen.ir.nodes import Api, Method
from sdkgen.languages.base.casing import pascal
from tests import factories
from tests.sdkgen.bridge import serving
from tests.sdkgen.csharp.conftest import TOOLS, Compiler

pytestmark = pytest.mark.django_db
HERE = Path(__file__).parent


def calls(api: Api) -> Iterator[dict[str, Any]]:
    """A line of each call that can be made without knowing the company."""
    for resource in api.resources:
        for method in resource.methods:
            needs_more = any(one.required and one.where != "path" for one in method.parameters)
            if method.path.startswith("/api/v1/") and not needs_more and _is_wanted(method):
                place = ".".join(pascal(part) for part in (*resource.path, method.name)) + "Async"
                body = {"body": method.examples[0].request} if method.http == "POST" else {}
                yield {"id": method.id, "method": place, **body}


def _is_wanted(method: Method) -> bool:
    if method.http == "POST":
        in_path = any(one.where == "path" for one in method.parameters)
        example = method.examples[0].request if method.examples else None
        return isinstance(example, dict) and not in_path and method.auth == "management"
    return method.http == "GET"


def test_every_read_and_every_example(compiler: Compiler, csharp_folder: Path, api: Api, tmp_path: Path) -> None:
    sources = [*sorted((csharp_folder / "src").rglob("*.cs")), HERE / "Binding.cs", HERE / "Management.cs"]
    assert compiler.diagnostics(sources, tmp_path, "management") == []
    (tmp_path / "calls").write_text("".join(json.dumps(call) + "\n" for call in calls(api)))

    with serving() as server, (tmp_path / "calls").open() as said, (tmp_path / "outcomes").open("w") as out:
        environment = {
            **os.environ, "GATEWAY_MANAGEMENT_KEY": factories.acme().secrets["write"], "GATEWAY_BASE_URL": server.url
        }  # fmt: skip
        command = [str(TOOLS / "dotnet"), str(tmp_path / "management.dll")]
        server.pass_on(subprocess.Popen(command, env=environment, stdin=said, stdout=out))

    found = [json.loads(line) for line in (tmp_path / "outcomes").read_text().splitlines()]
    assert len(found) == len(server.bodies) > 150
    assert {one["id"]: one["problem"] for one in found if "problem" in one} == {}
    assert {one["status"] for one in found} <= {200, 400, 403, 404, 409}
    assert all(one["code"] for one in found if one["status"] >= 400)
    assert sum(one["status"] == 200 for one in found) > 80
    assert sum(one.get("objects", 0) for one in found) > 300
    for one, body in zip(found, server.bodies, strict=True):
        if isinstance(one.get("answer"), dict):
            assert one["answer"] == json.loads(body), one["id"]
