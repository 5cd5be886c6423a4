r"""What hides a text from a search and not from a reader: escapes of JSON text (`\u0040`), invisible characters, wide
and ornamental letters, accents written apart. A search runs over the text without them; its findings are told in
places of the text as it came, whole escapes included, so that JSON text stays JSON when they are replaced.

Sources: RFC 8259 §7 (escapes); Unicode Standard Annex 15 (NFKC), Unicode Technical Report 36 §2 (look-alikes of format
characters). Letters of other scripts that look alike are not taken for each other.
"""

import json
import re
import unicodedata
from bisect import bisect_right
from collections.abc import Sequence
from typing import NamedTuple

from gateway.guardrails.finding import Check, Finding

INVISIBLE = "\u00ad\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff\U000e0000-\U000e007f"
_ORNAMENTAL = (
    "\u2070-\u209c\u2460-\u24e9\ufb00-\ufb06\uff0e\uff10-\uff19\uff20-\uff3a\uff41-\uff5a\U0001d400-\U0001d7ff"
)
_ESCAPE = r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\u[0-9a-fA-F]{4}|\\[\"\\/bfnrt]"
_LETTERS = rf"[{INVISIBLE}]+|[{_ORNAMENTAL}]|[^\W\d_][\u0300-\u036f]+"
_IN_PROSE = re.compile(_LETTERS)
_IN_JSON = re.compile(f"{_ESCAPE}|{_LETTERS}")
_IS_INVISIBLE = re.compile(f"[{INVISIBLE}]")


class _Place(NamedTuple):
    """Something replaced: where it stood, where its replacement stands."""

    plain_start: int
    plain_end: int
    start: int
    end: int


def is_json(text: str) -> bool:
    """Whether a text begins as the JSON text of an object or array does."""
    return text.lstrip()[:1] in ("{", "[")


def find(check: Check, text: str, *, in_json: bool) -> Sequence[Finding]:
    """What a check finds, behind veils too; in order, not overlapping. Whole texts are the check's own to read."""
    if check.is_whole or (text.isascii() and not (in_json and "\\" in text)):
        return check.find(text)
    plain, places = _unveiled(text, in_json=in_json)
    if not places:
        return check.find(text)
    found = [_placed(finding, places) for finding in check.find(plain)]
    others = [_widened(finding, places) for finding in check.find(text)]
    apart = [other for other in others if not any(other.start < one.end and one.start < other.end for one in found)]
    return sorted([*found, *apart], key=lambda finding: finding.start)


def _unveiled(text: str, *, in_json: bool) -> tuple[str, list[_Place]]:
    parts: list[str] = []
    places: list[_Place] = []
    position = length = 0
    for match in (_IN_JSON if in_json else _IN_PROSE).finditer(text):
        between, shown = text[position : match.start()], _shown(match.group())
        parts += (between, shown)
        length += len(between)
        places.append(_Place(length, length + len(shown), *match.span()))
        length += len(shown)
        position = match.end()
    parts.append(text[position:])
    return "".join(parts), places


def _shown(veiled: str) -> str:
    letters = str(json.loads(f'"{veiled}"')) if veiled.startswith("\\") else veiled
    return "" if _IS_INVISIBLE.match(letters) else unicodedata.normalize("NFKC", letters)


def _placed(finding: Finding, places: Sequence[_Place]) -> Finding:
    return Finding(finding.what, _start(finding.start, places), _end(finding.end, places))


def _start(position: int, places: Sequence[_Place]) -> int:
    """Behind what is invisible there; at the beginning of what was replaced."""
    index = bisect_right(places, position, key=lambda place: place.plain_start) - 1
    if index < 0:
        return position
    place = places[index]
    return place.start if position < place.plain_end else place.end + position - place.plain_end


def _end(position: int, places: Sequence[_Place]) -> int:
    index = bisect_right(places, position - 1, key=lambda place: place.plain_start) - 1
    if index < 0:
        return position
    place = places[index]
    return place.end if position <= place.plain_end else place.end + position - place.plain_end


def _widened(finding: Finding, places: Sequence[_Place]) -> Finding:
    """A finding of the text as it came, with the whole of what it begins or ends in the middle of."""
    start, end = finding.start, finding.end
    for place in places:
        if place.start < start < place.end:
            start = place.start
        if place.start < end < place.end:
            end = place.end
    return Finding(finding.what, start, end)
