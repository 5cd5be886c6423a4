"""Does code of the newest release compile against the code that runs? Evidence for the next release:

    python -m bench.sdk.evidence --output evidence.json
    python manage.py release_sdk --evidence evidence.json

Compiled are the release's own examples and tests, and a call of every operation. What did not compile against the
release itself says nothing and is left out. It needs the compilers of `scripts/toolchains/install.sh`.
"""

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.sdk.compilers import Diagnosis, MissingToolError, Package, prepare, version_of
from sdkgen.examples.data import operations
from sdkgen.examples.render import snippets
from sdkgen.ir.codec import sha
from sdkgen.ir.nodes import Api
from sdkgen.languages.base.config import Config
from sdkgen.languages.base.language import Generated, Language, generate
from sdkgen.languages.base.snippets import Code, Snippets
from sdkgen.languages.registry import LANGUAGES
from sdkgen.versions.code import call_of

SUFFIXES: Mapping[str, str | tuple[str, ...]] = {
    "python": ".py", "typescript": (".mjs", ".ts"), "java": ".java", "go": ".go", "csharp": ".cs",
}  # fmt: skip
CALLS = {
    "python": "calls.py", "typescript": "calls.ts", "java": "Example.java", "go": "calls/calls.go",
    "csharp": "Calls.cs",
}  # fmt: skip
SHOWN = 20


def programs(language: str, made: Generated) -> dict[str, str]:
    """Examples and tests of a package: name → text."""
    local = "'../lib/index.js'"  # a test of the TypeScript package imports it from beside itself
    return {
        path: content.decode().replace(local, f"'{made.config.package}'")
        for path, content in made.files.items()
        if path.startswith(("examples/", "tests/")) and path.endswith(SUFFIXES[language])
    }


def calls(rendered: Snippets, api: Api) -> list[Code]:
    """A call of every operation."""
    return [
        rendered.function(f"call_{index}", rendered.of(call_of(api, resource, method)))
        for index, (resource, method) in enumerate(operations(api))
    ]


def failing(codes: Sequence[Code], text: str, said: Sequence[Diagnosis]) -> set[str]:
    """The functions of a file that a compiler speaks of, by the lines it names; an import is of all that need it."""
    lines = text.splitlines()
    heads = {line.strip(): at for at, line in enumerate(lines, 1)}
    starts = sorted((heads[code.text.splitlines()[0].strip()], code.name) for code in codes)
    found: set[str] = set()
    for one in said:
        before = [name for at, name in starts if at <= one.line]
        if before:
            found.add(before[-1])
        else:
            line = lines[one.line - 1].strip() if one.line else ""
            found |= {code.name for code in codes if line in {each.strip() for each in code.imports}} or {one.message}
    return found


def evidence_of(language: Language, old: Api, new: Api, folder: Path) -> dict[str, Any]:
    """Of one language; `not_run` where its compiler is missing."""
    name = language.about.id
    try:
        tool = version_of(name)
        made = generate(language, old, Config())
        packages = prepare(name, made, folder / "old"), prepare(name, generate(language, new, Config()), folder / "new")
    except MissingToolError as error:
        return {"verdict": "not_run", "tool": str(error), "files": 0, "calls": 0, "failed": 0, "errors": []}
    rendered = snippets(name, old)
    return {"tool": tool, **compared(name, packages, programs(name, made), calls(rendered, old), rendered)}


def compared(
    language: str,
    packages: tuple[Package, Package],
    files: Mapping[str, str],
    codes: Sequence[Code],
    rendered: Snippets,
) -> dict[str, Any]:
    """What the newer package breaks of that which the older one takes."""
    file = CALLS[language]
    text = rendered.file(codes)
    wrong = failing(codes, text, packages[0].check({file: text}))
    kept = [code for code in codes if code.name not in wrong]
    text = rendered.file(kept)
    broken = {one.file for one in packages[0].check(files)}
    good = {path: source for path, source in files.items() if path not in broken}
    said = [*packages[1].check(good), *(found := packages[1].check({file: text}))]
    failed = len({one.file for one in said if one not in found}) + len(failing(kept, text, found))
    return {
        "verdict": "breaks" if failed else "compiles", "files": len(good), "calls": len(kept), "failed": failed,
        "left_out": len(files) - len(good) + len(codes) - len(kept),
        "errors": [f"{one.file}:{one.line}: {one.message}"[:300] for one in said[:SHOWN]],
    }  # fmt: skip


def evidence(old: Api, new: Api, version: str, languages: Sequence[str]) -> dict[str, Any]:
    """As `release_sdk --evidence` takes it."""
    found = {}
    for name in languages:
        with tempfile.TemporaryDirectory(prefix=f"sdk-{name}-") as folder:
            found[name] = evidence_of(LANGUAGES[name], old, new, Path(folder))
        said = found[name]
        print(f"{name:<12}{said['verdict']:<10}{said['files']} files, {said['calls']} calls, {said['failed']} failed")
    return {
        "from": {"version": version, "ir_sha256": sha(old)}, "to": {"ir_sha256": sha(new)},
        "made_at": datetime.now(UTC).isoformat(timespec="seconds"), "languages": found,
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", required=True, type=Path)
    parser.add_argument("languages", nargs="*", metavar="LANGUAGE", help="default: all")
    options = parser.parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    import django

    django.setup()
    from sdkgen.models import Release
    from sdkgen.services import current, representation_of

    newest = Release.objects.first()
    if newest is None:
        sys.exit("No release is stored yet: there is nothing to compare with.")
    said = evidence(representation_of(newest), current()[1], newest.version, options.languages or list(LANGUAGES))
    options.output.write_text(json.dumps(said, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
