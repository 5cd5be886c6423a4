"""Go source as gofmt leaves it: comments, aligned columns, imports. Pure."""

import re
from collections.abc import Iterable, Sequence

from sdkgen.languages.base.escaping import line_comment

IMPORTS = {"context.": "context", "fmt.": "fmt", "http.": "net/http", "json.": "encoding/json", "time.": "time"}


def comment(text: str, indent: str = "") -> list[str]:
    """`// …`. gofmt rewrites what it takes for headings, lists, quotes and definitions of links; a line with
    `+build` could be more than a comment."""
    return [_harmless(line) for line in line_comment(text, "//", indent)]


def _harmless(line: str) -> str:
    line = re.sub(r"\]:(?=\s)", "] :", re.sub("''|``", '"', line))
    return re.sub(r"^(\t*// )(?=#|\+|[*-] |\d+[.)] )", r"\1· ", line)


def aligned(rows: Iterable[Sequence[str]], indent: str = "\t") -> list[str]:
    """Lines of cells, padded as in gofmt's columns. A row of one cell, a comment or nothing, parts the columns. All
    rows between have the same number of cells."""
    lines: list[str] = []
    block: list[Sequence[str]] = []
    for row in (*rows, ("",)):
        if len(row) > 1:
            block.append(row)
            continue
        lines += _columns(block, indent)
        block = []
        lines.append(f"{indent}{row[0]}".rstrip())
    return lines[:-1]


def _columns(block: list[Sequence[str]], indent: str) -> list[str]:
    if not block:
        return []
    widths = [max(len(row[i]) for row in block) for i in range(len(block[0]) - 1)]
    return [
        indent + " ".join([cell.ljust(width) for cell, width in zip(row, widths, strict=False)] + [row[-1]])
        for row in block
    ]


def source(package: str, lines: Iterable[str]) -> str:
    """A file with the imports that it needs."""
    body = "\n".join(lines).strip("\n")
    code = re.sub(r"(?m)^\s*//.*$", "", body)
    found = sorted(path for mark, path in IMPORTS.items() if re.search(rf"(?<![\w.\"]){re.escape(mark)}", code))
    if len(found) == 1:
        head = f'import "{found[0]}"\n\n'
    else:
        head = "import (\n" + "".join(f'\t"{path}"\n' for path in found) + ")\n\n" if found else ""
    return f"package {package}\n\n{head}{body}\n"
