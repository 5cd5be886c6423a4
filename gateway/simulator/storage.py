"""Uploaded files, batches and tuning runs of one simulator, in memory."""

from dataclasses import dataclass, field
from typing import Any

from gateway.simulator.tuning import Run


@dataclass(slots=True)
class Storage:
    """What was uploaded and asked for, by API key; `files` holds object and content."""

    files: dict[str, tuple[str, dict[str, Any], bytes]] = field(default_factory=dict)
    batches: dict[str, tuple[str, dict[str, Any]]] = field(default_factory=dict)
    runs: dict[str, tuple[str, Run]] = field(default_factory=dict)
    datasets: dict[str, tuple[str, dict[str, Any], bytes]] = field(default_factory=dict)
    tuned: set[str] = field(default_factory=set)
    """Names of models that came out of runs."""
    made: int = 0

    def clear(self) -> None:
        """Forget everything."""
        self.files.clear()
        self.batches.clear()
        self.runs.clear()
        self.datasets.clear()
        self.tuned.clear()
