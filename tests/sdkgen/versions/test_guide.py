"""Guides and changelogs as Markdown."""

import copy
import re

from sdkgen.ir import build
from sdkgen.languages.base.names import Lock
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


def test_an_argument_and_a_field_of_one_name_have_no_code() -> None:
    said = document()
    said["paths"]["/v1/notes/{text}"] = said["paths"].pop("/v1/notes")
    parameters = said["paths"]["/v1/notes/{text}"]["post"]["parameters"]
    parameters.append({"name": "text", "in": "path", "required": True, "schema": {"type": "string"}})
    after = copy.deepcopy(said)
    fields(after, "Draft").pop("pages")

    (step,) = steps("python", build(said), build(after), lock=Lock())

    assert (step.change.subject, step.before, step.after) == ("Draft.pages", "", "")
    assert step.advice.endswith("The compiler says nothing about it: look for its uses yourself.")


def test_the_code_is_that_of_documentation() -> None:
    after = copy.deepcopy(document())
    fields(after, "Note").pop("title")

    (step,) = steps("python", build(document()), build(after), lock=Lock())

    assert step.before == (
        "from llm_gateway import Gateway\n\n\n"
        'def example(client: Gateway) -> None:\n    answer = client.notes.get("example")\n'
        "    title: str | None = answer.title\n    print(title)\n"
    )
    assert (step.after, step.is_noticed) == ("", True)
