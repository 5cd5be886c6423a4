"""Prompt injection by heuristics: phrases that try to take over, and the ways they are hidden.

Each sign has a weight; a text whose signs add up to the threshold is a finding. The signs follow OWASP's "LLM01:2025
Prompt Injection" and its scenarios: overriding instructions, role play that lifts rules, asking for the system prompt,
forged turn markers, exfiltration, and obfuscation (invisible characters, Base64, spaced-out letters).
A heuristic: it misses paraphrases, and a text about prompt injection can score. `flag` before `block`.
"""

import base64
import binascii
import re
import unicodedata
from collections.abc import Sequence

from gateway.guardrails.finding import Finding
from gateway.guardrails.gates import any_of, anywhere

THRESHOLD = 1.0
MAX_CHARS = 200_000
_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff\U000e0000-\U000e007f]")
_has_odd_blank = any_of("  ", "\t", "\r", "\v", "\f", "\x1c", "\x1d", "\x1e", "\x1f")
LONG_RUN = 40
_BASE64 = re.compile(rf"(?<![A-Za-z0-9+/])[A-Za-z0-9+/]{{{LONG_RUN},}}={{0,2}}")
_BASE64_LETTERS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_GAPS = b" .*_-"
_LETTERS = bytes(code for code in range(128) if chr(code).isalnum())
# Every ASCII character by its sort: looking for a run of one sort is then a search for a string.
_AS_BASE64 = bytes(ord("b") if code in _BASE64_LETTERS else ord(" ") for code in range(256))
_AS_SPACED = bytes(ord("g") if code in _GAPS else ord("w") if code in _LETTERS else ord(" ") for code in range(256))
_MAYBE_SPACED = re.compile(r"[ .*_-]\w[ .*_-]\w[ .*_-]")
_BLANKS = re.compile(r"[^\S\n]{2,}|[^\S\n ]")
_SPACED = re.compile(r"(?<!\w)(?:\w[ .*_-]){5,}\w(?!\w)")
_PREVIOUS = (
    r"(?:all |any |every |the |your |of )*"
    r"(?:previous|prior|above|earlier|preceding|former|existing|initial|original)"
)
_RULES = (
    r"(?:instructions?|prompts?|rules?|directions?|guidelines?|messages?|context|constraints?|programming|training)"
)
_PLAY = r"(?:act|behave|respond|pretend|role-?play) (?:as|like|to be|(?:that )?you are)"
_FREE = r"(?:no (?:restrictions?|rules|filters?|limits?)|unrestricted|unfiltered|jailbr\w+|dan\b|evil)"
_SAFETY = r"(?:safety|content|ethical|moral) (?:filters?|guidelines?|policies|policy|restrictions?|rules|checks?)"
_SYSTEM = rf"(?:system|developer|initial|original|hidden) (?:prompt|message|{_RULES})"
_ASK = r"(?:reveal|show|print|repeat|output|display|tell me|give me|leak|dump|share|what (?:is|are|was|were))"
_TOLD = r"(?: you(?:'ve| have)? (?:were told|been told|know|learned)| above| before)"
_VALUABLE = r"(?:conversation|chat history|credentials?|api keys?|passwords?|secrets?|system prompt)"
_WEIGHTED = (
    ("override", 1.0, rf"\b(?:ignore|disregard|forget|override|bypass|skip|drop) {_PREVIOUS} {_RULES}",
     ("ignore ", "disregard ", "forget ", "override ", "bypass ", "skip ", "drop ")),
    ("override", 1.0, rf"\b(?:ignore|disregard|forget|override) (?:all |of )*(?:your|the|these|those) {_RULES}",
     ("ignore ", "disregard ", "forget ", "override ")),
    ("override", 1.0, rf"\bforget (?:everything|all)(?: that)?{_TOLD}", ("forget ",)),
    ("override", 0.6, r"\b(?:do not|don't|never|stop) (?:follow|obey|comply with) (?:the|your|any|previous)\b",
     (" follow ", " obey ", " comply with ")),
    ("override", 0.6, r"\bnew (?:instructions?|rules?|system prompt|task) ?(?::|are|follow|begin)", ("new ",)),
    ("reveal", 1.0, rf"\b{_ASK}\b.{{0,30}}\b(?:your|the) (?:hidden |secret |full |entire |exact )*{_SYSTEM}",
     ("system ", "developer ", "initial ", "original ", "hidden ")),
    ("reveal", 0.7, r"\brepeat (?:everything|all|the words|the text)\b.{0,40}\b(?:above|before|verbatim)",
     ("repeat ",)),
    ("role", 0.7, rf"\byou are (?:now|no longer)\b.{{0,60}}\b(?:{_FREE}|developer mode|bound by|without {_SAFETY})",
     ("you are no",)),
    ("role", 0.8, rf"\b{_PLAY}\b.{{0,60}}\b{_FREE}", ("act ", "behave ", "respond ", "pretend ", "play ")),
    ("role", 1.0, r"\b(?:do anything now|jailbreak mode|developer mode (?:enabled|on)|god mode|dan mode)\b",
     ("anything now", " mode")),
    ("safety", 0.5, rf"\b(?:without|no|ignore|bypass|disable|turn off) (?:any |all |your |the )*{_SAFETY}",
     ("safety ", "content ", "ethical ", "moral ")),
    ("markers", 0.8, r"<\|(?:im_start|im_end|system|endoftext|start_header_id|eot_id)\|>|\[/?(?:inst|sys)\]|<</?sys>>",
     ("<|", "[", "<<")),
    ("markers", 0.6, r"(?:^|\n)\s*(?:###\s*)?(?:system|assistant|developer)\s*(?:message|prompt)?\s*:\s*\S", (":",)),
    ("exfiltrate", 0.7, rf"\b(?:send|post|forward|upload|exfiltrate|transmit|e-?mail)\b.{{0,60}}\b{_VALUABLE}\b"
                        r".{0,60}\b(?:to|at)\b.{0,20}(?:https?:|[\w.+-]+@)", ("http", "@")),
    ("exfiltrate", 0.7, r"!\[[^\]]{0,80}\]\(https?://[^)\s]{1,200}[?&][^)\s]{0,80}=(?:\{|\[|<|%7b)", ("](http",)),
)  # fmt: skip
SIGNS = tuple(
    (name, weight, re.compile(expression), any_of(*literals)) for name, weight, expression, literals in _WEIGHTED
)
_has_some = anywhere(sorted({literal for *_, literals in _WEIGHTED for literal in literals})).opens


