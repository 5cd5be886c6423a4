"""Two versions of a file, line by line."""

import json
import random
from difflib import SequenceMatcher

import pytest

from finetuning.quality.differences import Differences, Field, LineChange, compare
from tests.finetuning.conftest import chat


def test_added_removed_changed_and_moved(write):
    rows = [chat(f"Question {number}?", f"Answer {number}.") for number in range(6)]
    changed = chat("Question 3?", "Answer three.")
    fresh = chat("New?", "Yes.", system="")
    old = write(rows, "old.jsonl")
    new = write([rows[5], rows[0], rows[2], changed, rows[4], fresh], "new.jsonl")

    found = compare(old, new)

    # 0, 2, 4 stay; 5 has moved to the front; 1 is gone; 3 is another; fresh stands where 5 was
    assert (found.unchanged, found.moved, found.removed, found.changed, found.added) == (3, 1, 1, 1, 1)
    assert found.shown[0].action == "removed"
    assert (found.shown[0].old_line, found.shown[0].new_line) == (2, None)
    assert found.shown[1] == LineChange(
        "changed", 4, 4, (Field("messages[2].content", "Answer 3.", "Answer three."),)
    )  # fmt: skip
    assert found.shown[2] == LineChange(
        "added", None, 6,
        (
            Field("messages[0].role", None, "user"), Field("messages[0].content", None, "New?"),
            Field("messages[1].role", None, "assistant"), Field("messages[1].content", None, "Yes."),
        ),
    )  # fmt: skip


def test_equal_files(write):
    rows = [chat("a", "b")] * 3

    assert compare(write(rows, "old.jsonl"), write(rows, "new.jsonl")) == Differences(0, 0, 0, 0, 3, ())


def test_secrets_are_not_shown(write):
    old = write([chat("Mail me", "at jane.doe@corp-mail.io please")], "old.jsonl")
    new = write([chat("Mail me", "at john.roe@corp-mail.io please, soon")], "new.jsonl")

    (change,) = compare(old, new).shown

    assert change.fields == (Field("messages[2].content", "at [EMAIL] please", "at [EMAIL] please, soon"),)


def test_long_values_are_shown_around_what_differs(write):
    text = "word " * 200
    old = write([chat("q", text + "one" + text)], "old.jsonl")
    new = write([chat("q", text + "two" + text)], "new.jsonl")

    (field,) = compare(old, new).shown[0].fields

    assert field.before is not None
    assert field.before.startswith("…" + ("word " * 12) + "one")
    assert field.before.endswith("…")
    assert len(field.before) == 242


def test_lines_that_are_no_json(write):
    found = compare(write(["{broken"], "old.jsonl"), write(['{"a": 1}'], "new.jsonl"))

    assert found.shown == (LineChange("changed", 1, 1, (Field("", "{broken", None), Field("a", None, "1"))),)


def test_only_the_first_are_shown_and_all_are_counted(write):
    old = write([chat(str(number), "x") for number in range(30)], "old.jsonl")
    new = write([chat(str(number), "y") for number in range(30)], "new.jsonl")

    found = compare(old, new, shown=4)

    assert (found.changed, len(found.shown)) == (30, 4)


@pytest.mark.parametrize("seed", range(20))
def test_counts_agree_with_the_longest_common_run(write, seed):
    """Without repeats, what stays is the longest common subsequence, as difflib's blocks bound it from below."""
    chance = random.Random(seed)
    before = [json.dumps({"n": number}) for number in range(40)]
    after = [line for line in before if chance.random() > 0.2]
    chance.shuffle(after) if seed % 5 == 0 else None
    after += [json.dumps({"new": number}) for number in range(chance.randrange(5))]

    found = compare(write(before, "old.jsonl"), write(after, "new.jsonl"))

    blocks = SequenceMatcher(None, before, after, autojunk=False).get_matching_blocks()
    assert found.unchanged >= sum(block.size for block in blocks)
    assert found.unchanged + found.moved + found.removed + found.changed == len(before)
    assert found.unchanged + found.moved + found.added + found.changed == len(after)
    assert found.unchanged + found.moved == len(set(before) & set(after))
