"""Uploaded files and batches of one simulator, in memory."""

from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class Storage:
    """What was uploaded and asked for, by API key; `files` holds object and content."""

    files: dict[str, tuple[str, dict[str, Any], bytes]] = field(default_factory=dict)
    batches: dict[str, tuple[str, dict[str, Any]]] = field(default_factory=dict)
    made: int = 0

    def clear(self) -> None:
        """Forget everything."""
        self.files.clear()
        self.batches.clear()
