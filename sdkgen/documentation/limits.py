"""What the document says of a value besides its type, as tables have it. Pure."""

import json

from sdkgen.ir.nodes import Field, Parameter

LIMITS = {"minimum": "≥", "maximum": "≤", "minLength": "length ≥", "maxLength": "length ≤", "minItems": "items ≥",
          "maxItems": "items ≤", "exclusiveMinimum": ">", "exclusiveMaximum": "<", "pattern": "matches"}  # fmt: skip
"""Keywords of JSON Schema."""


def limits_of(one: Parameter | Field) -> str:
    """Empty without any."""
    said = one.constraints if isinstance(one.constraints, dict) else {}
    return ", ".join(f"{LIMITS[word]} {value}" for word, value in said.items() if word in LIMITS)


def default_of(one: Parameter | Field) -> str:
    """As JSON; empty when unsaid."""
    return "" if one.default is None else json.dumps(one.default, ensure_ascii=False)
