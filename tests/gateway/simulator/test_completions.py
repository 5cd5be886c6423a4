"""OpenAI's text completions, by the official client."""

import json

import pytest

from tests.gateway.simulator.raw import post


def test_two_texts_for_each_prompt(openai_client):
    answer = openai_client.completions.create(model="gpt-4o", prompt=["hello", "good bye"], n=2, max_tokens=3)

    assert (answer.object, len(answer.choices)) == ("text_completion", 4)
    assert [choice.index for choice in answer.choices] == [0, 1, 2, 3]
    assert {choice.finish_reason for choice in answer.choices} == {"length"}
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (3, 12)


def test_sixteen_tokens_unless_told_otherwise(openai_client):
    assert openai_client.completions.create(model="gpt-4o", prompt="hello").usage.completion_tokens == 16


def test_stream_with_usage(openai_client):
    whole = openai_client.completions.create(model="gpt-4o", prompt="hello", max_tokens=5)
    asked = {"stream": True, "stream_options": {"include_usage": True}}
    *chunks, last = openai_client.completions.create(model="gpt-4o", prompt="hello", max_tokens=5, **asked)

    assert "".join(chunk.choices[0].text for chunk in chunks) == whole.choices[0].text
    assert chunks[-1].choices[0].finish_reason == "length"
    assert (last.choices, last.usage.completion_tokens) == ([], 5)


def test_echo_and_logprobs(openai_client):
    answer = openai_client.completions.create(model="gpt-4o", prompt="hello", echo=True, logprobs=1, max_tokens=2)

    choice = answer.choices[0]
    assert choice.text.startswith("hello")
    assert len(choice.logprobs.tokens) == 2
    assert choice.logprobs.text_offset == [5, 5 + len(choice.logprobs.tokens[0])]


@pytest.mark.parametrize(("prompt", "code"), [(7, b"400"), ([], b"400"), ([{"a": 1}], b"400"), ([[1, 2]], b"200")])
def test_prompts(simulator, prompt, code):
    head, body = post(simulator, {"model": "gpt-4o", "prompt": prompt, "max_tokens": 1}, path="/v1/completions")

    assert head.split(b" ")[1] == code
    if code == b"200":
        assert json.loads(body)["usage"]["prompt_tokens"] == 2
