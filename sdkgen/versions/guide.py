"""What to do about the changes between two versions: steps for one language, and the same as Markdown. Pure."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from sdkgen.examples.data import ExampleError
from sdkgen.examples.render import snippets
from sdkgen.ir.nodes import Api
from sdkgen.languages.base.escaping import markdown
from sdkgen.languages.base.names import Lock
from sdkgen.languages.base.snippets import Snippets
from sdkgen.versions.code import Pair, Piece, is_told, snippet
from sdkgen.versions.compare import compare
from sdkgen.versions.levels import RULES, Level, level_of
from sdkgen.versions.nodes import Change

Kind = Literal["breaking", "deprecated", "added", "changed", "texts"]
KINDS: Mapping[Kind, str] = {
    "breaking": "Breaking", "deprecated": "Deprecated", "added": "Added", "changed": "Changed",
    "texts": "Descriptions and examples",
}  # fmt: skip
"""In the order in which they are told, with their headings."""
KIND_IDS = list(KINDS)
LEVEL_IDS = ["patch", "minor", "major"]
DIRECTION_IDS = ["none", "sent", "received", "both"]
FENCES = {"python": "python", "typescript": "ts", "java": "java", "go": "go", "csharp": "csharp"}
ADVICE: Mapping[str, str] = {
    "method.removed": "Nothing stands in its place: take the call out.",
    "method.renamed": "Call it by its new name.",
    "method.auth": "Give the client the other kind of key.",
    "method.deprecated": "It still answers. It will go in a later version; the document names nothing in its place.",
    "method.stream.removed": "Read the whole answer at once.",
    "method.stream.changed": "Read the events anew: they begin or end otherwise.",
    "method.pages.added": "Go through the pages; one answer is only the first of them.",
    "method.pages.removed": "Take the answer as it is; there are no further pages.",
    "method.params.added": "There is an argument for them now, before the options of the call.",
    "method.body.offered": "There is an argument for it now, before the options of the call.",
    "method.body.added": "State what it has to be told.",
    "method.body.removed": "Call it without a body.",
    "method.answer.removed": "Do not wait for that answer.",
    "value.added.required": "State it in each call.",
    "value.required": "State it in each call.",
    "value.optional": "It may be missing: say what happens then.",
    "value.nullable": "It may be null: say what happens then.",
    "value.not_nullable": "It is never null: the test for that can go.",
    "value.removed": "Take it out; the gateway neither reads nor sends it.",
    "value.wider": "Take the wider type.",
    "value.narrower": "Give one of the values that are left.",
    "value.type": "Take the new type.",
    "value.deprecated": "It still works. It will go in a later version.",
    "type.deprecated": "It still works. It will go in a later version.",
    "type.removed": "Take its uses out; what held it is told apart.",
    "type.kind": "Write its uses anew: it is another kind of type.",
    "enum.value.removed": "Use another word; this one is refused, or no longer comes.",
    "union.variant.removed": "Take the variant out.",
    "union.discriminator": "Variants are told by another field.",
    "error.removed": "Catch the error of its status.",
    "error.renamed": "Catch it by its new name.",
}
UNSEEN = "The compiler says nothing about it: look for its uses yourself."


@dataclass(frozen=True, slots=True)
class Entry:
    """One change for the users of one language."""

    change: Change
    level: Level
    kind: Kind
    is_wire_breaking: bool


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to do. `before` and `after` are whole sources, empty where there is nothing to write, or where both are
    the same. `is_noticed`: older code does not pass the compiler (or the type checker)."""

    change: Change
    level: Level
    kind: Kind
    before: str
    after: str
    is_noticed: bool
    advice: str


def kind_of(change: Change, level: Level) -> Kind:
    if level is Level.MAJOR:
        return "breaking"
    if change.rule.endswith(".deprecated"):
        return "deprecated"
    if change.rule in ("doc", "example"):
        return "texts"
    return "added" if change.rule.endswith(".added") else "changed"


def entries(language: str, changes: Iterable[Change]) -> list[Entry]:
    """The gravest kinds first, each in the order of the changes."""
    found = []
    for change in changes:
        level = level_of(change, language)
        found.append(Entry(change, level, kind_of(change, level), RULES[change.rule].is_wire_breaking))
    order = list(KINDS)
    return sorted(found, key=lambda one: order.index(one.kind))


