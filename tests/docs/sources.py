"""What the sources say, read from their syntax trees, to compare the documentation with."""

import ast
import re
from collections.abc import Iterator
from functools import cache

from tests.docs.pages import ROOT

DATAPLANE = ROOT / "gateway" / "dataplane"
STAGES_ELSEWHERE = (ROOT / "costs" / "budgets", ROOT / "finetuning" / "dataplane")


@cache
def _calls() -> list[tuple[str, list[object]]]:
    """`(name of the callee, constant positional arguments, None for others)` of every call in the data plane."""
    found: list[tuple[str, list[object]]] = []
    for path in sorted(path for folder in (DATAPLANE, *STAGES_ELSEWHERE) for path in folder.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call):
                callee = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
                values = [arg.value if isinstance(arg, ast.Constant) else None for arg in node.args]
                found.append((callee, values))
    return found


def error_codes() -> set[str]:
    """`code` of every error answer: second argument of `ApiError`, `Denied` and their subclasses' constructor, first of
    `Declined`."""
    codes = {
        str(arguments[1])
        for callee, arguments in _calls()
        if callee in ("ApiError", "Denied", "__init__") and len(arguments) > 1 and isinstance(arguments[1], str)
    }
    codes |= {str(arguments[0]) for callee, arguments in _calls() if callee == "Declined"}
    return codes | set(re.findall(r'"code": "(\w+)"', (DATAPLANE / "relay.py").read_text()))


def denied_codes() -> set[str]:
    """Codes that leave a line of kind `denied`."""
    return {str(arguments[1]) for callee, arguments in _calls() if callee == "Denied"}


def error_statuses() -> dict[str, set[int]]:
    """Statuses each code is answered with, as far as they are constants."""
    found: dict[str, set[int]] = {}
    for callee, arguments in _calls():
        if callee in ("ApiError", "Denied") and len(arguments) > 1 and isinstance(arguments[0], int):
            if isinstance(arguments[1], str):
                found.setdefault(arguments[1], set()).add(arguments[0])
        elif callee == "Declined":
            found.setdefault(str(arguments[0]), set()).add(503)
    return found


def error_types() -> set[str]:
    """`error_type`s of attempts: reasons of `UpstreamError` and `Failure`, and what streams and the writer add."""
    found = {
        str(arguments[0])
        for callee, arguments in _calls()
        if callee in ("UpstreamError", "Declined") and arguments and isinstance(arguments[0], str)
    }
    found |= {
        str(arguments[2])
        for callee, arguments in _calls()
        if callee == "Failure" and len(arguments) > 2 and isinstance(arguments[2], str)
    }
    text = "".join(path.read_text() for path in DATAPLANE.glob("*.py"))
    found |= set(re.findall(r'"(\w+_timeout)"', text)) - {"upstream_timeout", "request_timeout"}
    found |= set(re.findall(r'status, reason = "\w+", "(\w+)"', text))
    found |= set(re.findall(r'reason = "(\w+_connection)" if stale else "\w+"', text))
    found |= set(re.findall(r'reason = "\w+" if stale else "(\w+)"', text))
    found |= set(re.findall(r'^(?:CLIENT_GONE|HEDGE_LOST) = "(\w+)"', text, re.MULTILINE))
    found |= set(re.findall(r'"interrupted", (?:None, )?"(\w+)"', text))
    reader = (ROOT / "gateway" / "ledger" / "reader.py").read_text()
    return found | set(re.findall(r'"error_type": "(\w+)"', reader))


def settings_read() -> set[str]:
    """Names that `config/env.py` reads from the environment."""
    return set(re.findall(r'env\.\w+\("([A-Z0-9_]+)"', (ROOT / "config" / "env.py").read_text()))


def settings_exampled() -> set[str]:
    return set(re.findall(r"^#?([A-Z0-9_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))


def headers() -> set[str]:
    """Names of the gateway's own headers on `/v1` (lower case), towards clients and providers."""
    found: set[str] = set()
    folders = [
        DATAPLANE,
        *(DATAPLANE / name for name in ("adapters", "cache", "guard", "idempotency")),
        *STAGES_ELSEWHERE,
    ]
    for path in (path for folder in folders for path in folder.glob("*.py")):
        if path.name != "console.py":
            text = path.read_text().lower()
            found |= set(re.findall(r'\b(x-[a-z]+-[a-z]+(?:-[a-z]+)*)["\':]', text))
    return found


def targets() -> set[str]:
    """Targets of the Makefile."""
    heads = re.findall(r"^([a-z][a-z -]*):(?!=)", (ROOT / "Makefile").read_text(), re.MULTILINE)
    return {name for head in heads for name in head.split()}


def requirements(name: str) -> list[str]:
    """Distributions of a requirements file, in order, without extras and versions."""
    lines = (ROOT / name).read_text().splitlines()
    return [re.split(r"[\[~=<>! ]", line)[0] for line in lines if line and line[0].isalnum()]


def _python_sources() -> Iterator[ast.Module]:
    for folder in ("config", "gateway", "analytics", "costs", "finetuning", "sdkgen"):
        for path in (ROOT / folder).rglob("*.py"):
            yield ast.parse(path.read_text())


@cache
def imports() -> set[str]:
    """Top-level modules that the sources import."""
    found: set[str] = set()
    for tree in _python_sources():
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                found |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                found.add(node.module.partition(".")[0])
    return found


def named_modules() -> set[str]:
    """First parts of strings that look like a module or dotted path."""
    texts = (node.value for tree in _python_sources() for node in ast.walk(tree) if isinstance(node, ast.Constant))
    return {text.partition(".")[0] for text in texts if isinstance(text, str) and re.fullmatch(r"[a-z][\w.]+", text)}
