"""How grave a change is for code that is written against an SDK, per language. Pure.

Not the same as for the wire: every enumeration and union of ours is open, so a new value received breaks nothing, while
an operation that is only called otherwise breaks every caller. The table is this module's; a release checks it by
compiling the code of the release before (`bench.sdk.evidence`).
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum

from sdkgen.versions.nodes import Change

LANGUAGES = ("csharp", "go", "java", "python", "typescript")


class Level(IntEnum):
    """The part of a semantic version that a change asks for."""

    PATCH = 0
    MINOR = 1
    MAJOR = 2


PATCH, MINOR, MAJOR = Level.PATCH, Level.MINOR, Level.MAJOR


@dataclass(frozen=True, slots=True)
class Rule:
    """Levels of a change where something is sent and where it is received; `stricter` are languages in which it is
    more than that. `is_wire_breaking`: a client of the older version may fail against the newer server."""

    sent: Level
    received: Level | None = None
    stricter: Mapping[str, Level] = field(default_factory=dict)
    stricter_received: Mapping[str, Level] = field(default_factory=dict)
    is_wire_breaking: bool = False

    def of(self, direction: str, language: str) -> Level:
        sent = max(self.sent, self.stricter.get(language, PATCH))
        came = self.sent if self.received is None else self.received
        received = max(came, (self.stricter if self.received is None else self.stricter_received).get(language, PATCH))
        match direction:
            case "received":
                return received
            case "both":
                return max(sent, received)
        return sent


_STATIC = {"go": MAJOR}
"""A field that may be null or left out is another type in Go; one that may be left out is no longer an argument of `of`
in Java."""

_ARGUMENT = {"csharp": MAJOR, "go": MAJOR, "typescript": MAJOR}
"""An argument more before the options of a call: in Go in each call, in the others where options stand by position."""

RULES: Mapping[str, Rule] = {
    # methods
    "method.added": Rule(MINOR),
    "method.removed": Rule(MAJOR, is_wire_breaking=True),
    "method.renamed": Rule(MAJOR),
    "method.moved": Rule(MINOR, is_wire_breaking=True),
    "method.deprecated": Rule(MINOR),
    "method.restored": Rule(PATCH),
    "method.auth": Rule(MAJOR, is_wire_breaking=True),
    "method.idempotent.gained": Rule(MINOR),
    "method.idempotent.lost": Rule(MINOR),
    "method.stream.added": Rule(MINOR),
    "method.stream.removed": Rule(MAJOR, is_wire_breaking=True),
    "method.stream.changed": Rule(MAJOR, is_wire_breaking=True),
    "method.pages.added": Rule(MAJOR),
    "method.pages.removed": Rule(MAJOR, is_wire_breaking=True),
    "method.pages.changed": Rule(MINOR, is_wire_breaking=True),
    "method.params.added": Rule(MINOR, stricter=_ARGUMENT),
    "method.body.added": Rule(MAJOR, is_wire_breaking=True),
    "method.body.offered": Rule(MINOR, stricter=_ARGUMENT),
    "method.body.removed": Rule(MAJOR),
    "method.body.content": Rule(MAJOR, is_wire_breaking=True),
    "method.answer.added": Rule(MINOR),
    "method.answer.removed": Rule(MAJOR, is_wire_breaking=True),
    "method.errors": Rule(PATCH),
    # places that hold a value: fields, parameters, whole bodies and answers
    "value.added": Rule(MINOR),
    "value.added.required": Rule(MAJOR, MINOR, is_wire_breaking=True),
    "value.removed": Rule(MAJOR, is_wire_breaking=True),
    "value.required": Rule(MAJOR, MINOR, stricter_received={"go": MAJOR, "java": MAJOR}, is_wire_breaking=True),
    "value.optional": Rule(MINOR, MAJOR, stricter={"go": MAJOR, "java": MAJOR}, is_wire_breaking=True),
    "value.nullable": Rule(MINOR, MAJOR, stricter=_STATIC, is_wire_breaking=True),
    "value.not_nullable": Rule(MAJOR, MINOR, stricter_received={"go": MAJOR, "java": MAJOR}, is_wire_breaking=True),
    "value.wider": Rule(MINOR, MAJOR, stricter={"go": MAJOR, "java": MAJOR}, is_wire_breaking=True),
    "value.narrower": Rule(MAJOR, MINOR, stricter_received={"go": MAJOR, "java": MAJOR}, is_wire_breaking=True),
    "value.type": Rule(MAJOR, is_wire_breaking=True),
    "value.place": Rule(MINOR, is_wire_breaking=True),
    "value.default": Rule(MINOR),
    "value.limits.tighter": Rule(MINOR, PATCH, is_wire_breaking=True),
    "value.limits.looser": Rule(PATCH),
    "value.deprecated": Rule(MINOR),
    "value.restored": Rule(PATCH),
    # types
    "type.added": Rule(MINOR),
    "type.removed": Rule(MAJOR),
    "type.renamed": Rule(PATCH),
    "type.kind": Rule(MAJOR, is_wire_breaking=True),
    "type.deprecated": Rule(MINOR),
    "enum.value.added": Rule(MINOR),
    "enum.value.removed": Rule(MAJOR, is_wire_breaking=True),
    "union.variant.added": Rule(MINOR),
    "union.variant.removed": Rule(MAJOR, is_wire_breaking=True),
    "union.discriminator": Rule(MAJOR, is_wire_breaking=True),
    # errors and words
    "error.added": Rule(MINOR),
    "error.removed": Rule(MAJOR),
    "error.renamed": Rule(MAJOR),
    "error.status": Rule(MINOR),
    "doc": Rule(PATCH),
    "example": Rule(PATCH),
}


def level_of(change: Change, language: str) -> Level:
    """Raises KeyError for a rule that is not in the table."""
    return RULES[change.rule].of(change.direction, language)


def overall(changes: Iterable[Change], languages: Iterable[str] = LANGUAGES) -> Level:
    """Of a release that has one number in every language: the gravest."""
    wanted = tuple(languages)
    return max((level_of(change, language) for change in changes for language in wanted), default=PATCH)


def next_version(version: str, level: Level) -> str:
    """`1.4.2` and MINOR → `1.5.0`. Before 1.0 a breaking change raises the second number, as semver.org leaves open
    and registries expect. Raises ValueError."""
    found = re.fullmatch(r"(\d+)\.(\d+)\.(\d+)", version)
    if found is None:
        raise ValueError(f"'{version}' is not a version of three numbers")
    major, minor, patch = map(int, found.groups())
    if level is PATCH:
        return f"{major}.{minor}.{patch + 1}"
    if level is MINOR or major == 0:
        return f"{major}.{minor + 1}.0"
    return f"{major + 1}.0.0"
