"""What `OPTIONS` says about a resource."""

from typing import TYPE_CHECKING, Any

from rest_framework.metadata import BaseMetadata
from rest_framework.request import Request

if TYPE_CHECKING:
    from rest_framework.views import APIView  # which reads the setting that names this module


class PlainMetadata(BaseMetadata):
    """Name and content types. Fields are in the OpenAPI document, which knows each action's body; DRF's own way looks
    for one serializer a view, and asks the database for the object on the way."""

    def determine_metadata(self, request: Request, view: "APIView") -> dict[str, Any]:
        return {
            "name": view.get_view_name(),
            "renders": [renderer.media_type for renderer in view.renderer_classes],
            "parses": [parser.media_type for parser in view.parser_classes],
        }
