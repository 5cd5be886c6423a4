"""What was published about other gateways, tried on the management API and the sources. Names of the tests are in
`docs/security/incidents.md`."""

import ast
import importlib.metadata
import re
import site
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.hashers import identify_hasher
from django.db import connection
from django.test import Client

from gateway.choices import Role
from gateway.models import Membership, User, VirtualKey
from tests import factories
from tests.factories import Acme
from tests.imported import PACKAGES, ROOT, reachable

PINNED = r"^[A-Za-z0-9][^\s=]*==\S+(?: ; [^\\\n]*)? \\\n(?:\s+--hash=sha256:[0-9a-f]{64}(?: \\)?\n?)+"
RUNNING = {"os.system", "os.popen", "pickle.loads", "yaml.load", "marshal.loads"}


def sources() -> list[Path]:
    return [path for package in PACKAGES for path in (ROOT / package).rglob("*.py") if "migrations" not in path.parts]


@pytest.fixture
def company(db: None) -> Acme:
    return factories.acme()


def caller(company: Acme, name: str) -> Client:
    client = Client()
    client.force_login(company.people[name], backend="django.contrib.auth.backends.ModelBackend")
    return client


@pytest.mark.slow
def test_no_text_is_run_as_code_or_template() -> None:
    forbidden = {"eval", "exec", "__import__"}
    found = []
    for path in sources():
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call):
                continue
            name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
            if (isinstance(node.func, ast.Name) and name in forbidden) or name == "from_string":
                found.append(f"{path.relative_to(ROOT)}:{node.lineno} {name}")
            is_shell = any(word.arg == "shell" and getattr(word.value, "value", False) for word in node.keywords)
            module = getattr(getattr(node.func, "value", None), "id", "")
            if is_shell or f"{module}.{name}" in RUNNING:
                found.append(f"{path.relative_to(ROOT)}:{node.lineno} {module}.{name}")
    assert found == []


@pytest.mark.slow
def test_no_request_starts_a_process() -> None:
    """Whatever console, data plane or a task can load: starting processes is for commands and the supervisor."""
    parts = ("apps", "models", "admin", "urls", "tasks", "checks")
    served = reachable(
        "config.asgi", "config.dataplane", "config.celery", "config.settings", "config.urls",
        *(f"{package}.{part}" for package in PACKAGES for part in parts),
    )  # fmt: skip

    assert {"gateway.dataplane.app", "gateway.api.views.keys", "analytics.tasks", "sdkgen.mcp.endpoint"} <= set(served)
    assert "config.embedded.supervisor" not in served
    found = {f"{name}: {what}" for name, tree in served.items() for what in starting(tree)}
    assert found == {f"{name}: {what}" for name, what in SENT_ALONG.items()}


SENT_ALONG = {"finetuning.runner.client": "subprocess"}
"""Its text goes to somebody's own machine, in a bundle; nothing here calls it (`finetuning/services/runner`)."""
STARTERS = {"subprocess", "multiprocessing", "pty", "pexpect", "ProcessPoolExecutor", "create_subprocess_exec",
            "create_subprocess_shell", "subprocess_exec", "subprocess_shell"}  # fmt: skip
OF_OS = re.compile(r"system|popen|exec[lv]p?e?|spawn[lv]p?e?|posix_spawnp?|fork(pty)?|startfile")


def starting(tree: ast.Module) -> set[str]:
    """What starts a process: modules made for it, functions of `os`, asyncio's own."""
    found: set[str] = set()
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                found |= {one.name.partition(".")[0] for one in names} & STARTERS
            case ast.ImportFrom(module="os", names=names):
                found |= {f"os.{one.name}" for one in names if OF_OS.fullmatch(one.name)}
            case ast.ImportFrom(module=str(module), names=names):
                found |= {module.partition(".")[0], *(one.name for one in names)} & STARTERS
            case ast.Attribute(value=ast.Name(id="os"), attr=name) if OF_OS.fullmatch(name):
                found.add(f"os.{name}")
            case ast.Attribute(attr=name) if name in STARTERS:
                found.add(name)
            case _:
                pass
    return found


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("import subprocess as s", {"subprocess"}),
        ("from multiprocessing.pool import Pool", {"multiprocessing"}),
        ("import os\nos.execv('/bin/sh', [])", {"os.execv"}),
        ("from os import posix_spawn", {"os.posix_spawn"}),
        ("async def f():\n import asyncio\n await asyncio.create_subprocess_exec('x')", {"create_subprocess_exec"}),
        ("from concurrent.futures import ProcessPoolExecutor", {"ProcessPoolExecutor"}),
        ("import os\nos.path.join('a'); cursor.execute('x'); os.environ", set()),
    ],
)
def test_what_starts_a_process_is_seen(text: str, expected: set[str]) -> None:
    assert starting(ast.parse(text)) == expected


