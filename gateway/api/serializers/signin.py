"""Shapes of one's own second factor and sessions."""

from rest_framework import serializers

from gateway.api.openapi import examples
from gateway.api.serializers.base import Input


@examples(response={"is_enabled": True, "is_required": False, "recovery_codes_left": 9})
class SecondFactorSerializer(serializers.Serializer):
    """`is_required`: an organization of the person asks for one."""

    is_enabled = serializers.BooleanField(read_only=True)
    is_required = serializers.BooleanField(read_only=True)
    recovery_codes_left = serializers.IntegerField(read_only=True)


_APP_KEY = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"


@examples(
    response={
        "secret": _APP_KEY,
        "uri": f"otpauth://totp/LLM%20Gateway:bob%40acme.example?secret={_APP_KEY}&issuer=LLM%20Gateway",
    }
)
class EnrolmentSerializer(serializers.Serializer):
    """What an authenticator app is given; it counts after its first code."""

    secret = serializers.CharField(read_only=True)
    uri = serializers.CharField(read_only=True)


@examples(request={"code": "492039"})
class CodeSerializer(Input):
    """A code of the authenticator; where one exists already, a recovery code too."""

    code = serializers.CharField(max_length=40)


@examples(response={"recovery_codes": ["mzxw-6ytb-oi4t-mzxw", "gezd-gnbv-gy3t-qojq"]})
class RecoveryCodesSerializer(serializers.Serializer):
    """Shown once."""

    recovery_codes = serializers.ListField(child=serializers.CharField(), read_only=True)


@examples(
    response={
        "started_at": "2026-11-02T09:30:00Z", "expires_at": "2026-11-16T09:30:00Z", "address": "192.0.2.7",
        "agent": "Mozilla/5.0", "method": "password, code", "is_current": False,
    }
)  # fmt: skip
class BrowserSerializer(serializers.Serializer):
    """A browser that is signed in; address and agent are those of the sign-in."""

    started_at = serializers.DateTimeField(read_only=True, allow_null=True)
    expires_at = serializers.DateTimeField(read_only=True)
    address = serializers.CharField(read_only=True)
    agent = serializers.CharField(read_only=True)
    method = serializers.CharField(read_only=True)
    is_current = serializers.BooleanField(read_only=True)


@examples(response={"ended": 2})
class EndedSerializer(serializers.Serializer):
    """How many browsers were signed out."""

    ended = serializers.IntegerField(read_only=True)
