"""Compliance of the organization."""

from django.utils import timezone as clock
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from analytics.answers.compliance import compliance
from analytics.api.serializers.compliance import ComplianceQuerySerializer, ComplianceSerializer
from analytics.api.views.base import AnalyticsView, answers
from gateway.api.permissions import ANALYSTS, Who


class ComplianceView(AnalyticsView):
    """For those who see the whole organization."""

    roles: dict[str, Who] = {"post": ANALYSTS}

    @extend_schema(
        operation_id="analytics_compliance",
        request=ComplianceQuerySerializer,
        responses=answers(ComplianceSerializer),
    )
    def post(self, request: Request) -> Response:
        """Checks of SOC 2, ISO 27001, GDPR and OWASP's top ten for LLMs that the platform can really test, each with
        its evidence; what only people can tell is listed as manual."""
        asked = self.asked(ComplianceQuerySerializer)
        now = clock.now()
        return self.answer(compliance(self.questions(), asked["catalogues"], now), ComplianceSerializer, now)
