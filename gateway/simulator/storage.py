"""Uploaded files, batches and tuning runs of one simulator, in memory."""

from dataclasses import dataclass, field
from typing import Any

from gateway.simulator.tuning import Run


@dataclass(slots=True)
class Deployment:
    """A tuned model where it is served; times are Unix seconds. It is made, and later gone, after `phase_ms`, or at the
    next look where that is 0."""

    name: str
    model: str
    sku: dict[str, Any]
    created: float
    looked: float
    phase_ms: float
    steps: float = 0.0
    is_deleted: bool = False

    def look(self, now: float) -> None:
        """Let time pass."""
        self.steps += (now - self.looked) * 1000 / self.phase_ms if self.phase_ms else 1
        self.looked = now

    @property
    def state(self) -> str:
        if self.is_deleted:
            return "Gone"
        if self.steps < 1:
            return "Creating"
        return "Failed" if "sim-nodeploy" in self.model else "Succeeded"


@dataclass(slots=True)
class Storage:
    """What was uploaded and asked for, by API key; `files` holds object and content."""

    files: dict[str, tuple[str, dict[str, Any], bytes]] = field(default_factory=dict)
    batches: dict[str, tuple[str, dict[str, Any]]] = field(default_factory=dict)
    runs: dict[str, tuple[str, Run]] = field(default_factory=dict)
    datasets: dict[str, tuple[str, dict[str, Any], bytes]] = field(default_factory=dict)
    tuned: set[str] = field(default_factory=set)
    """Names of models that came out of runs."""
    deployments: dict[str, Deployment] = field(default_factory=dict)
    made: int = 0

    def look(self, name: str, now: float) -> Deployment | None:
        """A deployment as time has gone on; None when there is none, or none any more."""
        known = self.deployments.get(name)
        if known is None:
            return None
        known.look(now)
        return None if known.is_deleted else known

    def clear(self) -> None:
        """Forget everything."""
        self.files.clear()
        self.batches.clear()
        self.runs.clear()
        self.datasets.clear()
        self.tuned.clear()
        self.deployments.clear()
