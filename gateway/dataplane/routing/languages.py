"""In which language a text is written, by script and by the commonest words. A guess for routing, not linguistics.

Scripts decide for languages that have one of their own. Among languages in Latin script the one whose function words
make up most of the text wins; too few of them, or a tie, is no answer. (Function words as in Cavnar & Trenkle, "N-Gram-
Based Text Categorization", SDAIR 1994, section 3: the most frequent items of a language identify it.)
"""

import re

SAMPLE_CHARS = 4_000
MIN_LETTERS = 8
MIN_HITS = 3
MIN_SHARE = 0.06

_WORDS = {
    "en": "the of and to in is that it for was with as are you be this have from or not but what how can which their",
    "de": "der die das und ist nicht ich ein eine den von mit sie es auf für dem zu wie was bitte sich auch kann",
    "fr": "le la les des est une pas je vous que qui dans pour sur avec sont au du et cette comment nous être quel",
    "es": "el los las una es que por con para no del se cómo está qué más como pero sus este son al lo y puede",
    "it": "il di che è un una non per sono con del della gli come questo ho ma mi più nel alla anche perché dei",
    "pt": "o os uma não que é com para do da em por mais como você são está dos das ao mas pelo isso no na",
    "nl": "de het een van en is niet dat ik je met voor op zijn aan te hoe wat er maar ook naar bij deze kan",
}
_FUNCTION_WORDS = {name: frozenset(text.split()) for name, text in _WORDS.items()}
# First and last code point of scripts (Unicode 15, Blocks.txt) that one language, or one group, is written in.
_SCRIPTS = (
    ("ja", 0x3040, 0x30FF), ("ko", 0xAC00, 0xD7AF), ("zh", 0x4E00, 0x9FFF), ("ru", 0x0400, 0x04FF),
    ("ar", 0x0600, 0x06FF), ("he", 0x0590, 0x05FF), ("el", 0x0370, 0x03FF), ("hi", 0x0900, 0x097F),
    ("th", 0x0E00, 0x0E7F),
)  # fmt: skip
LANGUAGES = (*_WORDS, *(name for name, _, _ in _SCRIPTS))
_WORD = re.compile(r"[^\W\d_]+")


def language_of(text: str) -> str | None:
    """ISO 639-1 code, one of `LANGUAGES`; None when it cannot be told. Cyrillic is taken for Russian, Han without kana
    for Chinese, Arabic script for Arabic."""
    sample = text[:SAMPLE_CHARS]
    letters = [character for character in sample if character.isalpha()]
    if len(letters) < MIN_LETTERS and not any(ord(character) > 0x2FF for character in letters):
        return None
    counts = {name: sum(low <= ord(letter) <= high for letter in letters) for name, low, high in _SCRIPTS}
    if counts["ja"] and counts["ja"] + counts["zh"] > len(letters) / 2:
        return "ja"
    name, count = max(counts.items(), key=lambda item: item[1])
    return name if count > len(letters) / 2 else _latin(sample)


def _latin(sample: str) -> str | None:
    words = _WORD.findall(sample.lower())
    hits = ((sum(word in known for word in words), name) for name, known in _FUNCTION_WORDS.items())
    (best, name), (second, _), *_ = sorted(hits, reverse=True)
    return name if best > second and best >= min(MIN_HITS, len(words)) and best >= MIN_SHARE * len(words) else None
