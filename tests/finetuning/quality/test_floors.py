"""What contradicting answers and wrong labels leave of a loss."""

from math import log

import pytest

from finetuning.quality import floors, inspect


def chat(question, answer):
    return {"messages": [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]}


def test_contradicting_lines_leave_their_entropy(write):
    rows = [chat(f"Where is parcel {number}?", "delivery") for number in range(16)]
    rows += [chat("Where is my card?", label) for label in ("delivery", "delivery", "delivery", "card")]

    floor = inspect(write(rows)).statistics["label_floor"]

    assert floor["contradicting_lines"] == 4
    assert floor["contradiction_nats"] == pytest.approx((3 * log(4 / 3) + log(4)) / 20)
    assert (floor["noise_share"], floor["noise_nats"]) == (None, None)


def test_a_file_without_contradictions_leaves_nothing(write):
    rows = [chat(f"Where is parcel {number}?", "delivery") for number in range(20)]

    assert inspect(write(rows)).statistics["label_floor"]["contradiction_nats"] == 0.0


def test_one_in_ten_wrong_among_two_labels():
    assert floors.of_noise(0.1, 2) == pytest.approx(0.1 * log(10) + 0.9 * log(10 / 9))
    assert floors.of_noise(0.1, 11) == pytest.approx(0.1 * log(100) + 0.9 * log(10 / 9))
    assert floors.of_noise(0.0, 11) == floors.of_noise(0.1, 1) == 0.0
