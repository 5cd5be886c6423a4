"""What a backend is, and what it says of a job."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal, Protocol, runtime_checkable

from finetuning.models import Hosting, TuningJob
from gateway.models import Provider


class Unreachable(Exception):
    """The backend did not answer, or not sensibly: ask again later. The message is for people."""


class Refused(Exception):
    """The backend will not do this, however often it is asked."""

    def __init__(self, code: str, message: str, param: str = "") -> None:
        super().__init__(message)
        self.code, self.message, self.param = code, message, param


class NotOffered(Refused):
    """This backend has no such operation (pause, say)."""

    def __init__(self, message: str) -> None:
        super().__init__("not_offered", message)


@dataclass(frozen=True, slots=True)
class Seen:
    """A job as its backend describes it now. `status` is one of `finetuning.choices.TuningStatus` or None when the
    backend's own word, `said`, is not known: the job then stays as it is. None elsewhere: not told."""

    said: str
    status: str | None
    job_id: str = ""
    tuned_model: str = ""
    trained_tokens: int | None = None
    billed_tokens: int | None = None
    progress: float | None = None
    estimated_finish: datetime | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    error: Mapping[str, str] | None = None
    hyperparameters: Mapping[str, Any] = field(default_factory=dict)
    result_files: Sequence[str] = ()
    state: Mapping[str, Any] = field(default_factory=dict)
    """Merged into `provider_state`; what is under "serving" is how the tuned model is served."""


@dataclass(frozen=True, slots=True)
class Told:
    """An event; `key` is the same each time the same event is read. `data` holds a point of the curves, or nothing."""

    key: str
    at: datetime
    level: str
    message: str
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Kept:
    """A checkpoint that can be used. `model`: its name at the backend."""

    step: int
    model: str
    provider_id: str = ""
    metrics: Mapping[str, float] = field(default_factory=dict)
    artifact: bytes | None = None


class TuningBackend(Protocol):
    """Called from Celery tasks and API requests, by several processes at once and again after a kill: every method
    may be repeated. All raise Unreachable or Refused."""

    def start(self, job: TuningJob) -> Seen:
        """Send the files and make the job, unless a former try has made it."""

    def look(self, job: TuningJob) -> Seen:
        """How it stands."""

    def events(self, job: TuningJob) -> Sequence[Told]:
        """What it has told, oldest first; may leave out what `provider_state` says was read."""

    def checkpoints(self, job: TuningJob) -> Sequence[Kept] | None:
        """Those that exist now; a stored one that is not among them was dropped. None: the backend stores them."""

    def cancel(self, job: TuningJob) -> Seen:
        """Ask for its end."""

    def pause(self, job: TuningJob) -> Seen:
        """Where offered."""

    def resume(self, job: TuningJob) -> Seen:
        """Where offered."""


@dataclass(frozen=True, slots=True)
class Hosted:
    """A deployment as its vendor describes it now. `since`: when it was made, where that is told; `message`: why it
    failed; `called`: the name that calls use, empty: its own; `per_hour`: US dollars, where the vendor or the row of
    the provider says so, and `priced_by` where. `bills_tokens`: beside the hours."""

    state: Literal["absent", "creating", "ready", "failed"]
    since: datetime | None = None
    message: str = ""
    called: str = ""
    per_hour: Decimal | None = None
    priced_by: str = ""
    bills_tokens: bool = True


class HostsModels(Protocol):
    """Where a tuned model answers only while it is deployed, by the hour. A deployment is known by its name
    (`Hosting.name`), so each may be repeated, by several processes at once and after a kill. All raise Unreachable or
    Refused."""

    def kind(self, provider: Provider | None) -> str:
        """How a model of this provider is deployed, in the vendor's word; empty: it answers without."""

    def check(self, hosting: Hosting) -> None:
        """Whether all that is needed is configured; asks nobody. Raises Refused."""

    def hosted(self, hosting: Hosting) -> Hosted:
        """How it stands."""

    def host(self, hosting: Hosting) -> Hosted:
        """Make it, unless it is there."""

    def unhost(self, hosting: Hosting) -> Hosted:
        """Delete it, unless it is gone."""


@runtime_checkable
class ReadsResults(Protocol):
    """A backend with result files."""

    def read_result(self, job: TuningJob, identity: str) -> bytes:
        """The content of one of `Seen.result_files`, as the backend gives it. Raises Unreachable or Refused."""
