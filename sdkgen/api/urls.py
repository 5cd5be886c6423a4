"""Paths of SDKs under `/api/v1/`; a slash at the end is optional."""

from django.urls import URLPattern, URLResolver, re_path
from rest_framework.routers import SimpleRouter

from sdkgen.api.custom import CustomViewSet
from sdkgen.api.documentation import DocumentationViewSet
from sdkgen.api.playground import PlaygroundViewSet
from sdkgen.api.telemetry import SdkAnalyticsView, SdkBenchmarksView, SdkSupportView
from sdkgen.api.versions import VersionViewSet
from sdkgen.api.views import BuildViewSet, SdkViewSet

app_name = "sdk-api"
router = SimpleRouter()
router.trailing_slash = "/?"
router.register("sdk/builds", BuildViewSet, basename="build")
router.register("sdk/playground", PlaygroundViewSet, basename="playground")
urlpatterns: list[URLPattern | URLResolver] = [
    re_path("^sdk/languages/?$", SdkViewSet.as_view({"get": "languages"}), name="languages"),
    re_path("^sdk/generate/?$", SdkViewSet.as_view({"post": "generate"}), name="generate"),
    re_path("^sdk/validate/?$", CustomViewSet.as_view({"post": "check"}), name="validate"),
    re_path("^sdk/custom-client/?$", CustomViewSet.as_view({"post": "create"}), name="custom-client"),
    re_path(
        "^sdk/documentation/(?P<language>[^/]+)/?$", DocumentationViewSet.as_view({"get": "read"}), name="documentation"
    ),
    re_path(
        "^sdk/documentation/(?P<language>[^/]+)/llms.txt$", DocumentationViewSet.as_view({"get": "llms"}), name="llms"
    ),
    re_path(
        "^sdk/documentation/(?P<language>[^/]+)/types/(?P<type>[^/]+)/?$",
        DocumentationViewSet.as_view({"get": "type_page"}),
        name="type",
    ),
    re_path("^sdk/examples/(?P<language>[^/]+)/?$", DocumentationViewSet.as_view({"get": "samples"}), name="examples"),
    re_path(
        "^sdk/changelog/(?P<language>[^/]{1,40})/?$", VersionViewSet.as_view({"get": "changelog"}), name="changelog"
    ),
    re_path("^sdk/migration-guide/?$", VersionViewSet.as_view({"post": "guide"}), name="migration-guide"),
    re_path("^sdk/analytics/?$", SdkAnalyticsView.as_view(), name="analytics"),
    re_path("^sdk/benchmarks/(?P<language>[^/]+)/?$", SdkBenchmarksView.as_view(), name="benchmarks"),
    re_path("^sdk/support/(?P<language>[^/]+)/?$", SdkSupportView.as_view(), name="support"),
    *router.urls,
]
