"""The nearest examples stand before the question, the nearest next to it."""

from typing import Any

import pytest

from finetuning.dicl import Bank


def record(user: str, answer: str) -> dict[str, Any]:
    return {
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": user},
            {"role": "assistant", "content": answer},
        ]
    }


BANK = Bank.of_records(
    [
        record("How do I reset my password?", "Settings, Security, Reset."),
        record("Where is my invoice?", "Billing, Invoices."),
        record("My password is not accepted", "Reset it under Security."),
    ]
)
CALL = [{"role": "system", "content": "You help."}, {"role": "user", "content": "reset password"}]


def test_nearest_first() -> None:
    found = BANK.nearest("reset password", 2)

    assert [near.place for near in found] == [0, 2]
    assert 1 > found[0].similarity > found[1].similarity > 0


def test_the_same_text_is_as_near_as_can_be() -> None:
    assert BANK.nearest("Where is my invoice?", 1)[0].similarity == pytest.approx(1.0)


def test_what_shares_nothing_is_left_out() -> None:
    assert BANK.nearest("漢字", 3) == []


def test_where_examples_stand() -> None:
    shown = BANK.shown(CALL, k=2)

    assert [message["content"] for message in shown] == [
        "You help.",
        "My password is not accepted",
        "Reset it under Security.",
        "How do I reset my password?",
        "Settings, Security, Reset.",
        "reset password",
    ]


def test_the_farthest_that_do_not_fit_are_left_out() -> None:
    shown = BANK.shown(CALL, k=2, tokens_of=lambda message: len(str(message["content"]).split()), max_tokens=12)

    # the nearest has 6 + 3 words, the next would need 8 more
    assert [message["role"] for message in shown] == ["system", "user", "assistant", "user"]


def test_records_without_an_answer_are_named() -> None:
    with pytest.raises(ValueError, match="Line 2: The last"):
        Bank.of_records([record("a", "b"), {"messages": [{"role": "user", "content": "x"}]}])


def test_a_message_that_is_no_object_is_named() -> None:
    with pytest.raises(ValueError, match="Line 1: A message is not an object"):
        Bank.of_records([{"messages": ["hello"]}])


def test_an_empty_bank_is_none() -> None:
    with pytest.raises(ValueError, match="at least one"):
        Bank.of_records([])


def test_a_bank_comes_back_from_its_bytes() -> None:
    again = Bank.from_bytes(BANK.to_bytes())

    assert again.examples == BANK.examples
    assert again.nearest("reset password", 2) == BANK.nearest("reset password", 2)


def test_bytes_that_are_no_bank_are_refused() -> None:
    with pytest.raises(ValueError, match="no bank"):
        Bank.from_bytes(b"not a zip file")
