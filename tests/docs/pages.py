"""The documentation as data: pages, code blocks, code spans, tables, links."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
_FENCE = re.compile(
    r"(?:^ *<!-- (test)(?:: (\w+))? -->\n+)?^(?P<indent> *)```(\w*)\n(.*?)^(?P=indent)```$", re.MULTILINE | re.DOTALL
)
_SPAN = re.compile(r"`([^`\n]+)`")
_LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


@dataclass(frozen=True)
class Block:
    """A fenced block. `is_tested`: marked `<!-- test -->`; `output`: what it says standard output is (`json`)."""

    page: Path
    line: int
    language: str
    text: str
    is_tested: bool
    output: str

    def __str__(self) -> str:
        return f"{name_of(self.page)}:{self.line}"


def blocks(page: Path) -> list[Block]:
    text = page.read_text()
    return [
        Block(
            page,
            text.count("\n", 0, match.start()) + 1,
            match[4],
            dedent(match[5]),
            match[1] is not None,
            match[2] or "",
        )
        for match in _FENCE.finditer(text)
    ]


def prose(page: Path) -> str:
    """The page without its fenced blocks."""
    return _FENCE.sub("", page.read_text())


def spans(page: Path) -> list[str]:
    """Inline code."""
    return _SPAN.findall(prose(page))


def shell_lines(block: Block) -> Iterator[str]:
    """Whole command lines of a shell block, without comments."""
    for line in block.text.replace("\\\n", " ").splitlines():
        if command := re.sub(r"(^|\s)#.*", "", line).strip():
            yield command


def code(page: Path) -> list[str]:
    """Everything a reader may type: lines of shell blocks, inline code."""
    shell = [line for block in blocks(page) if block.language == "bash" for line in shell_lines(block)]
    return shell + spans(page)


def links(page: Path) -> list[str]:
    return _LINK.findall(prose(page))


def anchors(page: Path) -> set[str]:
    """Fragments of the page's headings, as GitHub makes them."""
    return {
        re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in _HEADING.findall(prose(page))
    }


def rows(page: Path, heading: str) -> list[list[str]]:
    """Cells of the first table whose head begins with the column `heading`."""
    found: list[list[str]] = []
    is_inside = False
    for line in page.read_text().splitlines():
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        if is_inside and not cells:
            break
        if is_inside and not set("".join(cells)) <= set("-"):
            found.append(cells)
        is_inside = is_inside or (bool(cells) and cells[0] == heading)
    assert found, f"{name_of(page)} has no table headed {heading!r}"
    return found


def names(page: Path, heading: str) -> list[str]:
    """Code spans of the first column of that table."""
    return [name for cells in rows(page, heading) for name in _SPAN.findall(cells[0])]
