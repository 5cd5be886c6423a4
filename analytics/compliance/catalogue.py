"""The catalogues, read from the data files beside this module. Pure."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).with_name("data")
CATALOGUES = {"soc2": "SOC 2", "iso27001": "ISO/IEC 27001", "gdpr": "GDPR", "owasp_llm": "OWASP Top 10 for LLM"}


@dataclass(frozen=True, slots=True)
class Requirement:
    """One line of a catalogue. `test`: a name of `PROBES`; empty where only people can tell. `source`: where it is
    written. `requirement` is our summary, not the standard's text."""

    id: str
    catalogue: str
    reference: str
    requirement: str
    test: str
    remediation: str
    source: str


@cache
def requirements(name: str) -> tuple[Requirement, ...]:
    """Of one catalogue, in its order. KeyError for an unknown one."""
    if name not in CATALOGUES:
        raise KeyError(name)
    data = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    return tuple(
        Requirement(
            f"{name}.{row['id']}", name, row["reference"], row["requirement"], row.get("test", ""), row["remediation"],
            data["source"],
        )
        for row in data["checks"]
    )  # fmt: skip


def everything(names: Sequence[str] = ()) -> list[Requirement]:
    """Of several catalogues, all by default."""
    return [one for name in names or CATALOGUES for one in requirements(name)]
