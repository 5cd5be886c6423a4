"""The shape of answers: what a schema may say, and that no schema or answer holds up or breaks the process."""

import pytest

from gateway.guardrails.checks.json_schema import JsonSchemaCheck

LONG = "a" * 40 + "!"


@pytest.mark.parametrize(
    ("schema", "text", "is_found"),
    [
        ('{"type": "object"}', '{"a": 1}', False),
        ('{"type": "object"}', '```json\n{"a": 1}\n```', False),
        ('{"type": "object"}', "[1]", True),
        ('{"type": "object"}', "no JSON", True),
        ('{"pattern": "^a+$"}', '"aaa"', False),
        ('{"pattern": "^a+$"}', '"aab"', True),
        ('{"pattern": "^a+$"}', "7", False),
        ('{"patternProperties": {"^x": {"type": "integer"}}}', '{"x1": 1, "y": "z"}', False),
        ('{"patternProperties": {"^x": {"type": "integer"}}}', '{"x1": "one"}', True),
        ('{"patternProperties": {"^x": {}}, "additionalProperties": false}', '{"x1": 1}', False),
        ('{"patternProperties": {"^x": {}}, "additionalProperties": false}', '{"y": 1}', True),
        ('{"properties": {"a": {}}, "additionalProperties": {"type": "string"}}', '{"a": 1, "b": "x"}', False),
        ('{"properties": {"a": {}}, "additionalProperties": {"type": "string"}}', '{"a": 1, "b": 2}', True),
        ('{"properties": {"next": {"$ref": "#"}}, "required": ["n"]}', '{"n": 1, "next": {"n": 2}}', False),
        ('{"properties": {"next": {"$ref": "#"}}, "required": ["n"]}', '{"n": 1, "next": {}}', True),
    ],
)
def test_shapes(schema: str, text: str, is_found: bool) -> None:
    assert bool(JsonSchemaCheck(schema).find(text)) is is_found


@pytest.mark.parametrize(
    ("schema", "text"),
    [
        ('{"type": "string", "pattern": "^(a|a)*$"}', f'"{LONG}"'),
        ('{"patternProperties": {"^(a|a)*$": {"type": "null"}}}', f'{{"{LONG}": 1}}'),
        ('{"patternProperties": {"^(a|a)*$": {}}, "additionalProperties": false}', f'{{"{LONG}": 1}}'),
        ('{"properties": {"a": {"$ref": "#/properties/a"}}}', '{"a": 1}'),
        ('{"items": {"$ref": "#"}}', "[" * 900 + "]" * 900),
        ('{"items": {"$ref": "#"}}', "[" * 100_000 + "]" * 100_000),
    ],
    ids=["pattern", "names", "other-names", "circle", "deep", "deeper"],
)
def test_what_cannot_be_judged_is_found(schema: str, text: str) -> None:
    """The first three would take `re` years."""
    assert JsonSchemaCheck(schema).find(text)


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ('{"$ref": "#"}', "without end"),
        ('{"allOf": [{"$ref": "#/allOf/0"}]}', "without end"),
        ('{"$ref": "https://example.com/schema"}', "refer to itself"),
        ('{"pattern": "("}', "regex"),
        ('{"items": {"pattern": "a", "unevaluatedProperties": false}}', "unevaluatedProperties"),
        ('{"type": "shape"}', "not a JSON schema"),
        ("{", "not JSON"),
    ],
)
def test_schemas_that_are_refused(schema: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        JsonSchemaCheck(schema)
