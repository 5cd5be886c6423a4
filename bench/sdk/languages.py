"""How each language's SDK is built and its program started."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from bench.common import ROOT

PROGRAMS = Path(__file__).parent / "programs"
CSHARP = ROOT / ".toolchains" / "csharp"


class AbsentError(Exception):
    """The compiler is not on this machine."""


def server(folder: Path) -> list[str]:
    """The command of the server that answers all of them."""
    go = _tool("go")
    shutil.copytree(PROGRAMS / "server", folder / "server")
    (folder / "server" / "go.mod").write_text("module server\n\ngo 1.19\n")
    subprocess.run([go, "build", "-o", "server", "."], cwd=folder / "server", check=True, env=_offline())
    return [str(folder / "server" / "server")]


def command(language: str, sdk: Path, folder: Path, address: str) -> tuple[list[str], dict[str, str]]:
    """The command that measures the SDK in `sdk`, and what its environment needs. Raises AbsentError."""
    folder.mkdir(parents=True)
    return {"python": _python, "typescript": _typescript, "java": _java, "go": _go, "csharp": _csharp}[language](
        sdk, folder, address
    )


def _python(sdk: Path, folder: Path, address: str) -> tuple[list[str], dict[str, str]]:
    more = ["--openai"] if _has_openai() else []
    return [sys.executable, str(PROGRAMS / "python.py"), address, *more], {"PYTHONPATH": str(sdk)}


def _has_openai() -> bool:
    from importlib.util import find_spec

    return find_spec("openai") is not None


def _typescript(sdk: Path, folder: Path, address: str) -> tuple[list[str], dict[str, str]]:
    return [_tool("node"), str(PROGRAMS / "typescript.mjs"), address, str(sdk)], {}


def _java(sdk: Path, folder: Path, address: str) -> tuple[list[str], dict[str, str]]:
    sources = [*(sdk / "src/main/java").rglob("*.java"), PROGRAMS / "java" / "Client.java"]
    listed = folder / "sources"
    listed.write_text("".join(f'"{source}"\n' for source in sources))
    subprocess.run(
        [_tool("javac"), "--release", "17", "-encoding", "UTF-8", "-d", str(folder), f"@{listed}"], check=True
    )
    return [_tool("java"), "-cp", str(folder), "Client", address], {}


def _go(sdk: Path, folder: Path, address: str) -> tuple[list[str], dict[str, str]]:
    shutil.copy(PROGRAMS / "go" / "main.go", folder)
    (folder / "go.mod").write_text(
        "module program\n\ngo 1.19\n\nrequire example.com/llmgateway v0.0.0\n\n"
        f"replace example.com/llmgateway => {sdk}\n"
    )
    subprocess.run([_tool("go"), "build", "-o", "program", "."], cwd=folder, check=True, env=_offline())
    return [str(folder / "program"), address], {}


def _csharp(sdk: Path, folder: Path, address: str) -> tuple[list[str], dict[str, str]]:
    if not (CSHARP / "csc").exists():
        raise AbsentError("the C# compiler is missing: scripts/toolchains/install.sh csharp")
    files = sorted((sdk / "src").rglob("*.cs"))
    _csc(["--out", str(folder / "library"), "--name", "LlmGateway.Sdk", "--library", *map(str, files)])
    library = str(folder / "library" / "LlmGateway.Sdk.dll")  # copied beside the program that uses it
    client = str(PROGRAMS / "csharp" / "Client.cs")
    _csc(["--out", str(folder), "--name", "Client", "--reference", library, client])
    return [str(CSHARP / "dotnet"), str(folder / "Client.dll"), address], {}


def _csc(arguments: list[str]) -> None:
    done = subprocess.run([str(CSHARP / "csc"), *arguments], capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError((done.stdout + done.stderr)[:4000])


def _tool(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise AbsentError(f"{name} is missing: scripts/toolchains/install.sh")
    return found


def _offline() -> dict[str, str]:
    return {**os.environ, "GOPROXY": "off", "GOFLAGS": "-mod=mod"}
