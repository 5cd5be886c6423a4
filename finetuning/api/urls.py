"""Paths of fine-tuning under `/api/v1/fine-tuning/`; a slash at the end is optional."""

from django.urls import URLPattern, URLResolver, re_path
from rest_framework.routers import SimpleRouter

from finetuning.api.views import files
from finetuning.api.views.jobs import TuningJobViewSet
from gateway.api.views.base import ID_PATTERN

router = SimpleRouter()
router.trailing_slash = "/?"  # the constructor knows only with and without
router.register("files/uploads", files.UploadViewSet, "file-upload")
router.register("files/runs", files.RunViewSet, "file-run")
router.register("files", files.FileViewSet, "file")
router.register("jobs", TuningJobViewSet, "job")

app_name = "finetuning-api"
urlpatterns: list[URLPattern | URLResolver] = [
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
]
