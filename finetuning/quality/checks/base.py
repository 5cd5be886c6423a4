"""What every check has, and what it is given."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .. import examples, reading
from ..examples import Example
from ..findings import Findings
from ..kinds import KINDS, Severity
from ..options import Options
from ..profile import Profile


@dataclass(slots=True)
class Context:
    """``profile``: the file as a whole, known before the first line is judged."""

    path: Path
    options: Options
    profile: Profile
    found: Findings

    def again(self, places: list[tuple[int, int]]) -> Iterator[Example]:
        """Examples by (number, offset), read once more."""
        with self.path.open("rb") as file:
            for number, offset in places:
                yield examples.read(reading.Line(number, offset, reading.line_at(file, offset)))


class Check:
    """Looks at each line in turn, then says what only the whole file shows. Keeps little per line."""

    def __init__(self, context: Context) -> None:
        self.context = context

    def look(self, example: Example) -> None:
        """Once for every line, broken ones too."""

    def finish(self) -> None:
        """After the last line."""

    def found(
        self,
        kind: str,
        example: Example,
        message: str,
        *,
        path: str = "",
        severity: Severity | None = None,
        **more: Any,
    ) -> None:
        tokens = example.tokens if KINDS[kind].is_waste else 0
        self.context.found.add(
            kind, example.number, message, path=path, severity=severity, **{"tokens": tokens, **more}
        )  # fmt: skip
