"""Which of our modules an entry point can load, read from the sources: imports anywhere in a module, also inside
functions, and texts that name a module, as settings and routes do."""

import ast
from collections.abc import Iterable, Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("config", "gateway", "analytics", "costs", "finetuning", "sdkgen")


def reachable(*roots: str) -> dict[str, ast.Module]:
    """Module name → its tree, of these modules and all that they lead to."""
    found: dict[str, ast.Module] = {}
    waiting = list(roots)
    while waiting:
        name = waiting.pop()
        path = source_of(name)
        if path is None or name in found:
            continue
        found[name] = ast.parse(path.read_text())
        waiting += [name.rpartition(".")[0], *_named(name, path, found[name])]
    return found


def source_of(name: str) -> Path | None:
    """The file of a module of ours; None for what is none."""
    if name.partition(".")[0] not in PACKAGES:
        return None
    path = ROOT.joinpath(*name.split("."))
    return next((one for one in (path.with_suffix(".py"), path / "__init__.py") if one.is_file()), None)


def _named(name: str, path: Path, tree: ast.Module) -> Iterator[str]:
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                yield from (one.name for one in names)
            case ast.ImportFrom(module=module, names=names, level=level):
                above = package.split(".")[: len(package.split(".")) - level + 1] if level else []
                base = ".".join([*above, *([module] if module else [])])
                yield from (base, *(f"{base}.{one.name}" for one in names))
            case ast.Constant(value=str(text)) if text.partition(".")[0] in PACKAGES and "." in text:
                yield from _modules_of(text.split("."))


def _modules_of(parts: list[str]) -> Iterable[str]:
    """`a.b.Class` names the module `a.b`."""
    return (".".join(parts[:length]) for length in range(2, len(parts) + 1))
