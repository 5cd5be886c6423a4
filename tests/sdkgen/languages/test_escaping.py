"""No text of a document becomes code."""

import ast
import io
import json
import tokenize
import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sdkgen.languages.base import escaping
from tests.sdkgen.languages.hostile import HOSTILE

TEXTS = st.one_of(st.sampled_from(HOSTILE), st.text())


@given(TEXTS)
def test_python_strings_are_the_text(text: str) -> None:
    said = escaping.python_string(text)

    assert ast.literal_eval(said) == text
    assert said.isascii()
    assert "\n" not in said


@given(TEXTS)
def test_python_docstrings_are_one_string(text: str) -> None:
    lines = escaping.python_docstring(text, "    ")
    tree = ast.parse("def f():\n" + "\n".join([*lines, "    pass"]))

    (function,) = tree.body
    assert isinstance(function, ast.FunctionDef)
    assert len(function.body) == (2 if lines else 1)


@given(TEXTS)
def test_line_comments_stay_comments(text: str) -> None:
    code = "\n".join(escaping.line_comment(text, "#")) + "\n"
    kinds = {token.type for token in tokenize.generate_tokens(io.StringIO(code).readline)}

    assert kinds <= {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.ENDMARKER}


@given(TEXTS)
def test_block_comments_end_once(text: str) -> None:
    for lines in (escaping.block_comment(text), escaping.javadoc(text)):
        said = "\n".join(lines)
        assert said.count("*/") == (1 if lines else 0)
        assert said.count("/*") == (1 if lines else 0)
    assert "\\u" not in "\n".join(escaping.javadoc(text))


@given(TEXTS)
def test_other_literals(text: str) -> None:
    assert json.loads(escaping.json_string(text)) == text
    assert tomllib.loads(f"x = {escaping.toml_string(text)}")["x"] == escaping.plain(text)
    for said in (escaping.go_string(text), escaping.csharp_string(text), escaping.java_string(text)):
        assert said.isascii()
        assert "\n" not in said
        assert said[1:-1].replace("\\\\", "").replace('\\"', "").count('"') == 0


@given(TEXTS)
def test_xml_has_no_markup(text: str) -> None:
    said = escaping.xml_text(text)

    assert not set('<>"') & set(said)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("One. Two.", "One."),
        ("No end", "No end"),
        ("e.g. this", "e.g."),
        ("Line\nbreak. More", "Line break."),
    ],
)
def test_the_first_sentence(text: str, expected: str) -> None:
    assert escaping.sentence(text) == expected
