"""Who trains: one file a backend, all of one shape. `backend_of` finds it by the job's `backend`."""

from finetuning.backends.base import (
    Hosted,
    HostsModels,
    Kept,
    NotOffered,
    ReadsResults,
    Refused,
    Seen,
    Told,
    TuningBackend,
    Unreachable,
)
from finetuning.backends.registry import backend_of, host_of, needs_host

__all__ = [
    "Hosted",
    "HostsModels",
    "Kept",
    "NotOffered",
    "ReadsResults",
    "Refused",
    "Seen",
    "Told",
    "TuningBackend",
    "Unreachable",
    "backend_of",
    "host_of",
    "needs_host",
]
