"""Encoding, refusals, truncation, brackets, language: what the texts of a line must be like."""

import pytest

from finetuning.quality.checks.encoding import damage, redecoded
from finetuning.quality.checks.truncation import cut
from finetuning.quality.languages import language
from tests.finetuning.conftest import chat

LONG = "The harbour was quiet in the morning. Boats came in later, one after the other. Nobody hurried."


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a number", ""),
        ("café, naïve, NÃO, “quoted” – it’s fine…", ""),
        ("می‌خواهم", ""),
        ("👩‍👩‍👧", ""),
        ("Δx is 5 μm", ""),
        ("a numbÃ©r", "UTF-8 was read in another encoding: “Ã©” stands for “é”."),
        ("itâ€™s", "UTF-8 was read in another encoding: “â€™” stands for “’”."),
        ("lost\ufffdhere", "Characters were lost: the text has U+FFFD, the replacement character."),
        ("a\x00b", "The text has an invisible character, U+0000."),
        ("a\u200bb", "The text has an invisible character, U+200B (zero width space)."),
        ("passw\u043erd", "“passw\u043e” mixes letters of two scripts that look alike."),
    ],
)
def test_damage(text, message):
    assert damage(text) == message


def test_redecoded():
    assert [redecoded(text) for text in ("Ã©", "â€™", "ab", "Ã(")] == ["é", "’", "ab", None]


@pytest.mark.parametrize(
    ("answer", "is_found"),
    [
        ("Fine &amp;nbsp;&lt;br&gt;", True),
        ("Fine &lt;br&gt; then", True),
        ("Use `&lt;b&gt;` in HTML", False),
        ("R&D and AT&T", False),
    ],
)
def test_escaped_html(told, answer, is_found):
    expected = [("encoding_noise", "messages[2].content")] if is_found else []

    assert told(chat("say it", answer)) == expected


@pytest.mark.parametrize(
    "answer",
    [
        "I'm sorry, but I can't assist with that.", "As an AI, I do not have personal opinions.", "N/A", "n/a.",
        "<no output>", "As an AI language model, I cannot help with that request.", "TODO", "null",
        "I am unable to assist with this request.", "I cannot fulfill this request.", "[insert answer here]", "...",
        "Sorry, I can't do that.", "I don't have access to real-time data.",
    ],
)  # fmt: skip
def test_refusals(told, answer):
    assert told(chat("who are you", answer)) == [("boilerplate_refusal", "messages[2].content")]


@pytest.mark.parametrize(
    "answer",
    [
        "I'm sorry for your loss.", "Unfortunately, the shop closes at six.", "Not today", "No output voltage",
        "Thank you for the invitation. Unfortunately, I am not available on that day.", "The AI answers questions.",
    ],
)  # fmt: skip
def test_no_refusals(told, answer):
    assert told(chat("who are you", answer)) == []


def test_a_class_may_be_called_none(write):
    from finetuning.quality import inspect

    rows = [chat(f"sort item {word}", answer) for answer in ("n/a", "red", "blue") for word in ("a1", "b2", "c3", "d4")]
    rows += [chat(f"sort {word} now", "red") for word in ("e", "f", "g", "h", "i", "j", "k", "l", "m")]

    assert "boilerplate_refusal" not in inspect(write(rows)).counts


def test_an_answer_that_is_the_question(told):
    assert told(chat("why is the sky blue", "Why is the sky  blue")) == [("echo", "messages[2].content")]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (LONG, ""),
        ("A title of some words", ""),
        ("- one\n- two\n- three words here", ""),
        ("def f(x):\n    return x + 1", ""),
        ("Visit https://example.org/a/b", ""),
        ("1. Ludo 2. Chess 3. Uno and some others", ""),
        (LONG[:-20] + " Nobody hurried that d", "It ends in the middle of a word: “d”."),
        ("The social stereotype of lawyers is that they ", "It ends with “they”."),
        ("Suddenly, a blood-curdling scream pierc", "It ends in the middle of a word: “pierc”."),
        ("It was late. The train had left the station and they waited all night", "Its last sentence has no end."),
        ("1. Ac: calls it.\n2. Lu: lights.\n3. Expecto Patro Th", "Its last line has no end, the lines before have."),
        ("He came home (after a long walk through", "It ends inside “(after a long walk through”."),
        ("Take apples, pears, nuts,", "It ends with a comma."),
    ],
)  # fmt: skip
def test_truncation(text, reason):
    assert cut(text) == reason


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ('{"a": [1, 2]}', None),
        ('{"a": 1}\n{"a": 2}', None),
        ("[Name] Hello", None),
        ("```py\nx\n```", None),
        ("```py\nx", "A code fence is opened and not closed."),
        ('{"a": 1}}', "The answer begins as JSON but is none (line 1, column 9)."),
    ],
)
def test_brackets(found, answer, message):
    messages = [one.message for one in found(chat("give it", answer)) if one.kind == "unbalanced"]

    assert messages == ([message] if message else [])


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("wie ist das wetter morgen in berlin", "de"),
        ("quel est le solde de mon compte courant", "fr"),
        ("¿puedes cambiar mi contraseña por favor?", "es"),
        ("私の荷物はどこにありますか", "ja"),
        ("как мне изменить пароль", "ru"),
        ("read me a definition for qat", "en"),
        ("do you know any good pasta dishes", "en"),
        ("si", ""),
        ("", ""),
    ],
)
def test_language(text, code):
    assert language(text) == code


def test_a_question_in_another_language(found):
    (finding,) = found(chat("wie ist das wetter morgen in berlin", "gas"))

    assert (finding.kind, finding.path) == ("language_mix", "messages[1].content")
    assert finding.message == "The question is in “de”, nearly all others in “en”."


def test_a_translation_may_be_in_another_language(told):
    answer = "Ich möchte wissen, wie das Wetter morgen in Berlin wird."

    assert told(chat("translate it to german: i want to know", answer)) == []
    assert told(chat("tell me what to say tomorrow", answer)) == [("language_mix", "messages[2].content")]
