"""Paths of fine-tuning under `/api/v1/fine-tuning/`; a slash at the end is optional."""

from django.urls import URLPattern, URLResolver
from rest_framework.routers import SimpleRouter

router = SimpleRouter()
router.trailing_slash = "/?"  # the constructor knows only with and without

app_name = "finetuning-api"
urlpatterns: list[URLPattern | URLResolver] = [
    *router.urls,
]
