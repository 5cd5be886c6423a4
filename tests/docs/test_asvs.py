"""The table of OWASP ASVS: every requirement once, every named test there, counts that are right."""

import ast
import re
from collections import Counter
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/security/asvs.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| (\d+\.\d+\.\d+) \| ([^|]+) \| ([^|]+) \| (.+) \|$", PAGE, re.MULTILINE)
# how many requirements of level 2 each section has, those apart that the standard struck out
SECTIONS = {
    "1": [7, 4, 3, 4, 4, 2, 2, 2, 1, 2, 1, 6], "2": [12, 3, 3, 5, 7, 3, 6, 7, 3, 4], "3": [1, 4, 4, 5, 3, 1],
    "4": [4, 2, 3],
    "5": [5, 8, 10, 3, 4], "6": [3, 6, 2, 2], "7": [4, 2, 3, 3], "8": [4, 3, 8], "9": [3, 4], "10": [2, 3], "11": [8],
    "12": [3, 1, 6, 2, 2, 1], "13": [4, 5, 2, 2], "14": [4, 6, 2, 7, 4],
}  # fmt: skip


@cache
def functions_of(path: str) -> frozenset[str]:
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    return frozenset(node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def test_every_requirement_of_level_2_has_one_row() -> None:
    sections: dict[str, Counter[int]] = {}
    for number, *_ in ROWS:
        chapter, section, _ = number.split(".")
        sections.setdefault(chapter, Counter())[int(section)] += 1

    assert {chapter: [count for _, count in sorted(found.items())] for chapter, found in sections.items()} == SECTIONS
    assert len({number for number, *_ in ROWS}) == len(ROWS) == 259


def test_what_is_said_to_be_tested_names_tests_that_there_are() -> None:
    for number, _, verdict, reason in ROWS:
        named = re.findall(r"`(tests/[^`:]+\.py)::(test_\w+)`", reason)
        assert bool(named) == (verdict == "tested"), number
        assert [name for path, name in named if name not in functions_of(path)] == [], number


def test_the_sums_are_right() -> None:
    found = Counter(verdict for _, _, verdict, _ in ROWS)

    assert {word: int(re.search(rf"^\| {word} \| .* \| (\d+) \|$", PAGE, re.MULTILINE)[1]) for word in found} == found  # type: ignore[index]
