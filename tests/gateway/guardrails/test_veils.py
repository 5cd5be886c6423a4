"""What is hidden from a search: found, and replaced so that what is left stays what it was."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.guardrails.checks.deny_list import DenyListCheck
from gateway.guardrails.checks.patterned import pii_check
from gateway.guardrails.rails import REDACT, Rail, Verdict, screen
from gateway.guardrails.window import TextWindow

TERMS = Rail("", "terms", "deny_list", REDACT, DenyListCheck(["forbidden phrase", "café"]))
PII = Rail("", "data", "pii", REDACT, pii_check())
GONE, MAIL, CARD = "[REDACTED:deny_list]", "[REDACTED:email]", "[REDACTED:credit_card]"


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("a forbidden phrase!", f"a {GONE}!"),
        ("a for\u00adbidden\u200b \u2060phrase!", f"a {GONE}!"),
        ("ｆｏｒｂｉｄｄｅｎ ｐｈｒａｓｅ", GONE),
        ("𝐟orbidden phrase", GONE),
        ("un cafe\u0301, deux café", f"un {GONE}, deux {GONE}"),
        ("4111\u200b1111 1111 1111", CARD),
        ("bob＠example.com", MAIL),
        ("ｃ'est très joli, ﬁn", "ｃ'est très joli, ﬁn"),
        (r"C:\new\table of forbidden phrase", rf"C:\new\table of {GONE}"),
    ],
)
def test_prose(text: str, left: str) -> None:
    assert screen(text, [TERMS, PII], Verdict()) == left


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (r'{"a": "\u0066orbidden\nphrase"}', {"a": GONE}),
        (r'{"a": "caf\u00e9"}', {"a": GONE}),
        (r'{"a": "mail:\nbob@example.com"}', {"a": f"mail:\n{MAIL}"}),
        (r'{"a": "bob\u0040example.com"}', {"a": MAIL}),
        (r'["\ud835\udc1forbidden phrase", "\ud83d\ude00 forbidden"]', [GONE, "😀 forbidden"]),
        (r'["forbidden\u200b phr\u00adase"]', [GONE]),
        (r'["Card:\t4111111111111111\u200b"]', [f"Card:\t{CARD}\u200b"]),
        (r'{"a": "\u00fcbob@example.com"}', {"a": MAIL}),
        (r'{"a": "\"forbidden phrase\""}', {"a": f'"{GONE}"'}),
        (r'{"a": "C:\\new", "b": 1.10}', {"a": r"C:\new", "b": 1.10}),
    ],
)
def test_json_text_stays_json(text: str, value: object) -> None:
    assert json.loads(screen(text, [TERMS, PII], Verdict())) == value


PIECES = st.sampled_from(
    [r"\u0066", "orbidden", "forbidden", r"\n", " ", "phrase", "bob", "@", r"\u0040", "example.com", r"\\", r"\"", "é",
     "e\u0301", "caf", r"\u00e9", "\u200b", "4111", "1111", "ｆ", "x", ",", "."]
)  # fmt: skip


@given(st.lists(PIECES, max_size=14), st.lists(st.integers(1, 9), max_size=12))
def test_what_is_replaced_leaves_json_in_any_pieces(parts: list[str], sizes: list[int]) -> None:
    text = '{"a":"' + "".join(parts) + '"}'
    whole = screen(text, [TERMS, PII], Verdict())
    window, out, position = TextWindow([TERMS, PII], Verdict()), "", 0
    for size in sizes:
        out += window.feed(text[position : position + size])
        position += size
    out += window.feed(text[position:]) + window.flush()

    json.loads(whole)
    assert json.loads(out) == json.loads(whole)


@given(st.lists(PIECES, max_size=14))
def test_nothing_is_found_in_what_is_left(parts: list[str]) -> None:
    left = screen("".join(parts), [TERMS, PII], Verdict(), in_json=False)

    assert "forbidden phrase" not in left
    assert "bob@example.com" not in left
