"""SDKs: the languages, and packages."""

from dataclasses import asdict
from typing import Any
from uuid import UUID

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.decorators import action
from rest_framework.mixins import RetrieveModelMixin
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse

from analytics.api.views.exports import file_response
from gateway.api.permissions import MEMBERS
from gateway.api.views.base import Resource
from gateway.downloads import Download
from gateway.models import Job
from sdkgen import builds
from sdkgen.api import serializers as shapes
from sdkgen.languages.registry import LANGUAGES
from sdkgen.models import Release

LOCATION = OpenApiParameter(
    "Location", OpenApiTypes.URI, OpenApiParameter.HEADER, response=[202], description="Where its progress is."
)
QUEUED = OpenApiResponse(
    shapes.BuildSerializer, description="Queued.", examples=[OpenApiExample("Queued", shapes.QUEUED)]
)


class SdkViewSet(Resource):
    """What asks for packages."""

    queryset = Job.objects.all()
    serializer_class = shapes.BuildSerializer
    roles = {"languages": MEMBERS, "generate": MEMBERS}
    only_reads = True
    filter_backends = ()
    pagination_class = None

    @extend_schema(operation_id="sdk_languages", responses=shapes.LanguageSerializer(many=True))
    def languages(self, request: Request) -> Response:
        """Languages that packages are made for, with the versions that were released."""
        versions = list(Release.objects.values_list("version", flat=True))
        said = [
            {**asdict(language.about), "versions": versions, "latest": versions[0] if versions else None}
            for language in LANGUAGES.values()
        ]
        return Response(shapes.LanguageSerializer(said, many=True).data)

    @extend_schema(
        operation_id="sdk_generate",
        request=shapes.BuildRequestSerializer,
        responses={202: QUEUED},
        parameters=[LOCATION],
    )
    def generate(self, request: Request) -> Response:
        """Ask for a package. It is made in the background and kept for some days; equal requests of equal code give
        equal archives."""
        fields = self.validated(shapes.BuildRequestSerializer)
        job = builds.request_build(
            organization=self.organization, user=request.user, language=fields["language"],
            said=fields.get("config", {}),
        )  # fmt: skip
        response = self.answer(job, status=202)
        response["Location"] = reverse("sdk-api:build-detail", args=[job.pk], request=request)
        return response


class BuildViewSet(RetrieveModelMixin, Resource):
    """Packages; one's own, and all of the organization for administrators."""

    queryset = Job.objects.all()
    serializer_class = shapes.BuildSerializer
    roles = {"retrieve": MEMBERS, "download": MEMBERS}
    filter_backends = ()

    def get_queryset(self) -> Any:
        return super().get_queryset().filter(kind=builds.KIND)

    @extend_schema(
        responses={
            (200, "application/zip"): OpenApiResponse(
                OpenApiTypes.BINARY,
                description="The archive.",
                examples=[OpenApiExample("Archive", "PK…", media_type="application/zip")],
            )
        }
    )
    @action(detail=True, methods=["get"], pagination_class=None)
    def download(self, request: Request, pk: UUID) -> Download:
        """The archive. 409 while it is not done, 410 when it has expired."""
        return file_response(*builds.open_build(job=self.get_object(), user=request.user))
