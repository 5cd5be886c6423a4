"""One colour per model on every page: a slot of the palette in `static/css/tokens.css`, derived from the name. Pure.

The palette is Okabe and Ito's (https://jfly.uni-koeln.de/color/), tuned to 3:1 contrast on both themes; beyond its
eight colours the same colours return with a pattern, so that a chart never relies on hue alone.
"""

from collections.abc import Iterable
from zlib import crc32

COLORS = 8
PATTERNS = ("", "/", "x")
SLOTS = COLORS * len(PATTERNS)
OTHER = "Other"
OTHER_SLOT = -1


def slots(names: Iterable[str], known: Iterable[str] = ()) -> dict[str, int]:
    """A slot for each of `names`: its place in `known` (the catalogue, oldest first), else one from its checksum.

    `known` only ever grows at its end, so a model keeps its colour when others are added.
    """
    places = {name: place for place, name in enumerate(dict.fromkeys(known))}
    return {name: OTHER_SLOT if name == OTHER else places.get(name, crc32(name.encode())) % SLOTS for name in names}


def color(slot: int) -> str:
    """CSS custom property of a slot, without `var()`."""
    return "--series-other" if slot < 0 else f"--series-{slot % COLORS}"


def pattern(slot: int) -> str:
    """Plotly `marker.pattern.shape` of a slot."""
    return "" if slot < 0 else PATTERNS[slot // COLORS % len(PATTERNS)]


def dash(slot: int) -> str:
    """Plotly `line.dash` of a slot: what a pattern is to a bar."""
    return "solid" if slot < 0 else ("solid", "dash", "dot")[slot // COLORS % len(PATTERNS)]


def pattern_number(slot: int) -> int:
    """Number of the slot's pattern, 0 for plain: the class of a legend's swatch."""
    return 0 if slot < 0 else slot // COLORS % len(PATTERNS)
