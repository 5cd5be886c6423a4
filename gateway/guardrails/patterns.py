"""Patterns whose matches are proved by a checksum or a structure, so that an order number is no credit card.

Sources: Luhn: ISO/IEC 7812-1 annex B. IBAN: ISO 13616-1, check by ISO/IEC 7064 MOD 97-10. NHS number: NHS Data
Dictionary, modulus 11. SSN: SSA, "Social Security number randomization" (areas 000, 666 and 900–999 are never given).
GitHub tokens: GitHub blog 2021-04-05, "Behind GitHub's new authentication token formats" (CRC-32 in base 62).
JWT: RFC 7519 §3. Private keys: RFC 7468.
"""

import base64
import binascii
import re
import zlib
from collections.abc import Callable
from dataclasses import dataclass

from gateway.guardrails.gates import Gate, any_of, digits_like, is_open

BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
IBAN_LENGTHS = {
    "AD": 24, "AE": 23, "AT": 20, "BE": 16, "BG": 22, "BR": 29, "CH": 21, "CY": 28, "CZ": 24, "DE": 22, "DK": 18,
    "EE": 20, "ES": 24, "FI": 18, "FR": 27, "GB": 22, "GR": 27, "HR": 21, "HU": 28, "IE": 22, "IL": 23, "IS": 26,
    "IT": 27, "LI": 21, "LT": 20, "LU": 20, "LV": 21, "MC": 27, "MT": 31, "NL": 18, "NO": 15, "PL": 28, "PT": 25,
    "RO": 24, "RS": 22, "SA": 24, "SE": 24, "SI": 19, "SK": 24, "SM": 27, "TR": 26, "UA": 29,
}  # fmt: skip


# Ranges of first digits: ISO/IEC 7812-1 as the card schemes publish them.
CARD_ISSUERS = (
    (re.compile(r"4"), (13, 16, 19)),  # Visa
    (re.compile(r"5[1-5]|2(?:22[1-9]|2[3-9]\d|[3-6]\d\d|7[01]\d|720)"), (16,)),  # Mastercard
    (re.compile(r"3[47]"), (15,)),  # American Express
    (re.compile(r"6011|64[4-9]|65|62"), (16, 17, 18, 19)),  # Discover, UnionPay
    (re.compile(r"35(?:2[89]|[3-8]\d)"), (16, 17, 18, 19)),  # JCB
    (re.compile(r"3(?:0[0-5]|[689])"), (14, 16, 19)),  # Diners Club
    (re.compile(r"50|5[6-9]|6[37]"), (16, 18, 19)),  # Maestro
)

Span = tuple[int, int]


def all_if(holds: Callable[[str], bool]) -> Callable[[str], Span | None]:
    """The whole match or nothing."""
    return lambda text: (0, len(text)) if holds(text) else None


@dataclass(frozen=True, slots=True)
class Pattern:
    """`part(match text)` says which part of a match of `expression` is real, or None. `window` bounds, in characters, a
    match that has blanks in it; 0: a match is one run without blanks, of any length. `gate`: without it, no match."""

    name: str
    expression: re.Pattern[str]
    window: int
    part: Callable[[str], Span | None] = lambda text: (0, len(text))
    gate: Gate = is_open


def digits_of(text: str) -> list[int]:
    return [int(letter) for letter in text if letter.isdigit()]


def luhn(text: str) -> bool:
    """Whether the digits end with their Luhn check digit."""
    digits = digits_of(text)[::-1]
    doubled = [digit * 2 - 9 if digit > 4 else digit * 2 for digit in digits[1::2]]
    return (sum(digits[::2]) + sum(doubled)) % 10 == 0


def is_card(text: str) -> bool:
    """An issuer's first digits with a length it gives out, and Luhn's check digit."""
    digits = "".join(map(str, digits_of(text)))
    return any(prefix.match(digits) and len(digits) in lengths for prefix, lengths in CARD_ISSUERS) and luhn(digits)


def card_in(text: str) -> Span | None:
    """The first and longest card number in a run of groups of digits: other numbers may stand beside it."""
    groups = [match.span() for match in re.finditer(r"\d+", text)]
    for first, (start, _) in enumerate(groups):
        for _, end in reversed(groups[first:]):
            if is_card(text[start:end]):
                return start, end
    return None


def iban_in(text: str) -> Span | None:
    """As many letters and digits as the country's numbers have; words in capitals may follow."""
    wanted = IBAN_LENGTHS.get(text[:2].upper(), 0)
    places = [match.end() for match in re.finditer(r"[A-Z0-9]", text)]
    if not wanted or len(places) < wanted:
        return None
    end = places[wanted - 1]
    is_whole = end == len(text) or not text[end].isalnum()
    return (0, end) if is_whole and is_iban(text[:end]) else None


def is_iban(text: str) -> bool:
    compact = re.sub(r"[ -]", "", text).upper()
    if len(compact) != IBAN_LENGTHS.get(compact[:2]):
        return False
    return int("".join(str(int(letter, 36)) for letter in compact[4:] + compact[:4])) % 97 == 1


def is_ssn(text: str) -> bool:
    area, group, serial = re.split(r"[- ]", text)
    return area not in ("000", "666") and area < "900" and group != "00" and serial != "0000"


def is_nhs(text: str) -> bool:
    digits = digits_of(text)
    remainder = 11 - sum(digit * weight for digit, weight in zip(digits[:9], range(10, 1, -1), strict=True)) % 11
    return digits[9] == (0 if remainder == 11 else remainder) and len(set(digits)) > 1


def is_phone(text: str) -> bool:
    """E.164 has at most 15 digits; fewer than 9 with the country code are short numbers."""
    return 9 <= len(digits_of(text)) <= 15


