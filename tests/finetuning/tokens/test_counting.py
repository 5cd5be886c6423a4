"""Goldens: the Microsoft tutorial's set (its printed counts, and the 5,000 tokens a real job billed for ten epochs) and
the OpenAI cookbook's toy set (its printed 4,306 tokens with a limit of 4,096)."""

import json
import subprocess
import sys

import pytest

from finetuning.tokens import Counter, count

CLIPPY = {
    "messages": [
        {"role": "system", "content": "Clippy is a factual chatbot that is also sarcastic."},
        {"role": "user", "content": "Who discovered Antarctica?"},
        {"role": "assistant", "content": "Some chaps."},
    ]
}


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.mark.needs_shared
@pytest.mark.parametrize(
    ("name", "model", "limit", "total", "answers"),
    [
        ("msft_clippy_train.jsonl", "gpt-4o-mini-2024-07-18", 10**9, 498, 165),
        ("msft_clippy_valid.jsonl", "ft:gpt-4.1-mini-2025-04-14:acme:help:abc", 10**9, 489, 150),
        ("toy_chat_fine_tuning.jsonl", "gpt-3.5-turbo", 10**9, 8_242, 8_051),
        ("toy_chat_fine_tuning.jsonl", "gpt-3.5-turbo", 4_096, 4_306, 8_051),
        ("banking77_train20.jsonl", "gpt-4.1", 10**9, 70_959, 6_440),
    ],
)
def test_goldens(data, name, model, limit, total, answers):
    counter = Counter(model)

    counted = [counter.count(record) for record in lines(data / name)]

    assert sum(min(one.tokens, limit) for one in counted) == total
    assert sum(one.answer_tokens for one in counted) == answers
    assert all(one.exact and one.error == "" and one.notes == () for one in counted)


@pytest.mark.needs_shared
def test_the_bill_of_a_real_job(data):
    """Azure rounded 4,980 tokens up to a thousand."""
    tokens = sum(count(record, model="gpt-4o-mini").tokens for record in lines(data / "msft_clippy_train.jsonl"))
    trace = json.loads((data / "jobtrace_azure_gpt4omini_overfit.json").read_text())

    assert tokens * 10 == 4_980
    assert -(-tokens * 10 // 1_000) * 1_000 == 5_000
    assert "5000" in json.dumps(trace)


def test_the_formula():
    """3 + three messages of 3 + role + content: hand-counted with o200k_base."""
    counted = count(CLIPPY, model="gpt-4o-mini")

    assert counted.tokens == 3 + 3 * 3 + 3 + 12 + 4 + 4
    assert (counted.exact, counted.method, counted.answer_tokens) == (True, "o200k_base", 4)


def test_a_line_counts_as_its_record():
    line = json.dumps(CLIPPY)

    assert count(line, model="gpt-4o") == count(line.encode(), model="gpt-4o") == count(CLIPPY, model="gpt-4o")


def test_a_line_that_is_no_json_raises():
    with pytest.raises(ValueError):
        count("{", model="gpt-4o")


def test_a_tuned_model_counts_as_its_base():
    arabic = {"messages": [{"role": "user", "content": "مرحبا كيف يمكنني تغيير كلمة المرور"}]}

    assert count(arabic, model="ft:gpt-4.1-mini-2025-04-14:acme::x") == count(arabic, model="gpt-4.1-mini")
    assert count(arabic, model="ft:gpt-4.1-mini-2025-04-14:acme::x").tokens < count(arabic, model="gpt-4").tokens


def test_a_name_costs_one_token_and_a_weight_none():
    named = {"messages": [{"role": "user", "content": "hi", "name": "bob"}]}
    plain = {"messages": [{"role": "user", "content": "hi"}]}
    weighed = {"messages": [{"role": "assistant", "content": "hi", "weight": 0}]}

    assert count(named, model="gpt-4o").tokens == count(plain, model="gpt-4o").tokens + 2
    assert count(weighed, model="gpt-4o").tokens == 3 + 3 + 1 + 1
    assert count(weighed, model="gpt-4o").answer_tokens == 0


def test_other_vendors_are_estimated_with_an_error():
    counted = count(CLIPPY, model="claude-sonnet-4-5")

    assert (counted.exact, counted.method) == (False, "bytes/4")
    assert counted.error.startswith("−45 % … +20 %")
    assert counted.notes == ("no public vocabulary of claude-sonnet-4-5",)


@pytest.mark.parametrize(
    ("message", "note"),
    [
        (
            {"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": "{}"}}]},
            "tool calls are estimated",
        ),
        ({"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}, "images are estimated"),
        ({"role": "user", "content": [{"type": "input_audio"}]}, "parts other than text and images are not counted"),
        ({"role": "user", "content": 5}, "content that is no text"),
        ({"role": "user", "content": "hi", "id": 5}, "`id` is not counted"),
        ("hi", "not a message"),
    ],
)
def test_what_is_not_exact_is_noted(message, note):
    counted = count({"messages": [message]}, model="gpt-4o")

    assert (counted.exact, counted.notes) == (False, (note,))
    assert counted.error == "of the noted parts alone"


def test_tools_are_noted():
    tool = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object", "properties": {}}}}

    assert count({**CLIPPY, "tools": [tool]}, model="gpt-4o").notes == ("tools are estimated",)


def test_a_pair_counts_its_prompt_once_and_both_answers():
    pair = {
        "input": {"messages": [{"role": "user", "content": "hi"}]},
        "preferred_output": [{"role": "assistant", "content": "hello"}],
        "non_preferred_output": [{"role": "assistant", "content": "go"}],
    }

    assert count(pair, model="gpt-4o").tokens == 3 + 3 * (3 + 1 + 1)
    assert not count(pair, model="gpt-4o").exact


@pytest.mark.parametrize("record", [[], {}, {"messages": None}, {"messages": "x"}, {"tools": "x"}, {"tools": [1]}])
def test_no_shape_raises(record):
    assert count(record, model="gpt-4o").tokens >= 3


def test_text_like_a_special_token_is_text():
    assert count({"messages": [{"role": "user", "content": "<|endoftext|>"}]}, model="gpt-4o").tokens == 3 + 3 + 1 + 7


def test_imports_no_django():
    check = "import sys, finetuning.tokens, finetuning.quality; sys.exit('django' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", check]).returncode == 0
