"""Clients made to order, and what is to be said of a configuration before one is made."""

from dataclasses import asdict
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse

from gateway.api.permissions import MEMBERS
from gateway.api.views.base import Resource
from gateway.models import Job
from gateway.services.errors import Invalid
from sdkgen import builds
from sdkgen.api import customshapes as shapes
from sdkgen.api.serializers import BuildSerializer
from sdkgen.api.views import LOCATION, QUEUED
from sdkgen.custom import service


class CustomViewSet(Resource):
    """Chosen operations, or what one key may do."""

    queryset = Job.objects.all()
    serializer_class = BuildSerializer
    roles = {"create": MEMBERS, "check": MEMBERS}
    only_reads = True
    filter_backends = ()
    pagination_class = None

    @extend_schema(
        operation_id="sdk_custom_client",
        request=shapes.CustomRequestSerializer,
        responses={202: QUEUED},
        parameters=[LOCATION],
    )
    def create(self, request: Request) -> Response:
        """Ask for a client of chosen operations, or of what a key may do (`shape`): smaller, with only the types that
        they reach. `size` tells how small before it is made; `stale` tells later what it no longer agrees with."""
        fields = self.validated(shapes.CustomRequestSerializer)
        config = {"base_url": request.build_absolute_uri("/").rstrip("/"), **fields.get("config", {})}
        job = service.request_client(
            organization=self.organization, user=request.user, language=fields["language"], said=config,
            shape=fields.get("shape"),
        )  # fmt: skip
        response = self.answer(job, status=202)
        response["Location"] = reverse("sdk-api:build-detail", args=[job.pk], request=request)
        return response

    @extend_schema(
        operation_id="sdk_validate", request=shapes.ValidateRequestSerializer, responses=shapes.ValidationSerializer
    )
    def check(self, request: Request) -> Response:
        """What is wrong, doubtful or could be better about a configuration, all at once, each with a JSON pointer and
        what to do; and how operations and types would be called in every language."""
        fields = self.validated(shapes.ValidateRequestSerializer)
        config = fields["config"]
        found = builds.findings(fields["language"], config)
        shape = service.shape_of(user=request.user, organization=self.organization, said=fields.get("shape"))
        by_level: dict[str, list[Any]] = {"error": [], "warning": [], "suggestion": []}
        for one in found:
            by_level[one.level].append(asdict(one))
        if not by_level["error"] and (shape is not None or config.get("operations")):
            size = self._size(fields["language"], config, shape, by_level["error"])
        else:
            size = None
        said = {
            "valid": not by_level["error"], "errors": by_level["error"], "warnings": by_level["warning"],
            "suggestions": by_level["suggestion"], "size": size,
            "preview": service.previewed(said=config, shape=shape) if fields["preview"] else None,
        }  # fmt: skip
        return Response(shapes.ValidationSerializer(said).data)

    def _size(self, language: str, config: dict[str, Any], shape: Any, errors: list[Any]) -> Any:
        try:
            return service.draft(language=language, said=config, shape=shape).size
        except Invalid as error:
            field = error.field.removeprefix("config.")
            errors.append(
                {"field": field, "code": error.code, "message": error.message, "fix": "Choose other operations.",
                 "pointer": f"/config/{field}"}
            )  # fmt: skip
            return None