@pytest.mark.slow
def test_every_package_is_pinned_by_hash_and_none_brings_a_pth() -> None:
    """Of every file of locked packages; of what is installed, what Python runs or reads when it starts."""
    files = sorted(ROOT.glob("requirements*.txt"))
    assert {file.with_suffix(".in") for file in files} == set(ROOT.glob("requirements*.in"))
    for file in files:
        text = file.read_text()
        pinned = re.findall(PINNED, text, re.MULTILINE)
        assert len(pinned) == len(re.findall(r"^[A-Za-z0-9]", text, re.MULTILINE)) > 0, file.name
    assert "--require-hashes" in (ROOT / "scripts" / "venv.sh").read_text()
    assert not [path for package in PACKAGES for path in (ROOT / package).rglob("*.pth")]
    brought = {
        (one.metadata["Name"], path.name)
        for one in importlib.metadata.distributions()
        for path in one.files or ()
        if path.suffix == ".pth" or path.stem in ("sitecustomize", "usercustomize")
    }
    assert brought <= BROUGHT
    folders = {Path(path) for path in site.getsitepackages()}
    lying = {path.name for folder in folders for path in folder.glob("*.pth")}
    assert lying <= {name for _, name in BROUGHT}


BROUGHT = {
    ("coverage", "a1_coverage.pth"),  # of developers: measures child processes when its variable is set
    ("setuptools", "distutils-precedence.pth"),  # the interpreter's own environment
}


KEYS = ["' OR '1'='1", "gw-' UNION SELECT digest FROM gateway_virtualkey --",
        "gw-1'; DELETE FROM gateway_virtualkey; --", "gw-%s%(x)s", "gw-\\'"]  # fmt: skip


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("path", ["/api/v1/api-keys", "/api/openai/v1/files", "/mcp", "/api/v1/scim/v2/Users"])
def test_a_management_key_is_no_part_of_a_query(company: Acme, path: str, key: str) -> None:
    before, said = VirtualKey.objects.count(), []

    def keep(execute: Any, sql: str, *args: Any) -> Any:
        said.append(sql)
        return execute(sql, *args)

    for given in (key, company.secrets["write"][:12] + key):
        with connection.execute_wrapper(keep):
            answers = [
                Client().generic(method, path, headers={"authorization": f"Bearer {given}"}).status_code
                for method in ("GET", "POST")
            ]
        assert set(answers) <= {401, 403, 405}, answers
    assert [sql for sql in said if "UNION" in sql or "'1'" in sql or "DELETE" in sql or key in sql] == []
    assert VirtualKey.objects.count() == before


@pytest.mark.parametrize("name", ["bob", "carol", "dave"])
@pytest.mark.parametrize("value", ["owner", "admin"])
def test_nobody_raises_their_own_role(company: Acme, name: str, value: str) -> None:
    client, membership = caller(company, name), company.members[name]
    before = (membership.role, company.people[name].is_superuser, company.people[name].is_staff)

    changes = {"role": value, "is_superuser": True, "is_staff": True, "user_role": value, "organization": "globex"}
    answers = [
        client.patch(f"/api/v1/memberships/{membership.pk}", changes, content_type="application/json").status_code,
        client.patch("/api/v1/me", changes, content_type="application/json").status_code,
        client.post(
            "/api/v1/memberships", {"email": company.people[name].email, "role": value}, content_type="application/json"
        ).status_code,
    ]

    assert all(code in (400, 403, 404, 405) for code in answers), answers
    membership.refresh_from_db()
    person = User.objects.get(pk=company.people[name].pk)
    assert (membership.role, person.is_superuser, person.is_staff) == before
    assert Membership.objects.filter(user=person, role=Role(value)).count() == 0


def test_passwords_are_hashed_slowly_and_never_answered(company: Acme) -> None:
    person = company.people["alice"]
    person.set_password("a long pass phrase of hers")
    person.save()

    assert identify_hasher(person.password).algorithm == "argon2"
    client = caller(company, "alice")
    for path in ("/api/v1/me", "/api/v1/memberships", "/api/v1/audit-events"):
        answer = client.get(path)
        assert answer.status_code == 200, path
        assert b"argon2" not in answer.content
        assert b'"password"' not in answer.content


def test_a_hash_is_no_password(company: Acme) -> None:
    person = company.people["alice"]
    person.set_password("a long pass phrase of hers")
    person.save()

    answer = Client().post(
        "/api/v1/auth/token",
        {"username": person.username, "password": person.password},
        content_type="application/json",
    )

    assert answer.status_code == 401


def test_a_session_ends_with_another_password(company: Acme) -> None:
    client = caller(company, "alice")
    assert client.get("/api/v1/me").status_code == 200

    person = User.objects.get(pk=company.people["alice"].pk)
    person.set_password("another long pass phrase")
    person.save()

    assert client.get("/api/v1/me").status_code == 401


@pytest.mark.parametrize("host", ["evil.example", "testserver.evil.example", ""])
def test_the_host_header_opens_nothing(company: Acme, host: str) -> None:
    for path in ("/api/v1/api-keys", "/api/v1/admin/dashboard"):
        assert Client().get(path, headers={"host": host} if host else {}).status_code in (400, 401)


def test_the_table_names_tests_that_there_are() -> None:
    named = re.findall(r"`(tests/[^`]+\.py)::(test_[a-z0-9_]+)`", (ROOT / "docs/security/incidents.md").read_text())

    assert len(set(named)) > 20
    missing = [f"{path}::{test}" for path, test in named if f"def {test}(" not in (ROOT / path).read_text()]
    assert missing == []
