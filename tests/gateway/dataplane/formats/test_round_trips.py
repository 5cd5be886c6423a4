"""What a dialect can express survives being written in it and read back: prompts, replies, streams however cut."""

from itertools import pairwise
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.dataplane.formats import anthropic, openai_chat, openai_completions, openai_responses
from gateway.dataplane.formats.base import Format, Losses
from gateway.dataplane.formats.ir import Event, Prompt, Reply
from tests.gateway.dataplane.formats import strategies as made

FEW = settings(deadline=None, max_examples=40)
ASKED = Prompt(model="m", source={"stream_options": {"include_usage": True}})


def sent(body: Any) -> Any:
    """What arrives at the other side of the wire."""
    return orjson.loads(orjson.dumps(body))


def rewritten(format_: Format, prompt: Prompt) -> Prompt:
    return format_.read_request(sent(format_.write_request(prompt, Losses(format_.NAME))))


@pytest.mark.slow
@FEW
@given(made.chat_prompts())
def test_chat_prompts(prompt: Prompt) -> None:
    assert rewritten(openai_chat, prompt) == prompt


@pytest.mark.slow
@FEW
@given(made.responses_prompts())
def test_responses_prompts(prompt: Prompt) -> None:
    assert rewritten(openai_responses, prompt) == prompt


@FEW
@given(made.anthropic_prompts())
def test_anthropic_prompts(prompt: Prompt) -> None:
    assert rewritten(anthropic, prompt) == prompt


@FEW
@given(made.NAMES, made.TEXT, st.integers(1, 99), st.integers(1, 3))
def test_completions_prompts(model: str, text: str, limit: int, n: int) -> None:
    fields = {"model": model, "prompt": text, "max_tokens": limit, "n": n}

    prompt = openai_completions.read_request(fields)

    assert sent(openai_completions.write_request(prompt, Losses("x"))) == fields


CHAT_REPLIES = made.replies(
    parts=made.some_parts(vendor="anthropic", refusals=False, many_texts=False),
    stops=["end", "length", "content_filter"], usage=made.usages(audio=True),
)  # fmt: skip
RESPONSES_REPLIES = made.replies(
    parts=made.some_parts(vendor="anthropic", refusals=True, many_texts=True),
    stops=["end", "length", "content_filter"], usage=made.usages(),
)  # fmt: skip
ANTHROPIC_REPLIES = made.replies(
    parts=made.some_parts(vendor="anthropic", refusals=False, many_texts=True),
    stops=["end", "length", "refusal", "pause", "context_window"], usage=made.usages(cache_writes=True),
)  # fmt: skip


def check_reply(format_: Format, reply: Reply) -> None:
    found = format_.read_reply(sent(format_.write_reply(reply, ASKED)))
    assert (found.choices, found.usage, found.model) == (reply.choices, reply.usage, reply.model)


@FEW
@given(CHAT_REPLIES)
def test_chat_replies(reply: Reply) -> None:
    check_reply(openai_chat, reply)


@FEW
@given(RESPONSES_REPLIES)
def test_responses_replies(reply: Reply) -> None:
    for choice in reply.choices:
        for index, part in enumerate(choice.parts):
            if hasattr(part, "vendor"):  # items are numbered, and reasoning keeps its item's id
                part.id = f"rs_{reply.id.removeprefix('resp_')}_{index}"
    check_reply(openai_responses, reply)


@FEW
@given(ANTHROPIC_REPLIES)
def test_anthropic_replies(reply: Reply) -> None:
    check_reply(anthropic, reply)


# ---- streams ---------------------------------------------------------------------------------------------------------
def written(format_: Format, reply: Reply, cuts: int) -> bytes:
    writer = format_.writer(ASKED)
    return b"".join(writer.write([event]) for event in made.events_of(reply, cuts)) + writer.close()


def read(format_: Format, pieces: list[bytes]) -> list[Event]:
    reader = format_.reader()
    return [event for piece in pieces for event in reader.feed(piece)] + reader.finish()


def check_stream(format_: Format, reply: Reply, cuts: int) -> None:
    found = made.collected(read(format_, [written(format_, reply, cuts)]))
    assert (found.choices, found.usage) == (reply.choices, reply.usage)


@FEW
@given(CHAT_REPLIES, st.integers(1, 5))
def test_chat_streams(reply: Reply, cuts: int) -> None:
    check_stream(openai_chat, reply, cuts)


@FEW
@given(RESPONSES_REPLIES, st.integers(1, 5))
def test_responses_streams(reply: Reply, cuts: int) -> None:
    check_stream(openai_responses, reply, cuts)


@FEW
@given(ANTHROPIC_REPLIES, st.integers(1, 5))
def test_anthropic_streams(reply: Reply, cuts: int) -> None:
    check_stream(anthropic, reply, cuts)


@pytest.mark.parametrize(
    ("format_", "replies"),
    [(openai_chat, CHAT_REPLIES), (openai_responses, RESPONSES_REPLIES), (anthropic, ANTHROPIC_REPLIES)],
    ids=["chat", "responses", "anthropic"],
)
def test_any_pieces_give_the_same_events(format_: Format, replies: Any) -> None:
    @FEW
    @given(replies, st.lists(st.integers(0, 4000), max_size=6), st.sampled_from([b"\n", b"\r\n"]))
    def check(reply: Reply, cuts: list[int], line_end: bytes) -> None:
        data = written(format_, reply, 3).replace(b"\n", line_end)
        ends = sorted({cut for cut in cuts if cut < len(data)} | {0, len(data)})
        pieces = [data[begin:end] for begin, end in pairwise(ends)]

        assert read(format_, pieces) == read(format_, [data])

    check()
