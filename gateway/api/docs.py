"""The API's own documentation: the schema, Swagger UI and ReDoc, all served locally."""

from django.urls import URLPattern, URLResolver, path
from drf_spectacular.views import SpectacularAPIView, SpectacularRedocView, SpectacularSwaggerSplitView

from gateway.api.permissions import ANYONE


class SchemaView(SpectacularAPIView):
    """The OpenAPI document."""

    roles = {"get": ANYONE}


class SwaggerView(SpectacularSwaggerSplitView):
    """Swagger UI; its script is a file of its own, as the content security policy asks."""

    roles = {"get": ANYONE}
    url_name = "api-schema"


class RedocView(SpectacularRedocView):
    """ReDoc, without fonts from elsewhere."""

    roles = {"get": ANYONE}
    url_name = "api-schema"


urlpatterns: list[URLPattern | URLResolver] = [
    path("schema/", SchemaView.as_view(), name="api-schema"),
    path("docs/", SwaggerView.as_view(), name="api-docs"),
    path("redoc/", RedocView.as_view(), name="api-redoc"),
]
