"""What was published about other gateways, tried on the management API and the sources. Names of the tests are in
`docs/security/incidents.md`."""

import ast
import re
from pathlib import Path

import pytest
from django.contrib.auth.hashers import identify_hasher
from django.test import Client

from gateway.choices import Role
from gateway.models import Membership, User
from tests import factories
from tests.factories import Acme

ROOT = Path(__file__).resolve().parents[3]
PACKAGES = ("config", "gateway", "analytics", "costs", "finetuning", "sdkgen")
SERVED = re.compile(r"/(api|console|dataplane|services|admin)/|/views\.py|/tasks\.py")
"""Where requests and their background work lead; starting processes is for commands and the supervisor."""


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


def test_no_request_starts_a_process() -> None:
    starts = re.compile(r"^\s*(import|from) subprocess", re.MULTILINE)
    served = [path for path in sources() if SERVED.search(f"/{path.relative_to(ROOT)}")]

    assert len(served) > 300
    assert [str(path.relative_to(ROOT)) for path in served if starts.search(path.read_text())] == []


def test_every_package_is_pinned_by_hash_and_none_brings_a_pth() -> None:
    for name in ("requirements.txt", "requirements-dev.txt"):
        text = (ROOT / name).read_text()
        pinned = re.findall(PINNED, text, re.MULTILINE)
        assert len(pinned) == len(re.findall(r"^[A-Za-z0-9][^\s=]*==", text, re.MULTILINE)) > 20, name
    assert "--require-hashes" in (ROOT / "scripts" / "venv.sh").read_text()
    assert not [path for package in PACKAGES for path in (ROOT / package).rglob("*.pth")]


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
