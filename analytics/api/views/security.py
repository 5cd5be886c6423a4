"""Security of the organization."""

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from analytics.answers.security import security
from analytics.api.serializers.questions import query_of
from analytics.api.serializers.security import SecurityQuerySerializer, SecurityReportSerializer
from analytics.api.views.base import AnalyticsView, answers
from gateway.api.permissions import ANALYSTS, Who


class SecurityView(AnalyticsView):
    """For those who see the whole organization."""

    roles: dict[str, Who] = {"post": ANALYSTS}

    @extend_schema(
        operation_id="analytics_security",
        request=SecurityQuerySerializer,
        responses=answers(SecurityReportSerializer),
    )
    def post(self, request: Request) -> Response:
        """Refused calls, guardrail hits, what is odd about keys, incidents, and a score with its sum."""
        asked = self.asked(SecurityQuerySerializer)
        questions = self.questions()
        body = security(questions, query_of(asked, questions.organization, measures=()))
        return self.answer(body, SecurityReportSerializer, asked["end"])
