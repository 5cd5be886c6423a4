"""Answers about people."""

from rest_framework import serializers

from analytics.api.fields import ChangeMap, CompareField, MeasureMap
from analytics.api.serializers.overview import ANSWER, Exact, SubjectSerializer
from analytics.api.serializers.questions import ASKED, NarrowedSerializer
from analytics.api.serializers.results import GROUP, RESULT, AnalyticsResultSerializer
from gateway.api.openapi import examples
from gateway.api.serializers.identity import ID


@examples(
    request={name: value for name, value in ASKED.items() if name not in ("group_by", "granularity")}
    | {"users": [ID], "include_pattern": True}
)
class PeopleQuerySerializer(NarrowedSerializer):
    """Which people, in which window; those with most requests unless named."""

    granularity = None  # type: ignore[assignment]  # a list of people has no series
    limit = serializers.IntegerField(min_value=1, max_value=100, default=20)
    compare_to = CompareField(default="previous_period")
    users = serializers.ListField(
        child=serializers.CharField(max_length=140), required=False, default=list, max_length=100,
        help_text="Ids or user names.",
    )  # fmt: skip
    include_pattern = serializers.BooleanField(default=False)


class FavouriteSerializer(serializers.Serializer):
    """A model and its share of the person's requests."""

    model = serializers.CharField(allow_null=True)
    requests = serializers.IntegerField()
    share = serializers.FloatField()
    cost = Exact()


class HourSerializer(serializers.Serializer):
    """One hour of the week in the asked zone."""

    weekday = serializers.IntegerField(min_value=1, max_value=7, help_text="1 Monday to 7 Sunday.")
    hour = serializers.IntegerField(min_value=0, max_value=23)
    requests = serializers.IntegerField()
    total_tokens = serializers.IntegerField()
    cost = Exact()


class BehaviourSerializer(serializers.Serializer):
    """Against the compared window. `model_mix_distance`: total variation distance between the shares of requests by
    model, 0 the same to 1 nothing in common."""

    change = ChangeMap()
    model_mix_distance = serializers.FloatField(allow_null=True)
    new_models = serializers.ListField(child=serializers.CharField())
    dropped_models = serializers.ListField(child=serializers.CharField())


_FAVOURITES = [{"model": "gpt-4o", "requests": 812, "share": 1.0, "cost": "18.2000000000"}]
_PATTERN = [{"weekday": 1, "hour": 9, "requests": 41, "total_tokens": 9120, "cost": "0.9100000000"}]
_BEHAVIOUR = {"change": {"requests": 0.12}, "model_mix_distance": 0.2, "new_models": ["o3"], "dropped_models": []}


@examples(
    response={
        **RESULT, "groups": [], "user": {"id": ID, "name": "bob@acme.example"}, "favourite_models": _FAVOURITES,
        "pattern": _PATTERN, "behaviour_change": _BEHAVIOUR,
    },
)  # fmt: skip
class UserAnalyticsSerializer(AnalyticsResultSerializer):
    """Usage, cost and performance of one person (`totals`, by day in `series`) against the window before."""

    user = SubjectSerializer()
    favourite_models = FavouriteSerializer(many=True)
    pattern = HourSerializer(many=True, help_text="168 hours, Monday 00:00 first.")
    behaviour_change = BehaviourSerializer(allow_null=True)


class PersonUsageSerializer(serializers.Serializer):
    """One person of several. `id` null: keys without an owner."""

    id = serializers.UUIDField(allow_null=True)
    name = serializers.CharField(allow_null=True)
    measures = MeasureMap()
    share = serializers.FloatField(allow_null=True, help_text="Of the requests of all.")
    favourite_models = FavouriteSerializer(many=True)
    pattern = HourSerializer(many=True, allow_null=True, help_text="Null unless asked for.")
    behaviour_change = BehaviourSerializer(allow_null=True, help_text="Null without requests in the compared window.")


@examples(
    response={
        **RESULT, **ANSWER, "groups": [{**GROUP, "dimensions": {"user": ID}}],
        "users": [{"id": ID, "name": "bob@acme.example", "measures": GROUP["measures"], "share": 1.0,
                   "favourite_models": _FAVOURITES, "pattern": None, "behaviour_change": _BEHAVIOUR}],
    },
)  # fmt: skip
class UsersAnalyticsSerializer(AnalyticsResultSerializer):
    """The common answer by person, and more about each."""

    users = PersonUsageSerializer(many=True)
