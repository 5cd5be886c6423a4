"""What annotations of the generated code mention; only type checkers read it."""

import builtins
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Literal, Required, TypeAlias, Unpack

from .model import Model as _Model
from .model import Unknown
from .multipart import File as _File
from .options import Call
from .stream import Stream

__all__ = [
    "Any", "Call", "Decimal", "Literal", "Mapping", "Required", "Sequence", "Stream", "TypeAlias", "Unknown", "Unpack",
    "_File", "_Model", "builtins", "date", "datetime",
]  # fmt: skip
