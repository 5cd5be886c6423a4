"""A gate is never shut for a text in which its pattern matches; it is shut for ordinary ones."""

import base64
import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.guardrails.checks.deny_list import DenyListCheck
from gateway.guardrails.checks.injection import (
    _BASE64,
    _MAYBE_SPACED,
    _WEIGHTED,
    SIGNS,
    _decoded,
    _has_some,
    _may_be_spaced,
)
from gateway.guardrails.gates import any_of, anywhere, has_digit
from gateway.guardrails.patterns import PII, SECRETS, Pattern

ORDINARY = "Please summarise the following text for a reader in a hurry, in three short sentences."


@pytest.mark.parametrize("pattern", [*PII, *SECRETS], ids=lambda pattern: pattern.name)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.filter_too_much])
@given(st.data())
def test_the_gate_of_a_pattern_opens_for_all_its_matches(pattern: Pattern, data: st.DataObject) -> None:
    text = data.draw(st.from_regex(pattern.expression))

    assert pattern.gate(text)


@pytest.mark.parametrize("pattern", [*PII, *SECRETS], ids=lambda pattern: pattern.name)
def test_ordinary_texts_meet_no_gate(pattern: Pattern) -> None:
    assert not pattern.gate(ORDINARY)


@pytest.mark.parametrize("at", range(len(SIGNS)), ids=lambda at: f"{SIGNS[at][0]}-{at}")
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.filter_too_much])
@given(st.data())
def test_the_gate_of_a_sign_opens_for_all_its_matches(at: int, data: st.DataObject) -> None:
    expression = SIGNS[at][2]
    text = data.draw(st.from_regex(expression))

    assert SIGNS[at][3](text)
    assert SIGNS[at][3]("x" + text + "y") or not expression.search("x" + text + "y")


def test_signs_need_lower_case_literals() -> None:
    assert [literal for *_, literals in _WEIGHTED for literal in literals if literal != literal.lower()] == []


@given(st.text(), st.sampled_from("7٣੭"))
def test_digits_of_any_script_count(text: str, digit: str) -> None:
    assert has_digit(text + digit)
    assert has_digit(text) == bool(re.search(r"\d", text))


WORDS = st.lists(st.sampled_from(["ab", "Cd", "e-f", "g.h", "@@", "ij"]), min_size=1, max_size=3)


@given(st.lists(WORDS, min_size=1, max_size=60), WORDS, st.sampled_from([" ", "\n", ", "]))
def test_a_gated_deny_list_finds_what_its_expression_finds(
    terms: list[list[str]], words: list[str], joint: str
) -> None:
    check = DenyListCheck([" ".join(term) for term in terms])
    text = joint.join(words).upper()

    assert [(found.start, found.end) for found in check.find(text)] == [
        match.span() for match in check._expression.finditer(text)
    ]


@pytest.mark.parametrize("count", [1, 100])
def test_short_and_long_deny_lists_find_the_same(count: int) -> None:
    terms = ["project nightfall", *(f"term{number}" for number in range(count - 1))]

    found = DenyListCheck(terms).find("About PROJECT  Nightfall, nothing else")

    assert [(each.start, each.end) for each in found] == [(6, 24)]


LITERALS = st.lists(st.text("abxz-_ .[", min_size=1, max_size=5), min_size=1, max_size=6)


@given(LITERALS, st.text("abxz-_ .[é", max_size=40))
def test_literals_are_found_one_by_one_and_in_one_pass(literals: list[str], text: str) -> None:
    is_there = any(literal in text for literal in literals)

    assert any_of(*literals)(text) == is_there
    assert anywhere(literals)(text) == is_there


@given(st.lists(st.sampled_from([*(literal for *_, all_of in _WEIGHTED for literal in all_of), "lorem", " ", "\n"])))
def test_every_literal_of_a_sign_opens_the_first_gate_of_all(parts: list[str]) -> None:
    text = "".join(parts)

    assert _has_some(text) == any(sign[3](text) for sign in SIGNS)


@given(st.text("ab1 .*_-\té", max_size=30))
def test_the_gate_for_spaced_letters_opens_for_all_of_them(text: str) -> None:
    assert _may_be_spaced(text) or not _MAYBE_SPACED.search(text)


@given(st.text("aZ9+/", min_size=30, max_size=90), st.sampled_from(["", " ", "é", "="]))
def test_runs_of_base64_are_not_missed(run: str, joint: str) -> None:
    text = f"x {run}{joint}{run} y"
    letters = base64.b64encode(f"{run} is hidden here, for nobody to see it".encode()).decode()

    assert bool(_decoded(text)) <= bool(_BASE64.search(text))
    assert f"{run} is hidden here, for nobody to see it" in _decoded(f"x {letters} y")
