"""Who trains: one file a backend, all of one shape. `backend_of` finds it by the job's `backend`."""

from finetuning.backends.base import Kept, NotOffered, ReadsResults, Refused, Seen, Told, TuningBackend, Unreachable
from finetuning.backends.registry import backend_of

__all__ = [
    "Kept",
    "NotOffered",
    "ReadsResults",
    "Refused",
    "Seen",
    "Told",
    "TuningBackend",
    "Unreachable",
    "backend_of",
]
