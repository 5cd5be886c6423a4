"""Recordings of models that will be switched off: members read, who may make keys in the project records."""

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse

from finetuning.api.serializers import recordings as shapes
from finetuning.models import Recording
from finetuning.services import recording
from gateway.api.permissions import KEY_MAKERS, MEMBERS
from gateway.api.views.base import ReadableResource
from gateway.models import User

LOCATION = OpenApiParameter(
    "Location", OpenApiTypes.URI, OpenApiParameter.HEADER, response=[202], description="Where its progress is."
)
QUEUED = {
    **shapes.RECORDING, "status": "queued", "progress": 0.0, "prompts": None, "recorded": 0, "spent": "0.0000000000",
    "file": None, "started_at": None, "finished_at": None,
}  # fmt: skip


class RecordingViewSet(ReadableResource):
    """Recordings."""

    queryset = Recording.objects.all()
    serializer_class = shapes.RecordingSerializer
    roles = {"list": MEMBERS, "retrieve": MEMBERS, "create": KEY_MAKERS, "cancel": KEY_MAKERS}
    filterset_fields = {"project": ["exact"], "status": ["exact", "in"], "model": ["exact"]}
    search_fields = ("model",)
    ordering_fields = ("created_at", "finished_at")

    @extend_schema(
        request=shapes.RecordingRequestSerializer, parameters=[LOCATION],
        responses={202: OpenApiResponse(
            shapes.RecordingSerializer, description="Queued.", examples=[OpenApiExample("Queued", QUEUED)],
        )},
    )  # fmt: skip
    def create(self, request: Request) -> Response:
        """Ask a model that will be switched off what it was asked before, through the gateway, and keep its answers as
        a file of origin `golden`: what a successor is compared with, or trained on. What it costs is in the ledger
        under the tag `recording`; at `budget_limit` it ends with what it has."""
        fields = self.validated(shapes.RecordingRequestSerializer)
        user = request.user if isinstance(request.user, User) else None
        row = recording.create_recording(actor=self.actor, created_by=user, **fields)
        response = self.answer(row, 202)
        response["Location"] = reverse("finetuning-api:recording-detail", args=[row.pk], request=request)
        return response

    @extend_schema(request=None)
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, pk: str) -> Response:
        """Ask no more and keep nothing. 409 when it is over."""
        return self.answer(recording.cancel_recording(recording=self.get_object(), actor=self.actor))
