"""Ten lines of each scenario, as its training file would have them: to look at, and to try the way with."""

from functools import cache
from pathlib import Path
from typing import Any

import orjson

FOLDER = Path(__file__).parent / "lines"


@cache
def sample_of(scenario: str) -> tuple[dict[str, Any], ...]:
    """The lines of `lines/{scenario}.jsonl`. Raises FileNotFoundError for a scenario without any."""
    lines = (FOLDER / f"{scenario}.jsonl").read_bytes().splitlines()
    return tuple(orjson.loads(line) for line in lines if line.strip())
