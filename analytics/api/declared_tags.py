"""`/api/v1/declared-tags`: administrators say by which tags there are figures, every member sees which."""

from typing import ClassVar

from django.urls import URLPattern, URLResolver
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.routers import SimpleRouter

from analytics import services
from analytics.models import DeclaredTag
from gateway.api.openapi import examples
from gateway.api.permissions import ADMINS, MEMBERS
from gateway.api.serializers.base import Record
from gateway.api.serializers.identity import ID, TIMES
from gateway.api.views.base import ReadableResource


@examples(
    response={"id": ID, "organization": ID, "key": "feature", "dimension": "tag.feature", "created_by": ID, **TIMES},
    request={"key": "feature"},
)
class DeclaredTagSerializer(Record):
    """A key of `X-Gateway-Tags` by which figures are kept."""

    class Meta:
        model = DeclaredTag
        fields = ("id", "organization", "key", "dimension", "created_by", "created_at", "updated_at")
        read_only_fields = ("id", "organization", "dimension", "created_by")
        validators: ClassVar[list[object]] = []


class DeclaredTagViewSet(ReadableResource):
    """Declared tags."""

    queryset = DeclaredTag.objects.all()
    serializer_class = DeclaredTagSerializer
    roles = {"list": MEMBERS, "retrieve": MEMBERS, "create": ADMINS, "destroy": ADMINS}
    search_fields = ("key",)
    ordering_fields = ("key", "created_at")

    def create(self, request: Request) -> Response:
        """Keep figures by a tag, at most 20 of an organization. Lines that the ledger still holds are rolled up again
        in the background; until that is done, earlier days do not know the tag."""
        key = self.validated(DeclaredTagSerializer)["key"]
        return self.answer(services.declare_tag(organization=self.organization, actor=self.actor, key=key), 201)

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, pk: str) -> Response:
        """No more figures by this tag; the ledger keeps it on its lines."""
        services.withdraw_tag(tag=self.get_object(), actor=self.actor)
        return Response(status=204)


router = SimpleRouter()
router.trailing_slash = "/?"  # the constructor knows only with and without
router.register("declared-tags", DeclaredTagViewSet, "declared-tag")

app_name = "analytics-tags-api"
urlpatterns: list[URLPattern | URLResolver] = [*router.urls]
