"""Virtual and management keys. The digest never appears; the secret appears once, in the answer that makes it."""

from typing import Any

from rest_framework import serializers

from gateway.api.openapi import examples
from gateway.api.serializers.base import Input, Money, Record, Scoped
from gateway.api.serializers.identity import ID
from gateway.choices import Scope
from gateway.models import Project, User, VirtualKey
from gateway.services.keys import MAX_OVERLAP_S

_KEY = {
    "id": ID, "organization": ID, "project": ID, "user": ID, "name": "Assistant, production", "prefix": "gw-9fK2xQ7a",
    "scopes": ["inference"], "allowed_models": ["gpt-4o-mini"], "rpm_limit": 600, "tpm_limit": None,
    "budget_amount": "250.0000000000", "spent": "12.3456780000",
    "spent_in_other_currencies": [{"currency": "EUR", "spent": "3.5000000000"}], "last_used_at": "2026-11-02T09:30:00Z",
    "expires_at": None, "revoked_at": None, "is_active": True, "rotated_from": None, "created_by": ID,
    "created_at": "2026-10-01T08:00:00Z", "updated_at": "2026-10-01T08:00:00Z",
}  # fmt: skip


class SpentSerializer(serializers.Serializer):
    """An amount in one other currency, as it is."""

    currency = serializers.CharField()
    spent = Money()


@examples(
    response=_KEY,
    request={
        "project": ID, "name": "Assistant, production", "allowed_models": ["gpt-4o-mini"], "rpm_limit": 600,
        "budget_amount": "250.00",
    },
)  # fmt: skip
class KeySerializer(Record):
    """A key and what limits it. `spent` is settled spend in the organization's currency; what was charged in others is
    beside it, never in it."""

    project: Any = Scoped(queryset=Project.objects.active())
    user: Any = serializers.PrimaryKeyRelatedField(
        queryset=User.objects.filter(is_active=True), allow_null=True, required=False,
        help_text="Owner, a member; null makes a service key. Left out: the caller. Developers own their keys.",
    )  # fmt: skip
    scopes = serializers.ListField(
        child=serializers.ChoiceField(choices=Scope.choices), allow_empty=False, required=False, max_length=4,
        help_text="Only administrators give manage:* scopes. Default: inference.",
    )  # fmt: skip
    allowed_models = serializers.ListField(
        child=serializers.CharField(max_length=200), required=False, max_length=500,
        help_text="Model and route names; empty: all.",
    )  # fmt: skip
    budget_amount = Money(allow_null=True, required=False, min_value=0)
    spent = Money(read_only=True)
    spent_in_other_currencies = SpentSerializer(many=True, read_only=True)
    last_used_at = serializers.DateTimeField(read_only=True, allow_null=True)

    class Meta:
        model = VirtualKey
        fields = (
            "id", "organization", "project", "user", "name", "prefix", "scopes", "allowed_models", "rpm_limit",
            "tpm_limit", "budget_amount", "spent", "spent_in_other_currencies", "last_used_at", "expires_at",
            "revoked_at", "is_active", "rotated_from", "created_by", "created_at", "updated_at",
        )  # fmt: skip
        read_only_fields = (
            "id", "organization", "prefix", "revoked_at", "is_active", "rotated_from", "created_by",
        )  # fmt: skip


@examples(
    response=_KEY,
    request={"rpm_limit": 300, "budget_amount": "500.00", "expires_at": "2027-01-01T00:00:00Z"},
)
class KeyLimitsSerializer(KeySerializer):
    """What may change on a key; project and owner stay."""

    project: Any = serializers.PrimaryKeyRelatedField(read_only=True)
    user: Any = serializers.PrimaryKeyRelatedField(read_only=True)


@examples(response={**_KEY, "secret": "gw-9fK2xQ7aVbN3mL0pRtY8wEzXcD5sH1uJ6iO4kG2qFvB"})
class IssuedKeySerializer(KeySerializer):
    """The key with its secret, which cannot be had again."""

    secret = serializers.CharField(read_only=True)

    class Meta(KeySerializer.Meta):
        fields: Any = (*KeySerializer.Meta.fields, "secret")


@examples(request={"overlap_s": 3600})
class RotateSerializer(Input):
    """How long the old key goes on working."""

    overlap_s = serializers.IntegerField(min_value=0, max_value=MAX_OVERLAP_S, default=0)
