"""A repaired version of a training file, with what was done to each line. Pure: reads a path, writes another."""

from .mending import Change, Mended, mend

__all__ = ("Change", "Mended", "mend")
