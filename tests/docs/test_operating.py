"""Every box of the go-live page has one command, every runbook one at least, and all of them are run by a test."""

import re

import pytest

from tests.docs.pages import ROOT, Block, blocks

GO_LIVE = ROOT / "docs/go-live.md"
RUNBOOKS = ROOT / "docs/operations/runbooks.md"
LAST_RESORT = "--give-up"
"""Of a command that loses something, which a test of its own runs."""


def parts(text: str, start: str) -> dict[str, tuple[int, int]]:
    """First lines of what begins with `start`, and the lines of each, up to the next one or the next heading."""
    lines = text.splitlines()
    begins = [number for number, line in enumerate(lines, 1) if re.match(start, line)]
    ends = [number for number, line in enumerate(lines, 1) if re.match(rf"{start}|## ", line)] + [len(lines) + 1]
    return {lines[begin - 1]: (begin, min(end for end in ends if end > begin)) for begin in begins}


def inside(found: list[Block], lines: tuple[int, int]) -> list[Block]:
    return [block for block in found if lines[0] <= block.line < lines[1]]


BOXES = parts(GO_LIVE.read_text(), r"- \[ \] ")
SECTIONS = parts(RUNBOOKS.read_text(), r"## ")


@pytest.mark.parametrize("box", BOXES)
def test_a_box_has_one_command_that_is_run(box: str) -> None:
    assert [block.is_tested for block in inside(blocks(GO_LIVE), BOXES[box])] == [True]


@pytest.mark.parametrize("section", SECTIONS)
def test_a_runbook_has_a_command_that_is_run_and_none_that_is_not(section: str) -> None:
    found = inside(blocks(RUNBOOKS), SECTIONS[section])

    assert any(block.is_tested for block in found)
    assert [block.text for block in found if not block.is_tested and LAST_RESORT not in block.text] == []


def test_no_chapter_is_without_a_box() -> None:
    text = GO_LIVE.read_text()
    chapters = parts(text, r"## ")

    assert {"## Training", "## Documentation", "## Security", "## Monitoring"} <= set(chapters)
    for name, lines in chapters.items():
        assert any(lines[0] < box[0] < lines[1] for box in BOXES.values()), name


def test_parts_end_where_the_next_begins() -> None:
    assert parts("# T\n- [ ] a\n  x\n- [ ] b\n## C\ny\n", r"- \[ \] ") == {"- [ ] a": (2, 4), "- [ ] b": (4, 5)}
