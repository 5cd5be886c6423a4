"""`/api/v1/annotations`: deploys, incidents and notes on charts; a release script posts one line."""

from typing import ClassVar

from django.urls import URLPattern, URLResolver
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.routers import SimpleRouter

from analytics import annotations
from analytics.models import Annotation
from gateway.api.openapi import examples
from gateway.api.permissions import ADMINS, MEMBERS
from gateway.api.serializers.base import Record, Scoped
from gateway.api.serializers.identity import ID, TIMES
from gateway.api.views.base import ReadableResource
from gateway.choices import Role
from gateway.models import Team

WRITERS = ADMINS | {Role.MANAGER}


@examples(
    response={
        "id": ID, "organization": ID, "team": None, "kind": "deploy", "text": "Search 4.2",
        "at": "2026-11-03T14:05:00Z", "ended_at": None, "url": "https://ci.example.com/releases/42", "created_by": ID,
        **TIMES,
    },
    request={"kind": "deploy", "text": "Search 4.2", "url": "https://ci.example.com/releases/42"},
)  # fmt: skip
class AnnotationSerializer(Record):
    """Something that happened; charts show it at its time."""

    team = Scoped(queryset=Team.objects.all(), required=False, allow_null=True, help_text="Whose members alone see it.")
    at = serializers.DateTimeField(required=False, help_text="When it happened, or began; now when left out.")

    class Meta:
        model = Annotation
        fields = (
            "id", "organization", "team", "kind", "text", "at", "ended_at", "url", "created_by", "created_at",
            "updated_at",
        )  # fmt: skip
        read_only_fields = ("id", "organization", "created_by")
        validators: ClassVar[list[object]] = []


class AnnotationViewSet(ReadableResource):
    """Annotations."""

    queryset = Annotation.objects.all()
    serializer_class = AnnotationSerializer
    roles = {
        "list": MEMBERS, "retrieve": MEMBERS, "create": WRITERS, "partial_update": WRITERS, "destroy": WRITERS,
    }  # fmt: skip
    filterset_fields = {"kind": ["exact"], "team": ["exact"], "at": ["gte", "lt"]}
    search_fields = ("text",)
    ordering_fields = ("at", "created_at")

    def create(self, request: Request) -> Response:
        """Write on the charts of the organization, or of one team. A manager's is the own team's."""
        fields = self.validated(AnnotationSerializer)
        return self.answer(
            annotations.create_annotation(organization=self.organization, actor=self.actor, **fields), 201
        )  # fmt: skip

    def partial_update(self, request: Request, pk: str) -> Response:
        """Correct it, or say when it was over."""
        annotation = self.get_object()
        fields = self.validated(AnnotationSerializer, annotation)
        return self.answer(annotations.update_annotation(annotation=annotation, actor=self.actor, **fields))

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, pk: str) -> Response:
        """Take it off the charts; the audit trail keeps what it said."""
        annotations.delete_annotation(annotation=self.get_object(), actor=self.actor)
        return Response(status=204)


router = SimpleRouter()
router.trailing_slash = "/?"  # the constructor knows only with and without
router.register("annotations", AnnotationViewSet, "annotation")

app_name = "analytics-annotations-api"
urlpatterns: list[URLPattern | URLResolver] = [*router.urls]
