"""The API's own documentation: the schema, Swagger UI and ReDoc, all served locally."""

from functools import lru_cache
from pathlib import Path
from typing import Any

from django.contrib.staticfiles import finders
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, URLResolver, path
from drf_spectacular.views import SpectacularAPIView, SpectacularRedocView, SpectacularSwaggerSplitView
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.request import Request

from gateway.api.permissions import ANYONE


class FormatByQuery(DefaultContentNegotiation):
    """`?format=json` or `?format=yaml` before the `Accept` header, for who opens the document in a browser."""

    def select_renderer(self, request: Request, renderers: Any, format_suffix: str | None = None) -> Any:
        return super().select_renderer(request, renderers, format_suffix or request.query_params.get("format"))


class SchemaView(SpectacularAPIView):
    """The OpenAPI document."""

    roles = {"get": ANYONE}
    content_negotiation_class = FormatByQuery


class SwaggerView(SpectacularSwaggerSplitView):
    """Swagger UI; its script is a file of its own, as the content security policy asks."""

    roles = {"get": ANYONE}
    url_name = "api-schema"


@lru_cache(maxsize=1)
def _redoc() -> bytes:
    """ReDoc's script without its one image from elsewhere, which the content security policy refuses."""
    found = finders.find("drf_spectacular_sidecar/redoc/bundles/redoc.standalone.js")
    assert isinstance(found, str)
    return Path(found).read_bytes().replace(b"https://cdn.redoc.ly/redoc/logo-mini.svg", b"data:,")


def redoc_script(request: HttpRequest) -> HttpResponse:
    """The script of the page below."""
    response = HttpResponse(_redoc(), content_type="text/javascript; charset=utf-8")
    response["Cache-Control"] = "public, max-age=86400"
    return response


class RedocView(SpectacularRedocView):
    """ReDoc, without fonts from elsewhere."""

    roles = {"get": ANYONE}
    url_name = "api-schema"


urlpatterns: list[URLPattern | URLResolver] = [
    path("schema/", SchemaView.as_view(), name="api-schema"),
    path("docs/", SwaggerView.as_view(), name="api-docs"),
    path("redoc/redoc.js", redoc_script, name="api-redoc-script"),
    path("redoc/", RedocView.as_view(), name="api-redoc"),
]
