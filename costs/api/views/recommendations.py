"""Recommendations: analysts read, managers those of their team's calls, administrators decide; what-if."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from django.http import Http404
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse
from rest_framework.views import APIView

from analytics.answers import subjects
from analytics.api.views.base import AnalyticsView
from costs.api.serializers import recommendations as shapes
from costs.models import Recommendation
from costs.recommendations import reading, realized, search, services
from costs.whatif import what_if
from gateway.api.organization import required_organization
from gateway.api.permissions import ADMINS, ANALYSTS, MEMBERS
from gateway.api.views.base import ReadableResource
from gateway.choices import Role
from gateway.models import Job, User

READERS = ANALYSTS | {Role.MANAGER}
LOCATION = OpenApiParameter(
    "Location", OpenApiTypes.URI, OpenApiParameter.HEADER, response=[202], description="Where its progress is."
)
QUEUED = OpenApiResponse(
    shapes.SearchJobSerializer, description="Queued.", examples=[OpenApiExample("Queued", shapes.JOB)]
)
UNMEASURED = "Nothing is measured before it is applied, nor of keys and commitments, which have no calls of their own."


class RecommendationViewSet(ReadableResource):
    """Recommendations."""

    queryset = Recommendation.objects.select_related("organization")
    serializer_class = shapes.RecommendationSerializer
    roles = {
        "list": READERS, "retrieve": READERS, "summary": READERS, "realized": READERS, "apply": ADMINS,
        "revert": ADMINS, "dismiss": ADMINS, "snooze": ADMINS, "search": ADMINS, "last_search": READERS,
    }  # fmt: skip
    filterset_fields = {"state": ["exact", "in"], "category": ["exact", "in"], "effort": ["exact"], "risk": ["exact"]}
    search_fields = ("title",)
    ordering_fields = ("monthly_saving", "created_at", "applied_at")

    @extend_schema(responses=shapes.OptimizationSerializer)
    @action(detail=False, methods=["get"], filter_backends=(), pagination_class=None)
    def summary(self, request: Request) -> Response:
        """What all open recommendations that you see come to together, and which are quick."""
        rows = list(self.get_queryset().filter(state="open"))
        return Response(shapes.OptimizationSerializer(summed(self.organization, rows)).data)

    @extend_schema(responses=shapes.RealizedAnswerSerializer)
    @action(detail=True, methods=["get"], filter_backends=(), pagination_class=None)
    def realized(self, request: Request, pk: str) -> Response:
        """What it has saved since it was applied, measured now, by day."""
        row = self.get_object()
        found = realized.measure(row, now=timezone.now())
        if found is None:
            body: dict[str, Any] = {
                "method": None, "method_text": UNMEASURED, "start": row.applied_at, "end": None,
                "currency": row.currency, "lines": 0, "unpriced": 0, "amount": None, "interval": None, "days": (),
                "notes": [{"code": "not_measured", "message": UNMEASURED}],
            }  # fmt: skip
            return Response(shapes.RealizedAnswerSerializer(body).data)
        bounds = {"level": realized.LEVEL, "lower": found.lower, "upper": found.upper}
        body = {
            **{name: getattr(found, name) for name in type(found).__slots__},
            "method_text": realized.METHODS[found.method], "interval": None if found.lower is None else bounds,
            "notes": [{"code": code, "message": message} for code, message in found.notes],
        }  # fmt: skip
        return Response(shapes.RealizedAnswerSerializer(body).data)

    @extend_schema(request=shapes.ApplySerializer)
    @action(detail=True, methods=["post"])
    def apply(self, request: Request, pk: str) -> Response:
        """Change the route, cache policy or cap as it says, for a share of the calls where that can be; what the
        gateway cannot do is noted as done by hand. Applying it again changes nothing."""
        fields = self.validated(shapes.ApplySerializer)
        return self.answer(
            services.apply_recommendation(recommendation=self.get_object(), actor=self.actor, share=fields["share"])
        )

    @extend_schema(request=None)
    @action(detail=True, methods=["post"])
    def revert(self, request: Request, pk: str) -> Response:
        """Take back what applying changed; what was changed since then stays. It is open again."""
        return self.answer(services.revert_recommendation(recommendation=self.get_object(), actor=self.actor))

    @extend_schema(request=shapes.DismissSerializer)
    @action(detail=True, methods=["post"])
    def dismiss(self, request: Request, pk: str) -> Response:
        """Not wanted. Searches leave it so, until its saving is twice what it was."""
        fields = self.validated(shapes.DismissSerializer)
        return self.answer(
            services.dismiss_recommendation(recommendation=self.get_object(), actor=self.actor, reason=fields["reason"])
        )

    @extend_schema(request=shapes.SnoozeSerializer)
    @action(detail=True, methods=["post"])
    def snooze(self, request: Request, pk: str) -> Response:
        """Not now: open again after so many days."""
        fields = self.validated(shapes.SnoozeSerializer)
        return self.answer(services.snooze_recommendation(recommendation=self.get_object(), actor=self.actor, **fields))

    @extend_schema(request=None, responses={202: QUEUED}, parameters=[LOCATION])
    @action(detail=False, methods=["post"], filter_backends=(), pagination_class=None)
    def search(self, request: Request) -> Response:
        """Have the last 30 whole days searched now; it is done once a day anyway."""
        user = request.user if isinstance(request.user, User) else None
        job = search.request_search(organization=self.organization, user=user)
        response = self.answer(job, 202, shapes.SearchJobSerializer)
        response["Location"] = reverse("costs-api:recommendation-search", request=request)
        return response

    @extend_schema(responses=shapes.SearchJobSerializer)
    @search.mapping.get
    def last_search(self, request: Request) -> Response:
        """The search that was asked for last. 404 when none was."""
        job = Job.objects.filter(kind=search.KIND, period=search.asked_period(self.organization)).first()
        if job is None:
            raise Http404
        return self.answer(job, serializer=shapes.SearchJobSerializer)


class OptimizationView(AnalyticsView):
    """One person's part."""

    roles = {"get": MEMBERS}

    @extend_schema(
        operation_id="cost_optimization", parameters=[shapes.DaysSerializer], responses=shapes.OptimizationSerializer
    )
    def get(self, request: Request, user_id: str) -> Response:
        """The open recommendations that this person's calls are in, with money scaled to their share of what those
        calls cost in the last days."""
        days = self.parameters(shapes.DaysSerializer)["days"]
        organization = required_organization(request)
        subject = subjects.person(request.user, organization, user_id)
        if subject is None or subject.id is None:
            raise Http404
        rows = list(Recommendation.objects.filter(organization=organization).open())
        now = timezone.now()
        parts = reading.parts_of(organization, subject.id, rows, start=now - timedelta(days=days), end=now)
        own = [reading.narrowed(row, parts[row.pk]) for row in rows if row.pk in parts]
        body = summed(organization, own)
        message = f"Amounts are {subject.name}'s share of what these calls cost in the last {days} days."
        body["notes"] = [*body["notes"], {"code": "own_share", "message": message}]
        return Response(shapes.OptimizationSerializer(body).data)


class WhatIfView(APIView):
    """The same calls on another model."""

    roles = {"post": ANALYSTS}
    only_reads = True

    @extend_schema(operation_id="cost_what_if", request=shapes.WhatIfQuerySerializer, responses=shapes.WhatIfSerializer)
    def post(self, request: Request) -> Response:
        """What calls would have cost on another model, at another provider, or both, by day, project and model; what
        has no price there; and what is recorded of quality and latency. Nothing is changed."""
        asked = shapes.WhatIfQuerySerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        found = what_if(request.user, required_organization(request), **asked.validated_data)
        body = {name: getattr(found, name) for name in type(found).__slots__}
        body |= {"difference": found.difference, "share": found.share}
        body["notes"] = [{"code": code, "message": message} for code, message in found.notes]
        return Response(shapes.WhatIfSerializer(body).data)


def summed(organization: Any, rows: Sequence[Recommendation]) -> dict[str, Any]:
    """Rows with their total. One query."""
    total = reading.total_of(reading.search_of(organization), rows)
    body = {name: getattr(total, name) for name in type(total).__slots__}
    body["quick_wins"] = [row for row in rows if reading.is_quick(row)]
    body["long_term"] = [row for row in rows if not reading.is_quick(row)]
    return body