def is_ipv4(text: str) -> bool:
    return all(int(part) <= 255 for part in text.split("."))


def is_github(text: str) -> bool:
    """The last six characters are the CRC-32 of the thirty before them, in base 62."""
    body, check = text[4:34], text[34:]
    value = 0
    for letter in check:
        value = value * 62 + BASE62.index(letter)
    return zlib.crc32(body.encode()) == value


def is_jwt(text: str) -> bool:
    """Header and payload decode to JSON objects."""
    for part in text.split(".")[:2]:
        try:
            decoded = base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
        except (binascii.Error, ValueError):
            return False
        if not decoded.strip().startswith(b"{"):
            return False
    return True


def is_varied(text: str) -> bool:
    """Random text has many different characters; a placeholder (`sk-xxxxxxxx`) has few."""
    return len(set(text)) >= 12


_L, _R = r"(?<![A-Za-z0-9_])", r"(?![A-Za-z0-9_])"
_PEM = r"(?:[A-Z0-9]+ ){0,3}PRIVATE KEY-----"

PII = (
    Pattern("email", re.compile(
        r"(?<![\w.+-])[A-Za-z0-9._%+-]{1,64}"
        r"@(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.){1,8}[A-Za-z]{2,24}(?![\w-])"
    ), 0, gate=any_of("@")),
    Pattern("credit_card", re.compile(r"(?<![\d.-])\d(?:[ -]?\d){12,}(?![\d-])"), 40, card_in,
            digits_like(r"\d(?:[ -]?\d){12}")),
    Pattern("iban", re.compile(_L + r"[A-Z]{2}\d{2}(?:[ -]?[A-Z0-9]){11,}" + _R), 48, iban_in,
            digits_like(r"[A-Z]{2}\d{2}")),
    Pattern("us_ssn", re.compile(r"(?<![\d-])\d{3}([- ])\d{2}\1\d{4}(?![\d-])"), 11, all_if(is_ssn),
            digits_like(r"\d{3}[- ]\d{2}[- ]\d{4}")),
    Pattern("uk_nhs", re.compile(r"(?<![\d-])\d{3} \d{3} \d{4}(?![\d-])"), 12, all_if(is_nhs),
            digits_like(r"\d{3} \d{3} \d{4}")),
    Pattern("phone", re.compile(r"(?<![\w+])\+[1-9]\d{0,2}(?:[ .-]?\(?\d{1,5}\)?){2,6}(?!\w)"), 40, all_if(is_phone),
            any_of("+")),
    Pattern("ip_address", re.compile(r"(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?![\w.])"), 0, all_if(is_ipv4),
            digits_like(r"\d\.\d{1,3}\.\d")),
)  # fmt: skip
SECRETS = (
    Pattern("private_key", re.compile(
        rf"-----BEGIN {_PEM}[A-Za-z0-9+/=\s:,-]{{0,8000}}?(?:-----END {_PEM}|(?![A-Za-z0-9+/=\s:,-]))"
    ), 40, gate=any_of("-----BEGIN ")),
    Pattern("aws_access_key", re.compile(_L + r"(?:AKIA|ASIA)[A-Z2-7]{16}" + _R), 0, gate=any_of("AKIA", "ASIA")),
    Pattern("github_token", re.compile(_L + r"gh[pousr]_[A-Za-z0-9]{36}" + _R), 0, all_if(is_github),
            any_of("ghp_", "gho_", "ghu_", "ghs_", "ghr_")),
    Pattern("github_pat", re.compile(_L + r"github_pat_[A-Za-z0-9]{22}_[A-Za-z0-9]{59}" + _R), 0,
            gate=any_of("github_pat_")),
    Pattern("gitlab_token", re.compile(_L + r"glpat-[A-Za-z0-9_-]{20}(?![A-Za-z0-9_-])"), 0, all_if(is_varied),
            any_of("glpat-")),
    Pattern("slack_token", re.compile(_L + r"xox[abprs]-(?:\d{8,14}-){1,3}[A-Za-z0-9-]{16,64}"), 0,
            gate=any_of("xox")),
    Pattern("stripe_key", re.compile(_L + r"(?:sk|rk)_(?:live|test)_[A-Za-z0-9]{24,99}" + _R), 0, all_if(is_varied),
            any_of("sk_live_", "sk_test_", "rk_live_", "rk_test_")),
    Pattern("google_api_key", re.compile(_L + r"AIza[A-Za-z0-9_-]{35}(?![A-Za-z0-9_-])"), 0, all_if(is_varied),
            any_of("AIza")),
    Pattern("anthropic_key", re.compile(_L + r"sk-ant-[A-Za-z0-9_-]{24,160}"), 0, all_if(is_varied),
            any_of("sk-ant-")),
    Pattern("openai_key", re.compile(
        _L + r"sk-(?!ant-)(?:proj-|svcacct-|admin-)?[A-Za-z0-9_-]{32,200}"
    ), 0, all_if(is_varied),
            any_of("sk-")),
    Pattern("gateway_key", re.compile(_L + r"gw-[A-Za-z0-9_-]{43}(?![A-Za-z0-9_-])"), 0, all_if(is_varied),
            any_of("gw-")),
    Pattern("npm_token", re.compile(_L + r"npm_[A-Za-z0-9]{36}" + _R), 0, all_if(is_varied),
            any_of("npm_")),
    Pattern("jwt", re.compile(
        _L + r"eyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{16,}"
    ), 0, all_if(is_jwt), any_of("eyJ")),
    Pattern("url_password", re.compile(r"(?<=://)[A-Za-z0-9._%+-]{1,64}:[^\s:@/]{3,128}(?=@[A-Za-z0-9.-]+)"), 0,
            gate=any_of("://")),
)  # fmt: skip
