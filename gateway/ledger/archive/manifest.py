"""What an archive holds, beside it as JSON: rows, sums, values of each column, bounds, the file's checksum. Pure."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

FORMAT = 1


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
class Manifest:
    """`key`: the Parquet file, beside which the manifest lies. `columns`: name → type in the database."""

    table: str
    month: str
    part: int
    key: str
    size_bytes: int
    sha256: str
    written_at: str
    columns: dict[str, str]
    facts: Facts
    format: int = FORMAT

    def to_json(self) -> bytes:
        return json.dumps(self.to_dict(), indent=1, sort_keys=True).encode()

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, found: Mapping[str, Any]) -> "Manifest":
        """Raises ValueError for another format."""
        if found.get("format") != FORMAT:
            raise ValueError(f"a manifest of format {found.get('format')}, {FORMAT} is known")
        facts = {**found["facts"], "organizations": tuple(found["facts"]["organizations"])}
        return cls(**{**found, "facts": Facts(**facts)})


def instant(at: datetime | None) -> str:
    return "" if at is None else at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def plain(amount: Decimal | int | None) -> str:
    """Equal amounts give equal texts."""
    if not amount:
        return "0"
    text = f"{amount:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
