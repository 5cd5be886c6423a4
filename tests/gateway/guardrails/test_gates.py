"""A gate is never shut for a text in which its pattern matches; it is shut for ordinary ones."""

import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.guardrails.checks.deny_list import DenyListCheck
from gateway.guardrails.checks.injection import _WEIGHTED, SIGNS
from gateway.guardrails.gates import has_digit
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
