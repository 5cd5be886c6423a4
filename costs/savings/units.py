"""Money as whole numbers of 1e-10, the ledger's last decimal, so that arrays of it add up exactly. Pure."""

from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

PLACES = 10
_LOW = 31


def total(units: Ints) -> int:
    """The exact sum, beyond 64 bits where it must be."""
    return (int((units >> _LOW).sum()) << _LOW) + int((units & ((1 << _LOW) - 1)).sum())


def money(units: int) -> Decimal:
    """The amount of that many 1e-10."""
    return Decimal(int(units)).scaleb(-PLACES)


def units_of(amount: Decimal) -> int:
    """How many 1e-10 an amount of at most ten decimals is. Raises ValueError for a finer one."""
    scaled = amount.scaleb(PLACES)
    if scaled != scaled.to_integral_value():
        raise ValueError(f"{amount} has more than {PLACES} decimals")
    return int(scaled)
