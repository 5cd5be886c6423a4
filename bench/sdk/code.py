"""Lines of code of one program, by the SDK and by what its language has for HTTP: a streamed answer, with repeats after
429 and 5xx, a typed error, the request's id and what it cost. `raw/LANGUAGE/` has both; blank lines, comments and
docstrings do not count. `tests/sdkgen/examples/test_raw.py` runs them."""

import ast
from pathlib import Path

RAW = Path(__file__).parent / "raw"
PAIRS = {
    "python": ("client.py", "raw.py"), "typescript": ("client.ts", "raw.ts"), "java": ("Client.java", "Raw.java"),
    "go": ("client.go", "raw.go"), "csharp": ("Client.cs", "Raw.cs"),
}  # fmt: skip


def sources(language: str) -> tuple[Path, Path]:
    """The program by the SDK, and the one without."""
    ours, raw = PAIRS[language]
    return RAW / language / ours, RAW / language / raw


def counted(path: Path) -> int:
    """Lines of code. Comments of several lines begin each with an asterisk."""
    source = path.read_text(encoding="utf-8")
    silent = _docstrings(source) if path.suffix == ".py" else set()
    marks = ("#",) if path.suffix == ".py" else ("//", "/*", "*")
    lines = ((number, line.strip()) for number, line in enumerate(source.splitlines(), 1))
    return sum(bool(line) and number not in silent and not line.startswith(marks) for number, line in lines)


def _docstrings(source: str) -> set[int]:
    found: set[int] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node) is not None:
            said = node.body[0]
            found.update(range(said.lineno, (said.end_lineno or said.lineno) + 1))
    return found


if __name__ == "__main__":
    for name in PAIRS:
        ours, raw = map(counted, sources(name))
        print(f"{name:<12}{ours:>4} {raw:>4} {ours / raw:.2f}")
