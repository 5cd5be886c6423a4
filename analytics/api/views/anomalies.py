"""Anomalies, what people say of them, and how an organization is watched."""

from typing import Any

from django.http import Http404
from django.utils import timezone as clock
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from analytics.anomalies import services, wording
from analytics.anomalies.models import Anomaly
from analytics.answers import anomalies
from analytics.api.serializers import anomalies as shapes
from analytics.api.views.base import AnalyticsView
from gateway.api.authentication import actor_of
from gateway.api.organization import required_organization
from gateway.api.permissions import ADMINS, MEMBERS, Who
from gateway.choices import Role

JUDGES = ADMINS | {Role.ANALYST, Role.MANAGER}


class AnomaliesView(AnalyticsView):
    """What the hourly scan has found."""

    @extend_schema(
        operation_id="anomalies", request=shapes.AnomalyQuerySerializer, responses={200: shapes.AnomaliesSerializer}
    )
    def post(self, request: Request) -> Response:
        """Anomalies that you see whole, newest first, with their expected range, ranked causes and the split of the
        cost change; a summary of all that match, and what to look at."""
        asked = self.asked(shapes.AnomalyQuerySerializer)
        body = anomalies.answer(request.user, required_organization(request), asked, clock.now())
        context = {"request": request, "names": body["names"]}
        return Response(shapes.AnomaliesSerializer(body, context=context).data)


class AnomalyView(AnalyticsView):
    """One."""

    @extend_schema(operation_id="anomaly", responses={200: shapes.AnomalySerializer})
    def get(self, request: Request, anomaly_id: str) -> Response:
        """One anomaly. It keeps its id while it grows."""
        return _shown(request, _found(request, anomaly_id))


class AnomalyStateView(AnalyticsView):
    """Feedback."""

    roles: dict[str, Who] = {"post": JUDGES}
    only_reads = False

    @extend_schema(
        operation_id="anomaly_state", request=shapes.AnomalyStateSerializer, responses={200: shapes.AnomalySerializer}
    )
    def post(self, request: Request, anomaly_id: str) -> Response:
        """Say what it was: `acknowledged`; `expected` (meant: its hours are no example for later ones); `false`
        (nothing: its series have to be stranger to be told again); `open` takes it back."""
        anomaly = _found(request, anomaly_id)
        asked = self.asked(shapes.AnomalyStateSerializer)
        changed = services.set_state(anomaly=anomaly, actor=actor_of(request.user), **asked)
        return _shown(request, changed)


class AnomalySettingsView(AnalyticsView):
    """How the organization is watched."""

    roles: dict[str, Who] = {"get": MEMBERS, "patch": ADMINS}
    only_reads = False

    @extend_schema(operation_id="anomaly_settings", responses={200: shapes.AnomalySettingsSerializer})
    def get(self, request: Request) -> Response:
        """Sensitivity, the least money that matters, and up to when hours are judged."""
        row = services.settings_of(required_organization(request))
        return Response(shapes.AnomalySettingsSerializer(row).data)

    @extend_schema(
        operation_id="anomaly_settings_change", request=shapes.AnomalySettingsSerializer,
        responses={200: shapes.AnomalySettingsSerializer},
    )  # fmt: skip
    def patch(self, request: Request) -> Response:
        """From the next scan on."""
        bound = shapes.AnomalySettingsSerializer(data=request.data, partial=True)
        bound.is_valid(raise_exception=True)
        organization = required_organization(request)
        row = services.change_settings(organization=organization, actor=actor_of(request.user), **bound.validated_data)
        return Response(shapes.AnomalySettingsSerializer(row).data)


def _found(request: Request, anomaly_id: str) -> Anomaly:
    """Raises Http404."""
    rows: Any = Anomaly.objects.visible_to(request.user).filter(organization=required_organization(request))
    found: Anomaly | None = rows.filter(pk=anomaly_id).first()
    if found is None:
        raise Http404
    return found


def _shown(request: Request, row: Anomaly) -> Response:
    names = wording.names_of(row.organization, [(row.dimension, row.value)])
    return Response(shapes.AnomalySerializer(row, context={"request": request, "names": names}).data)
