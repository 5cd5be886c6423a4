"""Guides and changelogs as Markdown."""

import re

from sdkgen.ir import build
from sdkgen.versions import Change, Level
from sdkgen.versions.guide import Step, changelog, entries, fenced, guide, steps
from tests.sdkgen.languages.hostile import HOSTILE
from tests.sdkgen.versions.test_compare import changed, document, fields


def test_nothing_to_do() -> None:
    api = build(document())

    assert steps("python", api, api) == []
    assert guide("python", "Python", ("1.0.0", "1.0.1"), []) == (
        "# Python: from 1.0.0 to 1.0.1\n\nNothing to do: no change breaks code, and nothing is deprecated.\n"
    )
    assert changelog("Go", ("1.0.0", "1.0.1"), "2026-11-20", [], "Not compiled.") == (
        "# Go: 1.0.0 to 1.0.1\n\n## [1.0.1] - 2026-11-20\n\nNot compiled.\n\nNothing changed.\n"
    )


def test_a_changelog_has_the_gravest_first() -> None:
    said = entries("python", changed(lambda d: (fields(d, "Note").pop("title"), fields(d, "Draft").update(
        lang={"type": "string"}, text={"type": "string", "description": "The text."}))))  # fmt: skip

    text = changelog("Python", ("1.0.0", "2.0.0"), "2026-11-20", said, "Not compiled.")

    assert [line for line in text.splitlines() if line.startswith(("###", "*"))] == [
        "### Breaking", "* Note.title is gone.", "### Added", "* Draft.lang is new.", "### Descriptions and examples",
        "* The description of Draft.text changed.",
    ]  # fmt: skip


def test_no_text_ends_a_block_or_begins_markup() -> None:
    for hostile in HOSTILE:
        change = Change("value.removed", "A.b", "#/x", hostile)
        step = Step(change, Level.MAJOR, "breaking", f"x = 1  # {hostile} ````\n", "", True, "Take it out.")

        text = guide("python", "Python", ("1.0.0", "2.0.0"), [step], {0: hostile})

        heading = next(line for line in text.splitlines() if line.startswith("## 1. "))
        assert re.search(r"(?<!\\)<script", heading) is None
        assert text.rstrip().splitlines()[-1] == "`````"
    assert fenced("a ``` b\n", "go") == ["````go", "a ``` b", "````"]
