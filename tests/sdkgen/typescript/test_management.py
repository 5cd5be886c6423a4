"""Every management operation of the representation through the generated TypeScript package, against the real views.

Its `fetch` is Django's test client: authentication, permissions, serializers and the database are real. What was
answered is compiled against the declared types afterwards.
"""

import base64
import json
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from rest_framework.test import APIClient

from sdkgen.ir.nodes import Api, Method, Resource
from sdkgen.languages.base.names import Names, settle
from sdkgen.languages.registry import named
from sdkgen.languages.typescript.naming import called
from tests import factories
from tests.sdkgen.typescript.toolchain import MODULES, node, passed, run, tsc

pytestmark = pytest.mark.django_db
MISSING = "01930f2e-7c1a-7b3e-9d41-2f6a8c0b5e17"


@dataclass
class Client:
    """The package in a process of its own."""

    process: subprocess.Popen[str]
    names: Names
    django: APIClient = field(default_factory=APIClient)
    answers: list[tuple[str, bool, Any]] = field(default_factory=list)
    """What was called, whether it was a page, and what came."""

    def call(self, resource: Resource, method: Method, *args: Any) -> dict[str, Any]:
        place = called(self.names, resource.path, method)
        self._tell({"called": place, "args": args})
        while "request" in (said := self._hear()):
            self._tell(self._answer(said["request"]))
        if "answer" in said:
            self.answers.append((place, said["items"] is not None, said["answer"]))
        return said

    def _answer(self, asked: dict[str, Any]) -> dict[str, Any]:
        headers = asked["headers"]
        extra = {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in headers.items()}
        kind = headers.get("content-type", "application/octet-stream")
        body = base64.b64decode(asked["body"])
        answer: Any = self.django.generic(asked["method"], asked["path"], body, content_type=kind, **extra)
        content = b"".join(answer.streaming_content) if answer.streaming else answer.content
        told = {name: value for name, value in answer.items() if name.lower() != "content-length"}
        return {"status": answer.status_code, "headers": told, "body": base64.b64encode(content).decode()}

    def _tell(self, said: dict[str, Any]) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(said) + "\n")
        self.process.stdin.flush()

    def _hear(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, "the package's process ended"
        found: dict[str, Any] = json.loads(line)
        return found


@pytest.fixture
def company(db: None) -> factories.Acme:
    return factories.acme()


@pytest.fixture
def client(api: Api, company: factories.Acme, typescript_folder: Path) -> Iterator[Client]:
    environment = {"SDK": str(typescript_folder / "node_modules/llm-gateway"), "KEY": company.secrets["write"]}
    script = str(Path(__file__).with_name("management.mjs"))
    language = named("typescript")
    with subprocess.Popen(
        [node(), script], env={**os.environ, **environment}, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield Client(process, settle(language.propose(api), language.lock()))
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(20) == 0


def managed(api: Api) -> Iterator[tuple[Resource, Method]]:
    for resource in api.resources:
        for method in resource.methods:
            if method.path.startswith("/api/v1/"):
                yield resource, method


def plain_reads(api: Api) -> Iterator[tuple[Resource, Method]]:
    for resource, method in managed(api):
        if method.http == "GET" and not any(one.required for one in method.parameters):
            yield resource, method


@pytest.mark.slow
def test_every_plain_read_is_an_answer_of_its_type_or_a_typed_refusal(
    api: Api, client: Client, typescript_folder: Path
):
    statuses: dict[int, int] = {}
    items = 0
    for resource, method in plain_reads(api):
        said = client.call(resource, method, *([{"page_size": 5}] if method.pagination else []))
        if "answer" not in said:
            assert said["code"], (method.id, said)
        status = said.get("status", 200)
        statuses[status] = statuses.get(status, 0) + 1
        items += said.get("items") or 0
        assert said["request_id"]

    assert set(statuses) <= {200, 400, 403, 404}
    assert statuses[200] >= 50
    assert items > 20
    _compile(client, typescript_folder)


def _compile(client: Client, project: Path) -> None:
    """Answers as literals of their declared types: a field that is missing, extra or of another type is an error."""
    lines = ["import type { Gateway, Page } from 'llm-gateway';", "declare const client: Gateway;"]
    literals = [one for one in client.answers if not isinstance(one[2], str)]  # a file is none
    for number, (place, is_page, answer) in enumerate(literals):
        of = f"Awaited<ReturnType<typeof client.{place}>>"
        of = f"{of} extends Page<infer _, infer Body> ? Body : never" if is_page else of
        lines += [
            f"type Answer{number} = {of};",
            f"export const answer{number}: Answer{number} = {json.dumps(answer)};",
        ]
    (project / "answers.ts").write_text("\n".join(lines))

    options = ("--strict", "--noEmit", "--module", "nodenext", "--target", "es2022", "--exactOptionalPropertyTypes")
    passed(run(tsc(), *options, "--types", "node", "--typeRoots", str(MODULES / "@types"), "answers.ts", cwd=project))


@pytest.mark.slow
def test_what_does_not_exist_is_a_typed_404(api: Api, client: Client):
    found: dict[str, int] = {}
    others: dict[str, Any] = {}
    for resource, method in managed(api):
        path = [one for one in method.parameters if one.where == "path"]
        if method.http == "GET" and path and not any(one.required and one.where != "path" for one in method.parameters):
            said = client.call(resource, method, *(1 if "integer" in repr(one.type) else MISSING for one in path))
            if said.get("error") in ("NotFoundError", "ModelNotFoundError"):
                found[method.id] = said["status"]
            elif said.get("status") not in (400, 403):
                others[method.id] = said

    assert set(found.values()) == {404}
    assert len(found) > 50
    assert all("answer" in said for said in others.values()), others


@pytest.mark.slow
def test_every_body_of_an_example_is_taken_or_refused_with_reasons(api: Api, client: Client):
    """Examples name rows that are not here: what matters is that the body arrives as it was given."""
    answered, refused = [], {}
    for resource, method in managed(api):
        example = method.examples[0].request if method.examples else None
        in_path = any(one.where == "path" for one in method.parameters)
        if method.http == "POST" and isinstance(example, dict) and not in_path and method.auth == "management":
            said = client.call(resource, method, example)
            if "answer" in said:
                answered.append(method.id)
            else:
                assert said["code"], (method.id, said)
                refused[method.id] = said["status"]

    assert set(refused.values()) <= {400, 403, 404, 409}
    assert len(answered) >= 15, refused


def test_a_key_is_made_read_changed_and_revoked(api: Api, client: Client):
    by_id = {method.id: (resource, method) for resource, method in managed(api)}

    def call(path: tuple[str, ...], name: str, *args: Any) -> Any:
        place = next((r, m) for r, m in by_id.values() if (r.path, m.name) == (("manage", *path), name))
        return client.call(*place, *args)

    project = call(("projects",), "list")["answer"]["results"][0]
    issued = call(("api_keys",), "create", {"name": "made", "project": project["id"], "budget_amount": "12.5"})[
        "answer"
    ]
    assert issued["secret"].startswith("gw-")
    assert issued["budget_amount"] == "12.5000000000"

    changed = call(("api_keys",), "update", issued["id"], {"rpm_limit": 7})["answer"]
    assert (changed["rpm_limit"], changed["name"]) == (7, "made")
    assert call(("api_keys",), "get", issued["id"])["answer"] == changed
    assert call(("api_keys",), "revoke", issued["id"])["answer"]["is_active"] is False

    refused = call(("api_keys",), "create", {"name": ""})
    assert (refused["error"], refused["code"]) == ("BadRequestError", "invalid")
    assert set(refused["fields"]) >= {"name", "project"}
