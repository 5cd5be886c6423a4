"""What a compiler says of programs that use a generated package, in five languages; for evidence and tests, never for
the product. Every warning is an error, but those of what is deprecated."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sdkgen.languages.base.files import write
from sdkgen.languages.base.language import Generated

ROOT = Path(__file__).resolve().parents[2]
TYPESCRIPT = ROOT / ".toolchains" / "typescript" / "node_modules"
CSHARP = ROOT / ".toolchains" / "csharp"
STRICT = (
    "--strict", "--noEmit", "--module", "nodenext", "--target", "es2022", "--exactOptionalPropertyTypes",
    "--noUncheckedIndexedAccess", "--noImplicitOverride", "--noUnusedLocals", "--noPropertyAccessFromIndexSignature",
    "--verbatimModuleSyntax", "--isolatedModules", "--skipLibCheck", "true",
)  # fmt: skip
LOOSE = (
    "--strict", "false", "--noEmit", "--allowJs", "--checkJs", "--module", "nodenext", "--target", "es2022",
    "--skipLibCheck", "true",
)  # fmt: skip
SHAPES = {
    "python": re.compile(r"^(?P<file>[^:\n]+):(?P<line>\d+): error: (?P<message>.*)$", re.M),
    "typescript": re.compile(r"^(?P<file>[^(\n]+)\((?P<line>\d+),\d+\): error (?P<message>.*)$", re.M),
    "java": re.compile(r"^(?P<file>[^:\n]+\.java):(?P<line>\d+): (?:error: )?(?P<message>.*)$", re.M),
    "go": re.compile(r"^(?:vet: )?(?:\./)?(?P<file>[^:\s]+\.go):(?P<line>\d+):\d+: (?P<message>.*)$", re.M),
    "csharp": re.compile(r"^(?P<file>[^(\n]+)\((?P<line>\d+),\d+\): \w+ (?P<message>.*)$", re.M),
}
"""How each compiler names a place."""
OBSOLETE = ("CS0612", "CS0618")


class MissingToolError(RuntimeError):
    """A compiler that is not on this machine; the message says how to get it."""


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """One thing that a compiler says of a program: `line` counts from 1, 0 where it says none."""

    file: str
    line: int
    message: str


@dataclass(frozen=True, slots=True)
class Package:
    """A generated package, written and compiled once."""

    language: str
    folder: Path
    compiled: Path

    def check(self, files: Mapping[str, str]) -> list[Diagnosis]:
        """Compile sources (name → text) against it, all together. None say nothing: compilers want some."""
        if not files:
            return []
        work = self.folder.parent / f"check-{len(list(self.folder.parent.glob('check-*')))}"
        work.mkdir()
        for name, text in files.items():
            (work / name).parent.mkdir(parents=True, exist_ok=True)
            (work / name).write_text(text, encoding="utf-8")
        return CHECKS[self.language](self, work, sorted(files))


def prepare(language: str, made: Generated, folder: Path) -> Package:
    """Write the package below `folder` and compile it where programs need it compiled. Raises MissingToolError, and
    RuntimeError when the package itself does not compile."""
    package = folder / ("node_modules/" + made.config.package if language == "typescript" else "sdk")
    write(made.files, package)
    compiled = folder / "compiled"
    if language == "java":
        sources = sorted(str(path) for path in (package / "src/main/java").rglob("*.java"))
        (folder / "sources").write_text("".join(f'"{path}"\n' for path in sources))
        strict = ["--release", "17", "-encoding", "UTF-8", "-Xlint:all", "-Werror"]
        _must([_tool("javac", "java"), *strict, "-d", str(compiled), f"@{folder / 'sources'}"])
    elif language == "csharp":
        files = sorted(map(str, (package / "src").rglob("*.cs")))
        _must([_csc(), "--library", "--name", made.config.package, "--out", str(compiled), *files])
    elif language == "typescript":
        (folder / "package.json").write_text('{"type": "module", "private": true}')
        if not (TYPESCRIPT / ".bin/tsc").exists():
            raise MissingToolError("TypeScript is missing: scripts/toolchains/install.sh typescript")
    elif language == "go":
        _tool("go", "go")
    return Package(language, package, compiled)


def version_of(language: str) -> str:
    """The compiler, for the evidence. Raises MissingToolError."""
    command = {
        "python": [sys.executable, "-m", "mypy", "--version"],
        "typescript": [str(TYPESCRIPT / ".bin/tsc"), "--version"],
        "java": ["javac", "--version"], "go": ["go", "version"], "csharp": [str(CSHARP / "csc"), "--version"],
    }[language]  # fmt: skip
    try:
        return _run(command, ROOT).stdout.strip()
    except FileNotFoundError:
        raise MissingToolError(f"{command[0]} is missing: scripts/toolchains/install.sh {language}") from None


# ---- languages -----------------------------------------------------------------------------------------------------
def _python(package: Package, work: Path, files: Sequence[str]) -> list[Diagnosis]:
    options = ["--strict", "--no-error-summary", "--hide-error-context", "--no-pretty", "--namespace-packages"]
    cache = ["--cache-dir", str(package.folder.parent / "mypy-cache")]
    command = [sys.executable, "-m", "mypy", *options, *cache, *files]
    return _read("python", _run(command, work, MYPYPATH=str(package.folder)), work)


def _typescript(package: Package, work: Path, files: Sequence[str]) -> list[Diagnosis]:
    (work / "package.json").write_text('{"type": "module", "private": true}')
    types = ["--pretty", "false", "--typeRoots", str(TYPESCRIPT / "@types"), "--types", "node"]
    found: list[Diagnosis] = []
    for suffixes, options in (((".ts",), STRICT), ((".mjs", ".js"), LOOSE)):
        if chosen := [name for name in files if name.endswith(suffixes)]:
            done = _run([str(TYPESCRIPT / ".bin/tsc"), *options, *types, *chosen], work)
            found += _read("typescript", done, work)
    return found


def _java(package: Package, work: Path, files: Sequence[str]) -> list[Diagnosis]:
    # Errors in imports end the compilation else, before the rest was looked at.
    options = ["--release", "17", "-encoding", "UTF-8", "-Xlint:all,-deprecation", "-Werror", "-Xmaxerrs", "0"]
    goes_on = ["-XDshould-stop.ifError=FLOW", "-cp", str(package.compiled), "-d", str(work / "classes")]
    return _read("java", _run([_tool("javac", "java"), *options, *goes_on, *files], work), work)


def _go(package: Package, work: Path, files: Sequence[str]) -> list[Diagnosis]:
    module = (package.folder / "go.mod").read_text().split()[1]
    (work / "go.mod").write_text(
        f"module program\n\ngo 1.19\n\nrequire {module} v0.0.0\n\nreplace {module} => {package.folder}\n"
    )
    offline = {"GOPROXY": "off", "GOTOOLCHAIN": "local", "GOWORK": "off", "GOFLAGS": "-mod=mod"}
    done = _run([_tool("go", "go"), "vet", "./..."], work, **offline)
    if done.returncode != 0:  # it stops after ten errors
        done = _run([_tool("go", "go"), "build", "-gcflags=-e", "-o", "/dev/null", "./..."], work, **offline)
    return _read("go", done, work)


def _csharp(package: Package, work: Path, files: Sequence[str]) -> list[Diagnosis]:
    """A file with an entry is a program of its own; the others are a library together."""
    (reference,) = package.compiled.glob("*.dll")
    entries = [name for name in files if re.search(r"\bMain\(", (work / name).read_text())]
    groups = [([name], list[str]()) for name in entries]
    if others := [name for name in files if name not in entries]:
        groups.append((others, ["--library"]))
    found: list[Diagnosis] = []
    for group, kind in groups:
        options = [*kind, "--name", "App", "--out", str(work / "out"), "--reference", str(reference)]
        done = _run([_csc(), *options, *(str(work / name) for name in group)], work)
        if done.returncode != 0 and not done.stdout.strip():
            raise RuntimeError(done.stderr)
        found += _read("csharp", done, work)
    return [one for one in found if not one.message.startswith(OBSOLETE)]


CHECKS: Mapping[str, Callable[[Package, Path, Sequence[str]], list[Diagnosis]]] = {
    "python": _python, "typescript": _typescript, "java": _java, "go": _go, "csharp": _csharp,
}  # fmt: skip


def _read(language: str, done: "subprocess.CompletedProcess[str]", work: Path) -> list[Diagnosis]:
    """Files are told by their place in the work folder. Raises RuntimeError for a failure that names none."""
    found = []
    for one in SHAPES[language].finditer(done.stdout + done.stderr):
        file = Path(one["file"])
        name = file.relative_to(work) if file.is_absolute() else file
        found.append(Diagnosis(name.as_posix(), int(one["line"]), one["message"].strip()))
    if done.returncode != 0 and not found:
        raise RuntimeError(f"{language}: {(done.stdout + done.stderr)[-4000:]}")
    return list(dict.fromkeys(found))


def _run(command: Sequence[str], folder: Path, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        command, cwd=folder, env={**os.environ, **environment}, capture_output=True, text=True, timeout=900, check=False
    )


def _must(command: Sequence[str]) -> None:
    done = _run(command, ROOT)
    if done.returncode != 0:
        raise RuntimeError(f"{command[0]}: {(done.stdout + done.stderr)[-4000:]}")


def _tool(name: str, part: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise MissingToolError(f"{name} is missing: scripts/toolchains/install.sh {part}")
    return found


def _csc() -> str:
    if not (CSHARP / "csc").exists():
        raise MissingToolError("The C# compiler is missing: scripts/toolchains/install.sh csharp")
    return str(CSHARP / "csc")
