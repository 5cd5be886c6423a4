"""Published counts: OpenAI's cookbook, "How to count tokens with tiktoken" (examples/How_to_count_tokens_with_tiktoken
.ipynb of openai/openai-cookbook), sections 5 to 7, where each figure stands beside the API's own ``prompt_tokens``."""

from __future__ import annotations

import subprocess
import sys

import pytest

from gateway.tokens import count_chat, count_text, encoding_for
from gateway.tokens.counting import MAX_SPAN

JARGON = [
    (
        "system",
        None,
        "You are a helpful, pattern-following assistant that translates corporate jargon into plain English.",
    ),
    ("system", "example_user", "New synergies will help drive top-line growth."),
    ("system", "example_assistant", "Things working well together will increase revenue."),
    (
        "system",
        "example_user",
        "Let's circle back when we have more bandwidth to touch base on opportunities for increased leverage.",
    ),
    ("system", "example_assistant", "Let's talk later when we're less busy about how to do better."),
    ("user", None, "This late pivot means we don't have time to boil the ocean for the client deliverable."),
]
MESSAGES = [{"role": role, "content": content} | ({"name": name} if name else {}) for role, name, content in JARGON]
WEATHER = [
    {"role": "system", "content": "You are a helpful assistant that can answer to questions about the weather."},
    {"role": "user", "content": "What's the weather like in San Francisco?"},
]
TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "get_current_weather",
            "description": "Get the current weather in a given location",
            "parameters": {
                "type": "object",
                "properties": {
                    "location": {"type": "string", "description": "The city and state, e.g. San Francisco, CA"},
                    "unit": {
                        "type": "string",
                        "description": "The unit of temperature to return",
                        "enum": ["celsius", "fahrenheit"],
                    },
                },
                "required": ["location"],
            },
        },
    }
]


@pytest.mark.parametrize(
    ("text", "tokens"), [("antidisestablishmentarianism", 6), ("2 + 2 = 4", 7), ("お誕生日おめでとう", 9)]
)
def test_texts_of_the_cookbook(text, tokens):
    assert count_text(text, "gpt-4") == (tokens, True, "cl100k_base")


@pytest.mark.parametrize(
    ("model", "tokens"),
    [("gpt-3.5-turbo", 129), ("gpt-4-0613", 129), ("gpt-4", 129), ("gpt-4o", 124), ("gpt-4o-mini", 124)],
)
def test_messages_of_the_cookbook(model, tokens):
    counted = count_chat(MESSAGES, None, model)

    assert (counted.tokens, counted.exact) == (tokens, True)


@pytest.mark.parametrize(
    ("model", "tokens"), [("gpt-3.5-turbo", 105), ("gpt-4", 105), ("gpt-4o", 101), ("gpt-4o-mini", 101)]
)
def test_tools_of_the_cookbook_are_an_approximation(model, tokens):
    counted = count_chat(WEATHER, TOOLS, model)

    assert (counted.tokens, counted.exact) == (tokens, False)


def test_the_chat_format_of_reasoning_models_is_not_verified():
    assert count_chat(MESSAGES, None, "gpt-5") == (124, False, "o200k_base")


def test_content_parts_count_like_the_same_text_and_images_are_estimates():
    text = {"type": "text", "text": "What is in this picture?"}
    low = {"type": "image_url", "image_url": {"url": "https://example.com/a.png", "detail": "low"}}
    high = {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}

    def chat(*parts):
        return count_chat([{"role": "user", "content": list(parts)}], None, "gpt-4o")

    plain = count_chat([{"role": "user", "content": text["text"]}], None, "gpt-4o")
    assert chat(text) == plain
    assert plain.exact
    assert chat(text, low) == (plain.tokens + 85, False, "o200k_base")
    assert chat(text, high) == (plain.tokens + 765, False, "o200k_base")


def test_special_tokens_in_text_are_ordinary_text():
    assert count_text("<|endoftext|>", "gpt-4o") == (7, True, "o200k_base")


@pytest.mark.parametrize("model", ["claude-sonnet-4-5", "llama-3.3-70b", "gpt2", "", "gpt-4x"])
def test_other_models_get_a_labelled_estimate(model):
    assert count_text("abcdé", model) == (2, False, "bytes/4")
    assert count_text("", model) == (0, False, "bytes/4")


