"""Answers about usage at large."""

from rest_framework import serializers

from analytics.api.fields import GroupsField
from analytics.api.serializers.results import GROUP, RESULT, AnalyticsResultSerializer
from gateway.api.openapi import examples
from gateway.api.serializers.identity import ID


@examples(
    response={
        **RESULT, "success_rate": 0.991, "top_users": [{**GROUP, "dimensions": {"user": ID}}],
        "by_provider": [{**GROUP, "dimensions": {"provider": "openai"}}],
        "by_model": [{**GROUP, "dimensions": {"model": "gpt-4o"}}],
        "by_user": [{**GROUP, "dimensions": {"user": ID}}], "by_team": [GROUP],
    },
)  # fmt: skip
class AdvancedSerializer(AnalyticsResultSerializer):
    """The common answer with its parts. `top_users`: the ten with most requests."""

    success_rate = serializers.FloatField(allow_null=True, help_text="Requests that ended `ok` ÷ requests.")
    by_provider = GroupsField()
    by_model = GroupsField()
    by_user = GroupsField()
    by_team = GroupsField()
    top_users = GroupsField()