class InjectionCheck:
    """`threshold`: how much the signs must weigh, 0.5 (suspicious) to 3 (several at once)."""

    window = 0
    is_whole = True

    def __init__(self, threshold: float = THRESHOLD) -> None:
        if not 0.5 <= threshold <= 3:
            raise ValueError("the threshold is between 0.5 and 3")
        self.threshold = threshold

    def find(self, text: str) -> Sequence[Finding]:
        return [Finding("prompt_injection", 0, 0)] if score(text) >= self.threshold else []


def score(text: str) -> float:
    """Sum of the weights of the signs in a text, each kind of sign once at its heaviest. 0 for an ordinary text."""
    shown = text[:MAX_CHARS]
    weights: dict[str, float] = {}
    visible, hidden = (shown, "") if shown.isascii() else _unveiled(shown)
    if hidden:  # tag characters carry ASCII that nobody sees
        weights["hidden"] = 0.5
        visible += " " + hidden
    plain = _plain(visible)
    _weigh(plain, weights)
    for decoded in _decoded(visible):
        inner: dict[str, float] = {}
        _weigh(_plain(decoded), inner)
        for name, weight in inner.items():
            weights[name] = max(weights.get(name, 0), weight)
        if inner:
            weights["hidden"] = 0.5
    return sum(weights.values())


def _unveiled(text: str) -> tuple[str, str]:
    """The text without invisible characters, and what its tag characters say."""
    hidden = "".join(chr(ord(letter) - 0xE0000) for letter in text if "\U000e0020" <= letter <= "\U000e007e")
    return _INVISIBLE.sub("", text), hidden


def _weigh(plain: str, weights: dict[str, float]) -> None:
    if not _has_some(plain):
        return
    for name, weight, expression, gate in SIGNS:
        if gate(plain) and weight > weights.get(name, 0) and expression.search(plain):
            weights[name] = weight


def _plain(text: str) -> str:
    """Compatibility forms folded, spaced-out words closed, lower case, single blanks (line ends stay)."""
    folded = text if text.isascii() else unicodedata.normalize("NFKC", text)
    if _may_be_spaced(folded):
        folded = _SPACED.sub(lambda match: re.sub(r"[ .*_-]", "", match.group()), folded)
    if not folded.isascii() or _has_odd_blank(folded):
        folded = _BLANKS.sub(" ", folded)
    return folded.lower().replace("’", "'")


def _may_be_spaced(text: str) -> bool:
    """Whether letters stand apart somewhere. An underscore is both, so that only the search itself can tell."""
    if text.isascii() and "_" not in text:
        return b"gwgwg" in text.encode().translate(_AS_SPACED)
    return _MAYBE_SPACED.search(text) is not None


def _decoded(text: str) -> list[str]:
    """Texts hidden in runs of Base64; the first few."""
    if b"b" * LONG_RUN not in text.encode("utf-8", "replace").translate(_AS_BASE64):
        return []
    found = []
    for match in list(_BASE64.finditer(text))[:10]:
        run = match.group()[:8000]
        try:
            found.append(base64.b64decode(run + "=" * (-len(run) % 4)).decode("utf-8"))
        except (binascii.Error, ValueError):
            continue
    return found
