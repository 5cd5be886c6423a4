"""What is to come."""

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from analytics.answers import forecasts, predictive
from analytics.api.serializers.forecasts import ForecastQuerySerializer, ForecastSerializer, PredictiveSerializer
from analytics.api.serializers.questions import filters_of
from analytics.api.views.base import AnalyticsView, answers
from gateway.api.serializers.base import Input


class ForecastView(AnalyticsView):
    """A measure's future."""

    @extend_schema(
        operation_id="analytics_forecast", request=ForecastQuerySerializer, responses=answers(ForecastSerializer)
    )
    def post(self, request: Request) -> Response:
        """The next hours, days, weeks or months of any measure that you see, with intervals, the back-test behind the
        choice of the method, and how earlier forecasts did."""
        asked, questions = self.asked(ForecastQuerySerializer), self.questions()
        body = forecasts.forecast(
            questions, metric=asked["metric"], granularity=asked["granularity"], horizon=asked["horizon"],
            levels=asked["levels"], timezone=asked.get("timezone") or questions.organization.reporting_timezone,
            filters=filters_of(asked),
        )  # fmt: skip
        return self.answer(body, ForecastSerializer, body["generated_at"])


class PredictiveView(AnalyticsView):
    """What lies ahead of everything."""

    @extend_schema(operation_id="analytics_predictive", request=None, responses=answers(PredictiveSerializer))
    def post(self, request: Request) -> Response:
        """Growth of the next 30 days, when budgets run out and rate limits are reached (with intervals), and risks."""
        self.asked(Input)  # it takes nothing
        now = timezone.now()
        return self.answer(predictive.predictive(self.questions(), now), PredictiveSerializer, now)
