"""Exchange rates: everybody reads, administrators state, superusers those of the platform too."""

from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from costs.api.serializers import currencies as shapes
from costs.models import ExchangeRate
from costs.services import currencies
from gateway.api.permissions import ADMINS, MEMBERS
from gateway.api.views.base import ReadableResource


class ExchangeRateViewSet(ReadableResource):
    """Stated rates of the organization and the platform's. None is changed or removed: one that was wrong is stated
    again for its day, and the one stated last stands."""

    queryset = ExchangeRate.objects.all()
    serializer_class = shapes.ExchangeRateSerializer
    is_platform_visible = True
    has_platform_scope = True
    confirmed_actions = frozenset({"create", "upload"})
    roles = {"list": MEMBERS, "retrieve": MEMBERS, "create": ADMINS, "upload": ADMINS}
    filterset_fields = {
        "base": ["exact"], "quote": ["exact"], "valid_from": ["exact", "gte", "lte"], "organization": ["isnull"],
    }  # fmt: skip
    search_fields = ("source",)
    ordering_fields = ("valid_from", "created_at")

    def create(self, request: Request) -> Response:
        """State a rate from a day on. What was converted before is converted by it from now on. Superusers who name no
        organization state it for everybody."""
        stated = currencies.NewRate(**self.validated(shapes.ExchangeRateSerializer))
        row = currencies.state_rate(organization=self.owner_of_new(), actor=self.actor, stated=stated)
        return self.answer(row, 201)

    @extend_schema(
        request={"multipart/form-data": shapes.RatesUploadSerializer}, responses={201: shapes.RatesUploadedSerializer}
    )
    @action(detail=False, methods=["post"], parser_classes=(MultiPartParser,), filter_backends=())
    def upload(self, request: Request) -> Response:
        """State the rates of a CSV file, all of them or none. The same file again adds nothing."""
        given = self.validated(shapes.RatesUploadSerializer)
        content = given["file"].read(currencies.MOST_BYTES + 1)
        stated = currencies.read_csv(content, given["source"])
        taken = currencies.state_rates(organization=self.owner_of_new(), actor=self.actor, stated=stated)
        body = {"stated": len(taken.rows) - taken.known, "known": taken.known}
        return Response(shapes.RatesUploadedSerializer(body).data, status=201)
