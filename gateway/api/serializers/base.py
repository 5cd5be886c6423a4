"""What every serializer shares: unknown fields are refused, references reach only what the caller sees."""

from collections.abc import Mapping
from decimal import Context, Decimal
from typing import Any, cast

from django.db.models import Q
from rest_framework import serializers

from gateway.api.organization import access_of

_WIDE = Context(prec=60)


class Strict:
    """Mixin: a field that does not exist is an error, so that a typo or a hopeful `is_superuser` never passes
    unnoticed. Fields that exist but are read-only are ignored, so what was read can be sent back."""

    def to_internal_value(self, data: Any) -> Any:
        fields = self.fields  # type: ignore[attr-defined]
        if isinstance(data, Mapping):
            unknown = sorted(set(data) - set(fields) - {"csrfmiddlewaretoken"})
            if unknown:
                raise serializers.ValidationError(
                    {name: serializers.ErrorDetail("There is no such field.", code="unknown_field") for name in unknown}
                )
            if wrong := [name for name, value in data.items() if _is_truth_for_id(fields.get(name), value)]:
                raise serializers.ValidationError(
                    {name: serializers.ErrorDetail("Must be a valid UUID.", code="invalid") for name in wrong}
                )
        return super().to_internal_value(data)  # type: ignore[misc]


def _is_truth_for_id(field: serializers.Field | None, value: Any) -> bool:
    """Whether yes or no stand where an id is wanted: Python counts them as numbers, and the framework takes those."""
    if isinstance(field, serializers.ListField) and isinstance(value, list):
        return any(_is_truth_for_id(field.child, one) for one in value)
    return isinstance(value, bool) and isinstance(field, serializers.UUIDField) and not field.read_only


class Input(Strict, serializers.Serializer):
    """A plain request body."""


class Record(Strict, serializers.ModelSerializer):
    """A resource. Uniqueness is left to the services, which decide it without a race and answer 409."""


class Scoped(serializers.PrimaryKeyRelatedField):
    """An id of something the caller sees in the organization of the request (`platform`: or platform-wide)."""

    def __init__(self, *, platform: bool = False, **kwargs: Any) -> None:
        self.platform = platform
        super().__init__(**kwargs)

    def get_queryset(self) -> Any:
        rows: Any = super().get_queryset()
        request = self.context.get("request")
        if rows is None or request is None:
            return rows
        rows = rows.visible_to(request.user)
        organization = access_of(request).organization  # None: the platform's own rows
        scope = Q(organization=organization)
        return rows.filter(scope | Q(organization=None) if self.platform else scope)


class Money(serializers.DecimalField):
    """A decimal string with up to ten places."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"max_digits": 20, "decimal_places": 10, **kwargs})

    def quantize(self, value: Decimal) -> Decimal:
        """What is asked for has `max_digits`; what is answered may be a sum of it, and larger."""
        return value.quantize(Decimal(1).scaleb(-cast(int, self.decimal_places)), context=_WIDE)
