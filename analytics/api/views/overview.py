"""Tokens, costs, performance, the dashboard, and how providers do."""

from typing import Any

from django.http import Http404
from django.utils import timezone as clock
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from analytics.answers import costs, dashboard, health, performance, subjects, tokens
from analytics.answers.questions import Questions
from analytics.answers.subjects import Subject
from analytics.api.serializers import overview as shapes
from analytics.api.serializers.performance import PerformanceQuerySerializer, PerformanceSerializer
from analytics.api.serializers.questions import query_of
from analytics.api.views.base import AnalyticsView, answers

MODEL_ID = OpenApiParameter(
    "model_id", OpenApiTypes.STR, OpenApiParameter.PATH, description="Id of a catalog model, or a served model's name."
)


class TokenUsageView(AnalyticsView):
    """Tokens of everybody."""

    @extend_schema(
        operation_id="token_usage",
        parameters=[shapes.TokenUsageParametersSerializer],
        responses=answers(shapes.TokenUsageSerializer),
    )
    def get(self, request: Request) -> Response:
        """Tokens by class of everything you see: totals, by day, by model and by person."""
        return self._tokens(self.questions(), None)

    def _tokens(self, questions: Questions, subject: Subject | None) -> Response:
        asked = self.parameters(shapes.TokenUsageParametersSerializer)
        query = query_of(asked, questions.organization, measures=(), filters=subject.filters if subject else ())
        body = tokens.token_usage(questions, query)
        if subject is None:
            return self.answer(body, shapes.TokenUsageSerializer, asked["end"])
        return self.answer({**body, "subject": subject}, shapes.SubjectTokenUsageSerializer, asked["end"])


class UserTokenUsageView(TokenUsageView):
    """Tokens of one person."""

    @extend_schema(
        operation_id="token_usage_of_user",
        parameters=[shapes.TokenUsageParametersSerializer],
        responses=answers(shapes.SubjectTokenUsageSerializer),
    )
    def get(self, request: Request, user_id: str) -> Response:  # type: ignore[override]
        """The same of one person, by the keys that person owns."""
        questions = self.questions()
        return self._tokens(questions, found(subjects.person(request.user, questions.organization, user_id)))


class ModelTokenUsageView(TokenUsageView):
    """Tokens of one model."""

    @extend_schema(
        operation_id="token_usage_of_model",
        parameters=[MODEL_ID, shapes.TokenUsageParametersSerializer],
        responses=answers(shapes.SubjectTokenUsageSerializer),
    )
    def get(self, request: Request, model_id: str) -> Response:  # type: ignore[override]
        """The same of one model."""
        questions = self.questions()
        return self._tokens(questions, found(subjects.model(request.user, questions.organization, model_id)))


def found(subject: Subject | None) -> Subject:
    """Raises Http404 for what does not exist for the caller."""
    if subject is None:
        raise Http404
    return subject


class DashboardView(AnalyticsView):
    """What one looks at first."""

    @extend_schema(
        operation_id="dashboard",
        parameters=[shapes.DashboardParametersSerializer],
        responses=answers(shapes.DashboardSerializer),
    )
    def get(self, request: Request) -> Response:
        """Today, yesterday and the month so far, with the models and teams that cost most."""
        questions, now = self.questions(), clock.now()
        zone = self.parameters(shapes.DashboardParametersSerializer).get("timezone")
        body = dashboard.dashboard(questions, now, zone or questions.organization.reporting_timezone)
        return self.answer(body, shapes.DashboardSerializer, now)


class ProviderHealthView(AnalyticsView):
    """How providers do."""

    @extend_schema(operation_id="provider_health", responses=answers(shapes.ProviderHealthListSerializer))
    def get(self, request: Request) -> Response:
        """State, availability, last error, p95 and circuits of every provider."""
        questions, now = self.questions(), clock.now()
        providers = health.provider_health(questions, now)
        scope = questions.scope
        body: dict[str, Any] = {
            "generated_at": now, "data_version": scope.version, "rollup_lag_s": scope.lag_s, "currency": scope.currency,
            "timezone": "UTC", "notes": questions.notes, "stale": False, "providers": providers,
        }  # fmt: skip
        return self.answer(body, shapes.ProviderHealthListSerializer, now)


class CostView(AnalyticsView):
    """What it cost."""

    @extend_schema(
        operation_id="analytics_cost",
        request=shapes.CostQuerySerializer,
        responses=answers(shapes.CostSerializer),
    )
    def post(self, request: Request) -> Response:
        """Cost as a series and by provider, model, team, project, person and key, with its trends."""
        asked = self.asked(shapes.CostQuerySerializer)
        questions = self.questions()
        query = query_of(asked, questions.organization, measures=())
        body = costs.cost(questions, query, currency=asked["currency"], forecast=asked["include_forecast"])
        return self.answer(body, shapes.CostSerializer, asked["end"])


class PerformanceView(AnalyticsView):
    """How fast and how reliable."""

    @extend_schema(
        operation_id="analytics_performance",
        request=PerformanceQuerySerializer,
        responses=answers(PerformanceSerializer),
    )
    def post(self, request: Request) -> Response:
        """Latency, first token, output rate, throughput, apdex and errors: totals, series, by provider and by model."""
        asked = self.asked(PerformanceQuerySerializer)
        questions = self.questions()
        body = performance.performance(
            questions, query_of(asked, questions.organization, measures=()),
            percentiles=asked["include_percentiles"], errors=asked["include_error_analysis"],
        )  # fmt: skip
        return self.answer(body, PerformanceSerializer, asked["end"])
