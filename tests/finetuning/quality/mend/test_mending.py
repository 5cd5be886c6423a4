"""The new version of a file, byte by byte, and what is said of each line."""

import json
from dataclasses import replace

import pytest

from finetuning.quality import Finding, Options, inspect
from finetuning.quality.mend import Change, mend
from finetuning.quality.mend.mending import LEFT_OUT, _wanted
from finetuning.quality.mend.repairs import redacted, repaired
from tests.finetuning.conftest import SYSTEM, chat
from tests.finetuning.quality.conftest import BASE

GOOD = chat("who are you", "a clerk")
S, U, A = GOOD["messages"]


@pytest.fixture
def mended(write, tmp_path):
    """The new lines and changes of a file that begins with some lines."""

    def mended(*rows, **more):
        result = mend(write([*rows, *BASE]), tmp_path / "new.jsonl", **more)
        return (tmp_path / "new.jsonl").read_bytes().split(b"\n")[:-1], result

    return mended


@pytest.mark.parametrize(
    ("row", "done"),
    [
        (json.dumps(GOOD) + ",", "comma behind the line removed"),
        (json.dumps(GOOD)[:-2], "missing brackets added"),
        (json.dumps(GOOD).replace('"messages"', "messages"), "name put in quotes"),
        (json.dumps(GOOD).replace("]}", ",]}"), "comma before a bracket removed"),
        ({"messages": [U, S, A]}, "system message moved to the front"),
        ({"messages": [S, A, U]}, "question and answer put in order"),
        ({"messages": [S, {**U, "role": "human"}, {**A, "role": "gpt"}]}, "roles renamed"),
        ({"messages": [S, U, {**A, "id": "x"}], "source": 1}, "`id`, `source` removed"),
        ({"messages": [S, U, {**A, "weight": 0.5}]}, "weight set right"),
        ({"message": [S, U, A]}, "brought into the chat format"),
        ({"conversations": [{"from": turn["role"], "value": turn["content"]} for turn in (S, U, A)]},
         "brought into the chat format"),
    ],
)  # fmt: skip
def test_repairs(mended, row, done):
    lines, result = mended(row)

    assert json.loads(lines[0]) == GOOD
    assert [(one.line, one.new_line, one.action, one.done) for one in result.changes] == [(1, 1, "changed", (done,))]
    assert result.after.counts == {}
    assert result.after.score == 100.0


def test_old_formats_become_chat(mended):
    lines, _ = mended({"prompt": "who", "completion": "me"}, {"instruction": "add", "input": "1 2", "output": "3"})

    assert json.loads(lines[0]) == chat("who", "me", system="")
    assert json.loads(lines[1])["messages"][0]["content"] == "add\n\n1 2"


@pytest.mark.parametrize(
    "row",
    [
        json.dumps(GOOD)[:50], "nonsense", {"messages": []}, {"messages": [S, U]}, chat("who are you", " "),
        {"messages": [S, {**U, "role": "narrator"}, A]}, chat("who are you", "I'm sorry, but I can't help with that."),
        BASE[0], chat(f"please, {BASE[0]['messages'][1]['content']}", BASE[0]["messages"][2]["content"]), {"a": 1},
    ],
)  # fmt: skip
def test_what_cannot_be_repaired_is_left_out(mended, row):
    lines, result = mended(row)

    assert len(lines) == len(BASE)
    assert [one.action for one in result.changes] == ["removed"]
    assert result.after.is_valid


def test_other_lines_are_copied_byte_by_byte(mended):
    odd = '{ "messages" : [{"role":"user","content":"caf\\u00e9?"}, {"content":"Oui.","role":"assistant"}] }'

    lines, result = mended(odd, "", BASE[3])

    assert lines[0] == odd.encode()
    assert result.changes == (
        Change(2, None, "removed", ("invalid_json",), ("left out: the JSON cannot be repaired",)),
        Change(7, None, "removed", ("exact_dup",), ("left out: exact_dup",)),
    )


def test_secrets_become_placeholders(mended):
    lines, result = mended(chat('is password: "hT5kQ9xZ2bLw" safe, ask me@firm.com', "no"))

    assert json.loads(lines[0])["messages"][1]["content"] == 'is password: "[PASSWORD]" safe, ask [EMAIL]'
    assert result.changes[0].kinds == ("pii", "secret") or result.changes[0].kinds == ("secret", "pii")
    assert b"hT5kQ9xZ2bLw" not in b"".join(lines)


def test_a_person_judges_what_may_be_meant(mended):
    lines, result = mended(chat("wie ist das wetter morgen in berlin", "gas"))

    assert len(lines) == len(BASE) + 1
    assert (result.changes, result.left) == ((), {"language_mix": 1})


def test_a_leak_leaves_the_training_file(mended, write):
    validation = write([BASE[1]], "valid.jsonl")

    lines, result = mended(GOOD, validation=validation)

    assert [(one.line, one.kinds) for one in result.changes] == [(3, ("leak_exact",))]
    assert len(lines) == len(BASE)
    assert result.after.counts == {}


def test_tokens_before_and_after(mended):
    _, result = mended(BASE[0], options=Options(epochs=2))

    saved = result.before.tokens.billable - result.after.tokens.billable
    assert saved == result.before.tokens.wasted > 0


def test_only_what_is_wanted(mended):
    _, result = mended(BASE[0], chat("x", " "), kinds=frozenset({"exact_dup"}))

    assert [one.kinds for one in result.changes] == [("exact_dup",)]
    assert result.left == {"empty_assistant": 1}