def steps(
    language: str, old: Api, new: Api, *, changes: Sequence[Change] | None = None, lock: Lock | None = None
) -> list[Step]:
    """What breaks code in `language`, then what will go. `changes` are those between both, compared when left out."""
    compared = compare(old, new) if changes is None else changes
    told = [one for one in entries(language, filter(is_told, compared)) if one.kind in ("breaking", "deprecated")]
    if not told:
        return []
    pair = Pair(old, new)
    rendered = snippets(language, old, lock=lock), snippets(language, new, lock=lock)
    found = []
    for one in told:
        sides = _sides(pair, rendered, one.change)
        is_same = sides[0] == sides[1]
        before, after = ("", "") if is_same and one.kind == "breaking" else (sides[0], "" if is_same else sides[1])
        noticed = bool(before) and pair.is_noticed(one.change, language)
        found.append(Step(one.change, one.level, one.kind, before, after, noticed, _advice(one.change, noticed)))
    return found


def _sides(pair: Pair, rendered: tuple[Snippets, Snippets], change: Change) -> tuple[str, str]:
    """Sources of before and after; none where an operation cannot be called by names alone."""
    try:
        before, after = pair.pieces(change)
        return _source(rendered[0], before), _source(rendered[1], after)
    except ExampleError:
        return "", ""


def _source(rendered: Snippets, piece: Piece | None) -> str:
    return "" if piece is None else rendered.file([rendered.function("example", snippet(rendered, piece))])


def _advice(change: Change, noticed: bool) -> str:
    said = ADVICE.get(change.rule, "Look at its uses.")
    return said if noticed or change.rule.endswith(".deprecated") else f"{said} {UNSEEN}"


# ---- Markdown ------------------------------------------------------------------------------------------------------
def guide(
    language: str,
    display_name: str,
    versions: tuple[str, str],
    told: Sequence[Step],
    remarks: Mapping[int, str] | None = None,
) -> str:
    """The guide as a page. `remarks`: what is said of the step of an index besides."""
    lines = [f"# {display_name}: from {versions[0]} to {versions[1]}", ""]
    breaking = sum(step.kind == "breaking" for step in told)
    if not told:
        lines += ["Nothing to do: no change breaks code, and nothing is deprecated.", ""]
    else:
        lines += [f"{_count(breaking, 'change breaks', 'changes break')} code, "
                  f"{_count(len(told) - breaking, 'is a deprecation', 'are deprecations')}.", ""]  # fmt: skip
    for index, step in enumerate(told):
        lines += [f"## {index + 1}. {markdown(step.change.text)}", ""]
        if remarks and (remark := remarks.get(index)):
            lines += [f"**{markdown(remark)}**", ""]
        lines += [markdown(step.advice), ""]
        for label, code in (("Before", step.before), ("After", step.after)):
            if code:
                lines += [f"{label}:", "", *fenced(code, FENCES[language]), ""]
    return "\n".join(lines).rstrip() + "\n"


def changelog(
    display_name: str, versions: tuple[str, str], released_on: str, said: Sequence[Entry], evidence: str
) -> str:
    """As Keep a Changelog has it (https://keepachangelog.com/en/1.1.0/)."""
    head = [f"# {display_name}: {versions[0]} to {versions[1]}", ""]
    return "\n".join([*head, *release_notes(versions[1], released_on, said, evidence)]).rstrip() + "\n"


def release_notes(version: str, released_on: str, said: Sequence[Entry], remark: str = "") -> list[str]:
    """Lines of one release, the last one empty."""
    lines = [f"## [{version}] - {released_on}", "", *([markdown(remark), ""] if remark else [])]
    for kind, heading in KINDS.items():
        found = [one for one in said if one.kind == kind]
        if found:
            lines += [f"### {heading}", "", *(f"* {markdown(one.change.text)}" for one in found), ""]
    return lines if said else [*lines, "Nothing changed.", ""]


def fenced(code: str, language: str) -> list[str]:
    """A block that nothing within can end."""
    longest = max((len(run) for run in re.findall("`+", code)), default=0)
    fence = "`" * max(3, longest + 1)
    return [f"{fence}{language}", code.rstrip("\n"), fence]


def _count(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"
