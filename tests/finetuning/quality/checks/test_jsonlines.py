import json

import pytest

from tests.finetuning.conftest import chat

GOOD = json.dumps(chat("who are you", "a clerk"))


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (GOOD[:-1], "Unexpected end of data, at column 157."),
        (GOOD + ",", "Unexpected content after document, at column 158."),
        (GOOD.replace('"messages"', "messages"), "Unexpected character, expected a string key, at column 2."),
        ("", "The line is empty."),
        ("[]", "The line is an array, not an object."),
        ("5", "The line is a number, not an object."),
        ("null", "The line is null, not an object."),
        (b'{"messages": "\xff"}', "Str is not valid UTF-8: surrogates not allowed, at column 1."),
    ],
)
def test_broken_lines(found, line, message):
    (finding,) = found(line)

    assert (finding.line, finding.kind, finding.severity) == (1, "invalid_json", "error")
    assert finding.message == message


@pytest.mark.parametrize(
    ("row", "message", "path"),
    [
        ({"prompt": "a", "completion": "b"}, "in the old format `prompt`, `completion`.", ""),
        ({"conversations": []}, "in the ShareGPT format `conversations`.", ""),
        ({"instruction": "a", "output": "b"}, "in the Alpaca format `instruction`, `output`.", ""),
        ({"message": []}, "no `messages` but `message`.", ""),
        ({}, "The line has no `messages`.", ""),
        ({"messages": []}, "must be a list with messages in it.", "messages"),
        ({"messages": {}}, "must be a list with messages in it.", "messages"),
        ({"messages": [{"role": "user", "content": "hi"}, 5]}, "A message must be an object.", "messages[1]"),
    ],
)
def test_no_messages(found, row, message, path):
    finding = found(row)[0]

    assert (finding.kind, finding.path) == ("missing_messages", path)
    assert finding.message.endswith(message)


def test_a_byte_order_mark(found):
    (finding,) = found(b"\xef\xbb\xbf" + GOOD.encode())

    assert (finding.kind, finding.message) == ("encoding_noise", "The file begins with a byte order mark.")
