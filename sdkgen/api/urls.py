"""Paths of SDKs under `/api/v1/`; a slash at the end is optional."""

from django.urls import URLPattern, URLResolver, re_path
from rest_framework.routers import SimpleRouter

from sdkgen.api.telemetry import SdkAnalyticsView, SdkBenchmarksView, SdkSupportView
from sdkgen.api.views import BuildViewSet, SdkViewSet

app_name = "sdk-api"
router = SimpleRouter()
router.trailing_slash = "/?"
router.register("sdk/builds", BuildViewSet, basename="build")
urlpatterns: list[URLPattern | URLResolver] = [
    re_path("^sdk/languages/?$", SdkViewSet.as_view({"get": "languages"}), name="languages"),
    re_path("^sdk/generate/?$", SdkViewSet.as_view({"post": "generate"}), name="generate"),
    re_path("^sdk/validate/?$", SdkViewSet.as_view({"post": "check"}), name="validate"),
    re_path("^sdk/analytics/?$", SdkAnalyticsView.as_view(), name="analytics"),
    re_path("^sdk/benchmarks/(?P<language>[^/]+)/?$", SdkBenchmarksView.as_view(), name="benchmarks"),
    re_path("^sdk/support/(?P<language>[^/]+)/?$", SdkSupportView.as_view(), name="support"),
    *router.urls,
]
