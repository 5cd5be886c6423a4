"""Unit metrics and their values as the API shows and takes them."""

from typing import Any

from rest_framework import serializers

from costs.models import UnitMetric, UnitValue
from costs.services.units import LONGEST_SCOPE, MOST_VALUES
from gateway.api.openapi import examples
from gateway.api.serializers.base import Input, Record
from gateway.api.serializers.identity import ID, TIMES

_METRIC = {
    "id": ID, "organization": ID, "name": "Tickets solved", "unit": "ticket", "dimension": "team",
    "archived_at": None, **TIMES,
}  # fmt: skip
LONGEST_FILE = 2_000_000


@examples(response=_METRIC, request={"name": "Tickets solved", "unit": "ticket", "dimension": "team"})
class UnitMetricSerializer(Record):
    """What the organization counts itself. The dimension says whose cost it is set against, and stays."""

    class Meta:
        model = UnitMetric
        fields = ("id", "organization", "name", "unit", "dimension", "archived_at", "created_at", "updated_at")
        read_only_fields = ("id", "organization", "archived_at")
        validators: list[object] = []


@examples(request={"name": "Tickets closed"})
class UnitMetricChangeSerializer(Input):
    """Another name or unit."""

    name = serializers.CharField(max_length=120, required=False)
    unit = serializers.CharField(max_length=60, required=False)


class CountSerializer(Input):
    """How many on one day; null takes back what was said."""

    day = serializers.DateField(help_text="Of the organization's reporting zone.")
    value = serializers.DecimalField(max_digits=24, decimal_places=6, min_value=0, allow_null=True)
    scope = serializers.CharField(
        max_length=LONGEST_SCOPE, required=False, allow_blank=True, default="",
        help_text="Id or slug of the team or project, or the tag's value; empty without a dimension.",
    )  # fmt: skip


@examples(request={"values": [{"day": "2026-11-03", "value": "412", "scope": "support"}]})
class ValuesRequestSerializer(Input):
    """Values, or a CSV file with the columns day, value and, with a dimension, scope."""

    values = CountSerializer(many=True, required=False, max_length=MOST_VALUES)  # type: ignore[call-arg]
    csv = serializers.CharField(max_length=LONGEST_FILE, required=False, trim_whitespace=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if ("values" in attrs) == ("csv" in attrs):
            raise serializers.ValidationError({"values": "Give either values or csv."}, code="required")
        return attrs


@examples(response={"values": 90, "changed": 1, "removed": 0})
class WrittenSerializer(serializers.Serializer):
    """What the upload did; sent again it changes nothing."""

    values = serializers.IntegerField(help_text="Values that were sent and are there now.")
    changed = serializers.IntegerField(help_text="Of them new, or other than before.")
    removed = serializers.IntegerField()


@examples(response={"day": "2026-11-03", "scope": ID, "value": "412.000000", "updated_at": TIMES["updated_at"]})
class UnitValueSerializer(serializers.ModelSerializer):
    """How many on one day."""

    class Meta:
        model = UnitValue
        fields = ("day", "scope", "value", "updated_at")
        read_only_fields = fields
