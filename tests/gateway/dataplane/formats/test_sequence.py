"""Parts that arrive interleaved leave one after the other."""

from gateway.dataplane.formats import anthropic, openai_chat
from gateway.dataplane.formats.ir import Delta, Ended, PartEnd, PartStart, Prompt, Start, Stopped
from gateway.dataplane.formats.sequence import Sequencer
from tests.gateway.dataplane.formats.strategies import collected


def chunk(*calls: str, finish: str = "null") -> bytes:
    return (
        b'data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":'
        b'{"tool_calls":[%b]},"finish_reason":%b}]}\n\n' % (",".join(calls).encode(), finish.encode())
    )


def call(index: int, arguments: str, name: str = "") -> str:
    head = f'"id":"call_{index}","type":"function",' if name else ""
    named = f'"name":"{name}",' if name else ""
    escaped = arguments.replace('"', '\\"')
    return f'{{"index":{index},{head}"function":{{{named}"arguments":"{escaped}"}}}}'


def test_a_part_waits_for_the_one_before_it() -> None:
    sequencer = Sequencer()

    assert sequencer.start("a", "tool_use", id="1", name="f") == [PartStart(0, "tool_use", "1", "f")]
    assert sequencer.delta("a", '{"x":') == [Delta(0, '{"x":')]
    assert sequencer.start("b", "tool_use", id="2", name="g") == []
    assert sequencer.delta("b", "{}") == []
    assert sequencer.delta("a", "1}") == [Delta(0, "1}")]
    assert sequencer.finish() == [
        PartEnd(0),
        PartStart(1, "tool_use", "2", "g"),
        Delta(1, "{}"),
        PartEnd(1),
    ]


def test_complete_arguments_end_a_call_when_the_next_begins() -> None:
    sequencer = Sequencer()
    sequencer.start("a", "tool_use", id="1", name="f")
    sequencer.delta("a", '{"x":1}')

    assert sequencer.start("b", "text") == [PartEnd(0), PartStart(1, "text")]


def test_calls_whose_arguments_arrive_in_turns() -> None:
    reader = openai_chat.reader()
    events = reader.feed(
        chunk(call(0, "", "get_weather"), call(1, "", "get_time"))
        + chunk(call(0, '{"city":'))
        + chunk(call(1, '{"zone":'))
        + chunk(call(0, '"Paris"}'))
        + chunk(call(1, '"CET"}'))
        + chunk(finish='"tool_calls"')
        + b"data: [DONE]\n\n"
    )

    assert events[0] == Start("c", "m", 1)
    assert events[-2:] == [Stopped("tool_use"), Ended()]
    parts = collected(events).choices[0].parts
    assert [(part.id, part.name, part.arguments) for part in parts] == [  # type: ignore[attr-defined]
        ("call_0", "get_weather", '{"city":"Paris"}'),
        ("call_1", "get_time", '{"zone":"CET"}'),
    ]


def test_blocks_of_a_message_never_overlap_on_the_wire() -> None:
    reader = openai_chat.reader()
    data = chunk(call(0, "{", "f"), call(1, "{", "g")) + chunk(call(1, "}")) + chunk(call(0, "}"))
    events = reader.feed(data) + reader.finish()
    written = anthropic.writer(Prompt(model="m")).write(events).decode()

    order = [
        (line.split('"type":"')[1].split('"')[0], line.split('"index":')[1][0])
        for line in written.splitlines()
        if line.startswith("data:") and '"index":' in line and "content_block_delta" not in line
    ]
    assert order == [
        ("content_block_start", "0"),
        ("content_block_stop", "0"),
        ("content_block_start", "1"),
        ("content_block_stop", "1"),
    ]
