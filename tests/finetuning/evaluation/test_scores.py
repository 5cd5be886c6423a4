"""Scores of answers, each by hand."""

from typing import Any

import pytest

from finetuning.evaluation import exact, json_valid, macro_f1, normalised, rouge_l, tool_calls

SCHEMA = {"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}}}


def call(name: str, arguments: Any) -> dict[str, Any]:
    return {"id": "x", "type": "function", "function": {"name": name, "arguments": arguments}}


def test_exact_and_normalised() -> None:
    assert exact("Paris", " Paris\n") == 1.0
    assert exact("Paris", "paris") == 0.0
    assert normalised("The answer, is: 42.", "answer is  42") == 1.0
    assert normalised("42", "43") == 0.0


@pytest.mark.parametrize(
    ("expected", "answer", "score"),
    [
        ("police killed the gunman", "police kill the gunman", 0.75),  # Lin 2004, section 3.1: three of four
        ("police killed the gunman", "the gunman kill police", 0.5),
        ("a b c d e", "a c e", 0.75),  # recall 3/5, precision 1
        ("", "", 1.0),
        ("a", "", 0.0),
        ("a", "b", 0.0),
    ],
)
def test_rouge_l(expected: str, answer: str, score: float) -> None:
    assert rouge_l(expected, answer) == pytest.approx(score)


@pytest.mark.parametrize(
    ("answer", "score"),
    [
        ('{"name": "Ada"}', 1.0),
        ('```json\n{"name": "Ada"}\n```', 1.0),
        ('{"name": 1}', 0.0),
        ("{}", 0.0),
        ('Sure! {"name": "Ada"}', 0.0),
        ('{"name": "Ada"', 0.0),
        ("[" * 100_000, 0.0),
    ],
    ids=["plain", "fenced", "type", "missing", "prose", "cut", "deep"],
)
def test_json(answer: str, score: float) -> None:
    assert json_valid(answer, SCHEMA) == score


def test_tool_calls() -> None:
    expected = [call("weather", '{"city": "Bern", "days": 2}'), call("time", "{}")]

    assert tool_calls(expected, [call("time", {}), call("weather", '{"days":2,"city":"Bern"}')]) == 1.0
    assert tool_calls(expected, expected[:1]) == 0.0
    assert tool_calls(expected, [*expected, expected[0]]) == 0.0
    assert tool_calls([], []) == 1.0
    assert tool_calls([], [call("time", "{}")]) == 0.0
    assert tool_calls([call("time", "not json")], [call("time", "not json")]) == 1.0


def test_macro_f1() -> None:
    # red: 1 right of 2 wanted and 1 given: 2/3; blue: 1 of 1 wanted, 2 given: 2/3
    assert macro_f1(["red", "red", "blue"], ["red", "blue", "blue"]) == pytest.approx(2 / 3)
    assert macro_f1(["red", "blue"], ["red", "no idea"]) == pytest.approx(0.5)
