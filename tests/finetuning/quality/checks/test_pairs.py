import pytest

from finetuning.quality import inspect


def pair(question, preferred, other, **more):
    return {
        "input": {"messages": [{"role": "user", "content": question}]},
        "preferred_output": [{"role": "assistant", "content": preferred}],
        "non_preferred_output": [{"role": "assistant", "content": other}],
        **more,
    }


PAIRS = [pair(f"name {thing}", f"{thing} it is", f"no {thing}") for thing in ("a tree", "a stone", "one river", "wind")]


def graded(question, **more):
    return {"messages": [{"role": "user", "content": question}], "answer": "yes", **more}


GRADED = [graded(f"is {thing} grey") for thing in ("the sky over here", "every stone", "a mouse", "grass")]


def test_pairs_are_told_from_the_file(write):
    report = inspect(write(PAIRS))

    assert (report.method, report.counts) == ("preference", {})


@pytest.mark.parametrize(
    ("row", "kind", "path"),
    [
        ({**PAIRS[0], "input": {}}, "bad_preference", "input"),
        ({**PAIRS[0], "input": {"messages": []}}, "bad_preference", "input"),
        ({**PAIRS[0], "preferred_output": []}, "bad_preference", "preferred_output"),
        ({**PAIRS[0], "non_preferred_output": "x"}, "bad_preference", "non_preferred_output"),
        (pair("name fire", "Fire it is", "fire  it IS"), "same_preference", "non_preferred_output"),
        (pair("name fire", "", "fire"), "empty_assistant", "preferred_output[0].content"),
    ],
)
def test_bad_pairs(told, row, kind, path):
    assert told(row, base=PAIRS[1:]) == [(kind, path)]


def test_a_chat_line_among_pairs(told):
    row = {"messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "ho"}]}

    assert told(row, base=PAIRS) == [("bad_preference", "")]


def test_rows_for_a_grader_need_no_answer_but_its_fields(write):
    odd = {"messages": [{"role": "user", "content": "is coal grey"}]}

    report = inspect(write([*GRADED * 1, odd, *(graded(f"is it {n} grey stones") for n in range(20))]))

    assert report.method == "reinforcement"
    assert [(one.line, one.kind, one.path) for one in report.findings] == [(5, "bad_reference", "answer")]
