"""The nightly comparison of ledger and rollups, for those who run the platform."""

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from analytics.api.serializers.reconciliation import ReconciliationSerializer
from analytics.reconciliation import latest_reconciliations
from gateway.api.permissions import SUPERUSER

MOST = 60


class ReconciliationView(APIView):
    """Comparisons of the whole installation."""

    roles = {"get": SUPERUSER}

    @extend_schema(operation_id="reconciliation", responses=ReconciliationSerializer)
    def get(self, request: Request) -> Response:
        """Whether every figure equals the ledger to the last decimal, and the last nights' comparisons. For
        superusers, since samples name organizations."""
        report = latest_reconciliations(MOST)
        body = {"state": report.state, "error": report.error or None, "results": report.results}
        return Response(ReconciliationSerializer(body).data)
