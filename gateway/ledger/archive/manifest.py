"""What an archive holds, beside it as JSON: rows, sums, values of each column, bounds, the file's checksum. Pure."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

FORMAT, SINGLE = 2, 1
"""`SINGLE`: one file, named by the manifest itself. Such archives are read still."""


@dataclass(frozen=True, slots=True)
class Facts:
    """Of a table or of a file; equal facts are how a copy is compared with what it is of.

    `values`: column → how many lines have a value there. `sums`: decimal strings without trailing zeros. `first`,
    `last`: of `started_at`, and `booked_first`, `booked_last` of `booked_at`, RFC 3339 in UTC; empty without lines.
    """

    rows: int
    values: dict[str, int]
    sums: dict[str, str]
    first: str
    last: str
    booked_first: str
    booked_last: str
    organizations: tuple[str, ...]

    def differences(self, other: "Facts") -> list[str]:
        """Names of what is not the same."""
        mine, theirs = asdict(self), asdict(other)
        return [name for name in mine if mine[name] != theirs[name]]


@dataclass(frozen=True, slots=True)
class File:
    """One Parquet file. `first`, `last`: bounds of `started_at`; of the organizations, by which lines are sorted, the
    first and the last. Bounds are empty without lines; those of organizations also where they are not known."""

    key: str
    size_bytes: int
    sha256: str
    rows: int
    first: str
    last: str
    organization_first: str = ""
    organization_last: str = ""


@dataclass(frozen=True, slots=True)
class Manifest:
    """`files` lie beside it; one after the other they have the lines in their order. `columns`: name → type in the
    database."""

    table: str
    month: str
    part: int
    files: tuple[File, ...]
    written_at: str
    columns: dict[str, str]
    facts: Facts
    format: int = FORMAT

    def to_json(self) -> bytes:
        return json.dumps(self.to_dict(), indent=1, sort_keys=True).encode()

    def to_dict(self) -> dict[str, Any]:
        """As JSON has it."""
        found = asdict(self)
        found["files"], found["facts"]["organizations"] = list(found["files"]), list(self.facts.organizations)
        return found

    @property
    def size_bytes(self) -> int:
        return sum(file.size_bytes for file in self.files)

    @classmethod
    def from_dict(cls, found: Mapping[str, Any]) -> "Manifest":
        """Raises ValueError for another format."""
        if found.get("format") not in (FORMAT, SINGLE):
            raise ValueError(f"a manifest of format {found.get('format')}, {FORMAT} is known")
        facts = Facts(**{**found["facts"], "organizations": tuple(found["facts"]["organizations"])})
        whole = {name: found[name] for name in ("table", "month", "part", "written_at", "columns")}
        if found["format"] == SINGLE:
            file = {name: found[name] for name in ("key", "size_bytes", "sha256")}
            files = [file | {"rows": facts.rows, "first": facts.first, "last": facts.last}]
        else:
            files = found["files"]
        return cls(**whole, files=tuple(File(**file) for file in files), facts=facts)


def instant(at: datetime | None) -> str:
    return "" if at is None else at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def plain(amount: Decimal | int | None) -> str:
    """Equal amounts give equal texts."""
    if not amount:
        return "0"
    text = f"{amount:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
