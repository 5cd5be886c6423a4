"""Usage of answers that broke off: what arrived is read, wherever the cut fell."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.dataplane.usage import texts_of_cut


def answer_with(text: str, *, escapes: bool) -> bytes:
    message = {"role": "assistant", "content": text}
    return json.dumps({"id": "x", "choices": [{"index": 0, "message": message}]}, ensure_ascii=escapes).encode()


@given(st.text(min_size=1), st.booleans(), st.data())
def test_the_text_up_to_the_cut_is_read(text: str, escapes: bool, data: st.DataObject) -> None:
    text = text.encode("utf-8", "ignore").decode() or "x"
    body = answer_with(text, escapes=escapes)
    cut = data.draw(st.integers(0, len(body)))

    found = texts_of_cut(body[:cut])

    assert text.startswith("".join(found))
    if cut >= len(body) - len('"}}]}'):
        assert found == [text]


@pytest.mark.parametrize(
    ("body", "texts"),
    [
        (b"", []),
        (b'{"choices":[{"message":{"content":', []),
        (b'{"choices":[{"message":{"content":"', []),
        (b'{"choices":[{"message":{"content" : "say \\"content\\": \\"no\\" and', ['say "content": "no" and']),
        (b'{"choices":[{"message":{"content":"half \\', ["half "]),
        (b'{"choices":[{"message":{"content":"half \\u00', ["half "]),
        (b'{"choices":[{"message":{"content":"half \\ud83d', ["half "]),
        ('{"content":"snow ☃'.encode()[:-1], ["snow "]),
        (b'{"tool_calls":[{"function":{"name":"f","arguments":"{\\"a\\": 1', ["f", '{"a": 1']),
        (b'{"content":[{"type":"thinking","thinking":"hm"},{"type":"text","text":"so', ["hm", "so"]),
        (b'{"message":{"reasoning_content":"think","content":"say"}}', ["think", "say"]),
    ],
)  # fmt: skip
def test_cuts_inside_keys_escapes_and_characters(body: bytes, texts: list[str]) -> None:
    assert texts_of_cut(body) == texts
