"""Paths of fine-tuning under `/api/v1/fine-tuning/`; a slash at the end is optional."""

from django.urls import URLPattern, URLResolver, re_path
from rest_framework.routers import SimpleRouter

from finetuning.api.methods import by_method
from finetuning.api.views.runner import RunnerEventsView, RunnerJobViewSet
from gateway.api.views.base import ID_PATTERN

EVENTS = rf"^jobs/(?P<pk>{ID_PATTERN})/events/?$"
report_events = RunnerEventsView.as_view()
router = SimpleRouter()
router.trailing_slash = "/?"  # the constructor knows only with and without
router.register("jobs", RunnerJobViewSet, "runner-job")

app_name = "finetuning-api"
urlpatterns: list[URLPattern | URLResolver] = [
    re_path(EVENTS, by_method(post=report_events), name="job-events"),
    re_path(EVENTS, report_events, name="job-events"),
    *router.urls,
]
