"""Quality of a training file: what a vendor would refuse, what wastes money, what teaches the wrong thing.

``inspect`` reads a JSONL file twice, in bounded memory. Imports no Django, writes nothing, asks no network.
"""

from .findings import Finding, Observation, Report
from .inspecting import inspect
from .kinds import KINDS, Kind
from .options import Options
from .telling import as_dict, as_lines

__all__ = ("KINDS", "Finding", "Kind", "Observation", "Options", "Report", "as_dict", "as_lines", "inspect")
