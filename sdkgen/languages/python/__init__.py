"""Python."""

from sdkgen.languages.python.language import Python

__all__ = ["Python"]