def test_a_chat_of_another_model_is_a_labelled_estimate():
    counted = count_chat([{"role": "user", "content": "12345678"}], None, "claude-sonnet-4-5")

    assert counted == (3 + 1 + 2 + 3, False, "bytes/4")


@pytest.mark.parametrize(
    ("text", "tokens"),
    [("a" * 400_000, 50_000), (" " * 400_000, 3_125), ("\x00" * 10, 5)],
    ids=["one letter", "spaces", "NUL"],
)
def test_runs_are_exact_and_do_not_blow_up(text, tokens):
    assert count_text(text, "gpt-4o") == (tokens, True, "o200k_base")


def test_a_run_that_overflows_the_tokenizer_is_cut_and_labelled():
    assert count_text(" " * 1_600_000, "gpt-4o") == (12_500, False, "o200k_base")


def test_long_text_is_cut_where_no_token_changes():
    from gateway.tokens.vocabulary import encoding

    text = "The quick brown fox, 1234 times!\n\n  It's   übel —  日本語 \t" * 20_000

    assert len(text) > 2 * MAX_SPAN
    for model in ("gpt-4o", "gpt-4"):
        counted = count_text(text, model)
        assert counted.exact
        assert counted.tokens == len(encoding(counted.method).encode_ordinary(text))


def test_lone_surrogates_are_counted_as_replacement_characters():
    assert count_text("a\ud800b", "gpt-4o") == (count_text("a\ufffdb", "gpt-4o").tokens, False, "o200k_base")
    assert count_text("a\ud800b", "claude-3").tokens == 1


@pytest.mark.parametrize(
    "messages",
    [
        [None],
        ["text"],
        [{"role": "user", "content": None}],
        [{"role": 5, "content": {"a": 1}}],
        [{"role": "user", "content": [None, 3, {"type": "text", "text": None}, {"type": "input_audio"}]}],
        [{"role": "assistant", "tool_calls": [{"id": "c", "function": {"name": "f", "arguments": "{}"}}, None, "x"]}],
        [{"role": "tool", "tool_call_id": "c", "content": "done"}],
    ],
)
def test_no_shape_of_messages_or_tools_raises(messages):
    tools = [None, {}, {"function": 1}, {"function": {"name": "f", "parameters": {"properties": {"a": True, "b": {}}}}}]

    assert count_chat(messages, tools, "gpt-4o").exact is False


@pytest.mark.parametrize(
    ("model", "encoding_name"),
    [
        ("gpt-4o-2024-08-06", "o200k_base"),
        ("gpt-5.2", "o200k_base"),
        ("ft:gpt-4.1-mini-2025-04-14:acme:help:abc", "o200k_base"),  # tiktoken answers cl100k_base
        ("ft:o4-mini-2025-04-16:acme::abc", "o200k_base"),  # tiktoken raises
        ("ft:gpt-4-0613:acme::abc", "cl100k_base"),
        ("openai/gpt-4o-mini", "o200k_base"),
        ("text-embedding-3-small", "cl100k_base"),
        ("mistral-large-latest", None),
        ("text-davinci-003", None),
    ],
)
def test_encoding_of_a_model(model, encoding_name):
    assert encoding_for(model) == encoding_name


def test_the_table_agrees_with_tiktoken_for_every_name_it_knows():
    from tiktoken import model as tiktoken

    shipped = {"o200k_base": "o200k_base", "o200k_harmony": "o200k_base", "cl100k_base": "cl100k_base"}
    known = tiktoken.MODEL_TO_ENCODING | {
        f"{prefix}x": name for prefix, name in tiktoken.MODEL_PREFIX_TO_ENCODING.items()
    }

    plain = {model: name for model, name in known.items() if not model.startswith("ft:")}
    assert {model: encoding_for(model) for model in plain} == {
        model: shipped.get(name) for model, name in plain.items()
    }


def test_importing_the_package_loads_no_tokenizer():
    check = "import sys, gateway.tokens; sys.exit('tiktoken' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0
