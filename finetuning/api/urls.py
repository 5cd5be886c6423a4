"""Paths of fine-tuning under `/api/v1/fine-tuning/`; a slash at the end is optional."""

from django.urls import URLPattern, URLResolver, re_path
from rest_framework.routers import SimpleRouter

from finetuning.api.methods import by_method
from finetuning.api.views import advice, files
from finetuning.api.views.evaluations import CompareView, EvaluationViewSet, TunedModelViewSet
from finetuning.api.views.jobs import TuningJobViewSet
from finetuning.api.views.recordings import RecordingViewSet
from finetuning.api.views.runner import RunnerEventsView, RunnerJobViewSet
from gateway.api.views.base import ID_PATTERN

EVENTS = rf"^jobs/(?P<pk>{ID_PATTERN})/events/?$"
read_events, report_events = TuningJobViewSet.as_view({"get": "events"}), RunnerEventsView.as_view()
router = SimpleRouter()
router.trailing_slash = "/?"  # the constructor knows only with and without
router.register("files/uploads", files.UploadViewSet, "file-upload")
router.register("files/runs", files.RunViewSet, "file-run")
router.register("files", files.FileViewSet, "file")
router.register("jobs", TuningJobViewSet, "job")
router.register("jobs", RunnerJobViewSet, "runner-job")
router.register("evaluations", EvaluationViewSet, "evaluation")
router.register("recordings", RecordingViewSet, "recording")
router.register("models", TunedModelViewSet, "tuned-model")

app_name = "finetuning-api"
urlpatterns: list[URLPattern | URLResolver] = [
    re_path(EVENTS, by_method(get=read_events, post=report_events), name="job-events"),
    re_path(EVENTS, report_events, name="job-events"),
    re_path(
        rf"^validate-data/(?P<file_id>{ID_PATTERN})/?$",
        files.JudgingViewSet.as_view({"post": "validate"}),
        name="validate-data",
    ),
    re_path(
        rf"^optimize-data/(?P<file_id>{ID_PATTERN})/?$",
        files.JudgingViewSet.as_view({"post": "optimize"}),
        name="optimize-data",
    ),
    *router.urls,
    re_path(r"^estimate-cost/?$", advice.EstimateCostView.as_view(), name="fine-tuning-estimate-cost"),
    re_path(r"^templates/?$", advice.TemplatesView.as_view(), name="fine-tuning-templates"),
    re_path(
        r"^templates/(?P<template_id>[a-z-]+)/create-job/?$",
        advice.TemplateJobView.as_view(),
        name="fine-tuning-template-job",
    ),
    re_path(r"^recommendations/?$", advice.RecommendationsView.as_view(), name="fine-tuning-recommendations"),
    re_path(r"^sunsets/?$", advice.RadarView.as_view(), name="fine-tuning-sunsets"),
    re_path(r"^analytics/?$", advice.FineTuningAnalyticsView.as_view(), name="fine-tuning-analytics"),
    re_path(
        r"^compare/(?P<base_model_id>[^\x00]+)/(?P<fine_tuned_model_id>(?:ft:|accounts/)[^\x00]+|[^/\x00]+?)/?$",
        CompareView.as_view(),
        name="fine-tuning-compare",
    ),
    re_path(r"^cost-breakdown/?$", advice.FineTuningCostView.as_view(), name="fine-tuning-cost-breakdown"),
]
