"""Paths of analytics under `/api/v1/`; a slash at the end is optional."""

from django.urls import URLPattern, URLResolver, re_path

from analytics.api.views import query

app_name = "analytics-api"
urlpatterns: list[URLPattern | URLResolver] = [
    re_path(r"^admin/analytics/query/?$", query.QueryView.as_view(), name="query"),
    re_path(r"^admin/analytics/advanced/?$", query.AdvancedView.as_view(), name="advanced"),
]
