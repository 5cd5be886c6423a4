"""Lines of OpenAI's format in Vertex AI's."""

import json
from typing import Any

import pytest

from finetuning.backends.geminilines import NotExpressible, converted


def one(record: dict[str, Any]) -> Any:
    [line] = converted([json.dumps(record).encode(), b"\n"])
    return json.loads(line)


def test_roles_system_and_tools() -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "find", "arguments": '{"id": 7}'}}
    found = one(
        {
            "messages": [
                {"role": "system", "content": "Be brief."},
                {"role": "user", "content": [{"type": "text", "text": "7?"}]},
                {"role": "assistant", "content": None, "tool_calls": [call]},
                {"role": "tool", "tool_call_id": "c1", "content": "here"}, {"role": "assistant", "content": "Here."},
            ],
            "tools": [{"function": {"name": "find", "parameters": {"type": "object"}, "strict": True}}],
        }
    )  # fmt: skip

    assert found == {
        "systemInstruction": {"role": "system", "parts": [{"text": "Be brief."}]},
        "contents": [
            {"role": "user", "parts": [{"text": "7?"}]},
            {"role": "model", "parts": [{"functionCall": {"name": "find", "args": {"id": 7}}}]},
            {"role": "user", "parts": [{"functionResponse": {"name": "c1", "response": {"result": "here"}}}]},
            {"role": "model", "parts": [{"text": "Here."}]},
        ],
        "tools": [{"functionDeclarations": [{"name": "find", "parameters": {"type": "object"}}]}],
    }


def test_preference_pairs() -> None:
    found = one(
        {
            "input": {"messages": [{"role": "user", "content": "Hi"}]},
            "preferred_output": [{"role": "assistant", "content": "Hello!"}],
            "non_preferred_output": [{"role": "assistant", "content": "What."}],
        }
    )

    assert [(one["score"], one["completion"]["parts"][0]["text"]) for one in found["completions"]] == [
        (1.0, "Hello!"), (0.0, "What.")
    ]  # fmt: skip


@pytest.mark.parametrize(
    "line",
    [b"{", b"[]", b'{"messages": [{"role": "narrator", "content": "x"}]}', b'{"messages": [{"role": "user"}]}',
     b'{"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}'],
)  # fmt: skip
def test_what_cannot_be_said_names_its_line(line: bytes) -> None:
    with pytest.raises(NotExpressible, match="Line 2 "):
        list(converted([b"\n", line]))
