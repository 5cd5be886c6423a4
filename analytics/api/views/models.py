"""Models: one, several, compared; providers compared."""

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from analytics.answers import compare, models, subjects
from analytics.api.serializers import models as shapes
from analytics.api.serializers.questions import LooseWindowSerializer, query_of
from analytics.api.views.base import AnalyticsView, answers
from analytics.api.views.overview import MODEL_ID, found


class ModelsView(AnalyticsView):
    """Several models."""

    @extend_schema(
        operation_id="analytics_models",
        request=shapes.ModelsQuerySerializer,
        responses=answers(shapes.ModelsAnalyticsSerializer),
    )
    def post(self, request: Request) -> Response:
        """Usage, cost, performance, scores and ranks of models, those with most requests first."""
        asked = self.asked(shapes.ModelsQuerySerializer)
        questions = self.questions()
        query = query_of(asked, questions.organization, measures=())
        body = models.models(questions, query, names=asked["models"])
        return self.answer(body, shapes.ModelsAnalyticsSerializer, asked["end"])


class ModelView(AnalyticsView):
    """One model."""

    @extend_schema(
        operation_id="analytics_model",
        parameters=[MODEL_ID, LooseWindowSerializer],
        responses=answers(shapes.ModelAnalyticsSerializer),
    )
    def get(self, request: Request, model_id: str) -> Response:
        """How much, by whom, how fast, how well, and its ranks among all models."""
        asked = self.parameters(LooseWindowSerializer)
        questions = self.questions()
        subject = found(subjects.model(request.user, questions.organization, model_id))
        body = models.model(questions, query_of(asked, questions.organization, measures=()), subject)
        return self.answer(body, shapes.ModelAnalyticsSerializer, asked["end"])


class ModelCompareView(AnalyticsView):
    """Models like for like."""

    @extend_schema(
        operation_id="analytics_models_compare",
        request=shapes.ModelCompareQuerySerializer,
        responses=answers(shapes.ComparisonSerializer),
    )
    def post(self, request: Request) -> Response:
        """Cost, speed, reliability and scores of models on requests of the same size, with the confidence of each
        difference; what cannot be told is said."""
        asked = self.asked(shapes.ModelCompareQuerySerializer)
        questions = self.questions()
        body = compare.compared(
            questions, query_of(asked, questions.organization, measures=()), "model", asked["models"],
            project=asked["project"], same_model=False,
        )  # fmt: skip
        return self.answer(body, shapes.ComparisonSerializer, asked["end"])


class ProviderCompareView(AnalyticsView):
    """Providers like for like."""

    @extend_schema(
        operation_id="analytics_providers_compare",
        request=shapes.ProviderCompareQuerySerializer,
        responses=answers(shapes.ComparisonSerializer),
    )
    def post(self, request: Request) -> Response:
        """The same of providers; `same_model` compares each model only with itself."""
        asked = self.asked(shapes.ProviderCompareQuerySerializer)
        questions = self.questions()
        body = compare.compared(
            questions, query_of(asked, questions.organization, measures=()), "provider", asked["providers"],
            project=asked["project"], same_model=asked["same_model"],
        )  # fmt: skip
        return self.answer(body, shapes.ComparisonSerializer, asked["end"])
