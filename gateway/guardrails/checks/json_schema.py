"""Answers that must be JSON of a given shape."""

import json
import re
import threading
import time
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

from gateway.guardrails.finding import Finding

MAX_SCHEMA_CHARS = 50_000
PATTERNS_S = 0.05
"""Seconds that the patterns of a schema may take over one text; one that is not judged by then is a finding."""
_FENCED = re.compile(r"^\s*```(?:json)?\s*\n(.*?)\n\s*```\s*$", re.DOTALL)


class JsonSchemaCheck:
    """The whole text is JSON that satisfies a schema (given as text, draft 2020-12); a Markdown fence may be around it.

    References to other documents are refused, so that a schema never makes the gateway fetch anything.
    """

    window = 0
    is_whole = True

    def __init__(self, schema_text: str) -> None:
        if len(schema_text) > MAX_SCHEMA_CHARS:
            raise ValueError(f"the schema is longer than {MAX_SCHEMA_CHARS:,} characters")
        try:
            schema: Any = json.loads(schema_text)
        except (ValueError, RecursionError) as error:
            raise ValueError("the schema is not JSON") from error
        text = json.dumps(schema)
        if any(not reference.startswith("#") for reference in re.findall(r'"\$(?:ref|dynamicRef)": "([^"]*)"', text)):
            raise ValueError("a schema may only refer to itself (#/…)")
        import jsonschema  # 80 ms: only processes with such a guardrail pay them

        try:
            jsonschema.Draft202012Validator.check_schema(schema)
        except jsonschema.SchemaError as error:
            raise ValueError(f"not a JSON schema: {error.message}") from error
        _check_patterns(schema)
        self._validator = _validator_class()(schema)
        samples: tuple[Any, ...] = (None, 0, "", [], {})
        if any(_is_valid(self._validator, sample) is None for sample in samples):
            raise ValueError("the schema refers to itself without end")

    def find(self, text: str) -> Sequence[Finding]:
        fenced = _FENCED.match(text)
        try:
            value = json.loads(fenced[1] if fenced else text)
        except (ValueError, RecursionError):
            return [Finding("not_json", 0, 0)]
        return [] if _is_valid(self._validator, value) else [Finding("json_schema", 0, 0)]


def _is_valid(validator: Any, value: Any) -> bool | None:
    """None where that cannot be told: a reference that turns in circles, nesting too deep, a pattern without end."""
    _CLOCK.deadline = time.monotonic() + PATTERNS_S
    try:
        return bool(validator.is_valid(value))
    except (RecursionError, TimeoutError):
        return None


class _Clock(threading.local):
    deadline = 0.0


_CLOCK = _Clock()


@cache
def _validator_class() -> Any:
    """Patterns of a schema are an administrator's, what they run over anybody's: one that goes back and forth without
    end must not hold up the process. `re` cannot be stopped, `regex` can."""
    import jsonschema
    import regex

    def has(expression: str, text: str) -> bool:
        left = max(0.001, _CLOCK.deadline - time.monotonic())
        return regex.search(expression, text, timeout=left) is not None

    def pattern(_validator: Any, expression: str, value: Any, _schema: Any) -> Iterator[Any]:
        if isinstance(value, str) and not has(expression, value):
            yield jsonschema.ValidationError(f"does not match {expression!r}")

    def pattern_properties(validator: Any, patterns: dict[str, Any], value: Any, _schema: Any) -> Iterator[Any]:
        if isinstance(value, dict):
            for expression, inner in patterns.items():
                for name, item in value.items():
                    if has(expression, name):
                        yield from validator.descend(item, inner, path=name, schema_path=expression)

    def additional(validator: Any, inner: Any, value: Any, schema: Any) -> Iterator[Any]:
        if not isinstance(value, dict):
            return
        named, patterns = schema.get("properties", {}), schema.get("patternProperties", {})
        for name in value:
            if name not in named and not any(has(expression, name) for expression in patterns):
                yield from validator.descend(value[name], inner, path=name)

    keywords = {"pattern": pattern, "patternProperties": pattern_properties, "additionalProperties": additional}
    return jsonschema.validators.extend(jsonschema.Draft202012Validator, keywords)


def _patterns(schema: Any) -> Iterator[str]:
    """Every pattern in a schema. Raises `ValueError` for a combination that the check cannot stop."""
    if isinstance(schema, list):
        for item in schema:
            yield from _patterns(item)
    elif isinstance(schema, dict):
        expressions = schema.get("patternProperties")
        if isinstance(expressions, dict):
            yield from expressions
        if isinstance(schema.get("pattern"), str):
            yield schema["pattern"]
        for item in schema.values():
            yield from _patterns(item)


def _check_patterns(schema: Any) -> None:
    import regex

    found = list(_patterns(schema))
    for expression in found:
        try:
            regex.compile(expression)
        except regex.error as error:
            raise ValueError(f"{expression!r} is no pattern: {error}") from error
    if found and '"unevaluatedProperties"' in json.dumps(schema):
        raise ValueError("patterns cannot stand beside unevaluatedProperties")
