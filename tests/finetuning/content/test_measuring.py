"""Size, hash, lines and format of files, however they are cut into blocks."""

import hashlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finetuning.content import Measured, Measuring, NotTrainingData
from tests.finetuning.conftest import chat

PAIR = {
    "input": {"messages": [{"role": "user", "content": "Hi"}], "tools": [{"type": "function"}]},
    "preferred_output": [{"role": "assistant", "content": "Hello"}],
    "non_preferred_output": [{"role": "assistant", "content": "What"}],
}
GRADED = {"messages": [{"role": "user", "content": "2 + 2"}], "answer": "4"}


def measured(*blocks: bytes, **options: object) -> Measured:
    measuring = Measuring(**options)  # type: ignore[arg-type]
    for block in blocks:
        measuring.add(block)
    return measuring.finish()


def jsonl(*records: object, end: bytes = b"\n") -> bytes:
    return b"\n".join(json.dumps(record).encode() for record in records) + end


@given(st.lists(st.integers(min_value=1, max_value=200), max_size=6))
def test_blocks_do_not_matter(cuts):
    data = jsonl(chat("One?", "Yes."), chat("Two?", "No."), end=b"")
    blocks, rest = [], data
    for cut in cuts:
        blocks.append(rest[:cut])
        rest = rest[cut:]

    found = measured(*blocks, rest)

    assert found == Measured(len(data), hashlib.sha256(data).hexdigest(), 2, "chat", False)


@pytest.mark.parametrize(
    ("records", "format", "has_tools"),
    [
        ((chat("a", "b"),), "chat", False),
        (({**chat("a", "b"), "tools": [{"type": "function"}]},), "chat", True),
        ((PAIR,), "preference", True),
        ((GRADED, GRADED, chat("a", "b")), "reinforcement", False),
        (({"prompt": "a", "completion": "b"},), "unknown", False),
        (({"messages": []}, {"messages": "x"}), "unknown", False),
    ],
)
def test_the_format_is_what_most_lines_are(records, format, has_tools):
    found = measured(jsonl(*records))

    assert (found.format, found.has_tools) == (format, has_tools)


def test_broken_lines_do_not_hide_the_format():
    found = measured(b"\xef\xbb\xbfnot json\n" + jsonl(chat("a", "b")) + b"{\n")

    assert (found.format, found.lines) == ("chat", 3)


def test_one_line_longer_than_what_is_looked_at_is_taken():
    found = measured(jsonl(chat("a", "b" * (2 << 20))))

    assert (found.format, found.lines) == ("unknown", 1)


@pytest.mark.parametrize(
    ("data", "code", "words"),
    [
        (b"", "empty_file", "The file is empty."),
        (b"\x1f\x8b\x08\x00rest", "not_jsonl", "It is compressed (gzip)."),
        (b"PAR1....", "not_jsonl", "It is a Parquet file."),
        ("{}\n".encode("utf-16"), "not_jsonl", "It is UTF-16 text."),
        (b"\x00\x01\x02", "not_jsonl", "It is no text."),
        (json.dumps([chat("a", "b")]).encode(), "not_jsonl", "Write each element on a line of its own."),
        (json.dumps(chat("a", "b"), indent=2).encode(), "not_jsonl", "spread over several lines"),
        (b"question,answer\na,b\n", "not_jsonl", "Its first line begins with 'question,answer"),
    ],
)
def test_what_cannot_be_training_data_is_told(data, code, words):
    with pytest.raises(NotTrainingData) as refused:
        measured(data)

    assert refused.value.code == code
    assert words in str(refused.value)


def test_the_limit_is_told_with_the_block_that_passes_it():
    measuring = Measuring(limit_bytes=2 << 20)
    measuring.add(b"x" * (2 << 20))

    with pytest.raises(NotTrainingData, match=r"^A file may have up to 2 MiB\.$"):
        measuring.add(b"x")


def test_results_may_be_anything():
    assert measured(b"step,train_loss\n1,0.5\n", is_data=False).format == "unknown"
