"""Keys, roles, answers, weights: what one line's messages must be like."""

import pytest

from tests.finetuning.conftest import SYSTEM, chat

S = {"role": "system", "content": SYSTEM}
U = {"role": "user", "content": "who are you"}
A = {"role": "assistant", "content": "a clerk"}


def line(*messages, **more):
    return {"messages": list(messages), **more}


@pytest.mark.parametrize(
    "row",
    [
        line(S, U, A), line(U, A), line(U, A, U, A), line(S, S, U, A), line(U, U, A), line(S, A, U, A),
        line({"role": "developer", "content": "short"}, U, A), line(U, {**A, "weight": 0}, U, {**A, "weight": 1}),
        line({**U, "name": "bob"}, A), line(U, {"role": "assistant", "refusal": "no"}), line(U, A, tools=[]),
        line({"role": "user", "content": [{"type": "text", "text": "who"}]}, A),
        line({"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://a.b/c.png"}}]}, A),
    ],
)  # fmt: skip
def test_good_lines(told, row):
    assert told(row) == []


@pytest.mark.parametrize(
    ("row", "kind", "path"),
    [
        (line(S, U, {**A, "id": "x"}), "unknown_key", "messages[2]"),
        (line(S, {**U, "tool_calls": []}, A), "unknown_key", "messages[1]"),
        (line(S, U, A, source="web"), "unknown_key", ""),
        (line(S, {"role": "human", "content": "hi"}, A), "unknown_role", "messages[1].role"),
        (line(S, {"role": "User", "content": "hi"}, A), "unknown_role", "messages[1].role"),
        (line(S, {"content": "hi"}, A), "unknown_role", "messages[1].role"),
        (line(U, S, A), "role_order", "messages[1]"),
        (line(S, A, U), "role_order", "messages[2]"),
        (line(U, A, A), "role_order", "messages[2]"),
        (line(S, U), "no_assistant", ""),
        (line(S, A), "no_user", ""),
        (line(S, U, {"role": "assistant", "content": ""}), "empty_assistant", "messages[2].content"),
        (line(S, U, {"role": "assistant", "content": " \n"}), "empty_assistant", "messages[2].content"),
        (line(S, U, {"role": "assistant", "content": None}), "empty_assistant", "messages[2].content"),
        (line(S, U, {"role": "assistant"}), "empty_assistant", "messages[2].content"),
        (line(S, {"role": "user", "content": ""}, A), "missing_content", "messages[1].content"),
        (line(S, {"role": "user", "content": 5}, A), "missing_content", "messages[1].content"),
        (line(S, U, {**A, "weight": 0.5}), "bad_weight", "messages[2].weight"),
        (line(S, U, {**A, "weight": "1"}), "bad_weight", "messages[2].weight"),
        (line(S, U, {**A, "weight": True}), "bad_weight", "messages[2].weight"),
        (line(S, U, {**A, "weight": 1.0}), "bad_weight", "messages[2].weight"),
        (line(S, {**U, "weight": 1}, A), "bad_weight", "messages[1].weight"),
        (line(S, U, {**A, "weight": 0}), "no_weight_left", ""),
    ],
)
def test_bad_lines(told, row, kind, path):
    assert told(row) == [(kind, path)]


def test_a_key_of_the_line_is_a_warning_as_vendors_may_ignore_it(found):
    assert [one.severity for one in found(line(S, U, A, source="web"))] == ["warning"]
    assert [one.severity for one in found(line(S, U, {**A, "id": "x"}))] == ["error"]


def test_the_value_of_a_weight_is_shown(found):
    assert found(line(S, U, {**A, "weight": "1"}))[0].message == '`weight` is "1", not 0 or 1.'
    assert found(line(S, U, {**A, "weight": None}))[0].message == "`weight` is null, not 0 or 1."


def test_an_answer_without_weight_wastes_its_line(found):
    (finding,) = found(line(S, U, {**A, "weight": 0}), epochs=3)

    assert finding.tokens == 3 * (3 + 3 * 3 + 3 + 5 + 3 + 2)


def test_chat_is_clean(told):
    assert told(chat("who are you", "a clerk")) == []
