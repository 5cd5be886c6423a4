"""What rules can ask of a call: size, tools, parts, language, tags, identities."""

from typing import Any

import pytest

from gateway.dataplane.routing import expected
from gateway.dataplane.routing.languages import language_of
from tests.gateway.dataplane.routing.world import facts


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("What is the capital of France and how do I get there?", "en"),
        ("Wie komme ich am schnellsten von Berlin nach Hamburg und was kostet das?", "de"),
        ("Quelle est la capitale de l'Allemagne et comment y aller avec le train ?", "fr"),
        ("¿Cuál es la capital de España y cómo puedo llegar en el tren por la noche?", "es"),
        ("Qual è la capitale della Germania e come ci si arriva con il treno?", "it"),
        ("Qual é a capital da Alemanha e como posso chegar lá com o comboio para não pagar mais?", "pt"),
        ("Wat is de hoofdstad van Duitsland en hoe kom ik er met de trein?", "nl"),
        ("ドイツの首都はどこですか", "ja"),
        ("德国的首都是哪里", "zh"),
        ("독일의 수도는 어디입니까", "ko"),
        ("Какая столица Германии?", "ru"),
        ("ما هي عاصمة ألمانيا؟", "ar"),
        ("מהי בירת גרמניה?", "he"),
        ("Ποια είναι η πρωτεύουσα της Γερμανίας;", "el"),
        ("जर्मनी की राजधानी क्या है", "hi"),
        ("เมืองหลวงของเยอรมนีคืออะไร", "th"),
        ("def f(x): return x + 1", None),
        ("hello", None),
        ("", None),
        ("12345 67890 +-*/", None),
    ],
)
def test_the_language_of_a_text(text: str, language: str | None) -> None:
    assert language_of(text) == language


GERMAN = "Wie komme ich am schnellsten nach Hamburg und was kostet das?"
ENGLISH = "What is the capital of France and how do I get there?"


def test_the_language_is_that_of_the_users_last_text() -> None:
    turns = [
        {"role": "system", "content": ENGLISH},
        {"role": "user", "content": ENGLISH},
        {"role": "assistant", "content": ENGLISH},
        {"role": "user", "content": [{"type": "text", "text": GERMAN}, {"type": "image_url", "image_url": {}}]},
        {"role": "assistant", "content": ENGLISH},
    ]

    assert facts({"messages": turns}).language == "de"
    assert facts({"messages": [{"role": "assistant", "content": GERMAN}]}).language == "de"
    assert facts({"input": [ENGLISH, GERMAN]}, path="/v1/embeddings").language == "de"
    assert facts({"input": GERMAN}, path="/v1/embeddings").language == "de"


@pytest.mark.parametrize(
    ("content", "modalities"),
    [
        ("plain", {"text"}),
        ([{"type": "text", "text": "x"}], {"text"}),
        ([{"type": "image_url", "image_url": {"url": "https://x"}}], {"text", "image"}),
        ([{"type": "input_audio", "input_audio": {}}, {"type": "file", "file": {}}], {"text", "audio", "file"}),
        ([{"type": "tool_result", "content": [{"type": "image", "source": {}}]}], {"text", "image"}),
    ],
)
def test_the_parts_of_a_prompt(content: Any, modalities: set[str]) -> None:
    assert facts({"messages": [{"role": "user", "content": content}]}).modalities == modalities


def test_a_deeply_nested_body_ends_the_search_for_parts() -> None:
    content: Any = [{"type": "image"}]
    for _ in range(50):
        content = [{"type": "tool_result", "content": content}]

    assert facts({"messages": [{"role": "user", "content": content}]}).modalities == {"text"}


def test_size_tools_tags_and_asked_for_audio() -> None:
    plain = facts()
    rich = facts(
        {"tools": [{"type": "function"}], "modalities": ["text", "audio"], "user": "eve"},
        {"X-Gateway-Tags": "tier=gold,session=s-1"},
    )

    assert plain.prompt_tokens == len(plain.call.body) // 4
    assert (plain.has_tools, plain.tags, plain.end_user) == (False, {}, None)
    assert (rich.has_tools, rich.tags, rich.modalities) == (
        True, {"tier": "gold", "session": "s-1"}, {"text", "audio"},
    )  # fmt: skip


def test_who_a_caller_is() -> None:
    rich = facts({"user": "eve"}, {"X-Gateway-Tags": "session=s-1"})

    assert [rich.identity(by) for by in ("end_user", "api_key", "session")] == ["eve", "key-1", "s-1"]
    assert facts({"prompt_cache_key": "p-1"}).identity("session") == "p-1"
    assert [facts().identity(by) for by in ("end_user", "session")] == [None, None]


@pytest.mark.parametrize(
    ("value", "rounded"), [(0, 0), (7, 7), (99.6, 100), (104, 100), (1_251, 1_300), (84_999, 85_000)]
)
def test_two_digits(value: float, rounded: int) -> None:
    assert expected.two_digits(value) == rounded


def test_what_a_call_will_probably_consume() -> None:
    call = facts({"max_tokens": 40, "messages": [{"role": "user", "content": "x" * 4_000}]})

    assert expected.usage_of(call, None, None) == {"input_tokens": 1_000, "output_tokens": 40}
    assert expected.usage_of(call, 25.0, 0.5) == {"input_tokens": 1_000, "output_tokens": 25, "cache_read_tokens": 500}
    assert expected.usage_of(call, 900.0, 0.0) == {"input_tokens": 1_000, "output_tokens": 40}
    assert expected.usage_of(facts(), 900.0, None)["output_tokens"] == 900
