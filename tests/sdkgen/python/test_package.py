"""The tests that the Python package brings."""

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

from sdkgen.ir.nodes import Api
from sdkgen.languages.base.cases import cases_of


def own_tests(folder: Path) -> "subprocess.CompletedProcess[str]":
    """Run the tests of a package; unittest reports on standard error."""
    command = [sys.executable, "-B", "-m", "unittest"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, check=False)


def test_every_method_has_a_case(api: Api) -> None:
    cases = cases_of(api)

    assert len(cases.methods) == sum(len(resource.methods) for resource in api.resources)
    assert len(cases.streams) == len([one for one in cases.methods if one.call.method.stream])
    assert sorted(one.next[0] for one in cases.pages) == ["after", "page"]
    assert sorted(cases.roles) == ["any", "keyed", "read", "unsafe"]
    assert len(cases.errors) == len(api.errors)


def test_they_pass(python_folder: Path) -> None:
    done = own_tests(python_folder)

    assert re.search(r"Ran 12 tests in .*\n\nOK\n$", done.stderr), done.stderr[-4000:]


BROKEN = {
    "resources/manage_budgets.py": (('@op("PATCH", "/{id}", ', '@op("PUT", "/{id}", '),),
    "_runtime/core.py": (
        ('quote(str(value), safe="")', 'quote(str(value), safe="/")'),
        ('or "idempotency-key" in request.headers', "or True"),
    ),
    "_runtime/client.py": (("return logger.debug", "return lambda _: logger.debug('gw-test-secret-of-calls')"),),
}


def test_they_notice(python_folder: Path, tmp_path: Path) -> None:
    """A wrong verb, a path that is not escaped, a repeat that is not safe, a key in the log."""
    folder = tmp_path / "sdk"
    shutil.copytree(python_folder, folder)
    for file, changes in BROKEN.items():
        path = folder / "llm_gateway" / file
        text = path.read_text()
        for right, wrong in changes:
            assert right in text
            text = text.replace(right, wrong)
        path.write_text(text)

    done = own_tests(folder)

    failed = set(re.findall(r"^(?:FAIL|ERROR): (\w+) .*?(\[[\w.]+\])?$", done.stderr, re.MULTILINE))
    assert failed >= {
        ("test_every_method", "[manage.budgets.update]"), ("test_every_method", "[models.get]"),
        ("test_what_could_happen_twice_is_sent_once", ""), ("test_keys_are_shown_nowhere", ""),
    }  # fmt: skip


def test_they_are_in_the_archive_alone(python_folder: Path) -> None:
    project = tomllib.loads((python_folder / "pyproject.toml").read_text())

    assert (python_folder / "MANIFEST.in").read_text() == "graft tests\n"
    installed = project["tool"]["setuptools"]["packages"]
    assert [one for one in installed if not one.startswith("llm_gateway")] == []
