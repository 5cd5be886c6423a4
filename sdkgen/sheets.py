"""What is measured and promised of the SDKs, from the files in `data/`: `benchmarks/<language>.json` is written by
`python -m bench.sdk --store`, `support/<language>.json` by people."""

import json
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import Any

from django.conf import settings
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter

from gateway.services.errors import NotFound
from sdkgen.languages.base.language import Language

DATA = Path(__file__).parent / "data"
VERSION = OpenApiParameter("version", OpenApiTypes.STR, description="A measured version; the newest when left out.")


@dataclass(frozen=True, slots=True)
class Benchmarks:
    """One run's figures; nothing measured: no results."""

    language: str
    version: str | None
    measured_at: datetime | None
    environment: dict[str, Any] | None
    results: list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Support:
    """The promise."""

    language: str
    level: str
    end_of_life: date | None
    minimum_runtime: str
    links: list[dict[str, str]]
    known_issues: list[dict[str, str]]
    contact: str | None


def benchmarks(language: Language, version: str | None) -> Benchmarks:
    """The newest run, or that of `version`. Raises NotFound for a version that was not measured."""
    runs = _runs(language.about.id)
    if version is None:
        return _shown(runs[-1]) if runs else Benchmarks(language.about.id, None, None, None, [])
    for run in reversed(runs):
        if run["version"] == version:
            return _shown(run)
    measured = ", ".join(sorted({run["version"] for run in runs})) or "none"
    raise NotFound("version_not_measured", f"This version was not measured; measured: {measured}.")


def support(language: Language) -> Support:
    """Level, links and what is known not to work."""
    said = _read(DATA / "support" / f"{language.about.id}.json")
    ends = said["end_of_life"]
    place = f"/api/v1/sdk/{{}}/{language.about.id}"
    own = [
        {"title": "Documentation", "url": place.format("documentation")},
        {"title": "Changelog", "url": place.format("changelog")},
    ]
    return Support(
        language.about.id, said["level"], date.fromisoformat(ends) if ends else None, language.about.minimum_runtime,
        [*own, *said["links"]], said["known_issues"], settings.SUPPORT_CONTACT or None,
    )  # fmt: skip


def _shown(run: dict[str, Any]) -> Benchmarks:
    at = datetime.fromisoformat(run["measured_at"])
    return Benchmarks(run["language"], run["version"], at, run["environment"], run["results"])


def _runs(language: str) -> list[dict[str, Any]]:
    path = DATA / "benchmarks" / f"{language}.json"
    runs: list[dict[str, Any]] = _read(path)["runs"] if path.is_file() else []
    return runs


@cache
def _read(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text())
    return found
