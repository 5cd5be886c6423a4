"""Reports, breakdowns, trends, efficiency, forecast, anomalies and real time of cost."""

from typing import Any

from django.http import Http404
from django.utils import timezone as clock
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from analytics.anomalies import services, wording
from analytics.anomalies.models import Anomaly
from analytics.answers import compare
from analytics.answers.questions import common
from analytics.api import caching
from analytics.api.serializers.models import ComparisonSerializer
from analytics.api.serializers.questions import filters_of, query_of
from analytics.api.serializers.results import AnalyticsResultSerializer
from analytics.api.views.anomalies import JUDGES
from analytics.api.views.base import AnalyticsView, answers
from costs.analysis import ahead, anomalies, breakdown, efficiency, now, trends
from costs.api.serializers import analysis as shapes
from gateway.api.authentication import actor_of
from gateway.api.organization import required_organization
from gateway.api.permissions import Who


class CostReportView(AnalyticsView):
    """Grouped."""

    @extend_schema(
        operation_id="cost_report", request=shapes.ReportQuerySerializer, responses=answers(AnalyticsResultSerializer)
    )
    def post(self, request: Request) -> Response:
        """Measures of cost by any dimensions and filters, as groups and, with a granularity, as series."""
        asked, questions = self.asked(shapes.ReportQuerySerializer), self.questions()
        result = questions.ask(query_of(asked, questions.organization))
        return self.answer(common(questions, result), AnalyticsResultSerializer, asked["end"])


class CostBreakdownView(AnalyticsView):
    """Nested."""

    @extend_schema(
        operation_id="cost_breakdown",
        request=shapes.BreakdownQuerySerializer,
        responses=answers(shapes.BreakdownSerializer),
    )
    def post(self, request: Request) -> Response:
        """Cost by several dimensions, one inside the other, with each part's share of its parent and of the whole."""
        asked, questions = self.asked(shapes.BreakdownQuerySerializer), self.questions()
        dimensions = asked.pop("dimensions")
        body = breakdown.breakdown(questions, query_of(asked, questions.organization, measures=()), dimensions)
        return self.answer(body, shapes.BreakdownSerializer, asked["end"])


class CostTrendsView(AnalyticsView):
    """Moves."""

    @extend_schema(
        operation_id="cost_trends", request=shapes.TrendsQuerySerializer, responses=answers(shapes.TrendsSerializer)
    )
    def post(self, request: Request) -> Response:
        """Period over period, volatility, peak, and the change split into price, volume, mix, size, cache and retries,
        as a whole and by team, project, provider and model."""
        asked, questions = self.asked(shapes.TrendsQuerySerializer), self.questions()
        body = trends.trends(questions, query_of(asked, questions.organization, measures=()), clock.now())
        return self.answer(body, shapes.TrendsSerializer, asked["end"])


class CostEfficiencyView(AnalyticsView):
    """What an outcome costs."""

    @extend_schema(
        operation_id="cost_efficiency",
        request=shapes.EfficiencyQuerySerializer,
        responses=answers(shapes.EfficiencySerializer),
    )
    def post(self, request: Request) -> Response:
        """Cost per request, success, 1,000 tokens and unit of your own, and what is wasted, against the period before,
        the organization or list prices."""
        asked, questions = self.asked(shapes.EfficiencyQuerySerializer), self.questions()
        query = query_of(asked, questions.organization, measures=())
        body = efficiency.efficiency(questions, query, asked["against"])
        return self.answer(body, shapes.EfficiencySerializer, asked["end"])


class CostProvidersView(AnalyticsView):
    """Providers like for like."""

    @extend_schema(
        operation_id="cost_providers_compare",
        request=shapes.CostCompareQuerySerializer,
        responses=answers(ComparisonSerializer),
    )
    def post(self, request: Request) -> Response:
        """Providers on requests of the same size and, unless told otherwise, the same model, with the confidence of
        each difference."""
        asked, questions = self.asked(shapes.CostCompareQuerySerializer), self.questions()
        body = compare.compared(
            questions, query_of(asked, questions.organization, measures=()), "provider", asked["providers"],
            project=asked["project"], same_model=asked["same_model"],
        )  # fmt: skip
        return self.answer(body, ComparisonSerializer, asked["end"])


class CostForecastView(AnalyticsView):
    """To come."""

    @extend_schema(
        operation_id="cost_forecast",
        request=shapes.CostForecastQuerySerializer,
        responses=answers(shapes.CostForecastSerializer),
    )
    def post(self, request: Request) -> Response:
        """Cost of the next days with intervals, its total with its own, and in how many months budgets are used up."""
        asked, questions = self.asked(shapes.CostForecastQuerySerializer), self.questions()
        body = ahead.cost_forecast(
            questions, granularity=asked["granularity"], horizon=asked["horizon"], levels=asked["levels"],
            timezone=asked.get("timezone") or questions.organization.reporting_timezone, filters=filters_of(asked),
            now=clock.now(),
        )  # fmt: skip
        return self.answer(body, shapes.CostForecastSerializer, body["generated_at"])


class RealtimeCostView(AnalyticsView):
    """Now."""

    @extend_schema(operation_id="cost_realtime", responses=answers(shapes.RealtimeCostSerializer))
    def get(self, request: Request) -> Response:
        """What is being spent: this hour, today, this month, how fast, where that leads, which budgets it reaches, who
        spends, and the newest requests."""
        questions = self.questions()
        body = shapes.RealtimeCostSerializer(now.realtime(questions, clock.now()), context={"request": request}).data
        return caching.cached(request, body, caching.REALTIME_S)


class CostAnomaliesView(AnalyticsView):
    """What the hourly scan has found about cost."""

    @extend_schema(
        operation_id="cost_anomalies",
        request=shapes.CostAnomalyQuerySerializer,
        responses={200: shapes.CostAnomaliesSerializer},
    )
    def post(self, request: Request) -> Response:
        """Anomalies of cost that you see whole: actual, expected, excess, its split, ranked causes, feedback."""
        asked = self.asked(shapes.CostAnomalyQuerySerializer)
        body = anomalies.answer(request.user, required_organization(request), asked, clock.now())
        context = {"request": request, "names": body["names"]}
        return Response(shapes.CostAnomaliesSerializer(body, context=context).data)


class CostAnomalyFeedbackView(AnalyticsView):
    """True or false."""

    roles: dict[str, Who] = {"post": JUDGES}
    only_reads = False

    @extend_schema(
        operation_id="cost_anomaly_feedback",
        request=shapes.FeedbackRequestSerializer,
        responses={200: shapes.CostAnomalySerializer},
    )
    def post(self, request: Request, anomaly_id: str) -> Response:
        """Say whether it was one."""
        asked = self.asked(shapes.FeedbackRequestSerializer)
        rows: Any = Anomaly.objects.visible_to(request.user).filter(organization=required_organization(request))
        found: Anomaly | None = rows.filter(pk=anomaly_id).first()
        if found is None:
            raise Http404
        state = anomalies.ANSWERS[asked["is_anomaly"]]
        row = services.set_state(
            anomaly=found, actor=actor_of(request.user), state=state, feedback=asked["text"]
        )  # fmt: skip
        names = wording.names_of(row.organization, [(row.dimension, row.value)])
        return Response(shapes.CostAnomalySerializer(row, context={"request": request, "names": names}).data)
