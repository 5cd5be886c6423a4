"""Evaluations, comparisons, tuned models: analysts and developers read, developers evaluate in their projects,
administrators put tuned models on routes."""

from typing import Any

from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.decorators import action
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse

from analytics.api.views.base import AnalyticsView
from finetuning.answers.verdicts import answer_of
from finetuning.answers.versus import versus
from finetuning.api.serializers import evaluations as shapes
from finetuning.api.serializers.versus import VersusSerializer
from finetuning.models import Evaluation, EvaluationItem, TunedModel
from finetuning.services import deploying, evaluations, hosting
from gateway.api.permissions import ADMINS, KEY_MAKERS, MEMBERS
from gateway.api.views.base import ReadableResource
from gateway.models import User

LOCATION = OpenApiParameter(
    "Location", OpenApiTypes.URI, OpenApiParameter.HEADER, response=[202], description="Where its progress is."
)

LONGEST_NUMBER = 9

QUEUED = {
    **shapes.EVALUATION, "status": "queued", "progress": 0.0, "result": None, "left_out": [], "started_at": None,
    "finished_at": None,
}  # fmt: skip


class EvaluationViewSet(ReadableResource):
    """Evaluations."""

    queryset = Evaluation.objects.select_related("organization")
    serializer_class = shapes.EvaluationSerializer
    roles = {
        "list": MEMBERS, "retrieve": MEMBERS, "create": KEY_MAKERS, "cancel": KEY_MAKERS, "items": MEMBERS,
    }  # fmt: skip
    filterset_fields = {"project": ["exact"], "status": ["exact", "in"], "job": ["exact"]}
    search_fields = ("name",)
    ordering_fields = ("created_at", "finished_at")

    @extend_schema(
        request=shapes.EvaluationRequestSerializer, parameters=[LOCATION],
        responses={202: OpenApiResponse(
            shapes.EvaluationSerializer, description="Queued.", examples=[OpenApiExample("Queued", QUEUED)],
        )},
    )  # fmt: skip
    def create(self, request: Request) -> Response:
        """Ask several models the same held-out items through the gateway, with a key that lives for the run alone. What
        it costs is in the ledger under the tag `evaluation`."""
        fields = self.validated(shapes.EvaluationRequestSerializer)
        user = request.user if isinstance(request.user, User) else None
        row = evaluations.create_evaluation(actor=self.actor, created_by=user, **fields)
        response = self.answer(row, 202)
        response["Location"] = reverse("finetuning-api:evaluation-detail", args=[row.pk], request=request)
        return response

    @extend_schema(request=None)
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, pk: str) -> Response:
        """Ask no more; what was answered stays. 409 when it is over."""
        return self.answer(evaluations.cancel_evaluation(evaluation=self.get_object(), actor=self.actor))

    @extend_schema(
        parameters=[
            OpenApiParameter("contestant", int, description="Of one contestant alone."),
            OpenApiParameter("line", int, description="Of one line alone."),
        ],
        responses=shapes.EvaluationItemSerializer(many=True),
    )
    @action(detail=True, methods=["get"], filter_backends=())
    def items(self, request: Request, pk: str) -> Response:
        """Every answer with its scores, in the order of the lines."""
        rows: Any = EvaluationItem.objects.filter(evaluation=self.get_object())
        for name in ("contestant", "line"):
            if text := request.query_params.get(name, ""):
                rows = rows.filter(**{name: _number(name, text)})
        page = self.paginate_queryset(rows) or []
        told = [
            {
                "line": row.line, "is_regression": row.is_regression, "contestant": row.contestant,
                "answer": answer_of(row), "request_id": row.request_id, "cost": row.cost, "currency": row.currency,
                "latency_ms": row.latency_ms,
                "scores": [{"metric": name, "value": value} for name, value in row.scores.items()], "error": row.error,
            }
            for row in page
        ]  # fmt: skip
        return self.get_paginated_response(shapes.EvaluationItemSerializer(told, many=True).data)


def _number(name: str, text: str) -> int:
    """Raises ValidationError."""
    if not (text.isascii() and text.isdigit() and len(text) <= LONGEST_NUMBER):
        raise ValidationError({name: "A whole number is wanted."}, code="invalid")
    return int(text)


class TunedModelViewSet(ReadableResource):
    """Tuned models."""

    queryset = TunedModel.objects.select_related("hosting").prefetch_related("canaries").defer("artifact")
    serializer_class = shapes.TunedModelSerializer
    roles = {"list": MEMBERS, "retrieve": MEMBERS, "deploy": ADMINS, "withdraw": ADMINS}
    filterset_fields = {"project": ["exact"], "backend": ["exact", "in"], "archived_at": ["isnull"]}
    search_fields = ("name", "base_model")
    ordering_fields = ("created_at", "name")

    @extend_schema(request=shapes.DeployRequestSerializer)
    @action(detail=True, methods=["post"])
    def deploy(self, request: Request, pk: str) -> Response:
        """Give it a share of a route's calls; what was there keeps the rest and is tried when it fails. Again with
        another share moves it. On Azure it is deployed first, billed by the hour, and put on the route once it answers:
        `hosting` says how far that is. While it has a part of the calls it is watched: `canaries` says what was seen,
        `canary_guard` what follows from it by itself."""
        asked = self.validated(shapes.DeployRequestSerializer)
        row = self.get_object()
        deploying.deploy(
            tuned=row, alias=asked["route"], share=asked["share"], actor=self.actor, canary_guard=asked["canary_guard"]
        )
        hosting.sync(row)
        return self.answer(self.get_object())

    @extend_schema(request=shapes.WithdrawRequestSerializer)
    @action(detail=True, methods=["post"])
    def withdraw(self, request: Request, pk: str) -> Response:
        """Take it from a route; the others get their weights back. On Azure its deployment ends with its last route."""
        asked = self.validated(shapes.WithdrawRequestSerializer)
        row = self.get_object()
        deploying.withdraw(tuned=row, alias=asked["route"], actor=self.actor)
        hosting.sync(row)
        return self.answer(self.get_object())


class CompareView(AnalyticsView):
    """Two models."""

    @extend_schema(operation_id="fine_tuning_compare", responses=VersusSerializer)
    def get(self, request: Request, base_model_id: str, fine_tuned_model_id: str) -> Response:
        """What the newest evaluation of both says of their quality, what both cost and take in the last 30 days, and
        when training is earned back with hosting paid for. A model's name may hold slashes: write them as they are."""
        found = versus(self.questions(), base_model_id, fine_tuned_model_id, timezone.now())
        recorded = found.recorded
        body = {
            "base": found.base, "tuned": found.tuned, "verdict": found.verdict, "break_even": found.pays,
            "hosting": found.upkeep,
            "notes": found.notes, "currency": self.questions().organization.currency,
            "evaluation": None if recorded is None else {
                "id": recorded.evaluation.pk, "name": recorded.evaluation.name, "base": recorded.base,
                "tuned": recorded.tuned, "finished_at": recorded.evaluation.finished_at,
                "result": shapes.shaped(recorded.evaluation.result or {}),
            },
        }  # fmt: skip
        return Response(VersusSerializer(body).data)
