"""Paths of fine-tuning under `/api/v1/fine-tuning/`; a slash at the end is optional."""

from django.urls import URLPattern, URLResolver, re_path
from rest_framework.routers import SimpleRouter

from finetuning.api.views import advice
from finetuning.api.views.evaluations import CompareView, EvaluationViewSet, TunedModelViewSet

router = SimpleRouter()
router.trailing_slash = "/?"  # the constructor knows only with and without
router.register("evaluations", EvaluationViewSet, "evaluation")
router.register("models", TunedModelViewSet, "tuned-model")

app_name = "finetuning-api"
urlpatterns: list[URLPattern | URLResolver] = [
    *router.urls,
    re_path(r"^estimate-cost/?$", advice.EstimateCostView.as_view(), name="fine-tuning-estimate-cost"),
    re_path(r"^templates/?$", advice.TemplatesView.as_view(), name="fine-tuning-templates"),
    re_path(r"^recommendations/?$", advice.RecommendationsView.as_view(), name="fine-tuning-recommendations"),
    re_path(r"^sunsets/?$", advice.RadarView.as_view(), name="fine-tuning-sunsets"),
    re_path(r"^analytics/?$", advice.FineTuningAnalyticsView.as_view(), name="fine-tuning-analytics"),
    re_path(
        r"^compare/(?P<base_model_id>.+)/(?P<fine_tuned_model_id>(?:ft:|accounts/).+|[^/]+?)/?$",
        CompareView.as_view(),
        name="fine-tuning-compare",
    ),
    re_path(r"^cost-breakdown/?$", advice.FineTuningCostView.as_view(), name="fine-tuning-cost-breakdown"),
]
