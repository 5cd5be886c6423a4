"""Paths below `/api/openai/v1/`, where the data plane forwards those of `/v1/` that Django answers."""

from django.urls import URLPattern, URLResolver

app_name = "openai-front"
urlpatterns: list[URLPattern | URLResolver] = []
