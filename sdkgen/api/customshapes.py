"""Clients made to order, as the API takes and shows them."""

from typing import Any

from rest_framework import serializers

from gateway.api.openapi import examples
from gateway.api.serializers.base import Input
from gateway.api.serializers.identity import ID
from sdkgen.api.serializers import ConfigSerializer, SizeSerializer

CHOSEN = {"operations": ["chat", "models.list"], "auth": ["key"], "max_retries": 1, "headers": {"X-Team": "search"}}


class ShapeSerializer(Input):
    """What a client is made for. One of both."""

    api_key = serializers.UUIDField(
        required=False, help_text="A key that you see: its operations, models, prices, limits and budgets."
    )
    tenant = serializers.BooleanField(required=False, help_text="The organization as a whole: its models and prices.")


@examples(request={"language": "python", "config": CHOSEN, "shape": {"api_key": ID}})
class CustomRequestSerializer(Input):
    """What is wanted."""

    language = serializers.CharField(max_length=40, help_text="Id or alias.")
    config = ConfigSerializer(
        required=False,
        help_text="`operations` chooses; without a shape it is needed. `base_url` defaults to this host.",
    )
    shape = ShapeSerializer(required=False)


@examples(request={"language": "python", "config": {"base_url": "http://gateway.example", "max_retries": 2}})
class ValidateRequestSerializer(Input):
    """A configuration to look at, as `sdk/generate` and `sdk/custom-client` take it."""

    language = serializers.CharField(max_length=40, help_text="Id or alias.")
    config = ConfigSerializer(required=False)
    shape = ShapeSerializer(required=False)
    preview = serializers.BooleanField(default=False, help_text="Name operations and types in every language too.")

    def to_internal_value(self, data: Any) -> Any:
        config = data.get("config", {}) if isinstance(data, dict) else {}
        if not isinstance(config, dict):
            raise serializers.ValidationError({"config": "An object is wanted."})
        found = super().to_internal_value({**data, "config": {}})
        return {**found, "config": config}


class FindingSerializer(serializers.Serializer):
    """One thing to say of a configuration."""

    field = serializers.CharField(help_text="Of the configuration; empty for the whole.")
    code = serializers.CharField()
    message = serializers.CharField()
    fix = serializers.CharField(help_text="What to do.")
    pointer = serializers.CharField(
        help_text="JSON pointer into the request (`/config/headers/X-Team`) or into the OpenAPI document (`#/paths/…`)."
    )


class ByLanguageSerializer(serializers.Serializer):
    """A text for each language; a language without one is left out."""

    python = serializers.CharField(required=False)
    typescript = serializers.CharField(required=False)
    java = serializers.CharField(required=False)
    go = serializers.CharField(required=False)
    csharp = serializers.CharField(required=False)


class CalledSerializer(serializers.Serializer):
    """How one operation or type is called."""

    id = serializers.CharField(help_text="OperationId, or name of the type in the document.")
    pointer = serializers.CharField(help_text="JSON pointer into the OpenAPI document.")
    names = ByLanguageSerializer()


class PreviewSerializer(serializers.Serializer):
    """Public names before a client is made. Names that were published stay."""

    operations = CalledSerializer(many=True)
    types = CalledSerializer(many=True)
    collisions = ByLanguageSerializer(help_text="Which names would be one; such a language has no names.")
    left_out = serializers.IntegerField(help_text="Operations and types beyond the first 500.")


_FINDING = {
    "field": "base_url", "code": "no_tls", "message": "Keys would travel without encryption.", "fix": "Use https.",
    "pointer": "/config/base_url",
}  # fmt: skip
SIZE = {
    "operations": 3, "operations_of": 350, "types": 44, "types_of": 1052, "bytes": 154_660, "bytes_of": 624_687,
}  # fmt: skip
_CALLED = {
    "id": "chat_completions_create", "pointer": "#/paths/~1v1~1chat~1completions/post",
    "names": {
        "python": "client.chat.completions.create", "typescript": "client.chat.completions.create",
        "java": "gateway.chat().completions().create", "go": "client.Chat.Completions.Create",
        "csharp": "client.Chat.Completions.CreateAsync",
    },
}  # fmt: skip


@examples(
    response={
        "valid": True, "errors": [], "warnings": [_FINDING], "suggestions": [], "size": SIZE,
        "preview": {"operations": [_CALLED], "types": [], "collisions": {}, "left_out": 0},
    }
)  # fmt: skip
class ValidationSerializer(serializers.Serializer):
    """What is to be said of a configuration."""

    valid = serializers.BooleanField(help_text="A package can be made of it.")
    errors = FindingSerializer(many=True)  # type: ignore[assignment]  # the contract's name
    warnings = FindingSerializer(many=True)
    suggestions = FindingSerializer(many=True)
    size = SizeSerializer(allow_null=True, help_text="Of a valid client of chosen operations, else null.")
    preview = PreviewSerializer(allow_null=True, help_text="Null when it was not asked for.")
