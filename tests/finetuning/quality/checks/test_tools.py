import pytest

TOOL = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object", "properties": {}}}}
ASK = {"role": "user", "content": "will it rain in Oslo"}
CALL = {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Oslo"}'}}
CALLS = {"role": "assistant", "content": None, "tool_calls": [CALL]}
RESULT = {"role": "tool", "tool_call_id": "c1", "content": "rain"}
SAY = {"role": "assistant", "content": "yes"}


def line(*messages, tools=(TOOL,)):
    return {"messages": list(messages), "tools": list(tools)}


def calling(**changes):
    return {**CALLS, "tool_calls": [{**CALL, "function": {**CALL["function"], **changes}}]}


@pytest.mark.parametrize(
    "row",
    [
        line(ASK, CALLS), line(ASK, CALLS, RESULT, SAY), line(ASK, SAY),
        line(ASK, {**CALLS, "tool_calls": [CALL, {**CALL, "id": "c2"}]}, {**RESULT, "tool_call_id": "c2"}, RESULT, SAY),
    ],
)  # fmt: skip
def test_good_calls(told, row):
    assert told(row) == []


@pytest.mark.parametrize(
    ("row", "path"),
    [
        (line(ASK, CALLS, SAY), "messages[1].tool_calls[0]"),
        (line(ASK, CALLS, {**RESULT, "tool_call_id": "c9"}, SAY), "messages[2]"),
        (line(ASK, RESULT, SAY), "messages[1]"),
        (line(ASK, CALLS, RESULT, RESULT, SAY), "messages[3]"),
        (line(ASK, calling(name="time"), RESULT, SAY), "messages[1].tool_calls[0]"),
        (line(ASK, calling(arguments="{"), RESULT, SAY), "messages[1].tool_calls[0]"),
        (line(ASK, calling(arguments="[]"), RESULT, SAY), "messages[1].tool_calls[0]"),
        (line(ASK, {**CALLS, "tool_calls": [CALL, CALL]}, RESULT, SAY), "messages[1].tool_calls[1]"),
        (line(ASK, {**CALLS, "tool_calls": [{**CALL, "id": ""}]}, SAY), "messages[1].tool_calls[0]"),
    ],
)
def test_unpaired_calls(told, row, path):
    assert told(row) == [("tool_pairing", path)]


@pytest.mark.parametrize(
    "tool",
    [
        {}, {"type": "function"}, {"type": "other", "function": TOOL["function"]}, 5,
        {"type": "function", "function": {"name": "bad name"}}, {"type": "function", "function": {"name": "x" * 65}},
        {"type": "function", "function": {"name": "f", "parameters": {"type": "string"}}},
    ],
)  # fmt: skip
def test_bad_definitions(told, tool):
    assert told(line(ASK, SAY, tools=[tool])) == [("bad_tools", "tools[0]")]