def test_a_version_is_never_written_over_another(write, tmp_path):
    path = write(BASE)

    with pytest.raises(FileExistsError):
        mend(path, path)
    assert inspect(path).counts == {}


def test_nothing_is_left_behind_when_it_fails(write, tmp_path, monkeypatch):
    from finetuning.quality.mend import mending

    monkeypatch.setattr(mending, "_mended_copy", lambda *_: 1 / 0)

    with pytest.raises(ZeroDivisionError):
        mend(write(BASE), tmp_path / "new.jsonl")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["train.jsonl"]


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("a numbÃ©r, itâ€™s", "a numbér, it’s"),
        ("a\x00 b\u200b", "a b"),
        ("lost\ufffdhere", "lost here"),
        ("Fine &amp;nbsp;&lt;br&gt;", "Fine"),
        ("passw\u043erd", "password"),
        ("R&D stays", "R&D stays"),
    ],
)
def test_repaired_text(text, right):
    assert repaired(text) == right
    assert repaired(right) == right


def test_redacted_text():
    assert redacted("call +1 415 555 0145 or +44 20 7946 1234") == "call [PHONE] or [PHONE]"
    assert redacted(SYSTEM) == SYSTEM


CALL = {"id": "c", "type": "function", "function": {"name": "clock", "arguments": "{}"}}


def test_a_key_goes_where_it_is_too_many_and_stays_where_it_belongs(mended):
    turns = [U, {**A, "content": None, "tool_calls": [CALL]}, {"role": "tool", "tool_call_id": "c", "content": "9"}, A]
    tools = [{"type": "function", "function": {"name": "clock", "parameters": {"type": "object"}}}]
    row = {"messages": [{**U, "tool_calls": []}, *turns[1:]], "tools": tools}

    lines, _ = mended(row)

    assert json.loads(lines[0]) == {"messages": turns, "tools": tools}


def test_what_a_grader_reads_stays(write, tmp_path):
    rows = [
        {"messages": [{**U, "content": f"what is {n} and {n}", "mood": "x"}], "reference": str(2 * n)} for n in (3, 4)
    ]

    mend(write(rows), tmp_path / "new.jsonl", options=Options(method="reinforcement"))

    written = [json.loads(line) for line in (tmp_path / "new.jsonl").read_text().splitlines()]
    assert written == [
        {"messages": [{**U, "content": f"what is {n} and {n}"}], "reference": str(2 * n)} for n in (3, 4)
    ]


def test_a_late_system_message_of_a_pair_moves_to_the_front(write, tmp_path):
    row = {"input": {"messages": [U, S]}, "preferred_output": [A], "non_preferred_output": [{**A, "content": "no"}]}

    result = mend(write([row]), tmp_path / "new.jsonl")

    assert json.loads((tmp_path / "new.jsonl").read_text())["input"] == {"messages": [S, U]}
    assert result.changes[0].done == ("system message moved to the front",)


def test_where_the_line_that_stays_is_left_out_its_twin_stays(mended):
    _, result = mended(GOOD)

    wanted = _wanted(
        replace(
            result.before,
            findings=(
                Finding(1, "truncated_answer", "warning", ""),
                Finding(2, "near_dup", "warning", "", related=(1,)),
                Finding(3, "near_dup", "warning", "", related=(1,)),
                Finding(5, "exact_dup", "warning", "", related=(4,)),
            ),
        ),
        LEFT_OUT,
    )
    assert wanted == {1: ("truncated_answer",), 3: ("near_dup",), 5: ("exact_dup",)}


def test_the_report_of_before_keeps_some_of_each_kind(mended):
    rows = [chat("x", " "), chat("y", " "), BASE[0], BASE[1]]
    _, result = mended(*rows, options=Options(findings_per_kind=1))

    assert [one.kind for one in result.before.findings] == ["empty_assistant", "exact_dup"]


def test_no_more_is_wasted_than_is_paid(mended):
    _, result = mended(BASE[0], options=Options(epochs=1, max_tokens=10))

    assert result.before.tokens.wasted == 10


@pytest.mark.parametrize("wrong", [{"epochs": 0}, {"epochs": -2}, {"max_tokens": 0}])
def test_options_have_bounds(wrong):
    with pytest.raises(ValueError, match="at least 1"):
        Options(**wrong)


def test_what_a_repair_brings_to_light_is_mended_too(write, tmp_path):
    """A line that can be read now has no answer; two are the same without the numbers in them."""
    cut = b'{"messages": [{"role": "user", "content": "A question?"}, {"role": "assistant", "content": ""'
    calls = [chat(f"Please call me back: (415) 555-26{number}.", "callback") for number in (10, 11)]
    path = write([*BASE, cut, *calls])

    done = mend(path, tmp_path / "mended.jsonl")

    first = len(BASE) + 1
    assert [(one.line, one.new_line, one.action, one.kinds) for one in done.changes] == [
        (first, None, "removed", ("invalid_json", "empty_assistant")),
        (first + 1, first, "changed", ("pii",)),
        (first + 2, None, "removed", ("pii", "exact_dup")),
    ]  # fmt: skip
    assert done.changes[0].done == ("missing brackets added", "left out: empty_assistant")
    assert done.left == {}
    assert (done.after.lines, done.after.path) == (first, str(tmp_path / "mended.jsonl"))
    assert sorted(one.name for one in tmp_path.iterdir()) == ["mended.jsonl", "train.jsonl"]
