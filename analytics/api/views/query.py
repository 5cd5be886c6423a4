"""The semantic query itself, and usage at large."""

from django.conf import settings
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from analytics.answers import overview
from analytics.answers.questions import common
from analytics.api.serializers.overview import AdvancedSerializer
from analytics.api.serializers.questions import AnalyticsQuerySerializer, SemanticQuerySerializer, query_of
from analytics.api.serializers.results import AnalyticsResultSerializer
from analytics.api.views.base import AnalyticsView, answers
from analytics.api.views.exports import LOCATION, QUEUED, accepted
from analytics.exports.service import Asked, request_export
from analytics.patience import TookTooLong, patience


class QueryView(AnalyticsView):
    """Any question."""

    @extend_schema(
        operation_id="analytics_query",
        request=SemanticQuerySerializer,
        responses={**answers(AnalyticsResultSerializer), 202: QUEUED},
        parameters=[LOCATION],
    )
    def post(self, request: Request) -> Response:
        """Any measures by any dimensions over a window, narrowed to what you see. What takes longer than two seconds
        becomes a job (202): its download is the same answer. Percentiles are kept by provider,
        model, project and team together, and by key, person, project and team together; other combinations are
        refused (`not_covered`)."""
        asked = self.asked(SemanticQuerySerializer)
        questions = self.questions()
        try:
            with patience(settings.ANALYTICS_PATIENCE_S):
                body = common(questions, questions.ask(query_of(asked, questions.organization)))
        except TookTooLong:
            wanted = Asked("answer", "json", dict(request.data))
            return accepted(
                request, request_export(organization=questions.organization, user=request.user, asked=wanted)
            )
        return self.answer(body, AnalyticsResultSerializer, asked["end"])


class AdvancedView(AnalyticsView):
    """Usage at large."""

    @extend_schema(
        operation_id="analytics_advanced",
        request=AnalyticsQuerySerializer,
        responses=answers(AdvancedSerializer),
    )
    def post(self, request: Request) -> Response:
        """Requests, tokens, cost, errors and latency: totals, series, groups by any dimension, parts by provider,
        model, person and team, and the change against another window."""
        asked = self.asked(AnalyticsQuerySerializer)
        questions = self.questions()
        query = query_of(asked, questions.organization, measures=())
        return self.answer(overview.advanced(questions, query), AdvancedSerializer, asked["end"])
