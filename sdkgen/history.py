"""What lies between two stored releases: changes, what is known of them, and what to do in one language.

Releases never change, so what was compared once is kept in the process.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Any
from uuid import UUID

from gateway.services.errors import Invalid, NotFound
from sdkgen.ir.codec import CodecError
from sdkgen.ir.nodes import Api
from sdkgen.languages.base.language import Language
from sdkgen.languages.registry import LANGUAGES
from sdkgen.models import Release
from sdkgen.services import representation_of
from sdkgen.versions import Change, compare
from sdkgen.versions.guide import KINDS, Entry, Step, entries, steps
from sdkgen.versions.levels import RULES

KEPT_APIS = 4
"""Representations that a process keeps; each takes some megabytes."""
KEPT = 16
"""Pairs of releases, and steps of a pair in each language, that a process keeps."""


@dataclass(frozen=True, slots=True)
class Between:
    """`old` None: `new` is the first release and there is nothing to compare it with."""

    old: Release | None
    new: Release
    language: Language

    @property
    def versions(self) -> tuple[str, str]:
        return (self.old.version if self.old else "", self.new.version)

    @property
    def changes(self) -> tuple[Change, ...]:
        return _compared(self.old.pk, self.new.pk) if self.old is not None else ()

    @property
    def apis(self) -> tuple[Api, Api] | None:
        return (_api(self.old.pk), _api(self.new.pk)) if self.old is not None else None

    @property
    def entries(self) -> list[Entry]:
        return entries(self.language.about.id, self.changes)

    @property
    def steps(self) -> tuple[Step, ...]:
        return _steps(self.language.about.id, self.old.pk, self.new.pk) if self.old is not None else ()

    @property
    def evidence(self) -> Mapping[str, Any] | None:
        """What was compiled, when that was for exactly this pair."""
        if self.old is None or self.new.previous_id != self.old.pk:
            return None
        found: Mapping[str, Any] | None = self.new.evidence
        return found

    @property
    def verdict(self) -> Mapping[str, Any] | None:
        """Of the language."""
        said = (self.evidence or {}).get("languages", {}).get(self.language.about.id)
        return said if isinstance(said, dict) else None

    @property
    def evidence_text(self) -> str:
        """One sentence for people."""
        if self.old is None:
            return "This is the first release: there is nothing to compile against it."
        said, name = self.verdict, self.language.about.display_name
        if said is None or said["verdict"] == "not_run":
            return (
                f"Not checked by compiling: what is breaking follows from rules alone; no code of {self.old.version} "
                f"was compiled against {self.new.version} in {name}."
            )
        files = f"{said['files']} examples and tests and {said['calls']} calls"
        if said["verdict"] == "compiles":
            pair = f"of {self.old.version} compile against {self.new.version}"
            return f"Checked by compiling: {files} {pair} ({said['tool']})."
        return (
            f"Checked by compiling: of {files} of {self.old.version}, {said['failed']} no longer compile against "
            f"{self.new.version} ({said['tool']})."
        )


@dataclass(frozen=True, slots=True)
class Noted:
    """A release, and what its users find changed since the one before; nothing in the first."""

    version: str
    released_on: date
    is_first: bool
    entries: tuple[Entry, ...]

    def groups(self) -> list[tuple[str, list[Entry]]]:
        """By kind, with its heading, the gravest first."""
        found = [(heading, [one for one in self.entries if one.kind == kind]) for kind, heading in KINDS.items()]
        return [(heading, entries) for heading, entries in found if entries]


def notes(language: str, version: str = "") -> tuple[Noted, ...]:
    """Of every release up to `version`, or of all, the newest first. One query, and one more when a release is new to
    the process."""
    known = releases()
    names = [release.version for release in known]
    found = _noted(language, tuple((release.pk, release.previous_id) for release in known))
    return found[names.index(version) :] if version in names else found


@lru_cache(maxsize=KEPT)
def _noted(language: str, known: tuple[tuple[UUID, UUID | None], ...]) -> tuple[Noted, ...]:
    rows = Release.objects.filter(pk__in=[pk for pk, _ in known]).defer("document", "representation", "evidence")
    return tuple(
        Noted(
            row.version, row.released_at.date(), row.previous_id is None,
            tuple(entries(language, (Change.of_json(one) for one in row.changes))),
        )
        for row in rows
    )  # fmt: skip


@lru_cache(maxsize=KEPT_APIS)
def _api(release: UUID) -> Api:
    """Raises Invalid."""
    found = Release.objects.get(pk=release)
    try:
        return representation_of(found)
    except CodecError as error:
        raise Invalid("release_unreadable", f"Release {found.version} cannot be read: {error}.") from error


@lru_cache(maxsize=KEPT)
def _compared(old: UUID, new: UUID) -> tuple[Change, ...]:
    return compare(_api(old), _api(new))


@lru_cache(maxsize=KEPT * len(LANGUAGES))
def _steps(language: str, old: UUID, new: UUID) -> tuple[Step, ...]:
    return tuple(steps(language, _api(old), _api(new), changes=_compared(old, new)))


def is_wire_breaking(change: Change) -> bool:
    """Whether a client of the older version may fail against the newer gateway."""
    return RULES[change.rule].is_wire_breaking


def releases() -> list[Release]:
    """All, the newest first, without their documents. One query."""
    return list(Release.objects.light())


def between(language: Language, from_version: str = "", to_version: str = "") -> Between:
    """Left out: the newest release, and the one before it. One query. Raises NotFound, and Invalid for an order that
    leads back."""
    known = releases()
    if not known:
        raise NotFound("no_release", "No release is stored yet; the background process stores the first one.")
    places = {release.version: index for index, release in enumerate(known)}
    newer = _place(places, to_version, "to_version") if to_version else 0
    older = _place(places, from_version, "from_version") if from_version else newer + 1
    if older < newer:
        raise Invalid(
            "versions_reversed", f"{from_version} was released after {known[newer].version}.", field="from_version"
        )
    return Between(known[older] if older < len(known) else None, known[newer], language)


def _place(places: Mapping[str, int], version: str, field: str) -> int:
    try:
        return places[version]
    except KeyError:
        raise NotFound(
            "unknown_version", f"There is no release {version}; there are {', '.join(places)}.", field=field
        ) from None
