"""Text damaged on its way: replacement characters, controls, doubly decoded UTF-8, escaped HTML, look-alikes."""

import re
import unicodedata

from ..examples import Example
from .base import Check

CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufffd\ufffe\uffff\ufeff\u200b\u2060]")
# UTF-8 read as Latin-1 or Windows-1252: a first byte, then the letters that stand for bytes 80 to BF.
_NEXT = "\u0080-\u00bf€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ"
MOJIBAKE = re.compile(rf"[\u00c2-\u00df][{_NEXT}]|[\u00e0-\u00ef][{_NEXT}]{{2}}|ð[{_NEXT}Ÿ][{_NEXT}]{{2}}")
ESCAPED_TWICE = re.compile(r"&amp;(?:nbsp|lt|gt|amp|quot|apos|#\d{1,6}|#x[0-9a-fA-F]{1,6});")
ESCAPED = re.compile(r"&(?:nbsp|lt|gt|amp|quot|#39|#x27|#x2F);")
_MARKUP = re.compile(r"<[a-zA-Z/!]|```|\b(?:html|xml|entit(?:y|ies)|escap(?:e|ed|ing)|markup)\b", re.IGNORECASE)
_LATIN = "A-Za-zÀ-ɏ"
_ALIKE = "\u0400-\u045f\u0391\u0392\u0395-\u0397\u0399\u039a\u039c\u039d\u039f\u03a1\u03a4\u03a5\u03a7\u03bf"
HOMOGLYPH = re.compile(rf"[{_LATIN}]{{2,}}[{_ALIKE}]|[{_ALIKE}][{_LATIN}]{{2,}}|[{_LATIN}][{_ALIKE}][{_LATIN}]")


class Encoding(Check):
    def look(self, example: Example) -> None:
        for turn in example.turns:
            told = damage(turn.text) or (_escaped(turn.text, example) if "&" in turn.text else "")
            if told:
                self.found("encoding_noise", example, told, path=turn.path)
                return


def damage(text: str) -> str:
    """What is wrong with a text's characters, "" when nothing is."""
    if found := CONTROL.search(text):
        letter = found.group()
        if letter == "\ufffd":
            return "Characters were lost: the text has U+FFFD, the replacement character."
        return f"The text has an invisible character, U+{ord(letter):04X}{_named(letter)}."
    if text.isascii():
        return ""
    for found in MOJIBAKE.finditer(text):
        if (right := redecoded(found.group())) is not None:
            return f"UTF-8 was read in another encoding: “{found.group()}” stands for “{right}”."
    if found := HOMOGLYPH.search(text):
        return f"“{found.group()}” mixes letters of two scripts that look alike."
    return ""


def redecoded(text: str) -> str | None:
    """What doubly decoded UTF-8 was before; None when it is none."""
    raw = bytearray()
    for letter in text:
        if ord(letter) < 256:
            raw.append(ord(letter))
        else:
            try:
                raw += letter.encode("cp1252")
            except UnicodeEncodeError:
                return None
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return None


def _named(letter: str) -> str:
    name = unicodedata.name(letter, "")
    return f" ({name.lower()})" if name else ""


def _escaped(text: str, example: Example) -> str:
    if found := ESCAPED_TWICE.search(text):
        return f"HTML was escaped twice: “{found.group()}”."
    if (found := ESCAPED.search(text)) and not any(_MARKUP.search(turn.text) for turn in example.turns):
        return f"HTML is left in plain text: “{found.group()}”."
    return ""
