"""Fields that only analytics has: maps by measure and dimension, scalars, the compared window."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from analytics.query import Group, Point, Value

PLACES = Decimal("1e-10")
COMPARISONS = ("none", "previous_period", "previous_year")
LONGEST_TEXT = 500
LARGEST_NUMBER = 2**31 - 1
_MEASURES = {
    "type": "object",
    "additionalProperties": {"type": ["string", "number", "null"]},
    "description": "By measure: money is a decimal string, everything else a number; null where nothing was measured.",
}
_CHANGES = {
    "type": "object",
    "additionalProperties": {"type": ["number", "null"]},
    "description": "By measure: (now − before) ÷ before; null where there was nothing before.",
}
_DIMENSIONS = {
    "type": "object",
    "additionalProperties": {"type": ["string", "number", "boolean", "null"]},
    "description": "By dimension; null where the line does not say, `Other` for what lies beyond the limit.",
}


def plain(value: Value) -> str | float | int | None:
    """A measure's value as JSON: money as a decimal string with ten places, never in exponent form."""
    return f"{value.quantize(PLACES):f}" if isinstance(value, Decimal) else value


def plain_map(values: Mapping[str, Value]) -> dict[str, str | float | int | None]:
    return {name: plain(value) for name, value in values.items()}


def instant(at: datetime) -> str:
    """RFC 3339 in UTC."""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


class ReadField(serializers.Field):
    """Base of fields that only go out."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"read_only": True, **kwargs})


@extend_schema_field(_MEASURES)
class MeasureMap(ReadField):
    """measure → value."""

    def to_representation(self, value: Mapping[str, Value]) -> Any:
        return plain_map(value)


@extend_schema_field(_CHANGES)
class ChangeMap(ReadField):
    """measure → relative change."""

    def to_representation(self, value: Mapping[str, float | None]) -> Any:
        return dict(value)


@extend_schema_field(_DIMENSIONS)
class DimensionMap(ReadField):
    """dimension → value."""

    def to_representation(self, value: Mapping[str, Any]) -> Any:
        return dict(value)


class PointSerializer(serializers.Serializer):
    """One bucket of one group, named by its start."""

    time = serializers.DateTimeField()
    dimensions = DimensionMap()
    measures = MeasureMap()


class GroupSerializer(serializers.Serializer):
    """One combination of dimension values. `share` of the total of the measure that orders, when that adds up;
    `is_other`: everything beyond the limit; `previous`: its measures in the compared window."""

    dimensions = DimensionMap()
    measures = MeasureMap()
    share = serializers.FloatField(allow_null=True)
    is_other = serializers.BooleanField()
    previous = MeasureMap(allow_null=True)


@extend_schema_field(PointSerializer(many=True))
class SeriesField(ReadField):
    """Thousands of points, so without a serializer for each."""

    def to_representation(self, value: Sequence[Point]) -> Any:
        return [
            {"time": instant(p.time), "dimensions": dict(p.dimensions), "measures": plain_map(p.measures)}
            for p in value
        ]


@extend_schema_field(GroupSerializer(many=True))
class GroupsField(ReadField):
    """The same for groups."""

    def to_representation(self, value: Sequence[Group]) -> Any:
        return [
            {
                "dimensions": dict(group.dimensions), "measures": plain_map(group.measures), "share": group.share,
                "is_other": group.is_other,
                "previous": None if group.previous is None else plain_map(group.previous),
            }
            for group in value
        ]  # fmt: skip


@extend_schema_field({"type": ["string", "number", "boolean", "null"]})
class Scalar(serializers.Field):
    """A text, number or truth value to compare with, such as the database takes."""

    default_error_messages = {
        "invalid": "A text, a number, true, false or null is wanted.",
        "too_long": f"At most {LONGEST_TEXT} characters.",
        "unstorable": "The text holds a NUL or a lone surrogate.",
        "too_large": "The number is out of range.",
    }

    def to_internal_value(self, data: Any) -> str | int | float | bool:
        if isinstance(data, str):
            return self._text(data)
        if isinstance(data, bool):
            return data
        if not isinstance(data, int | float):
            self.fail("invalid")
        if not abs(data) <= LARGEST_NUMBER:  # NaN is not less than anything
            self.fail("too_large")
        return data

    def to_representation(self, value: Any) -> Any:
        return value

    def _text(self, data: str) -> str:
        if len(data) > LONGEST_TEXT:
            self.fail("too_long")
        if "\0" in data or any("\ud800" <= letter <= "\udfff" for letter in data):
            self.fail("unstorable")
        return data


class WindowSerializer(serializers.Serializer):
    """`[start, end)`."""

    start = serializers.DateTimeField()
    end = serializers.DateTimeField()


_WINDOW = {
    "type": "object",
    "properties": {name: {"type": "string", "format": "date-time"} for name in ("start", "end")},
    "required": ["start", "end"],
}


@extend_schema_field({"oneOf": [{"type": "string", "enum": list(COMPARISONS)}, _WINDOW]})
class CompareField(serializers.Field):
    """`none`, `previous_period`, `previous_year`, or a window of one's own."""

    default_error_messages = {
        "invalid": "compare_to is none, previous_period, previous_year or an object with start and end."
    }

    def to_internal_value(self, data: Any) -> str | tuple[datetime, datetime]:
        if isinstance(data, str) and data in COMPARISONS:
            return data
        if not isinstance(data, Mapping) or set(data) != {"start", "end"}:
            self.fail("invalid")
        window = WindowSerializer(data=data)
        window.is_valid(raise_exception=True)
        return window.validated_data["start"], window.validated_data["end"]

    def to_representation(self, value: Any) -> Any:
        return value if isinstance(value, str) else {"start": value[0], "end": value[1]}
