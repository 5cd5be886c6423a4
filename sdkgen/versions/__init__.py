"""What changed between two representations, what it means for the users of each language, and the version that follows.
Pure."""

from sdkgen.versions.compare import compare
from sdkgen.versions.levels import Level, level_of, next_version, overall
from sdkgen.versions.nodes import Change

__all__ = ["Change", "Level", "compare", "level_of", "next_version", "overall"]
