"""Exports of costs: the same files as of analytics, FOCUS unless something else is asked for."""

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from analytics.api.views.exports import LOCATION, QUEUED, ExportViewSet, accepted
from analytics.exports import service
from costs.api.serializers.exports import CostExportRequestSerializer
from gateway.api.permissions import MEMBERS


class CostExportViewSet(ExportViewSet):
    """Asks; the answer's `Location` is among `analytics/exports`."""

    roles = {"create": MEMBERS}

    @extend_schema(request=CostExportRequestSerializer, responses={202: QUEUED}, parameters=[LOCATION])
    def create(self, request: Request) -> Response:
        """Ask for a file of charges: FOCUS 1.4 Cost and Usage, one row for each hour, key, model, meter and price."""
        fields = self.validated(CostExportRequestSerializer)
        asked = service.Asked(fields["dataset"], fields["format"], fields["query"])
        return accepted(request, service.request_export(organization=self.organization, user=request.user, asked=asked))
