"""Credentials and personal data, by patterns that a checksum or a structure proves; those of the guardrails and some
that only matter in stored text. Values are never repeated in a finding."""

import re
from collections.abc import Iterator

from gateway.guardrails.checks.patterned import PatternCheck
from gateway.guardrails.patterns import PII, SECRETS

from ..examples import Example
from .base import Check

_CREDENTIALS = PatternCheck(pattern for pattern in SECRETS if pattern.name != "aws_access_key")
_PERSONAL = PatternCheck(PII)
_KEYWORD = (
    r"(?:pass(?:word|wd|phrase|code)?|pwd|secret|(?:api|access|private)[_ -]?key|(?:auth|access)[_ -]?token"
    r"|client[_ -]?secret)"
)
ASSIGNED = re.compile(
    rf"(?i:(?<![A-Za-z]){_KEYWORD})[\"']?\s*(?::=|[=:]|\bis\b)\s*(?:(?P<quote>[\"'`])(?P<quoted>[^\"'`\s]{{6,128}})(?P=quote)"
    r"|(?P<plain>[^\s\"'`,;<>(){}\[\]]{8,128}))"
)
# Wider than the guardrails' pattern: in stored text a mistyped key is worth a look too.
AWS_KEY = re.compile(r"(?<![A-Za-z0-9])(?:AKIA|ASIA|AGPA|AIDA|AROA)[A-Z0-9]{16}(?![A-Za-z0-9])")
HUGGING_FACE = re.compile(r"(?<![A-Za-z0-9])hf_[A-Za-z0-9]{34,40}(?![A-Za-z0-9])")
PLACEHOLDERS = re.compile(
    r"(?i)example|placeholder|your[_-]|changeme|xxx|\*\*\*|\.\.\.|redacted|password|<|\{|\$|dummy|sample"
)
US_PHONE = re.compile(r"(?<![\d.+-])(?:\([2-9]\d{2}\) ?|[2-9]\d{2}[-. ])[2-9]\d{2}[-. ]\d{4}(?![\d-])")
EXAMPLE_HOSTS = re.compile(
    r"(?i)@(?:[\w-]+\.)*(?:example|test|invalid|localhost)(?:\.(?:com|org|net|edu))?$|@(?:domain|company|yourdomain)\.com$"
)
UNROUTED = re.compile(
    r"(?:0|10|127|169\.254|192\.168|172\.(?:1[6-9]|2\d|3[01])|192\.0\.2|198\.51\.100|203\.0\.113|25[0-5])\.|[1-9]\.\d\.\d\.\d$"
)
_WORTH = re.compile(r"[\d@]|-----BEGIN|(?i:passw|secret|pwd|token|key)")

NAMES = {
    "email": "an e-mail address", "credit_card": "a payment card's number (Luhn)", "iban": "a bank account (IBAN)",
    "us_ssn": "a US social security number", "uk_nhs": "a UK NHS number", "phone": "a telephone number",
    "ip_address": "an IP address", "private_key": "a private key", "password": "a password beside its name",
}  # fmt: skip


class Privacy(Check):
    def look(self, example: Example) -> None:
        told: set[str] = set()
        for turn in example.turns:
            if not _WORTH.search(turn.text):
                continue
            for kind, what, start in found_in(turn.text):
                if what in told:
                    continue
                told.add(what)
                name = NAMES.get(what, f"a credential ({what.replace('_', ' ')})")
                self.found(kind, example, f"The text has {name} at character {start + 1}.", path=turn.path)


def found_in(text: str) -> Iterator[tuple[str, str, int]]:
    """(kind, what, start) of each thing found; a place is told once."""
    for kind, what, start, _ in spans(text):
        yield kind, what, start


def spans(text: str) -> list[tuple[str, str, int, int]]:
    """(kind, what, start, end) in order, not overlapping; credentials win over personal data."""
    found = [("secret", what, start, end) for what, start, end in _secrets(text)]
    found += [("pii", what, start, end) for what, start, end in _personal(text)]
    kept: list[tuple[str, str, int, int]] = []
    for one in found:
        if all(one[3] <= other[2] or other[3] <= one[2] for other in kept):
            kept.append(one)
    return sorted(kept, key=lambda one: one[2])


def _secrets(text: str) -> Iterator[tuple[str, int, int]]:
    for finding in _CREDENTIALS.find(text):
        yield finding.what, finding.start, finding.end
    for name, expression in (("aws_access_key", AWS_KEY), ("hugging_face_token", HUGGING_FACE)):
        for match in expression.finditer(text):
            yield name, *match.span()
    for match in ASSIGNED.finditer(text):
        group = "quoted" if match["quoted"] else "plain"
        if _is_password(match[group], quoted=group == "quoted"):
            yield "password", *match.span(group)


def _is_password(value: str, *, quoted: bool) -> bool:
    """Random enough: letters with digits or marks; never a word, a placeholder or a template."""
    if PLACEHOLDERS.search(value) or len(set(value)) < 5:
        return False
    has_letter, has_digit = any(map(str.isalpha, value)), any(map(str.isdigit, value))
    if has_letter and has_digit:
        return True
    is_mixed = value != value.lower() and not value.istitle() and value != value.upper()
    return quoted and has_letter and is_mixed and len(value) >= 8


def _personal(text: str) -> Iterator[tuple[str, int, int]]:
    for finding in _PERSONAL.find(text):
        value = text[finding.start : finding.end]
        is_example = finding.what == "email" and EXAMPLE_HOSTS.search(value)
        if not (is_example or (finding.what == "ip_address" and UNROUTED.match(value))):
            yield finding.what, finding.start, finding.end
    for match in US_PHONE.finditer(text):
        yield "phone", *match.span()
