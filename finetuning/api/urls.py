"""Paths of fine-tuning under `/api/v1/fine-tuning/`; a slash at the end is optional."""

from django.urls import URLPattern, URLResolver
from rest_framework.routers import SimpleRouter

from finetuning.api.views.jobs import TuningJobViewSet

router = SimpleRouter()
router.trailing_slash = "/?"  # the constructor knows only with and without
router.register("jobs", TuningJobViewSet, "job")

app_name = "finetuning-api"
urlpatterns: list[URLPattern | URLResolver] = [
    *router.urls,
]
