"""Paths of fine-tuning under `/api/v1/fine-tuning/`; a slash at the end is optional."""

from django.urls import URLPattern, URLResolver, re_path
from rest_framework.routers import SimpleRouter

from finetuning.api.views.runner import RunnerEventsView, RunnerJobViewSet
from gateway.api.views.base import ID_PATTERN

router = SimpleRouter()
router.trailing_slash = "/?"  # the constructor knows only with and without
router.register("jobs", RunnerJobViewSet, "runner-job")

app_name = "finetuning-api"
urlpatterns: list[URLPattern | URLResolver] = [
    re_path(rf"^jobs/(?P<pk>{ID_PATTERN})/events/?$", RunnerEventsView.as_view(), name="runner-events"),
    *router.urls,
]
