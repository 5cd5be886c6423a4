"""What the bytes of a training file are, told while they pass. Pure: no Django, nothing is written."""

from .measuring import LIMIT_BYTES, Measured, Measuring, NotTrainingData

__all__ = ("LIMIT_BYTES", "Measured", "Measuring", "NotTrainingData")
