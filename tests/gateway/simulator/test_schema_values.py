import random

import jsonschema
import pytest

from gateway.simulator.schema_values import make_value

SCHEMAS = {
    "every type": {
        "type": "object",
        "properties": {
            "name": {"type": "string", "minLength": 40, "maxLength": 60},
            "short": {"type": "string", "maxLength": 2},
            "when": {"type": "string", "format": "date-time"},
            "unit": {"enum": ["celsius", "kelvin"]},
            "days": {"type": "integer", "minimum": 3, "exclusiveMaximum": 5},
            "step": {"type": "number", "multipleOf": 0.25, "exclusiveMinimum": 0, "maximum": 1},
            "low": {"type": "integer", "maximum": -4},
            "flag": {"type": "boolean"},
            "nothing": {"type": "null"},
            "maybe": {"type": ["string", "null"]},
            "fixed": {"const": 42},
            "list": {"type": "array", "items": {"type": "integer"}, "minItems": 5},
            "pair": {"type": "array", "items": {"type": "string"}, "maxItems": 1},
        },
        "required": ["name", "days", "list"],
        "additionalProperties": False,
    },
    "references and unions": {
        "$defs": {"point": {"type": "object", "properties": {"x": {"type": "number"}}, "required": ["x"]}},
        "type": "object",
        "properties": {
            "at": {"$ref": "#/$defs/point"},
            "either": {"anyOf": [{"type": "integer"}, {"$ref": "#/$defs/point"}]},
            "both": {
                "allOf": [{"$ref": "#/$defs/point"}, {"properties": {"y": {"type": "number"}}, "required": ["y"]}]
            },
        },
        "required": ["at", "either", "both"],
    },
    "recursive": {
        "$defs": {
            "node": {
                "type": "object",
                "properties": {
                    "value": {"type": "integer"},
                    "next": {"anyOf": [{"$ref": "#/$defs/node"}, {"type": "null"}]},
                    "children": {"type": "array", "items": {"$ref": "#/$defs/node"}},
                },
                "required": ["value", "next"],
            }
        },
        "$ref": "#/$defs/node",
    },
    "no properties": {"type": "object"},
}


@pytest.mark.parametrize("name", SCHEMAS)
def test_values_are_valid(name):
    for seed in range(50):
        jsonschema.validate(make_value(SCHEMAS[name], random.Random(seed)), SCHEMAS[name])


def test_same_seed_same_value():
    schema = SCHEMAS["every type"]

    assert make_value(schema, random.Random(3)) == make_value(schema, random.Random(3))
