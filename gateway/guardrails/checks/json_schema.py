"""Answers that must be JSON of a given shape."""

import json
import re
from collections.abc import Sequence
from typing import Any

from gateway.guardrails.finding import Finding

MAX_SCHEMA_CHARS = 50_000
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
        self._validator = jsonschema.Draft202012Validator(schema)

    def find(self, text: str) -> Sequence[Finding]:
        fenced = _FENCED.match(text)
        try:
            value = json.loads(fenced[1] if fenced else text)
        except (ValueError, RecursionError):
            return [Finding("not_json", 0, 0)]
        return [] if self._validator.is_valid(value) else [Finding("json_schema", 0, 0)]
