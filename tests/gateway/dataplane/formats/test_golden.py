"""The vendors' published examples, read and written in every other dialect.

Each file of `golden/` holds one example with the page it stands on and the day it was seen. What it becomes elsewhere
was checked by hand against the other vendor's page.
"""

import json
from pathlib import Path
from typing import Any

import orjson
import pytest

from gateway.dataplane.formats.base import Losses
from gateway.dataplane.formats.ir import Prompt
from gateway.dataplane.formats.registry import FORMATS
from tests.gateway.dataplane.formats.strategies import collected

GOLDEN = Path(__file__).parent / "golden"


def cases(kind: str) -> Any:
    files = sorted(GOLDEN.glob(f"{kind}-*.json"))
    assert files
    return pytest.mark.parametrize("case", [json.loads(f.read_text()) for f in files], ids=[f.stem for f in files])


def sent(body: Any) -> Any:
    return orjson.loads(orjson.dumps(body))


@cases("request")
def test_requests(case: dict[str, Any]) -> None:
    prompt = FORMATS[case["format"]].read_request(case["body"])

    for dialect, expected in case["into"].items():
        losses = Losses(dialect, may_drop=bool(expected["dropped"]))
        assert sent(FORMATS[dialect].write_request(prompt, losses)) == expected["body"]
        assert losses.dropped == expected["dropped"]


@cases("reply")
def test_replies(case: dict[str, Any]) -> None:
    reply = FORMATS[case["format"]].read_reply(case["body"])

    for dialect, expected in case["into"].items():
        assert sent(FORMATS[dialect].write_reply(reply, Prompt(model="m"))) == expected


def stream_of(case: dict[str, Any]) -> bytes:
    return "".join(event + "\n\n" for event in case["stream"]).encode()


@cases("stream")
def test_streams(case: dict[str, Any]) -> None:
    reader = FORMATS[case["format"]].reader()
    reply = collected(reader.feed(stream_of(case)) + reader.finish())

    for dialect, expected in case["adds_up_to"].items():
        assert sent(FORMATS[dialect].write_reply(reply, Prompt(model="m"))) == expected


@cases("stream")
def test_streams_cut_anywhere_give_the_same_events(case: dict[str, Any]) -> None:
    data = stream_of(case)
    whole = FORMATS[case["format"]].reader()
    expected = whole.feed(data) + whole.finish()

    for cut in range(1, len(data)):
        reader = FORMATS[case["format"]].reader()
        assert reader.feed(data[:cut]) + reader.feed(data[cut:]) + reader.finish() == expected
    by_byte = FORMATS[case["format"]].reader()
    found = [event for index in range(len(data)) for event in by_byte.feed(data[index : index + 1])]
    assert found + by_byte.finish() == expected


@cases("stream")
def test_streams_say_the_same_in_every_dialect(case: dict[str, Any]) -> None:
    reader = FORMATS[case["format"]].reader()
    events = reader.feed(stream_of(case)) + reader.finish()
    reply = collected(events)

    for dialect in ("openai-chat", "openai-responses", "anthropic-messages"):
        writer = FORMATS[dialect].writer(Prompt(model="m", source={"stream_options": {"include_usage": True}}))
        again = FORMATS[dialect].reader()
        found = collected(again.feed(writer.write(events) + writer.close()) + again.finish())
        assert (found.choices, found.usage) == (reply.choices, reply.usage)
