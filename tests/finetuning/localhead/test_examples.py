"""What is a labelled text, and what is not."""

from typing import Any

import pytest

from finetuning.localhead import Example, NotClosedError, closed_set, prompt_of


def record(user: Any, answer: Any, **more: Any) -> dict[str, Any]:
    return {
        "messages": [
            {"role": "system", "content": "Name the color."},
            {"role": "user", "content": user},
            {"role": "assistant", "content": answer, **more},
        ]
    }


GOOD = [record("sea", "blue"), record("sky", "blue"), record("fire", "red"), record("rose", " red ")]


def test_system_texts_are_left_out_and_labels_are_trimmed() -> None:
    assert closed_set(GOOD) == [
        Example("sea", "blue"), Example("sky", "blue"), Example("fire", "red"), Example("rose", "red"),
    ]  # fmt: skip


def test_a_conversation_is_read_whole() -> None:
    messages: list[dict[str, Any]] = [
        {"role": "developer", "content": "rules"},
        {"role": "user", "content": [{"type": "text", "text": "one"}, {"type": "image_url", "image_url": {}}]},
        {"role": "assistant", "content": "two"},
        {"role": "user", "content": "three"},
        {"role": "tool", "content": None},
    ]
    assert prompt_of(messages) == "one\ntwo\nthree"


@pytest.mark.parametrize(
    ("bad", "says"),
    [
        ({"prompt": "x"}, "no messages"),
        ({"messages": [{"role": "user", "content": "x"}]}, "not the assistant's"),
        (record("x", None, tool_calls=[{}]), "calls a tool"),
        (record("x", "  "), "empty"),
        (record("x", "y" * 201), "201 characters"),
        (record("", "red"), "no text to classify"),
    ],
    ids=["completion", "open", "tool", "empty", "long", "blank"],
)
def test_what_is_no_labelled_text_is_named_with_its_line(bad: dict[str, Any], says: str) -> None:
    with pytest.raises(NotClosedError, match=says) as caught:
        closed_set([GOOD[0], bad, GOOD[2]])
    assert caught.value.line == 2


def test_one_label_is_not_enough() -> None:
    with pytest.raises(NotClosedError, match="At least two different answers"):
        closed_set(GOOD[:2])
