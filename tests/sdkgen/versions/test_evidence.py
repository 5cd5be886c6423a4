"""Code of the release before, compiled against the next one: what fails is counted, what never compiled is not."""

import os
from pathlib import Path

import pytest

from bench.sdk.compilers import MissingToolError, prepare, version_of
from bench.sdk.evidence import calls, compared, evidence_of
from sdkgen.examples.render import snippets
from sdkgen.languages.base.config import Config
from sdkgen.languages.base.language import generate
from sdkgen.languages.registry import LANGUAGES
from tests.sdkgen.versions.planted import PLANTS, pair

pytestmark = pytest.mark.slow
BROKEN = {"python": 4, "typescript": 4, "java": 5, "go": 4, "csharp": 3}
"""Plain calls: one gone, one renamed, a parameter and a field that must be given. In Java also a field that may be left
out; in Go, which wants no completeness, that one and a first parameter instead of the two; C# wants no field."""

TESTS = {"python": 1, "typescript": 2, "csharp": 1}
"""Files of the package's own tests that fail beside them: they call every method with all of its arguments."""
ALONE = {"typescript": 2, "csharp": 1}
"""Files of the package's own tests that do not compile by themselves, and say nothing."""

WRONG = {
    "python": {"wrong.py": "nothing: int = 'x'\n"},
    "typescript": {"wrong.ts": "export const nothing: number = 'x';\n"},
    "java": {"Wrong.java": 'final class Wrong {\n    int nothing = "x";\n}\n'},
    "csharp": {"Wrong.cs": 'public static class Wrong\n{\n    public static readonly int Nothing = "x";\n}\n'},
    "go": {"wrong/wrong.go": 'package main\n\nfunc f() int { return "x" }\n\nfunc main() { f() }\n'},
}


@pytest.mark.parametrize("language", list(BROKEN))
def test_what_fails_is_counted(language: str, tmp_path: Path) -> None:
    try:
        tool = version_of(language)
    except MissingToolError as error:
        if os.environ.get("CI") == "true":
            pytest.fail(str(error))
        pytest.skip(str(error))
    old, new = pair()

    said = evidence_of(LANGUAGES[language], old, new, tmp_path / "a")

    assert (said["verdict"], said["tool"], said["left_out"]) == ("breaks", tool, ALONE.get(language, 0))
    assert (said["calls"], said["failed"]) == (2 * len(PLANTS), BROKEN[language] + TESTS.get(language, 0))
    assert len(said["errors"]) >= BROKEN[language]

    same = prepare(language, generate(LANGUAGES[language], old, Config()), tmp_path / "b")
    rendered = snippets(language, old)
    wrong = WRONG[language]
    again = compared(language, (same, same), wrong, calls(rendered, old), rendered)
    assert (again["verdict"], again["files"], again["left_out"]) == ("compiles", 0, 1)
